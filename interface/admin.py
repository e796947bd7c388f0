"""The admin's dates as people in Iran read them: Jalali in Persian."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import cache
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from interface import persian


class JalaliDates(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's class takes no argument at run time
    """A model whose pages show their dates and times in the calendar of the language."""

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """The columns, each date or time replaced by a column that writes it in Jalali and sorts as before."""
        return self._written(super().get_list_display(request))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The fields that are only looked at."""
        return self._written(super().get_readonly_fields(request, obj))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The fields of one row's page; a date that nobody may change here stands as it is in the lists."""
        fixed = self.get_readonly_fields(request, obj) if self.has_change_permission(request, obj) else None
        return [
            (title, {**options, "fields": self._written(options["fields"], fixed)})
            for title, options in super().get_fieldsets(request, obj)
        ]

    def _written(self, names: Iterable[Any], fixed: Collection[Any] | None = None) -> list[Any]:
        """The names, those of dates as what writes them; with ``fixed``, only the dates among these."""
        columns = {f.name: _column(f) for f in self.opts.get_fields() if isinstance(f, models.DateField)}
        chosen = {name: column for name, column in columns.items() if fixed is None or column in fixed}
        return [chosen.get(name, name) if isinstance(name, str) else name for name in names]


@cache
def _column(field: models.DateField[Any, Any]) -> Callable[[Any], str]:
    style = "datetime" if isinstance(field, models.DateTimeField) else "short"

    @admin.display(description=field.verbose_name, ordering=field.name)
    def column(row: Any) -> str:
        return persian.date(getattr(row, field.name), style)

    column.__name__ = field.name  # the theme finds a column by its field's name
    return column
