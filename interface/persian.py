"""Numbers and dates as people in Iran read them: the database keeps UTC and ASCII digits, only the edges do not."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from django.utils import formats, timezone, translation
from django.utils.translation import ngettext
from persiantools.jdatetime import JalaliDate

_JALALI: Any = JalaliDate  # it ships no types
_TO_ASCII = str.maketrans("۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩٬٫", "01234567890123456789,.")
_TO_PERSIAN = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
_PERSIAN_NUMBER = _TO_PERSIAN | str.maketrans(",.", "٬٫")
_RUSSIAN_NUMBER = str.maketrans(",.", "\u00a0,")
_GREGORIAN_FORMATS = {
    "day": "MONTH_DAY_FORMAT",
    "short": "SHORT_DATE_FORMAT",
    "datetime": "SHORT_DATETIME_FORMAT",
    "long": "DATE_FORMAT",
}


def is_persian() -> bool:
    """Whether the active language is Persian."""
    return (translation.get_language() or "").startswith("fa")


def ascii_digits(text: str) -> str:
    """The text with Persian and Arabic digits as ASCII ones."""
    return text.translate(_TO_ASCII)


def digits(value: object) -> str:
    """The value's text with Persian digits in Persian."""
    return str(value).translate(_TO_PERSIAN) if is_persian() else str(value)


def isolated(value: object) -> str:
    """A name for the middle of a sentence: its direction is its own, and signs at its ends stay where they are."""
    return f"\u2068{value}\u2069"


def number(value: float | Decimal | None, places: int = 0) -> str:
    """A number grouped in the active language's way; None is a dash."""
    if value is None:
        return "—"
    text = f"{Decimal(str(value)):,.{places}f}"
    if is_persian():
        return text.translate(_PERSIAN_NUMBER)
    return text.translate(_RUSSIAN_NUMBER) if (translation.get_language() or "").startswith("ru") else text


def decimal(value: float) -> str:
    """A number with up to two places behind the point: as many as it needs."""
    places = next(places for places in (0, 1, 2) if places == 2 or round(value, places) == value)
    return number(value, places)


def rials(amount: int | None) -> str:
    """An amount of money in words; None is a dash."""
    return "—" if amount is None else ngettext("%(n)s rial", "%(n)s rials", amount) % {"n": number(amount)}


def date(value: dt.date | dt.datetime | None, style: str = "short") -> str:
    """A date, Jalali in Persian, in the project's time zone; style short, day, long, datetime, second or time."""
    if value is None:
        return "—"
    if isinstance(value, dt.datetime):
        value = timezone.localtime(value)
        if style == "time":
            return digits(f"{value:%H:%M}")
    if style == "second":
        return digits(f"{date(value, 'datetime')}:{value:%S}")
    if not is_persian():
        inflected = style == "day" and translation.get_language() == "ru"  # "24 ноября": Django's own says "24 Ноябрь"
        return formats.date_format(value, "j E" if inflected else _GREGORIAN_FORMATS[style])
    day: Any = _JALALI(value.date() if isinstance(value, dt.datetime) else value)
    if style == "long":
        return digits(day.strftime(f"%A {day.day} %B %Y", locale="fa"))
    if style == "day":
        return digits(day.strftime(f"{day.day} %B", locale="fa"))
    text = str(day.strftime("%Y/%m/%d", locale="fa"))
    if style == "datetime" and isinstance(value, dt.datetime):
        return f"{text}، {value:%H:%M}".translate(_TO_PERSIAN)
    return text


def month(day: dt.date) -> str:
    """The month of a day with its year, as in ``date``."""
    if not is_persian():
        return formats.date_format(day, "YEAR_MONTH_FORMAT")
    found: Any = _JALALI(day)
    return digits(found.strftime(f"%B {found.year}", locale="fa"))
