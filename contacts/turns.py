"""Who adds contacts that may be there and who removes some take turns, each to the end of its transaction.

An import adds a known contact to its phonebooks without locking it, for a lock is a write: who removed the contact at
that moment would leave a membership of nobody. And two imports that make the same contacts in different orders would
wait for each other. A turn is taken before the locks of phonebooks.
"""

from __future__ import annotations

from typing import Final

from django.db import connection

PEOPLE: Final = 0x1A9047  # the key of an advisory lock, a number that no other turn has


def take_turn(turn: int = PEOPLE) -> None:
    """Wait until nobody else has this turn; on SQLite the transaction itself is one."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [turn])
