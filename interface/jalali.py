"""A form field for a moment: the Jalali calendar in Persian, ISO in the other languages, the project's time zone."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from persiantools.jdatetime import JalaliDate

from interface import persian

_JALALI: Any = JalaliDate  # it ships no types
FIRST_GREGORIAN_YEAR = 1700  # a smaller year is a Jalali one


class JalaliDateTimeInput(forms.TextInput):
    """A text field that opens the Jalali picker in Persian. Its value keeps ASCII digits."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        base = {"class": "input w-full", "dir": "ltr", "autocomplete": "off", "inputmode": "numeric"}
        super().__init__({**base, **(attrs or {})})

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        if persian.is_persian():
            context["widget"]["attrs"] |= {"data-jdp": True, "placeholder": "1405/09/30 18:30"}
        else:
            context["widget"]["attrs"] |= {"placeholder": "2026-12-21 18:30"}
        return context


class JalaliDateTimeField(forms.Field):
    """Reads ``1405/09/30 18:30`` or ``2026-12-21 18:30``, digits of any family, and gives an aware datetime."""

    widget = JalaliDateTimeInput
    default_error_messages = {"invalid": _("Enter a date and a time, such as 1405/09/30 18:30.")}

    def to_python(self, value: Any) -> dt.datetime | None:
        if value in (None, ""):
            return None
        if isinstance(value, dt.datetime):
            return value
        text = persian.ascii_digits(str(value)).strip()
        for separator in "-T،":
            text = text.replace(separator, " " if separator != "-" else "/")
        try:
            day, _space, time = text.partition(" ")
            moment = dt.datetime.combine(_day(day), _time(time.strip()))
        except (ValueError, OverflowError):
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None
        return timezone.make_aware(moment)

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, dt.datetime):
            return value
        local = timezone.localtime(value)
        return f"{typed_day(local.date())} {local:%H:%M}"


def typed_day(day: dt.date) -> str:
    """A day as people type it: ``1405/09/30`` in Persian, ``2026-12-21`` in the other languages."""
    if not persian.is_persian():
        return day.isoformat()
    shown = _JALALI(day)
    return f"{shown.year:04d}/{shown.month:02d}/{shown.day:02d}"


def day_from(text: str) -> dt.date:
    """The day that somebody typed, in either calendar and digits of any family.

    Raises:
        ValueError: it is none.
    """
    return _day(persian.ascii_digits(text).strip().replace("-", "/"))


def _day(text: str) -> dt.date:
    year, month, day = (int(part) for part in text.split("/"))
    if year < FIRST_GREGORIAN_YEAR:
        gregorian: dt.date = _JALALI(year, month, day).to_gregorian()
        return gregorian
    found = dt.date(year, month, day)
    _JALALI(found)  # a day so far away that it has none in this calendar could be saved, and shown nowhere
    return found


def _time(text: str) -> dt.time:
    if not text:
        return dt.time(0, 0)
    hours, minutes = (int(part) for part in text.split(":")[:2])
    return dt.time(hours, minutes)


class Month(NamedTuple):
    """A month of the language's calendar: ``1405-09`` or ``2026-11``, its name, from ``start`` to before ``end``."""

    key: str
    label: str
    start: dt.datetime
    end: dt.datetime


def latest_months(number: int) -> list[Month]:
    """This month and those before it, the latest first: Jalali in Persian, Gregorian in the other languages."""
    year, month = this_month()
    return [
        month_of(f"{(year * 12 + month - 1 - ago) // 12:04d}-{(month - 1 - ago) % 12 + 1:02d}") for ago in range(number)
    ]


def this_month() -> tuple[int, int]:
    """Year and month of today in the language's calendar."""
    today: Any = _JALALI(timezone.localdate()) if persian.is_persian() else timezone.localdate()
    return today.year, today.month


def month_of(key: str) -> Month:
    """The month of a key, in whichever calendar its year is of.

    Raises:
        ValueError: it is none.
    """
    year, month = (int(part) for part in key.split("-"))
    following = f"{year + month // 12:04d}/{month % 12 + 1:02d}/01"
    start, end = (
        timezone.make_aware(dt.datetime.combine(_day(text), dt.time())) for text in (f"{year}/{month}/1", following)
    )
    return Month(key, persian.month(start.date()), start, end)
