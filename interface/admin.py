"""The admin's dates as people in Iran read them: Jalali in Persian."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from interface import persian


class JalaliDates(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's class takes no argument at run time
    """A model whose lists show their dates and times in the calendar of the language."""

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """The columns, each date or time replaced by a column that writes it in Jalali and sorts as before."""
        fields = {field.name: field for field in self.opts.get_fields() if isinstance(field, models.DateField)}
        return [
            _column(fields[name]) if isinstance(name, str) and name in fields else name
            for name in super().get_list_display(request)
        ]


def _column(field: models.DateField[Any, Any]) -> Callable[[Any], str]:
    style = "datetime" if isinstance(field, models.DateTimeField) else "short"

    @admin.display(description=field.verbose_name, ordering=field.name)
    def column(row: Any) -> str:
        return persian.date(getattr(row, field.name), style)

    column.__name__ = field.name  # the theme finds a column by its field's name
    return column
