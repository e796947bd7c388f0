"""Claiming a batch: one short transaction decides whether it may go out, and by whom; it commits before the call."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from campaigns import counting
from campaigns.counting import Delta
from campaigns.models import Batch, Campaign
from campaigns.sending import owners, windows
from campaigns.states import BatchStatus, CampaignStatus, MessageStatus
from providers import pacing
from providers.models import ProviderAccount, SenderLine

PILOT = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """A batch that this worker holds: nobody else sends it until the lease ends."""

    batch: Batch
    campaign: Campaign
    line: SenderLine
    account: ProviderAccount


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing may go out now. ``code``: window, breaker, disabled, pilot, busy, pace, backoff, nothing, stopped.

    ``seconds`` is how long it makes sense to stay, None where another event must come first.
    """

    code: str
    seconds: float | None = None


class _GiveUp(Exception):
    """Rolls the claim's transaction back."""

    def __init__(self, wait: Wait) -> None:
        super().__init__(wait.code)
        self.wait = wait


def claim(campaign_id: int, owner: str) -> Claim | Wait:
    """Claim the campaign's next batch for ``owner``, or tell why none may go out.

    The campaign's row is held until the commit: a pause or cancel that has returned is never overtaken by a claim.
    """
    try:
        with transaction.atomic():
            return _claim(campaign_id, owner)
    except _GiveUp as given_up:
        return given_up.wait


def _claim(campaign_id: int, owner: str) -> Claim:
    campaign = (
        Campaign.objects.select_for_update(no_key=True, of=("self",))
        .select_related("line__account", "file")
        .filter(pk=campaign_id, status=CampaignStatus.RUNNING)
        .first()
    )
    if campaign is None:
        raise _GiveUp(Wait("stopped"))
    line, account = campaign.line, campaign.line.account
    if wait := obstacle(campaign):
        raise _GiveUp(wait)
    batch = _next_batch(campaign)
    if seconds := pacing.take_turn(account.pk):
        raise _GiveUp(Wait("pace", seconds))
    lease = Now() + dt.timedelta(seconds=settings.SEND_LEASE)
    Batch.objects.filter(pk=batch.pk).update(
        status=BatchStatus.SENDING,
        owner=owner,
        attempt=batch.attempt + 1,
        lease_until=lease,
        claimed_at=Now(),
        not_before=None,
    )
    counting.add(
        campaign.pk, {MessageStatus.PENDING: Delta(-batch.pending), MessageStatus.SENDING: Delta(batch.pending)}
    )
    batch.status, batch.owner, batch.attempt = BatchStatus.SENDING, owner, batch.attempt + 1
    return Claim(batch, campaign, line, account)


def obstacle(campaign: Campaign) -> Wait | None:
    """What keeps a running campaign from sending now, as far as its line and account are concerned."""
    line, account = campaign.line, campaign.line.account
    if not (line.enabled and account.enabled):
        return Wait("disabled")
    if account.breaker != ProviderAccount.Breaker.CLOSED:
        return Wait("breaker")
    if not windows.is_open(line, timezone.localtime()):
        return Wait("window")
    return None


def has_place(campaign: Campaign) -> bool:
    """Whether another call may be in flight: of this campaign, and on this machine.

    One worker of each machine stays free of sending: were all of them in the slow calls of a provider, no tick would
    run, no report would be applied, and the watch could not tell a slow cluster from a hung one.
    """
    in_flight = Batch.objects.in_flight()
    if in_flight.filter(campaign=campaign).count() >= settings.SEND_CONCURRENCY:
        return False
    senders = max(1, settings.Q_CLUSTER["workers"] - 1)
    return in_flight.filter(owner__startswith=f"{owners.place()}/").count() < int(senders)


def _next_batch(campaign: Campaign) -> Batch:
    batches = Batch.objects.filter(campaign=campaign)
    if batches.in_flight().filter(number=PILOT).exists():
        raise _GiveUp(Wait("pilot", 0.2))
    if not has_place(campaign):
        raise _GiveUp(Wait("busy"))
    pilot_waits = batches.filter(number=PILOT, status=BatchStatus.PENDING).exists()
    candidates = batches.claimable()
    if pilot_waits:
        candidates = candidates.filter(number=PILOT)
    batch = candidates.select_for_update(skip_locked=True, of=("self",)).first()
    if batch is None:
        waiting = batches.filter(status=BatchStatus.PENDING).exists()
        raise _GiveUp(Wait("backoff" if waiting else "nothing"))
    return batch
