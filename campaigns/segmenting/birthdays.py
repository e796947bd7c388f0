"""Birthdays in a text attribute: whose day and month comes up, in the calendar that the year is of.

Read are ``1370/05/12``, ``1370-5-12`` and ``1991.8.3``, in digits of any family. A year of 12.., 13.. or 14.. is
Jalali, one of 19.. or 20.. Gregorian. Who was born on a leap day has it a day earlier in a year that has none.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, Final

from django.db.models import Expression, F, Q
from django.db.models.functions import Left, Substr, Trim
from django.db.models.lookups import In
from django.utils import timezone
from persiantools.jdatetime import JalaliDate

from campaigns.segmenting.texts import Folded

_JALALI: Any = JalaliDate  # it ships no types
JALALI_YEARS: Final = ("12", "13", "14")
GREGORIAN_YEARS: Final = ("19", "20")


def within(column: Expression | F, days: int, now: dt.datetime) -> Q:
    """Whether the birthday in a column of texts is today or in the next ``days`` days."""
    first = timezone.localdate(now)
    coming = [first + dt.timedelta(days=ahead) for ahead in range(days + 1)]
    text = Folded(Trim(column), "0123456789")
    century, rest = Left(text, 2), Substr(text, 5)
    jalali = [written for day in coming for month, number in _jalali(day) for written in _written(month, number)]
    gregorian = [written for day in coming for month, number in _gregorian(day) for written in _written(month, number)]
    found = Q(In(century, JALALI_YEARS)) & Q(In(rest, jalali))
    return found | (Q(In(century, GREGORIAN_YEARS)) & Q(In(rest, gregorian)))


def _jalali(day: dt.date) -> Iterator[tuple[int, int]]:
    """Month and day, and before a day that this year lacks, that one too."""
    it = _JALALI(day)
    yield it.month, it.day
    if (it.month, it.day) == (12, 29) and _JALALI(day + dt.timedelta(days=1)).month == 1:
        yield 12, 30


def _gregorian(day: dt.date) -> Iterator[tuple[int, int]]:
    yield day.month, day.day
    if (day.month, day.day) == (2, 28) and (day + dt.timedelta(days=1)).month == 3:
        yield 2, 29


def _written(month: int, day: int) -> set[str]:
    """The ways to write a month and a day behind a year."""
    months, days = {f"{month}", f"{month:02d}"}, {f"{day}", f"{day:02d}"}
    return {f"{mark}{m}{mark}{d}" for mark in "/-." for m in months for d in days}
