"""Claiming a batch: one short transaction decides whether it may go out, and by whom; it commits before the call."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import Max, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from campaigns import counting
from campaigns.counting import Delta
from campaigns.models import Batch, Campaign, Message
from campaigns.sending import owners, windows
from campaigns.states import BatchStatus, CampaignStatus, MessageStatus
from providers import pacing, registry
from providers.models import ProviderAccount, SenderLine

PILOT = 0
LONGEST_AHEAD = dt.timedelta(days=90)  # of a time that a provider keeps; IPPanel takes three months
SOONEST = dt.timedelta(minutes=5)  # of such a time, by IPPanel
SCHEDULED_AHEAD = SOONEST + dt.timedelta(seconds=30)  # from the claim to the call takes a while


@dataclass(frozen=True, slots=True)
class Claim:
    """A batch that this worker holds: nobody else sends it until the lease ends.

    ``send_time`` is when the provider is to send it, None for at once.
    """

    batch: Batch
    campaign: Campaign
    line: SenderLine
    account: ProviderAccount
    send_time: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing may go out now. ``code``: window, breaker, disabled, cap, pilot, busy, pace, backoff, nothing, stopped.

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
        .select_related("line__account", "fallback_line__account", "file")
        .filter(pk=campaign_id, status=CampaignStatus.RUNNING)
        .first()
    )
    if campaign is None:
        raise _GiveUp(Wait("stopped"))
    batch, line = _next_batch(campaign)
    due = send_time(campaign)
    if due is None and _lies_ahead(campaign):  # it has come too near since the line was asked
        raise _GiveUp(Wait("too_late_to_schedule"))
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
    return Claim(batch, campaign, line, line.account, due)


def lines_of(campaign: Campaign) -> Iterator[SenderLine]:
    """The lines that a campaign goes out on: its own, and its fallback."""
    yield campaign.line
    if campaign.fallback_line is not None:
        yield campaign.fallback_line


def obstacle(line: SenderLine, campaign: Campaign) -> Wait | None:
    """What keeps a line from sending the campaign now, as far as it and its account are concerned."""
    if not (line.enabled and line.account.enabled):
        return Wait("disabled")
    if line.account.breaker != ProviderAccount.Breaker.CLOSED:
        return Wait("breaker")
    due = send_time(campaign)
    if due is None and _lies_ahead(campaign):
        return Wait("too_late_to_schedule")
    if not windows.is_open(line, timezone.localtime(due)):
        return Wait("window")
    return None


def send_time(campaign: Campaign) -> dt.datetime | None:
    """When the provider is to send a campaign whose time it keeps; None where it is to send at once.

    It takes no time that is nearer than some minutes: such a campaign waits here until it has come.
    """
    due = campaign.scheduled_at if campaign.provider_keeps_time else None
    return due if due is not None and due >= timezone.now() + SCHEDULED_AHEAD else None


def _lies_ahead(campaign: Campaign) -> bool:
    """Whether the time that the provider was to keep has not come yet."""
    at = campaign.scheduled_at if campaign.provider_keeps_time else None
    return at is not None and at > timezone.now()


def obstacles(campaign: Campaign) -> list[tuple[SenderLine, Wait]]:
    """The lines of a campaign that have something to send and cannot, each with what is in its way."""
    found = [(line, obstacle(line, campaign)) for line in lines_of(campaign) if _has_batch(campaign, line)]
    return [(line, wait) for line, wait in found if wait is not None]


def can_send(campaign: Campaign) -> bool:
    """Whether one of the campaign's lines has something to send and nothing in its way."""
    return any(obstacle(line, campaign) is None and _has_batch(campaign, line) for line in lines_of(campaign))


def _has_batch(campaign: Campaign, line: SenderLine) -> bool:
    return Batch.objects.filter(campaign=campaign, line=line).claimable().exists()


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


def _next_batch(campaign: Campaign) -> tuple[Batch, SenderLine]:
    batches = Batch.objects.filter(campaign=campaign)
    if batches.in_flight().filter(number=PILOT).exists():
        raise _GiveUp(Wait("pilot", 0.2))
    if not has_place(campaign):
        raise _GiveUp(Wait("busy"))
    candidates = batches.claimable()
    if batches.filter(number=PILOT, status=BatchStatus.PENDING).exists():
        candidates = candidates.filter(number=PILOT)
    waits = []
    for line in lines_of(campaign):
        found = _on_line(campaign, line, candidates)
        if isinstance(found, Batch):
            return found, line
        if found is not None:
            waits.append(found)
    if waits:
        raise _GiveUp(min(waits, key=lambda wait: float("inf") if wait.seconds is None else wait.seconds))
    open_ones = batches.filter(status=BatchStatus.PENDING).exists()
    raise _GiveUp(Wait("backoff" if open_ones else "nothing"))


def _on_line(campaign: Campaign, line: SenderLine, candidates: QuerySet[Batch]) -> Batch | Wait | None:
    """The next batch of a line, locked; or why it may not go out; None where it has none."""
    batch = candidates.filter(line=line).select_for_update(skip_locked=True, of=("self",)).first()
    if batch is None:
        return None
    if wait := obstacle(line, campaign):
        return wait
    single = registry.provider_class(line.account.slug).capabilities.single
    # A group takes the turns of its requests by itself; here it only minds that some are to be had.
    turns = pacing.take_turns(line.account_id, 0 if single else 1, ahead=pacing.AHEAD if single else 0.0)
    if turns.wait > (pacing.AHEAD if single else 0.0):
        return Wait("pace", turns.wait)
    if line.daily_cap is not None and batch.pending > line.daily_cap and not batch.unlisted:
        _cut(batch, line.daily_cap)  # the cap was lowered since the freeze: no day would hold it
    if not pacing.reserve_today(line, batch.pending):
        return Wait("cap")
    return batch


def _cut(batch: Batch, most: int) -> None:
    """Leave the first ``most`` pending messages in a batch, and put the others into a new one on the same line."""
    rows = Message.objects.in_batch(batch).filter(status=MessageStatus.PENDING).order_by("pk")
    rest = list(rows.values_list("pk", flat=True)[most:])
    series = Batch.objects.filter(campaign=batch.campaign_id, line=batch.line_id)
    number = (series.aggregate(last=Max("number"))["last"] or 0) + 1
    Batch.objects.create(
        campaign_id=batch.campaign_id,
        line_id=batch.line_id,
        number=number,
        first_message_id=rest[0],
        last_message_id=rest[-1],
        size=len(rest),
        pending=len(rest),
    )
    Message.objects.filter(pk__in=rest).update(batch_number=number)
    batch.size, batch.pending = batch.size - len(rest), batch.pending - len(rest)
    batch.save(update_fields=["size", "pending"])
