"""Storing what providers report, before anything is made of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from campaigns.models import DeliveryEvent
from providers.answers import StatusReport

CODE_LENGTH = 32
WORDS_LENGTH = 300
REF_LENGTH = 64
COST_LIMIT = 2**31 - 1
ROWS = 500  # a statement

# A plain INSERT: the ORM's create costs half as much again, and a provider's burst comes in through here.
_STORE = """
    INSERT INTO campaigns_deliveryevent
        (account_id, provider_ref, report, code, words, source, cost, received_at, result, tries, retry_at)
    VALUES """
_ROW = "(%s, %s, %s, %s, %s, %s, %s, %s, 0, 0, %s)"


class Reported(NamedTuple):
    """What one call or poll reported of an account's messages, and when; None is now."""

    account_id: int
    reports: Sequence[StatusReport]
    at: dt.datetime | None = None


def store(account_id: int, reports: Sequence[StatusReport], source: DeliveryEvent.Source) -> int:
    """Store reports as events that wait to be applied; returns how many. Durable when it returns."""
    return store_all([Reported(account_id, reports)], source)


def store_all(reported: Iterable[Reported], source: DeliveryEvent.Source) -> int:
    """The same for several calls at once. What is stored when it raises is stored; a repeat changes nothing."""
    adapted = connection.ops.adapt_datetimefield_value
    now = timezone.now()
    due = now - dt.timedelta(milliseconds=1)  # SQLite's clock knows no less, and would be behind our own
    rows = [
        (
            each.account_id,
            _storable(report.ref, REF_LENGTH),
            str(report.report),
            _storable(report.code, CODE_LENGTH),
            _storable(report.text, WORDS_LENGTH),
            str(source),
            report.cost if report.cost is not None and 0 <= report.cost <= COST_LIMIT else None,
            adapted(each.at or now),
            adapted(due),
        )
        for each in reported
        for report in each.reports
    ]
    with connection.cursor() as cursor:
        for start in range(0, len(rows), ROWS):
            part = rows[start : start + ROWS]
            cursor.execute(_STORE + ", ".join([_ROW] * len(part)), [value for row in part for value in row])
    return len(rows)


def _storable(text: str, length: int) -> str:
    """The text without what a database cannot hold (NUL, lone surrogates), cut to the column."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()[:length]
