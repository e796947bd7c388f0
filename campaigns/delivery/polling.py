"""Asking providers what webhooks did not tell: by a plan, per batch, the messages that still wait for a report."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Sequence

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from campaigns.delivery import events
from campaigns.models import Batch, DeliveryEvent, Message
from campaigns.sending import lookup
from campaigns.states import AWAITING_REPORT
from providers import http, pacing, registry
from providers.answers import Outcome
from providers.base import Provider, TransportError
from providers.models import ProviderAccount
from providers.secrets import UndecryptableSecret

logger = logging.getLogger(__name__)

PLAN = (  # after the batch was recorded
    dt.timedelta(minutes=1),
    dt.timedelta(minutes=5),
    dt.timedelta(minutes=15),
    dt.timedelta(hours=1),
    dt.timedelta(hours=24),
    dt.timedelta(hours=48),
)
FIRST_POLL = PLAN[0]
POLL_TIMEOUT = 10.0  # seconds; a poll is safe to repeat, and ticks may be waiting behind it
LONGEST = 90.0  # seconds for a poll with all its calls, look-ups included; the task's time limit is far above


def due() -> list[int]:
    """The batches whose poll is due, the longest waiting first; at most a hundred at a time."""
    return list(Batch.objects.filter(poll_at__lte=Now()).order_by("poll_at").values_list("pk", flat=True)[:100])


def poll(batch_id: int) -> int:
    """Ask for the batch's messages that still wait for a report and store the answers; returns how many came.

    The next poll is planned before this one is made, so that two workers don't both ask; a poll that fails is made
    good by the next.
    """
    with transaction.atomic():
        batch = (
            Batch.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("line__account")
            .filter(pk=batch_id, poll_at__lte=Now())
            .first()
        )
        if batch is None:
            return 0
        waiting = Message.objects.in_batch(batch).filter(status__in=AWAITING_REPORT, provider_ref__isnull=False)
        refs = [ref for ref in waiting.order_by("pk").values_list("provider_ref", flat=True) if ref]
        _plan_next(batch, bool(refs) or batch.unclear > 0)
    end = time.monotonic() + LONGEST
    account = batch.line.account
    if not account.enabled:
        return 0
    try:
        provider = registry.provider_for(account)
    except (UndecryptableSecret, registry.UnknownProvider) as error:
        logger.warning("Account %s: a poll failed (%s)", account.pk, type(error).__name__)
        return 0
    if batch.unclear and provider.capabilities.looks_up:
        lookup.look(batch.pk, min(end, time.monotonic() + lookup.LONGEST))
    if not refs or not provider.capabilities.max_status_ids:
        return 0
    size = provider.capabilities.max_status_ids
    stored = 0
    for i in range(0, len(refs), size):
        patience = min(POLL_TIMEOUT, end - time.monotonic())
        if patience <= 0 or not pacing.wait_for_turn(account.pk, patience, lane="next_status_at"):
            break
        answered = _ask(provider, account, refs[i : i + size])
        if answered is None:
            break  # the next round asks again; ten timeouts in a row would outlast the task
        stored += answered
    return stored


def _plan_next(batch: Batch, waiting: bool) -> None:
    following = batch.poll_round + 1
    poll_at = None
    if waiting and following < len(PLAN):
        poll_at = Now() + (PLAN[following] - PLAN[following - 1])
    Batch.objects.filter(pk=batch.pk).update(poll_at=poll_at, poll_round=F("poll_round") + 1)


def _ask(provider: Provider, account: ProviderAccount, refs: Sequence[str]) -> int | None:
    try:
        response = http.exchange(
            provider.build_status(refs),
            connect_timeout=min(POLL_TIMEOUT, settings.SEND_CONNECT_TIMEOUT),
            read_timeout=min(POLL_TIMEOUT, settings.SEND_READ_TIMEOUT),
        )
    except TransportError as error:
        logger.warning("Account %s: a poll failed (%s)", account.pk, error.code)
        return None
    answer = provider.parse_status(refs, response)
    if answer.outcome is not Outcome.ACCEPTED:
        logger.warning("Account %s: a poll was answered with %s (%s)", account.pk, answer.outcome, answer.code)
        return None
    return events.store(account.pk, answer.reports, DeliveryEvent.Source.POLL)
