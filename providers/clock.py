"""The time that decides what is sent: the database's, which all machines share; a machine's own may be wrong."""

from __future__ import annotations

import datetime as dt

from django.db import connection
from django.utils import timezone


def now() -> dt.datetime:
    """The database's time, aware. SQLite has none but this machine's."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: dt.datetime = cursor.fetchone()[0]
        return found


def today() -> dt.date:
    """The day by it, in the project's time zone."""
    return timezone.localdate(now())
