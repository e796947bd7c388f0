"""Who may see whole phone numbers: decided once a request, asked wherever a number is shown.

Outside a request (the worker, the command line) numbers are whole: what it writes down is fetched by permission.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.core.exceptions import PermissionDenied

PERMISSION = "contacts.see_numbers"
HIDDEN = "••••"
_SHOWN_AT_END = 3
_IRANIAN_DIGITS = 12  # of an Iranian mobile in E.164: 98 and ten
# What may be a number within other words, however it is written; a shorter one tells nothing of anybody.
_NUMBER = re.compile(r"\+?\d(?:[\s\u200b-\u200f().\-/]*\d){6,}")


def _always() -> bool:
    return True


_may_see: ContextVar[Callable[[], bool]] = ContextVar("may_see_numbers", default=_always)


def may_see_numbers() -> bool:
    """Whether the person whom this request serves may see whole numbers."""
    return _may_see.get()()


@contextmanager
def numbers_for(may_see: Callable[[], bool]) -> Iterator[None]:
    """For as long as it lasts ``may_see`` decides; it is asked only where a number is to be shown."""
    token = _may_see.set(may_see)
    try:
        yield
    finally:
        _may_see.reset(token)


def require() -> None:
    """Refuse what shows or changes whole numbers to who may not see them.

    Raises:
        PermissionDenied: they may not.
    """
    if not may_see_numbers():
        raise PermissionDenied(PERMISSION)


def masked(phone: str) -> str:
    """A number of which country, operator and the last three digits stay: ``+98912••••567``."""
    return f"{phone[:6]}{HIDDEN}{phone[-_SHOWN_AT_END:]}" if len(phone) > 9 else HIDDEN


def shown(phone: str | None) -> str:
    """A number as this person may see it; an empty text for none."""
    if not phone:
        return ""
    return phone if may_see_numbers() else masked(phone)


def veiled(text: str) -> str:
    """Words that may hold a number, such as a cell of a file: as this person may see them."""
    return text if may_see_numbers() else _NUMBER.sub(HIDDEN, text)


def findable(digits: str) -> str:
    """Of the typed digits of a number, E.164 without plus, those that this person may search by.

    Whole ones only, where numbers are hidden: by their beginnings a hidden one is found out digit by digit.
    """
    if may_see_numbers() or (len(digits) == _IRANIAN_DIGITS and digits.startswith("98")):
        return digits
    return ""
