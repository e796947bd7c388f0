"""Following what a provider that keeps the recipients makes of a request: its state, then the recipients it sent to.

A 200 can still end rejected, unfunded or invalid. So the campaign follows the bulk's state by a plan; once it is final
the provider's report becomes message rows, page by page, and their statuses are asked for until they are final too.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Sequence

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from campaigns import counting
from campaigns.counting import Delta
from campaigns.delivery.applying import suppress
from campaigns.models import Batch, Bulk, Campaign, Message
from campaigns.querysets import Move
from campaigns.sending import claiming, kept
from campaigns.states import AWAITING_REPORT, MESSAGE_MOVES, STATUS_OF_REPORT, MessageStatus, reason_of_report
from contacts.models import Contact
from providers.answers import Outcome
from providers.keeping import NOT_SENT, BulkAnswer, BulkState, ListedRecipient, Page

logger = logging.getLogger(__name__)

PLAN = tuple(  # between two looks, after the request was accepted
    dt.timedelta(seconds=seconds)
    for seconds in (5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 3_600, 3_600, 14_400, 43_200, 86_400, 86_400, 86_400)
)
SETTLED = 3  # looks after which a scheduled bulk has surely been checked
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
    bulks = Bulk.objects.filter(batch__campaign=campaign_id)
    listing = bulks.filter(state=BulkState.SENT, batch__unlisted__gt=0, poll_at__isnull=False)
    return bulks.filter(poll_at__isnull=False).exclude(state__in=FINAL_STATES).exists() or listing.exists()


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
        if bulk.state != BulkState.SENT:
            _look(bulk)
        if bulk.state == BulkState.SENT:
            _list(bulk, time.monotonic() + seconds)
    except kept.NotTold as error:
        logger.warning("Account %s: a look at a bulk failed (%s)", bulk.batch.line.account_id, error.code)
    return bulk.batch.campaign_id


def _plan_next(bulk: Bulk) -> None:
    """Plan the next look. A bulk that waits for its time is left alone until then; one without a final state is
    looked at daily after the plan, for a month.
    """
    now, following = timezone.now(), bulk.poll_round + 1
    later: dt.datetime | None = now + PLAN[min(following, len(PLAN) - 1)]
    due = claiming.send_time(bulk.batch.campaign)
    if due is not None and following > SETTLED:
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
    with transaction.atomic():
        batch = Batch.objects.select_for_update(of=("self",)).get(pk=bulk.batch_id)
        _write_state(bulk, batch, answer, dict(counts))


def _write_state(bulk: Bulk, batch: Batch, answer: BulkAnswer, counts: dict[str, int]) -> None:
    bulk.state, bulk.code, bulk.words, bulk.counts = str(answer.state), answer.code[:64], answer.text, counts
    fields = ["state", "code", "words", "counts"]
    if answer.state in NOT_SENT:
        bulk.poll_at = None
        fields.append("poll_at")
    bulk.save(update_fields=fields)
    others = Bulk.objects.filter(batch=batch).exclude(pk=bulk.pk)
    if answer.state in NOT_SENT and not others.exclude(state__in=[str(state) for state in NOT_SENT]).exists():
        new = MessageStatus.CANCELLED if answer.state is BulkState.CANCELLED else MessageStatus.FAILED
        moved = Batch.objects.move_unlisted(batch, new)
        facts = {"code": bulk.code, "words": bulk.words, "accepted": F("accepted") - moved}
        Batch.objects.filter(pk=batch.pk).update(**facts)


def cancel(campaign_id: int) -> None:
    """Ask the provider not to send the campaign's bulks that wait for their time; what it refuses goes its way."""
    waiting = Bulk.objects.filter(batch__campaign=campaign_id).exclude(state__in=FINAL_STATES)
    for bulk in waiting.select_related("batch__line__account"):
        provider = kept.provider_of(bulk.batch.line.account)
        if not provider.capabilities.cancels:
            continue
        try:
            answer = provider.parse_cancel(kept.ask(provider.build_cancel(bulk.provider_ref)))
        except kept.NotTold as error:
            logger.warning("Account %s: a bulk could not be cancelled (%s)", bulk.batch.line.account_id, error.code)
            continue
        logger.info("Bulk %s: the provider's answer to its cancellation is %s", bulk.pk, answer.outcome)
        Bulk.objects.filter(pk=bulk.pk).update(poll_at=Now())


def _list(bulk: Bulk, end: float) -> None:
    """Turn the recipients in the provider's report into rows, or move the rows to what it says of them now."""
    provider = kept.provider_of(bulk.batch.line.account)
    page, last = bulk.next_page, bulk.next_page
    while page <= last:
        if time.monotonic() > end:
            Bulk.objects.filter(pk=bulk.pk).update(next_page=page, poll_at=Now(), poll_round=F("poll_round") - 1)
            return
        answer = provider.parse_recipients(kept.ask(provider.build_recipients(bulk.provider_ref, page)))
        if answer.outcome is not Outcome.ACCEPTED:
            raise kept.NotTold(answer.code, answer.text)
        _write_page(bulk, answer)
        page, last = page + 1, answer.last_page or page + 1
        Bulk.objects.filter(pk=bulk.pk).update(next_page=page)
    _end_of_list(bulk)


@transaction.atomic
def _write_page(bulk: Bulk, page: Page[ListedRecipient]) -> None:
    batch = Batch.objects.select_for_update(of=("self",)).get(pk=bulk.batch_id)
    campaign = Campaign.objects.select_for_update(no_key=True, of=("self",)).get(pk=batch.campaign_id)
    listed = {row.phone: row for row in page.rows if row.phone}
    rows = Message.objects.filter(campaign=campaign, phone__in=list(listed)).order_by("pk").select_for_update()
    known = {message.phone: message for message in rows}
    _advance(campaign, [(known[phone], row) for phone, row in listed.items() if phone in known])
    fresh = [row for phone, row in listed.items() if phone not in known]
    if fresh:
        _insert(campaign, batch, fresh)
        Bulk.objects.filter(pk=bulk.pk).update(listed=F("listed") + len(fresh))


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
    more = len(made) - taken
    Batch.objects.filter(pk=batch.pk).update(
        unlisted=F("unlisted") - taken, size=F("size") + more, accepted=F("accepted") + more
    )
    if more:
        Campaign.objects.filter(pk=campaign.pk).update(audience=F("audience") + more)


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
def _end_of_list(bulk: Bulk) -> None:
    """The whole report has been read: who was foretold and is not in it was not sent to, and is no recipient."""
    batch = Batch.objects.select_for_update(of=("self",)).get(pk=bulk.batch_id)
    Campaign.objects.select_for_update(no_key=True, of=("self",)).get(pk=batch.campaign_id)
    awaited = Message.objects.in_batch(batch).filter(status__in=AWAITING_REPORT).exists()
    Bulk.objects.filter(pk=bulk.pk).update(next_page=1, **({} if awaited else {"poll_at": None}))
    others = Bulk.objects.filter(batch=batch, listed=0).exclude(pk=bulk.pk)
    listing = others.exclude(state__in=[str(state) for state in NOT_SENT])
    if batch.unlisted and not listing.exists():
        missing = batch.unlisted
        counting.add(batch.campaign_id, {batch.unlisted_status: Delta(-missing)})
        Batch.objects.filter(pk=batch.pk).update(unlisted=0, size=F("size") - missing, accepted=F("accepted") - missing)
        Campaign.objects.filter(pk=batch.campaign_id).update(audience=F("audience") - missing)
