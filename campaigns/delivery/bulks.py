"""Following what a provider that keeps the recipients makes of a request: its state, then the recipients it sent to.

A 200 can still end rejected, unfunded or invalid. So the campaign follows the bulk's state by a plan; once it is final
the provider's report becomes message rows, page by page, and their statuses are asked for until they are final too.
A report may come late, in part, or without readable numbers: whom it does not list stays in the accounting until it
has been read whole and its figures agree.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Sequence

from django.db import transaction
from django.db.models import F, Max
from django.db.models.functions import Now
from django.utils import timezone

from campaigns import counting
from campaigns.counting import Delta
from campaigns.delivery.applying import suppress
from campaigns.models import Batch, Bulk, Campaign, Message
from campaigns.querysets import Move
from campaigns.sending import claiming, kept
from campaigns.states import (
    AWAITING_REPORT,
    MESSAGE_MOVES,
    STATUS_OF_REPORT,
    BatchStatus,
    CampaignStatus,
    MessageStatus,
    reason_of_report,
)
from contacts.models import Contact
from providers.answers import Blame, Outcome
from providers.keeping import NOT_SENT, BulkAnswer, BulkState, ListedRecipient, Page

logger = logging.getLogger(__name__)

PLAN = tuple(  # between two looks, after the request was accepted
    dt.timedelta(seconds=seconds)
    for seconds in (5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 3_600, 3_600, 14_400, 43_200, 86_400, 86_400, 86_400)
)
SETTLED = 3  # looks after which a scheduled bulk has surely been checked
PATIENT = 14  # looks, almost two days, after which a report that disagrees with its bulk is taken as it is
GIVE_UP = dt.timedelta(days=30) + claiming.LONGEST_AHEAD
FINAL_STATES = frozenset(str(state) for state in (*NOT_SENT, BulkState.SENT))


def begin(batch: Batch, refs: Sequence[str]) -> None:
    """Follow the bulks that the provider made of a batch; in the caller's transaction."""
    Bulk.objects.bulk_create(
        [Bulk(batch=batch, provider_ref=ref, poll_at=Now() + PLAN[0]) for ref in refs], ignore_conflicts=True
    )


def due() -> list[int]:
    """The bulks whose look is due, the longest waiting first; at most a hundred at a time."""
    return list(Bulk.objects.filter(poll_at__lte=Now()).order_by("poll_at").values_list("pk", flat=True)[:100])


def under_way(campaign_id: int) -> bool:
    """Whether a bulk of the campaign has not come to its final state, or its recipients are still being listed."""
    bulks = Bulk.objects.filter(batch__campaign=campaign_id, poll_at__isnull=False)
    listing = bulks.filter(state=BulkState.SENT, is_complete=False)
    return bulks.exclude(state__in=FINAL_STATES).exists() or listing.exists()


def follow(bulk_id: int, seconds: float = 10.0) -> int | None:
    """Look once what became of a bulk; returns its campaign, or None where another worker is at it.

    The next look is planned before this one is made; one that fails is made good by the next.
    """
    with transaction.atomic():
        bulk = (
            Bulk.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("batch__line__account", "batch__campaign")
            .filter(pk=bulk_id, poll_at__lte=Now())
            .first()
        )
        if bulk is None:
            return None
        _plan_next(bulk)
    if not bulk.batch.line.account.enabled:
        return bulk.batch.campaign_id
    try:
        if _is_to_be_cancelled(bulk):
            _cancel(bulk)
        if not bulk.is_complete:
            _look(bulk)
        if bulk.state == BulkState.SENT:
            _list(bulk, time.monotonic() + seconds)
    except kept.NotTold as error:
        logger.warning("Account %s: a look at a bulk failed (%s)", bulk.batch.line.account_id, error.code)
    return bulk.batch.campaign_id


def _plan_next(bulk: Bulk) -> None:
    """Plan the next look. A bulk that waits for its time is left alone until then, unless it is yet to be cancelled;
    one without a final state is looked at daily after the plan, for a month.
    """
    now, following = timezone.now(), bulk.poll_round + 1
    later: dt.datetime | None = now + PLAN[min(following, len(PLAN) - 1)]
    due = claiming.send_time(bulk.batch.campaign)
    if due is not None and following > SETTLED and not _is_to_be_cancelled(bulk):
        later, following = due + PLAN[0], SETTLED
    elif following >= len(PLAN):
        patience = dt.timedelta(0) if bulk.state == BulkState.SENT else GIVE_UP
        later = later if now - bulk.created_at < patience else None
    Bulk.objects.filter(pk=bulk.pk).update(poll_at=later, poll_round=following)


def _look(bulk: Bulk) -> None:
    provider = kept.provider_of(bulk.batch.line.account)
    answer = provider.parse_bulk(bulk.provider_ref, kept.ask(provider.build_bulk(bulk.provider_ref)))
    if answer.outcome is not Outcome.ACCEPTED:
        raise kept.NotTold(answer.code, answer.text)
    counts = answer.counts
    figures = provider.parse_bulk_counts(kept.ask(provider.build_bulk_counts(bulk.provider_ref)))
    if figures.outcome is Outcome.ACCEPTED:
        counts = {**counts, **figures.counts}
    _write_state(bulk, answer, dict(counts))


@transaction.atomic
def _write_state(bulk: Bulk, answer: BulkAnswer, counts: dict[str, int]) -> None:
    """Write where a bulk stands. A final state stays; the figures of one whose recipients are being read may change."""
    batch, campaign = _hold(bulk)
    bulk.refresh_from_db(fields=["state", "poll_round", "poll_at"])
    if bulk.state in NOT_SENT:
        return
    bulk.counts, bulk.recipients = counts, answer.recipients or bulk.recipients
    if bulk.state != BulkState.SENT:
        bulk.state, bulk.code, bulk.words = str(answer.state), answer.code[:64], answer.text
        if answer.state is BulkState.SENT:  # however long that took, its report has all its time
            bulk.poll_round = min(bulk.poll_round, SETTLED)
            bulk.poll_at = timezone.now() + PLAN[bulk.poll_round]
    if answer.state in NOT_SENT and bulk.state != BulkState.SENT:
        bulk.poll_at = None
    bulk.save(update_fields=["state", "code", "words", "counts", "recipients", "poll_round", "poll_at"])
    if bulk.state in NOT_SENT:
        _write_off(bulk, batch, campaign)


def _hold(bulk: Bulk) -> tuple[Batch, Campaign]:
    """Lock the batch and the campaign of a bulk, in the order in which all take them."""
    batch = Batch.objects.select_for_update(of=("self",)).get(pk=bulk.batch_id)
    return batch, Campaign.objects.select_for_update(no_key=True, of=("self",)).get(pk=batch.campaign_id)


def _write_off(bulk: Bulk, batch: Batch, campaign: Campaign) -> None:
    """Nothing of this bulk was sent: the recipients that are its share of the batch failed, or are cancelled.

    How many they are is told by the provider; else they are what the other bulks leave, once all of those are known.
    """
    others = Bulk.objects.filter(batch=batch).exclude(pk=bulk.pk)
    if not others.exclude(state__in=[str(state) for state in NOT_SENT]).exists():
        moved = Batch.objects.move_unlisted(batch, _status_of(bulk))
        facts = {"code": bulk.code, "words": bulk.words, "accepted": F("accepted") - moved}
        Batch.objects.filter(pk=batch.pk).update(**facts)
        return
    if bulk.recipients:
        _part(bulk, batch, campaign, bulk.recipients)
    _settle_rest(batch, campaign)


def _status_of(bulk: Bulk) -> MessageStatus:
    return MessageStatus.CANCELLED if bulk.state == BulkState.CANCELLED else MessageStatus.FAILED


def _part(bulk: Bulk, batch: Batch, campaign: Campaign, number: int) -> None:
    """Give an unsent bulk a batch of its own, with ``number`` of the recipients; more than foretold enlarge the
    audience.
    """
    taken, status = min(batch.unlisted, number), _status_of(bulk)
    last = Batch.objects.filter(campaign=campaign).aggregate(last=Max("number"))["last"]
    own = Batch.objects.create(
        campaign=campaign,
        line_id=batch.line_id,
        number=last + 1,
        status=BatchStatus.CANCELLED if status is MessageStatus.CANCELLED else BatchStatus.FAILED,
        first_message_id=0,
        last_message_id=0,
        size=number,
        pending=0,
        unlisted=number,
        unlisted_status=status,
        claimed_at=batch.claimed_at,
        settled_at=timezone.now(),
        code=bulk.code,
        words=bulk.words,
    )
    Bulk.objects.filter(pk=bulk.pk).update(batch=own)
    deltas = {batch.unlisted_status: Delta(-taken), int(status): Delta(number)}
    counting.add(campaign.pk, deltas, arrived={int(status): number})
    _resize(batch, unlisted=-taken, size=-taken)
    _enlarge(campaign, number - taken)


def _resize(batch: Batch, *, unlisted: int, size: int) -> None:
    """Change how many recipients of a batch only the provider knows, and how many it has, all of them accepted."""
    Batch.objects.filter(pk=batch.pk).update(
        unlisted=F("unlisted") + unlisted, size=F("size") + size, accepted=F("accepted") + size
    )
    batch.unlisted += unlisted


def _enlarge(campaign: Campaign, more: int) -> None:
    if more:
        Campaign.objects.filter(pk=campaign.pk).update(audience=F("audience") + more)


def hasten(campaign_id: int) -> bool:
    """Have the campaign's bulks that are not final looked at next; whether there are any. Before a cancelled
    campaign's bulk is looked at, it is cancelled.
    """
    waiting = Bulk.objects.filter(batch__campaign=campaign_id).exclude(state__in=FINAL_STATES)
    return waiting.update(poll_at=Now(), poll_round=0) > 0


def cancel(campaign_id: int) -> None:
    """Ask the provider now not to send a cancelled campaign's bulks that wait for their time.

    What fails is tried again at the bulk's next look; what the provider refuses goes its way.
    """
    waiting = Bulk.objects.filter(batch__campaign=campaign_id, poll_at__lte=Now()).exclude(state__in=FINAL_STATES)
    for bulk_id in list(waiting.values_list("pk", flat=True)):
        follow(bulk_id)


def _is_to_be_cancelled(bulk: Bulk) -> bool:
    """Whether its campaign was cancelled, and the provider has not yet said whether the bulk can be."""
    cancelled = bulk.batch.campaign.status == CampaignStatus.CANCELLED
    return cancelled and not bulk.cancel_answer and bulk.state not in FINAL_STATES


def _cancel(bulk: Bulk) -> None:
    provider, account_id = kept.provider_of(bulk.batch.line.account), bulk.batch.line.account_id
    if not provider.capabilities.cancels:
        return
    try:
        answer = provider.parse_cancel(kept.ask(provider.build_cancel(bulk.provider_ref)))
    except kept.NotTold as error:
        logger.warning("Account %s: a bulk could not be cancelled (%s)", account_id, error.code)
        return
    logger.info("Bulk %s: the provider's answer to its cancellation is %s", bulk.pk, answer.outcome)
    if answer.outcome is Outcome.ACCEPTED or answer.blame is Blame.REQUEST:
        word = str(answer.outcome) if answer.outcome is Outcome.ACCEPTED else answer.code or str(answer.outcome)
        Bulk.objects.filter(pk=bulk.pk, cancel_answer="").update(cancel_answer=word[:64])


def _list(bulk: Bulk, end: float) -> None:
    """Turn the recipients in the provider's report into rows, or move the rows to what it says of them now.

    Every second reading goes from the last page to the first: where rows move from page to page meanwhile, what one
    reading misses the next one meets.
    """
    provider = kept.provider_of(bulk.batch.line.account)
    backwards, last = bool(bulk.readings % 2), bulk.pages if bulk.readings % 2 else bulk.next_page
    total = None
    while bulk.next_page <= last:
        if time.monotonic() > end:
            Bulk.objects.filter(pk=bulk.pk).update(poll_at=Now(), poll_round=F("poll_round") - 1)
            return
        number = last + 1 - bulk.next_page if backwards else bulk.next_page
        answer = provider.parse_recipients(kept.ask(provider.build_recipients(bulk.provider_ref, number)))
        if answer.outcome is not Outcome.ACCEPTED:
            raise kept.NotTold(answer.code, answer.text)
        _write_page(bulk, answer)
        total = answer.total
        if not backwards:
            last = answer.last_page or number + 1
    _end_of_list(bulk, last, total)


@transaction.atomic
def _write_page(bulk: Bulk, page: Page[ListedRecipient]) -> None:
    batch, campaign = _hold(bulk)
    listed = {row.phone: row for row in page.rows if row.phone}
    rows = Message.objects.filter(campaign=campaign, phone__in=list(listed)).order_by("pk").select_for_update()
    known = {message.phone: message for message in rows}
    _advance(campaign, [(known[phone], row) for phone, row in listed.items() if phone in known])
    fresh = [row for phone, row in listed.items() if phone not in known]
    if fresh and bulk.readings and Message.objects.in_batch(batch).filter(phone=None).exists():
        fresh = []  # one of them may be a person who was erased after the first reading
    if fresh:
        _insert(campaign, batch, fresh)
    before = bulk.unreadable if bulk.next_page > 1 else 0
    bulk.unreadable = before + sum(not row.phone for row in page.rows)
    bulk.next_page += 1
    Bulk.objects.filter(pk=bulk.pk).update(
        listed=F("listed") + len(fresh), unreadable=bulk.unreadable, next_page=bulk.next_page
    )


def _insert(campaign: Campaign, batch: Batch, rows: list[ListedRecipient]) -> None:
    contacts = dict(Contact.objects.filter(phone__in=[row.phone for row in rows]).values_list("phone", "pk"))
    account_id = batch.line.account_id
    messages = []
    for row in rows:
        status = STATUS_OF_REPORT.get(row.report, MessageStatus.ACCEPTED)
        facts = {"reason": reason_of_report(status), "provider_code": row.code, "cost": row.cost}
        message = Message(campaign=campaign, phone=row.phone, batch_number=batch.number, status=status, **facts)
        message.contact_id, message.account_id = contacts.get(row.phone), account_id
        messages.append(message)
    made = Message.objects.bulk_create(messages)
    _count(campaign, batch, made)
    ids = [message.pk for message in made]
    first, last = min(ids), max(ids)
    Campaign.objects.filter(pk=campaign.pk).update(
        first_message_id=min(campaign.first_message_id or first, first),
        last_message_id=max(campaign.last_message_id or last, last),
    )
    Batch.objects.filter(pk=batch.pk).update(
        first_message_id=min(batch.first_message_id or first, first), last_message_id=max(batch.last_message_id, last)
    )
    suppress([str(message.phone) for message in made if message.status == MessageStatus.BLOCKED])


def _count(campaign: Campaign, batch: Batch, made: list[Message]) -> None:
    """Count the new rows, and take them from those that were only a number; more than foretold enlarge the audience."""
    taken = min(batch.unlisted, len(made))
    deltas: dict[int, Delta] = {}
    arrived: dict[int, int] = {}
    for message in made:
        before = deltas.get(message.status, Delta(0))
        deltas[message.status] = Delta(before.messages + 1, before.cost + (message.cost or 0))
        arrived[message.status] = arrived.get(message.status, 0) + 1
    stood = batch.unlisted_status
    before = deltas.get(stood, Delta(0))
    deltas[stood] = Delta(before.messages - taken, before.cost)
    counting.add(campaign.pk, deltas, arrived={status: n for status, n in arrived.items() if status != stood})
    _resize(batch, unlisted=-taken, size=len(made) - taken)
    _enlarge(campaign, len(made) - taken)


def _advance(campaign: Campaign, pairs: list[tuple[Message, ListedRecipient]]) -> None:
    groups: dict[int, list[Move]] = {}
    blocked = []
    for message, row in pairs:
        status = STATUS_OF_REPORT.get(row.report)
        if status is None or status not in MESSAGE_MOVES.get(MessageStatus(message.status), ()):
            continue
        move = Move(message.pk, status, reason_of_report(status), None, row.code, "", row.cost, message.cost or 0)
        groups.setdefault(message.status, []).append(move)
        if status is MessageStatus.BLOCKED and message.phone:
            blocked.append(message.phone)
    for old, moves in sorted(groups.items()):
        moves.sort(key=lambda move: move.id)
        Message.objects.move(moves, campaign_id=campaign.pk, old=MessageStatus(old))
    suppress(blocked)


@transaction.atomic
def _end_of_list(bulk: Bulk, pages: int, total: int | None) -> None:
    """The whole report has been read; it is read again until it agrees with the bulk, and its statuses are final."""
    batch, campaign = _hold(bulk)
    bulk.refresh_from_db(fields=["listed", "poll_round", "poll_at"])
    bulk.next_page, bulk.pages, bulk.readings = 1, pages, bulk.readings + 1
    bulk.is_complete = bulk.is_complete or _is_whole(bulk, total)
    if bulk.is_complete and not Message.objects.in_batch(batch).filter(status__in=AWAITING_REPORT).exists():
        bulk.poll_at = None
    bulk.save(update_fields=["next_page", "pages", "readings", "is_complete", "poll_at"])
    if bulk.is_complete:
        _settle_rest(batch, campaign)


def _is_whole(bulk: Bulk, total: int | None) -> bool:
    """Whether the report lists everybody: as many as the bulk has; where that is not told, as many as it says itself,
    reading after reading for days.
    """
    found = bulk.listed + bulk.unreadable
    if bulk.recipients and found >= bulk.recipients:
        return True
    patient = bulk.poll_round >= PATIENT and bulk.readings > 1
    return patient and (bool(bulk.recipients) or total is None or found >= total)


def _settle_rest(batch: Batch, campaign: Campaign) -> None:
    """Once all bulks of a batch are known: who was foretold and is in none was not sent to, and is no recipient.

    Whom a bulk counts and does not list readably stays a number. Of an unsent bulk that told none, the rest is its own.
    """
    bulks = list(Bulk.objects.filter(batch=batch))
    sent = [bulk for bulk in bulks if bulk.state not in NOT_SENT]
    if not all(bulk.is_complete for bulk in sent):
        return
    staying = sum(max(bulk.recipients - bulk.listed, 0) if bulk.recipients else bulk.unreadable for bulk in sent)
    missing = batch.unlisted - staying
    unsent = next((bulk for bulk in bulks if bulk.state in NOT_SENT), None)
    if unsent and missing > 0:
        _part(unsent, batch, campaign, missing)
    elif missing:
        counting.add(campaign.pk, {batch.unlisted_status: Delta(-missing)})
        _resize(batch, unlisted=-missing, size=-missing)
        _enlarge(campaign, -missing)
