"""The admin as people in Iran read it: Jalali dates and months in Persian, numbers only for who may see them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable
from functools import cache
from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from interface import jalali, masking, persian

MONTHS = 13  # offered by a filter


class JalaliDates(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's class takes no argument at run time
    """A model whose pages show their dates in the calendar of the language, and phone numbers as they may be seen.

    ``phone_fields`` are the names of its phone numbers.
    """

    phone_fields: tuple[str, ...] = ()
    show_facets = admin.ShowFacets.NEVER  # they count the whole table for each choice of a filter

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """The columns, each date or number replaced by a column that writes it and sorts as before."""
        return self._written(super().get_list_display(request))

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Of a model's own fields only those that a filter names: by a list's length, what is hidden (a number, the
        token of a webhook) is found out letter by letter.
        """
        name = lookup.partition("__")[0]
        own = {field.name for field in self.opts.fields if not (field.is_relation or field.primary_key)}
        filters = (each[0] if isinstance(each, tuple) else each for each in self.get_list_filter(request))
        named = {each if isinstance(each, str) else getattr(each, "parameter_name", "") for each in filters}
        return (name not in own or name in named) and super().lookup_allowed(lookup, value, request)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """What is typed has its own direction, whatever the page's is."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, forms.TextInput | forms.Textarea):
            field.widget.attrs.setdefault("dir", "auto")
        return field

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The fields that are only looked at; a number that is not whole could not be saved."""
        fixed = super().get_readonly_fields(request, obj)
        hidden = [] if obj is None or masking.may_see_numbers() else [n for n in self.phone_fields if n not in fixed]
        return self._written([*fixed, *hidden])

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The fields of one row's page; what nobody may change here stands as it is in the lists."""
        is_form = obj is None or self.has_change_permission(request, obj)
        fixed = self.get_readonly_fields(request, obj) if is_form else None
        return [
            (title, {**options, "fields": self._written(options["fields"], fixed)})
            for title, options in super().get_fieldsets(request, obj)
        ]

    def _written(self, names: Iterable[Any], fixed: Collection[Any] | None = None) -> list[Any]:
        """The names, those of dates and numbers as what writes them; with ``fixed``, only those among these."""
        columns = {f.name: _column(f) for f in self.opts.get_fields() if isinstance(f, models.DateField)}
        sorts = masking.may_see_numbers()  # among numbers that one knows, a hidden one is found by its place
        columns |= {name: _number(self.opts.get_field(name), sorts) for name in self.phone_fields}
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


@cache
def _number(field: Any, sorts: bool) -> Callable[[Any], str]:
    @admin.display(description=field.verbose_name, ordering=field.name if sorts else None)
    def column(row: Any) -> str:
        return masking.shown(getattr(row, field.name)) or "—"

    column.__name__ = field.name
    return column


class Months(admin.SimpleListFilter):
    """The latest months of the language's calendar, by a range of the field ``moment``."""

    title = _("month")
    parameter_name = "month"
    moment = "created_at"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(month.key, month.label) for month in jalali.latest_months(MONTHS)]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        try:
            month = jalali.month_of(self.value() or "")
        except (ValueError, OverflowError):
            return queryset
        return self.within(queryset, month)

    def within(self, queryset: models.QuerySet[Any], month: jalali.Month) -> models.QuerySet[Any]:
        """The rows of a month."""
        return queryset.filter(**{f"{self.moment}__gte": month.start, f"{self.moment}__lt": month.end})


class DayMonths(Months):
    """The same for a day."""

    def within(self, queryset: models.QuerySet[Any], month: jalali.Month) -> models.QuerySet[Any]:
        first, last = (timezone.localdate(moment) for moment in (month.start, month.end))
        return queryset.filter(**{f"{self.moment}__gte": first, f"{self.moment}__lt": last})


class MonthsById(Months):
    """The same for a table of millions without an index on the moment: rows are written in its order, so a range of ids
    holds a month, but for what was written at its very ends.
    """

    def within(self, queryset: models.QuerySet[Any], month: jalali.Month) -> models.QuerySet[Any]:
        rows = queryset.model._base_manager
        first, last = (first_id_from(rows, self.moment, moment) for moment in (month.start, month.end))
        return queryset.filter(pk__gte=first, pk__lt=last)


def first_id_from(rows: Any, field: str, moment: dt.datetime) -> int:
    """The first id whose ``field`` is not before ``moment``, one after the last where there is none; by halving."""
    newest = rows.order_by("-pk").values_list("pk", flat=True).first()
    low, high = 0, (newest or 0) + 1
    while low < high:
        middle = (low + high) // 2
        pk, at = rows.filter(pk__gte=middle).order_by("pk").values_list("pk", field).first() or (high, moment)
        low, high = (pk + 1, high) if at < moment else (low, middle)
    return low


def months(field: str, base: type[Months] = Months) -> type[Months]:
    """The filter by months of a field."""
    return type(f"MonthsOf{field}", (base,), {"moment": field})
