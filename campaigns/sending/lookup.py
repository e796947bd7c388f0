"""Looking up what an unclear request came to, where the provider can be asked.

GoSMS: its list is searched for each recipient. One message with the same text, made at the time of the request, settles
it; where the list proves twice, minutes apart, that there is none, the message goes out after all. IPPanel: a bulk with
the same line and text that no batch of ours knows. More than one candidate settles nothing: that is the operator's.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.db.models import F

from campaigns.delivery import bulks
from campaigns.models import Batch, Bulk, Campaign, DeliveryEvent, Message, ProviderRef
from campaigns.querysets import Move
from campaigns.sending import jobs, kept
from campaigns.states import BatchStatus, CampaignStatus, MessageStatus, Reason
from providers import pacing, registry
from providers.answers import OutboxEntry, Outcome
from providers.base import Provider
from providers.keeping import KeepingProvider, ListedBulk

logger = logging.getLogger(__name__)

MOST = 50  # messages a look; the rest has the next one
CLOCKS = dt.timedelta(minutes=5)  # by which the provider's clock and ours may differ
PAGES = 3  # of bulks, the latest first
PATIENCE = 10.0  # seconds for a turn of the account's pace
LONGEST = 60.0  # seconds for a whole look: well below the task's time limit, though every call may take thirty


def look(batch_id: int, end: float | None = None) -> int:
    """Look up what is unclear in a batch; returns how many messages it settled. Several calls, in no transaction.

    No call begins after ``end`` (of the monotonic clock; by default a minute from now); what was found by then is
    settled, and the next look begins elsewhere.
    """
    if end is None:
        end = time.monotonic() + LONGEST
    rows = Batch.objects.select_related("line__account", "campaign__line__account", "campaign__fallback_line__account")
    batch = rows.filter(pk=batch_id).exclude(status=BatchStatus.SENDING).select_related("campaign__file").first()
    if batch is None or batch.claimed_at is None:
        return 0
    provider = registry.provider_for(batch.line.account)
    try:
        if isinstance(provider, KeepingProvider):
            return _look_for_bulk(batch, provider, end)
        return _look_for_messages(batch, provider, end)
    except kept.NotTold as error:
        _log(batch, error)
        return 0


def _log(batch: Batch, error: kept.NotTold) -> None:
    logger.warning("Account %s: a look-up failed (%s)", batch.line.account_id, error.code)


def _look_for_messages(batch: Batch, provider: Provider, end: float) -> int:
    rows = jobs.rows_of(batch, MessageStatus.UNKNOWN)
    first = batch.poll_round * MOST % max(1, len(rows))  # another part at each look
    job = jobs.job_of(batch.campaign, batch, (rows[first:] + rows[:first])[:MOST])
    found: list[Move] = []
    absent: list[int] = []
    for recipient in job.recipients:
        search = provider.search(recipient.phone)
        try:
            while (request := search.request()) and _reached_its_turn(batch, end):
                search.take(kept.ask(request))
        except kept.NotTold as error:
            _log(batch, error)
            break
        if time.monotonic() >= end:
            break
        fresh = _unclaimed(batch, search.found)
        text = _plain(job.text if recipient.text is None else recipient.text)
        alike = [entry for entry in fresh if _plain(entry.text) == text]
        if len(alike) == 1:
            found.append(Move(recipient.key, MessageStatus.ACCEPTED, Reason.NONE, alike[0].ref, alike[0].code))
        elif not fresh and search.complete:
            absent.append(recipient.key)
    return _settle(batch, found, absent)


def _unclaimed(batch: Batch, entries: Sequence[OutboxEntry]) -> list[OutboxEntry]:
    """What the provider has for a number since the campaign began, and none of our messages has the id of."""
    begun = batch.campaign.started_at
    since = 0.0 if begun is None else (begun - CLOCKS).timestamp()
    recent = [entry for entry in entries if entry.sent_at >= since]
    known = ProviderRef.objects.filter(account=batch.line.account, ref__in=[entry.ref for entry in recent])
    taken = set(known.values_list("ref", flat=True))
    return [entry for entry in recent if entry.ref not in taken]


def _plain(text: str | None) -> str:
    """A text as far as a provider certainly keeps it: whether it trims spaces is nowhere said."""
    return " ".join((text or "").split())


def _of_its_time(batch: Batch, seconds: int | None) -> bool:
    """Whether a moment (Unix seconds) lies within the batch's request, as far as two clocks can tell."""
    begun, ended = batch.claimed_at, batch.settled_at
    if begun is None or seconds is None:
        return False
    return begun - CLOCKS <= dt.datetime.fromtimestamp(seconds, dt.UTC) <= (ended or begun) + CLOCKS


def _reached_its_turn(batch: Batch, end: float) -> bool:
    left = min(PATIENCE, end - time.monotonic())
    return left > 0 and pacing.wait_for_turn(batch.line.account_id, left, lane="next_status_at")


def _settle(batch: Batch, found: list[Move], absent: list[int]) -> int:
    """Write what was found; who is proven absent for the second time goes out after all."""
    try:
        with transaction.atomic():
            settled = _write(batch, found, absent)
    except IntegrityError:  # another message has got one of the ids meanwhile: the next look knows it
        logger.warning("Batch %s: a look-up found what belongs to another message", batch.pk)
        return 0
    DeliveryEvent.objects.hasten(batch.line.account_id, [move.provider_ref for move in found if move.provider_ref])
    return settled


def _write(batch: Batch, found: list[Move], absent: list[int]) -> int:
    rows = Batch.objects.select_for_update(of=("self",))
    # Sent again meanwhile and unclear anew: the list was read before that, and proves nothing of it.
    held = rows.filter(pk=batch.pk, attempt=batch.attempt).exclude(status=BatchStatus.SENDING).first()
    if held is None:
        return 0
    # In this order, as everywhere: batch, campaign, messages, counters.
    campaign = Campaign.objects.select_for_update(no_key=True, of=("self",)).get(pk=held.campaign_id)
    unclear = held.messages().filter(status=MessageStatus.UNKNOWN)
    standing = dict(unclear.values_list("pk", "reason"))
    again = [key for key in absent if standing.get(key) == Reason.NOT_LISTED]
    unclear.filter(pk__in=absent).update(reason=Reason.NOT_LISTED)
    moves = [move for move in found if move.id in standing]
    if again and campaign.status == CampaignStatus.COMPLETED_WITH_PROBLEMS:
        Campaign.objects.move(campaign.pk, CampaignStatus.RUNNING, finished_at=None)
    _move(held, moves, batch.line.account_id)
    _move(held, [Move(key, MessageStatus.PENDING, Reason.NOT_LISTED) for key in again])
    Batch.objects.filter(pk=held.pk).update(accepted=F("accepted") + len(moves))
    Batch.objects.restate(held)
    return len(moves) + len(again)


def _move(batch: Batch, moves: list[Move], account_id: int | None = None) -> None:
    Message.objects.move(moves, campaign_id=batch.campaign_id, old=MessageStatus.UNKNOWN, account_id=account_id)


def _look_for_bulk(batch: Batch, provider: KeepingProvider, end: float) -> int:
    text, sender = batch.campaign.sent_text, batch.line.sender
    listed: list[ListedBulk] = []
    for page in range(1, PAGES + 1):
        if not _reached_its_turn(batch, end):
            break
        answer = provider.parse_bulks(kept.ask(provider.build_bulks(page)))
        if answer.outcome is not Outcome.ACCEPTED:
            raise kept.NotTold(answer.code, answer.text)
        listed += answer.rows
        if not answer.rows or page >= (answer.last_page or page + 1):
            break
    # The provider may append an opt-out suffix of its own to the text that it lists.
    alike = [bulk for bulk in listed if bulk.sender == sender and bulk.text.startswith(text) and _is_new(batch, bulk)]
    if len(alike) != 1:
        return 0
    with transaction.atomic():
        rows = Batch.objects.select_for_update(of=("self",)).filter(pk=batch.pk, attempt=batch.attempt)
        held = rows.filter(status=BatchStatus.UNKNOWN).first()
        if held is None:
            return 0
        Campaign.objects.select_for_update(no_key=True, of=("self",)).get(pk=held.campaign_id)
        bulks.begin(held, [alike[0].ref])
        moved = Batch.objects.move_unlisted(held, MessageStatus.ACCEPTED)
        Batch.objects.filter(pk=held.pk).update(status=BatchStatus.DONE, unclear=0, accepted=F("accepted") + moved)
        finished = Campaign.objects.filter(status=CampaignStatus.COMPLETED_WITH_PROBLEMS)
        finished.move(held.campaign_id, CampaignStatus.RUNNING, finished_at=None)  # over the doubt; it goes on
    return moved


def _is_new(batch: Batch, bulk: ListedBulk) -> bool:
    """Whether no batch of ours has this bulk, and it is of the time of the request."""
    ours = Bulk.objects.filter(batch__line__account=batch.line.account, provider_ref=bulk.ref)
    return _of_its_time(batch, bulk.created_at) and not ours.exists()
