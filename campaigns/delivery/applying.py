"""Applying stored events to messages: matched in bulk, forward only, and what matches nothing yet is kept.

An event may come twice, late, in any order, and before the send's own answer has been recorded. A message takes the
furthest of what is known of it; everything else is marked as having changed nothing.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from campaigns.delivery import reported
from campaigns.models import DeliveryEvent, Message, ProviderRef
from campaigns.querysets import DeliveryEventQuerySet, Move
from campaigns.states import (
    CORRECTIONS,
    MESSAGE_MOVES,
    STATUS_OF_REPORT,
    MessageStatus,
    Reason,
    reason_of_report,
)
from contacts import suppressions
from contacts.models import Source, Suppression
from providers.answers import Report

CHUNK = 10_000  # events a transaction
SOON = dt.timedelta(seconds=4)
GIVE_UP = dt.timedelta(days=30)
LONGEST_WAIT = dt.timedelta(days=1)
Result = DeliveryEvent.Result


class Event(NamedTuple):
    """A stored event, as far as applying it needs."""

    id: int
    account_id: int
    provider_ref: str
    report: str
    code: str
    words: str
    cost: int | None
    received_at: dt.datetime
    source: str


class Target(NamedTuple):
    """The message that an event speaks of."""

    id: int
    campaign_id: int
    account_id: int
    provider_ref: str
    status: int
    cost: int | None
    refunded: int | None
    phone: str | None


def apply(seconds: float = 10.0) -> set[int]:
    """Apply what waits, for about ``seconds``; returns the campaigns whose messages moved."""
    end = time.monotonic() + seconds
    touched: set[int] = set()
    in_bulk = connection.vendor == "postgresql"
    while time.monotonic() < end:
        with transaction.atomic():
            moved = _apply_in_bulk() if in_bulk else _apply_singly()
        if moved is None:
            break
        touched |= moved
    return touched


def _waits() -> reported.Waits:
    """An answer still being recorded takes at most a lease: its events are soon tried again. After that ever more
    rarely, each time a quarter later than before.
    """
    return reported.Waits(SOON, dt.timedelta(seconds=settings.SEND_LEASE), LONGEST_WAIT, GIVE_UP)


def _apply_in_bulk() -> set[int] | None:
    """A chunk, on PostgreSQL; None where nothing waits."""
    applied = reported.apply(CHUNK, _waits())
    if applied.blocked:
        rows = Message.objects.filter(pk__in=applied.blocked, phone__isnull=False)
        suppress([phone for phone in rows.values_list("phone", flat=True) if phone])
    if applied.contradicting:  # seldom; the rows are held
        applied.campaigns.update(_apply(_events(DeliveryEvent.objects.filter(pk__in=applied.contradicting))))
    return applied.campaigns if applied.events else None


def _apply_singly() -> set[int] | None:
    """A chunk, event by event; None where nothing waits."""
    events = _events(DeliveryEvent.objects.to_apply()[:CHUNK])
    return _apply(events) if events else None


def _events(rows: DeliveryEventQuerySet) -> list[Event]:
    return [Event(*row) for row in rows.values_list(*Event._fields)]


def _apply(events: list[Event]) -> set[int]:
    targets = _targets(events)
    results: dict[Result, list[Event]] = defaultdict(list)
    furthest: dict[int, tuple[Target, Event]] = {}
    forgotten: list[int] = []
    contradictions: list[tuple[Target, Event]] = []
    for event in sorted(events, key=lambda event: event.id):
        target = targets.get((event.account_id, event.provider_ref))
        if target is None:
            results[_unmatched(event)].append(event)
        elif event.report not in STATUS_OF_REPORT:
            results[Result.UNRECOGNISED].append(event)
            if event.report == Report.FORGOTTEN:
                forgotten.append(target.id)
        else:
            current = furthest.get(target.id)
            status = MessageStatus(STATUS_OF_REPORT[current[1].report] if current else target.status)
            if STATUS_OF_REPORT[event.report] in MESSAGE_MOVES.get(status, ()):
                furthest[target.id] = (target, event)
                results[Result.APPLIED].append(event)
            elif STATUS_OF_REPORT[event.report] in CORRECTIONS.get(status, ()):
                contradictions.append((target, event))
            else:
                results[Result.STALE].append(event)
    if forgotten:
        Message.objects.filter(pk__in=forgotten).update(reason=Reason.FORGOTTEN)
    corrected = _correct(contradictions, furthest, results)
    _move(furthest.values())
    Message.objects.filter(pk__in=corrected).update(reason=Reason.CONTRADICTED)
    _mark(results)
    return {target.campaign_id for target, _event in furthest.values()}


def _correct(
    contradictions: list[tuple[Target, Event]],
    furthest: dict[int, tuple[Target, Event]],
    results: dict[Result, list[Event]],
) -> list[int]:
    """Let the answer to a question win over what a webhook said: events do not come in their order, and an address
    that became known brings false ones. The first answer stays. Returns the messages that are spoken of in two ways.
    """
    if not contradictions:
        return []
    finals = [report for report, status in STATUS_OF_REPORT.items() if status in CORRECTIONS]
    asked = DeliveryEvent.objects.filter(source=DeliveryEvent.Source.POLL, result=Result.APPLIED, report__in=finals)
    asked = asked.filter(provider_ref__in={target.provider_ref for target, _event in contradictions})
    told = set(asked.values_list("account", "provider_ref"))
    for target, event in contradictions:
        current = furthest.get(target.id)
        by_poll = (target.account_id, target.provider_ref) in told if current is None else _asked_for(current[1])
        if _asked_for(event) and not by_poll:
            furthest[target.id] = (target, event)
            results[Result.APPLIED].append(event)
        else:
            results[Result.STALE].append(event)
    return [target.id for target, _event in contradictions]


def _asked_for(event: Event) -> bool:
    return event.source == DeliveryEvent.Source.POLL


def _targets(events: list[Event]) -> dict[tuple[int, str], Target]:
    by_account: dict[int, set[str]] = defaultdict(set)
    for event in events:
        by_account[event.account_id].add(event.provider_ref)
    found: dict[tuple[int, str], Target] = {}
    for account_id, refs in sorted(by_account.items()):
        known = ProviderRef.objects.filter(account=account_id, ref__in=refs)
        rows = Message.objects.filter(pk__in=known.values("message")).order_by("pk")
        columns = ("pk", "campaign_id", "account_id", "provider_ref", "status", "cost", "refunded", "phone")
        found.update({(row[2], row[3]): Target(*row) for row in rows.values_list(*columns)})
    return found


def _unmatched(event: Event) -> Result:
    return Result.UNMATCHED if timezone.now() - event.received_at > GIVE_UP else Result.WAITING


def _move(pairs: Iterable[tuple[Target, Event]]) -> None:
    groups: dict[tuple[int, int], list[Move]] = defaultdict(list)
    blocked: list[str] = []
    for target, event in pairs:
        status = STATUS_OF_REPORT[event.report]
        # One that is blocked after all, or not blocked after all: what it cost is given back, or taken once more.
        told = target.refunded if event.cost is None else event.cost
        cost = 0 if status is MessageStatus.BLOCKED else told
        groups[target.campaign_id, target.status].append(
            Move(target.id, status, reason_of_report(status), None, event.code, event.words, cost, target.cost or 0)
        )
        if status is MessageStatus.BLOCKED and target.phone:
            blocked.append(target.phone)
    for (campaign_id, old), moves in sorted(groups.items()):
        moves.sort(key=lambda move: move.id)
        corrects = old in CORRECTIONS
        Message.objects.move(moves, campaign_id=campaign_id, old=MessageStatus(old), corrects=corrects)
    suppress(blocked)


def suppress(phones: list[str]) -> None:
    """A recipient who blocked us gets no advertising any more; service messages still reach them."""
    if phones:
        suppressions.suppress(
            phones,
            scope=Suppression.Scope.ADVERTISING,
            reason=Suppression.Reason.BLOCKED,
            source=Source.REPORT,
        )


def _mark(results: Mapping[Result, list[Event]]) -> None:
    for result, events in results.items():
        if result is Result.WAITING:
            _retry(events)
        else:
            DeliveryEvent.objects.filter(pk__in=[event.id for event in events]).update(result=result, retry_at=None)


def _retry(events: list[Event]) -> None:
    waits, now = _waits(), timezone.now()
    for event in events:
        age = now - event.received_at
        pause = waits.soon if age < waits.young else min(age / 4, waits.longest)
        DeliveryEvent.objects.filter(pk=event.id).update(tries=F("tries") + 1, retry_at=now + pause)
