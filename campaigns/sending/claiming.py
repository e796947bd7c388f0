"""Claiming a batch: one short transaction decides whether it may go out, and by whom; it commits before the call."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db import Error, OperationalError, transaction
from django.db.models import Max, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from campaigns import counting, witness
from campaigns.auditing import note
from campaigns.counting import Delta
from campaigns.models import Batch, Campaign, Message
from campaigns.sending import owners, sizes, windows
from campaigns.states import BatchStatus, CampaignStatus, MessageStatus
from providers import clock, pacing, registry
from providers.models import Holiday, ProviderAccount, SenderLine

PILOT = 0
TAKEN_OVER = frozenset({"breaker", "disabled"})  # of a line, where another one takes over
LONGEST_AHEAD = dt.timedelta(days=90)  # of a time that a provider keeps; IPPanel takes three months
SOONEST = dt.timedelta(minutes=5)  # of such a time, by IPPanel
MINUTE = dt.timedelta(minutes=1)
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
    """Nothing may go out now. ``code``: window, breaker, disabled, too_late_to_schedule, cap, pilot, busy, pace,
    campaign_pace, backoff, expired, nothing, stopped, restored.

    ``seconds`` is how long it makes sense to stay, None where another event must come first.
    """

    code: str
    seconds: float | None = None


class Unconfirmed(OperationalError):
    """The database went away before it answered the commit: the claim may stand, and nothing was sent on it."""

    def __init__(self, claim: Claim) -> None:
        super().__init__(claim.batch.pk)
        self.claim = claim


class _GiveUp(Exception):
    """Rolls the claim's transaction back."""

    def __init__(self, wait: Wait) -> None:
        super().__init__(wait.code)
        self.wait = wait


def claim(campaign_id: int, owner: str) -> Claim | Wait:
    """Claim the campaign's next batch for ``owner``, or tell why none may go out.

    The campaign's row is held until the commit: a pause or cancel that has returned is never overtaken by a claim.

    Raises:
        Unconfirmed: nobody knows whether it was committed.
    """
    claimed = None
    try:
        with transaction.atomic():
            claimed = _claim(campaign_id, owner)
    except _GiveUp as given_up:
        return given_up.wait
    except Error as error:
        if claimed is None:
            raise
        raise Unconfirmed(claimed) from error
    return claimed


def _claim(campaign_id: int, owner: str) -> Claim:
    if witness.doubt():
        raise _GiveUp(Wait("restored"))
    campaign = (
        Campaign.objects.select_for_update(no_key=True, of=("self",))
        .select_related("line__account")  # what most campaigns lack is looked up where it is there
        .filter(pk=campaign_id, status=CampaignStatus.RUNNING)
        .annotate(now=Now())
        .first()
    )
    if campaign is None:
        raise _GiveUp(Wait("stopped"))
    now: dt.datetime = campaign.now  # type: ignore[attr-defined]  # the annotation
    if wait := _own_turn(campaign, now):
        raise _GiveUp(wait)
    batch, line = _next_batch(campaign, now)
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
    if campaign.messages_per_minute:
        following = now + dt.timedelta(minutes=batch.pending / campaign.messages_per_minute)
        Campaign.objects.filter(pk=campaign.pk).update(next_batch_at=following)
    batch.status, batch.owner, batch.attempt, batch.line = BatchStatus.SENDING, owner, batch.attempt + 1, line
    return Claim(batch, campaign, line, line.account, due)


def lines_of(campaign: Campaign) -> Iterator[SenderLine]:
    """The lines that a campaign may go out on: its own, its fallback, and the one that takes over."""
    yield campaign.line
    if campaign.fallback_line is not None:
        yield campaign.fallback_line
    if campaign.failover_line is not None:
        yield campaign.failover_line


def obstacle(line: SenderLine, campaign: Campaign, now: dt.datetime) -> Wait | None:
    """What keeps a line from sending the campaign now, as far as it and its account are concerned.

    An open breaker is none once its probe is due. ``now`` is the database's time.
    """
    account = line.account
    if not (line.enabled and account.enabled):
        return Wait("disabled")
    if account.breaker != ProviderAccount.Breaker.CLOSED and (account.probe_at is None or account.probe_at > now):
        return Wait("breaker")
    due = send_time(campaign)
    if due is None and _lies_ahead(campaign):
        return Wait("too_late_to_schedule")
    local = timezone.localtime(due or now)
    if not windows.is_open(line, local, Holiday.rests_of(line, local.date())):
        return Wait("window")
    return None


def _own_turn(campaign: Campaign, now: dt.datetime) -> Wait | None:
    """What keeps the whole campaign from sending now: its time is over, or its own pace has no turn yet."""
    if campaign.expires_at is not None and campaign.expires_at <= now:
        return Wait("expired")
    # A turn is a minute away at most: one beyond that was given by a clock that has been set back since.
    if campaign.next_batch_at is not None and now < campaign.next_batch_at <= now + MINUTE:
        return Wait("campaign_pace", (campaign.next_batch_at - now).total_seconds())
    return None


def send_time(campaign: Campaign) -> dt.datetime | None:
    """When the provider is to send a campaign whose time it keeps; None where it is to send at once.

    It takes no time that is nearer than some minutes: such a campaign waits here until it has come.
    """
    due = campaign.scheduled_at if campaign.provider_keeps_time else None
    return due if due is not None and due >= clock.now() + SCHEDULED_AHEAD else None


def _lies_ahead(campaign: Campaign) -> bool:
    """Whether the time that the provider was to keep has not come yet."""
    at = campaign.scheduled_at if campaign.provider_keeps_time else None
    return at is not None and at > clock.now()


def obstacles(campaign: Campaign) -> list[tuple[SenderLine, Wait]]:
    """The lines of a campaign that have something to send and cannot, each with what is in its way."""
    now = clock.now()
    found = [(line, obstacle(line, campaign, now)) for line in lines_of(campaign) if _has_batch(campaign, line)]
    return [(line, wait) for line, wait in found if wait is not None]


def has_way(campaign: Campaign, now: dt.datetime | None = None) -> bool:
    """Whether something of the campaign can go out: a line has it and nothing in its way, or another takes over."""
    now = now or clock.now()
    lines = [line for line in lines_of(campaign) if isinstance(_ready_line(campaign, line, now), SenderLine)]
    return any(_has_batch(campaign, line) for line in lines)


def can_send(campaign: Campaign) -> bool:
    """Whether the next batch may go out now."""
    now = clock.now()
    return _own_turn(campaign, now) is None and has_way(campaign, now)


def _ready_line(campaign: Campaign, line: SenderLine, now: dt.datetime) -> SenderLine | Wait:
    """The line that a batch of this line goes out on: itself, or the one that takes over; or what is in its way.

    What was handed over comes back in the same way: all else may wait for it, such as for a pilot.
    """
    wait = obstacle(line, campaign, now)
    if wait is None:
        return line
    pair = {campaign.line_id: campaign.failover_line, campaign.failover_line_id: campaign.line}
    other = pair.get(line.pk)
    if other is None or wait.code not in TAKEN_OVER:
        return wait
    return wait if obstacle(other, campaign, now) else other


def _has_batch(campaign: Campaign, line: SenderLine) -> bool:
    return Batch.objects.filter(campaign=campaign, line=line).allowed_by(campaign).claimable().exists()


def has_place(campaign: Campaign) -> bool:
    """Whether another call may be in flight: of this campaign, and on this machine.

    One worker of each machine stays free of sending: were all of them in the slow calls of a provider, no tick would
    run, no report would be applied, and the watch could not tell a slow cluster from a hung one.
    """
    return _has_place(campaign, Batch.objects.in_flight().values_list("campaign", "owner"))


def _has_place(campaign: Campaign, in_flight: Iterable[tuple[int, str]]) -> bool:
    flying = list(in_flight)
    if sum(campaign_id == campaign.pk for campaign_id, _ in flying) >= settings.SEND_CONCURRENCY:
        return False
    here = f"{owners.place()}/"
    return sum(owner.startswith(here) for _, owner in flying) < max(1, int(settings.Q_CLUSTER["workers"]) - 1)


def _next_batch(campaign: Campaign, now: dt.datetime) -> tuple[Batch, SenderLine]:
    batches = Batch.objects.filter(campaign=campaign).allowed_by(campaign)
    flying, pilot_waits = _ahead_of(campaign)
    if (campaign.pk, PILOT) in [(campaign_id, number) for campaign_id, number, _ in flying]:
        raise _GiveUp(Wait("pilot", 0.2))
    if not _has_place(campaign, [(campaign_id, owner) for campaign_id, _, owner in flying]):
        raise _GiveUp(Wait("busy"))
    candidates = batches.claimable()
    if pilot_waits:
        candidates = candidates.filter(number=PILOT)
    waits = []
    # What was taken for a line that then has to wait is given back before another's turn: its probe, its account's row.
    several = campaign.fallback_line_id is not None or campaign.failover_line_id is not None
    for line in lines_of(campaign):
        try:
            with transaction.atomic(savepoint=several):
                found = _on_line(campaign, line, candidates, now)
        except _GiveUp as given_up:
            waits.append(given_up.wait)
            continue
        if found is not None:
            return found
    if waits:
        raise _GiveUp(min(waits, key=lambda wait: float("inf") if wait.seconds is None else wait.seconds))
    open_ones = batches.filter(status=BatchStatus.PENDING).exists()
    raise _GiveUp(Wait("backoff" if open_ones else "nothing"))


def _ahead_of(campaign: Campaign) -> tuple[list[tuple[int, int, str]], bool]:
    """The batches in flight, of all campaigns, as (campaign, number, owner); and whether this one's pilot waits."""
    waiting_pilot = Q(campaign=campaign, number=PILOT, status=BatchStatus.PENDING)
    if campaign.holds_for_pilot:  # the first recipients of all may be on the fallback line
        waiting_pilot &= Q(in_pilot=True)
    rows = Batch.objects.filter(Q(status=BatchStatus.SENDING) | waiting_pilot)
    found = list(rows.values_list("campaign", "number", "owner", "status"))
    return [row[:3] for row in found if row[3] == BatchStatus.SENDING], any(
        row[3] == BatchStatus.PENDING for row in found
    )


def _on_line(
    campaign: Campaign, line: SenderLine, candidates: QuerySet[Batch], now: dt.datetime
) -> tuple[Batch, SenderLine] | None:
    """The next batch of a line, locked, and the line that it goes out on; None where it has none.

    Raises:
        _GiveUp: it may not go out now; what was written for it must not stay.
    """
    candidates = candidates.filter(line=line).select_for_update(skip_locked=True, of=("self",))
    batch = candidates.first()
    if batch is None:
        return None
    ready = _ready_line(campaign, line, now)
    if isinstance(ready, Wait):
        raise _GiveUp(ready)
    if ready != line:
        if batch.may_have_been_sent:  # its key means nothing to another account
            batch = candidates.filter(doubts=0).first()
        if batch is None:
            raise _GiveUp(obstacle(line, campaign, now) or Wait("breaker"))
        batch = _hand_over(batch, campaign, ready)
    if wait := _take(batch, ready, campaign):
        raise _GiveUp(wait)
    return batch, ready


def _hand_over(batch: Batch, campaign: Campaign, line: SenderLine) -> Batch:
    """Put what is pending of a batch, and so certainly not sent, on the line that takes over; returns its batch.

    What the first account has taken of it, or may have, stays there: no other can be asked after it.
    """
    if line.pk != campaign.line_id and not Batch.objects.filter(campaign=campaign, line=line).exists():
        note("failed_over", campaign.pk, line=line.pk, code=campaign.line.account.breaker_code)
    settled = batch.messages().exclude(status=MessageStatus.PENDING)
    if settled.exists():
        unclear = settled.filter(status=MessageStatus.UNKNOWN).exists()
        status = BatchStatus.UNKNOWN if unclear else BatchStatus.DONE
        # The attempt as in a claim: no answer to the old one is taken any more.
        facts = {"attempt": batch.attempt + 1, "not_before": None, "settled_at": Now()}
        Batch.objects.filter(pk=batch.pk).update(status=status, **facts)
        batch = _cut(batch, 0)
    Batch.objects.filter(pk=batch.pk).update(line=line)
    return batch


def _take(batch: Batch, line: SenderLine, campaign: Campaign) -> Wait | None:
    """Take the account's turn, its probe, and the day's room for a batch; or tell what is missing."""
    account = line.account
    single = registry.provider_class(account.slug).capabilities.single
    # A group takes the turns of its requests by itself; here it only minds that some are to be had.
    turns = pacing.take_turns(account.pk, 0 if single else 1, ahead=pacing.AHEAD if single else 0.0)
    if turns.wait > (pacing.AHEAD if single else 0.0):
        return Wait("pace", turns.wait)
    stopped = account.breaker != ProviderAccount.Breaker.CLOSED
    if stopped and not ProviderAccount.objects.take_probe(account.pk, settings.SEND_LEASE):
        return Wait("breaker")
    most = _most(batch, line, campaign)
    if batch.pending > most and not batch.unlisted:
        _cut(batch, most)
    return None if pacing.reserve_today(line, batch.pending) else Wait("cap")


def _most(batch: Batch, line: SenderLine, campaign: Campaign) -> int:
    """How many messages a batch may have now; the freeze knew no probe, no other line, and perhaps wider limits."""
    limits = [batch.pending, line.daily_cap, campaign.messages_per_minute]
    if line.account.breaker != ProviderAccount.Breaker.CLOSED:
        limits.append(settings.SEND_PILOT_SIZE)
    if line.pk == campaign.failover_line_id:
        limits.append(sizes.batch_size(line, personal=True))
    return max(1, min(limit for limit in limits if limit is not None))


def _cut(batch: Batch, most: int) -> Batch:
    """Leave the first ``most`` pending messages in a batch, and put the others into a new one on the same line.

    With a key any of them may be what its unclear tries have sent, so the new one is as doubtful.
    """
    rows = Message.objects.in_batch(batch).filter(status=MessageStatus.PENDING).order_by("pk")
    rest = list(rows.values_list("pk", flat=True)[most:])
    others = Batch.objects.filter(campaign=batch.campaign_id)
    series = others.filter(
        Q(number__gte=Batch.FALLBACK_FROM) if batch.is_fallback else Q(number__lt=Batch.FALLBACK_FROM)
    )
    number = (series.aggregate(last=Max("number"))["last"] or 0) + 1
    following = Batch.objects.create(
        campaign_id=batch.campaign_id,
        line_id=batch.line_id,
        number=number,
        in_pilot=batch.in_pilot,
        first_message_id=rest[0],
        last_message_id=rest[-1],
        size=len(rest),
        pending=len(rest),
        repeats=batch.repeats,
        doubts=batch.doubts,
    )
    Message.objects.filter(pk__in=rest).update(batch_number=number)
    batch.size, batch.pending = batch.size - len(rest), batch.pending - len(rest)
    batch.save(update_fields=["size", "pending"])
    return following
