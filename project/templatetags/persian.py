"""Filters: ``|num``, ``|rials``, ``|jdate``, ``|percent`` and others, never on codes, texts; ``|phone`` on phones."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

from django import template
from django.template.defaultfilters import filesizeformat

from interface import masking, persian

register = template.Library()
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")


@register.filter
def num(value: float | Decimal | None, places: int = 0) -> str:
    """A grouped number, ``places`` behind the point."""
    return persian.number(value, places)


@register.filter
def rials(amount: int | None) -> str:
    """An amount of money with its unit."""
    return persian.rials(amount)


@register.filter
def decimal(value: float) -> str:
    """A number with up to two places behind the point, as many as it needs."""
    return persian.decimal(value)


@register.filter
def percent(share: float | None, places: int = 0) -> str:
    """A share of 0 to 1 as a percentage; None is a dash. What is not quite all or nothing is not rounded to it."""
    if share is None:
        return "—"
    least = 10**-places
    shown = min(max(share * 100, least), 100 - least) if 0 < share < 1 else share * 100
    places = 0 if share in (0, 1) else places
    # The mark keeps the sign on the number's left, wherever it stands in a Persian line.
    sign = "\u200f٪" if persian.is_persian() else "%"
    return f"{persian.number(shown, places)}{sign}"


@register.filter
def placeholders(text: str) -> str:
    """A text that is shown with its placeholders: each keeps its order from left to right within a Persian sentence."""
    return _PLACEHOLDER.sub("\u2066\\g<0>\u2069", text)


@register.filter
def isolated(value: object) -> str:
    """A name for the middle of a sentence: its direction is its own, and brackets in it stay where they are."""
    return persian.isolated(value)


@register.filter
def jdate(value: dt.date | dt.datetime | None, style: str = "short") -> str:
    """A date: short, long, datetime, second or time."""
    return persian.date(value, style)


@register.filter
def veiled(value: object) -> str:
    """Words that may hold a phone number, which stays only for who may see it."""
    return masking.veiled(str(value))


@register.filter
def phone(value: str | None) -> str:
    """A phone number, whole only for who may see it."""
    return masking.shown(value)


@register.filter
def digits(value: object) -> str:
    """The value with the language's digits."""
    return persian.digits(value)


@register.filter
def filesize(size: int) -> str:
    """A number of bytes as people say it: kilobytes, megabytes, gigabytes."""
    text = filesizeformat(size)
    return persian.digits(text.replace(".", "٫")) if persian.is_persian() else text


@register.filter
def duration(seconds: float | None) -> str:
    """A span of time in seconds as hours and minutes, minutes, or seconds."""
    from django.utils.translation import ngettext

    if seconds is None:
        return "—"
    whole = round(seconds)
    if whole < 60:
        return ngettext("%(n)s second", "%(n)s seconds", whole) % {"n": persian.number(whole)}
    minutes = round(whole / 60)
    if minutes < 60:
        return ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": persian.number(minutes)}
    hours, rest = divmod(minutes, 60)
    return f"{persian.digits(hours)}:{persian.digits(f'{rest:02d}')}"
