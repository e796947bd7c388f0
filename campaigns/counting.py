"""The counter rows beside the messages: how many stand in each status, what they cost, and when they got there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from django.db import connection, transaction
from django.utils import timezone

# Both databases add to a counter in place, so two transactions never overwrite each other's sums.
_ADD_COUNT = """
    INSERT INTO campaigns_statuscount (campaign_id, status, messages, cost) VALUES {rows}
    ON CONFLICT (campaign_id, status) DO UPDATE
    SET messages = campaigns_statuscount.messages + excluded.messages,
        cost = campaigns_statuscount.cost + excluded.cost
"""
_ADD_POINT = """
    INSERT INTO campaigns_timelinepoint (campaign_id, at, status, messages) VALUES {rows}
    ON CONFLICT (campaign_id, at, status) DO UPDATE
    SET messages = campaigns_timelinepoint.messages + excluded.messages
"""


class Delta(NamedTuple):
    """A change of one counter: messages, and rial."""

    messages: int
    cost: int = 0


def add(campaign_id: int, deltas: Mapping[int, Delta], *, arrived: Mapping[int, int] | None = None) -> None:
    """Add ``deltas`` (by status) to a campaign's counters, and ``arrived`` (by status) to its timeline.

    Runs in the caller's transaction, the one that changes the rows. Statuses are taken in order, so that two
    transactions never wait for each other crosswise.
    """
    rows = [(campaign_id, int(status), *deltas[status]) for status in sorted(deltas) if any(deltas[status])]
    now = timezone.now()
    at = connection.ops.adapt_datetimefield_value(now.replace(second=0, microsecond=0))
    points = [(campaign_id, at, int(status), n) for status, n in sorted((arrived or {}).items()) if n]
    with connection.cursor() as cursor:
        for statement, values in ((_ADD_COUNT, rows), (_ADD_POINT, points)):
            if values:
                marks = ", ".join(["(%s, %s, %s, %s)"] * len(values))
                cursor.execute(statement.format(rows=marks), [value for row in values for value in row])


@contextlib.contextmanager
def one_picture() -> Iterator[None]:
    """All that is read inside is of one moment: rows and counters of a campaign that is sending would else differ."""
    nested = connection.in_atomic_block
    with transaction.atomic():
        if connection.vendor == "postgresql" and not nested:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield
