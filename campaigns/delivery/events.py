"""Storing what providers report, before anything is made of it."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection
from django.utils import timezone

from campaigns.models import DeliveryEvent
from providers.answers import StatusReport

CODE_LENGTH = 32
WORDS_LENGTH = 300
REF_LENGTH = 64
COST_LIMIT = 2**31 - 1

# A plain INSERT: the ORM's create costs half as much again, and a provider's burst comes in through here.
_STORE = """
    INSERT INTO campaigns_deliveryevent
        (account_id, provider_ref, report, code, words, source, cost, received_at, result, tries, retry_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 0, 0, %s)
"""


def store(account_id: int, reports: Sequence[StatusReport], source: DeliveryEvent.Source) -> int:
    """Store reports as events that wait to be applied; returns how many. Durable when it returns."""
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    rows = [
        (
            account_id,
            _storable(report.ref, REF_LENGTH),
            str(report.report),
            _storable(report.code, CODE_LENGTH),
            _storable(report.text, WORDS_LENGTH),
            str(source),
            report.cost if report.cost is not None and 0 <= report.cost <= COST_LIMIT else None,
            now,
            now,
        )
        for report in reports
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_STORE, rows)
    return len(rows)


def _storable(text: str, length: int) -> str:
    """The text without what a database cannot hold (NUL, lone surrogates), cut to the column."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()[:length]
