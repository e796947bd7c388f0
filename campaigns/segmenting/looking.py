"""Whom conditions find now, for a screen that waits: how many, and some of them."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from django.db import OperationalError, connection, transaction
from django.utils import timezone

from campaigns.segmenting.compiling import contacts_meeting
from contacts.models import Contact

# For one transaction: nobody waits longer for a screen; compiling a plan takes longer than a count; a million
# recipients fit into memory.
_SETTINGS: Final = {"statement_timeout": "10s", "jit": "off", "work_mem": "64MB"}
_GIVEN_UP: Final = "57014"  # query_canceled: at our own limit of time


class Found(NamedTuple):
    """Whom conditions find: how many (None: it takes too long to count them for a screen), and some of them."""

    number: int | None
    people: list[Contact]


def look(conditions: Any, people: int = 0) -> Found:
    """Whom checked conditions find, with so many of the people."""
    try:
        with transaction.atomic():
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    for name, value in _SETTINGS.items():
                        cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
            contacts = contacts_meeting(conditions, timezone.now())
            return Found(contacts.count(), list(contacts[:people]) if people else [])
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != _GIVEN_UP:
            raise
        return Found(None, [])
