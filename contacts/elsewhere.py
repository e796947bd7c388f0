"""What the apps above know of contacts: they register here, for contacts may not import them.

``campaigns`` does: messages name people, and a person's page, an undone import and an erasure must see those.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from django.utils.functional import Promise


class Happening(NamedTuple):
    """Something in a contact's life, for the timeline: when, an icon, a title, what is said of it, and where it leads.

    ``tone`` is a daisyUI colour, such as ``success``, or empty.
    """

    at: dt.datetime
    icon: str
    title: str | Promise
    detail: str = ""
    url: str = ""
    tone: str = ""


class Naming(NamedTuple):
    """What names a phonebook or a job category and would miss it; ``is_open`` while it has yet to look who is in it."""

    title: str
    url: str
    is_open: bool


class Elsewhere(Protocol):
    """An app that knows of people beside their contacts."""

    def used(self, contact_ids: Sequence[int]) -> set[int]:
        """Those of these contacts that it has anything of."""

    def happenings(self, phone: str, limit: int, until: dt.datetime | None = None) -> Iterator[Happening]:
        """The latest of what happened to a number (E.164), not after ``until``, the newest first."""

    def naming(self, phonebooks: Sequence[int], categories: Sequence[int]) -> Iterator[Naming]:
        """What names any of these phonebooks or job categories, so that they cannot be deleted."""

    def erase(self, phones: Sequence[str]) -> None:
        """Forget these numbers (E.164), in the caller's transaction; what must still be counted stays without them."""


_registered: list[Elsewhere] = []


def register(app: Elsewhere) -> None:
    """Let an app answer; from its ``AppConfig.ready``."""
    _registered.append(app)


def used(contact_ids: Sequence[int]) -> set[int]:
    """Those of these contacts that any app has something of."""
    return set().union(*(app.used(contact_ids) for app in _registered)) if contact_ids else set()


def happenings(phone: str, limit: int, until: dt.datetime | None = None) -> list[Happening]:
    """The latest of what happened to a number, not after ``until``, the newest first."""
    found = [happening for app in _registered for happening in app.happenings(phone, limit, until)]
    return sorted(found, key=lambda happening: happening.at, reverse=True)[:limit]


def naming(*, phonebooks: Sequence[int] = (), categories: Sequence[int] = ()) -> list[Naming]:
    """What names any of these, so that they cannot be deleted."""
    return [found for app in _registered for found in app.naming(phonebooks, categories)]


def erase(phones: Sequence[str]) -> None:
    """Have every app forget these numbers, in the caller's transaction."""
    for app in _registered:
        app.erase(phones)
