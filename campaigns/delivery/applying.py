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

from django.db import connection, transaction
from django.db.models import Case, F, When
from django.db.models.functions import Now
from django.utils import timezone

from campaigns.models import DeliveryEvent, Message, ProviderRef, StatusCount
from campaigns.querysets import Move
from campaigns.states import (
    CORRECTIONS,
    MESSAGE_MOVES,
    STATUS_OF_REPORT,
    MessageStatus,
    Reason,
    reason_of_report,
)
from contacts.models import Suppression
from providers.answers import Report

CHUNK = 5_000  # events a transaction
GIVE_UP = dt.timedelta(days=30)
LONGEST_RETRY = 3600  # seconds
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
    tries: int
    source: str


class Target(NamedTuple):
    """The message that an event speaks of."""

    id: int
    campaign_id: int
    account_id: int
    provider_ref: str
    status: int
    cost: int | None
    phone: str | None


def apply(seconds: float = 10.0) -> set[int]:
    """Apply what waits, for about ``seconds``; returns the campaigns whose messages moved."""
    end = time.monotonic() + seconds
    touched: set[int] = set()
    while time.monotonic() < end:
        with transaction.atomic():
            events = [Event(*row) for row in _next_events()]
            if not events:
                break
            touched |= _apply(events)
    return touched


def _next_events() -> Iterable[tuple[int, int, str, str, str, str, int | None, dt.datetime, int, str]]:
    waiting = DeliveryEvent.objects.to_apply()
    if connection.features.has_select_for_update_skip_locked:
        waiting = waiting.select_for_update(skip_locked=True)
    return waiting.values_list(
        "id", "account_id", "provider_ref", "report", "code", "words", "cost", "received_at", "tries", "source"
    )[:CHUNK]


def _apply(events: list[Event]) -> set[int]:
    targets = _targets(events)
    results: dict[Result, list[int]] = defaultdict(list)
    furthest: dict[int, tuple[Target, Event]] = {}
    forgotten: list[int] = []
    contradictions: list[tuple[Target, Event]] = []
    for event in sorted(events, key=lambda event: event.id):
        target = targets.get((event.account_id, event.provider_ref))
        if target is None:
            results[_unmatched(event)].append(event.id)
        elif event.report not in STATUS_OF_REPORT:
            results[Result.UNRECOGNISED].append(event.id)
            if event.report == Report.FORGOTTEN:
                forgotten.append(target.id)
        else:
            current = furthest.get(target.id)
            status = MessageStatus(STATUS_OF_REPORT[current[1].report] if current else target.status)
            if STATUS_OF_REPORT[event.report] in MESSAGE_MOVES.get(status, ()):
                furthest[target.id] = (target, event)
                results[Result.APPLIED].append(event.id)
            elif STATUS_OF_REPORT[event.report] in CORRECTIONS.get(status, ()):
                contradictions.append((target, event))
            else:
                results[Result.STALE].append(event.id)
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
    results: dict[Result, list[int]],
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
            results[Result.APPLIED].append(event.id)
        else:
            results[Result.STALE].append(event.id)
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
        rows = Message.objects.filter(pk__in=known.values("message")).order_by("pk").select_for_update()
        columns = ("pk", "campaign_id", "account_id", "provider_ref", "status", "cost", "phone")
        found.update({(row[2], row[3]): Target(*row) for row in rows.values_list(*columns)})
    return found


def _unmatched(event: Event) -> Result:
    return Result.UNMATCHED if timezone.now() - event.received_at > GIVE_UP else Result.WAITING


def _move(pairs: Iterable[tuple[Target, Event]]) -> None:
    groups: dict[tuple[int, int], list[Move]] = defaultdict(list)
    blocked: list[str] = []
    for target, event in pairs:
        status = STATUS_OF_REPORT[event.report]
        cost = 0 if status is MessageStatus.BLOCKED else event.cost
        groups[target.campaign_id, target.status].append(
            Move(target.id, status, reason_of_report(status), None, event.code, event.words, cost, target.cost or 0)
        )
        if status is MessageStatus.BLOCKED and target.phone:
            blocked.append(target.phone)
    # All counters at once and in order: group after group, two workers would wait for each other's.
    counters = StatusCount.objects.filter(campaign__in={campaign_id for campaign_id, _ in groups})
    list(counters.order_by("campaign_id", "status").select_for_update())
    for (campaign_id, old), moves in sorted(groups.items()):
        moves.sort(key=lambda move: move.id)
        corrects = old in CORRECTIONS
        Message.objects.move(moves, campaign_id=campaign_id, old=MessageStatus(old), corrects=corrects)
    suppress(blocked)


def suppress(phones: list[str]) -> None:
    """A recipient who blocked us gets no advertising any more; service messages still reach them."""
    Suppression.objects.bulk_create(
        [
            Suppression(
                phone=phone,
                scope=Suppression.Scope.ADVERTISING,
                reason=Suppression.Reason.BLOCKED,
                source="delivery report",
            )
            for phone in sorted(set(phones))
        ],
        ignore_conflicts=True,
    )


def _mark(results: Mapping[Result, list[int]]) -> None:
    for result, ids in results.items():
        rows = DeliveryEvent.objects.filter(pk__in=ids)
        if result is Result.WAITING:
            # 2, 4, 8 … seconds, then hourly: an answer still being recorded needs seconds, a lost one never comes.
            delays = [When(tries=n, then=Now() + dt.timedelta(seconds=2 ** (n + 1))) for n in range(11)]
            later = Case(*delays, default=Now() + dt.timedelta(seconds=LONGEST_RETRY))
            rows.update(tries=F("tries") + 1, retry_at=later)
        else:
            rows.update(result=result, retry_at=None)
