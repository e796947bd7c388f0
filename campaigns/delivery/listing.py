"""The recipients in a bulk's report become message rows, page by page; their statuses follow it until they are final.

A report may come late, in part, or without readable numbers: whom it does not list stays in the accounting until it
has been read whole and its figures agree.
"""

from __future__ import annotations

import time

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from campaigns import counting
from campaigns.counting import Delta
from campaigns.delivery import foretold
from campaigns.delivery.applying import suppress
from campaigns.models import Batch, Bulk, Campaign, Message
from campaigns.querysets import Move
from campaigns.sending import kept
from campaigns.states import (
    AWAITING_REPORT,
    MESSAGE_MOVES,
    STATUS_OF_REPORT,
    MessageStatus,
    reason_of_report,
)
from contacts.models import Contact
from providers.answers import Outcome
from providers.keeping import ListedRecipient, Page

PATIENT = 14  # looks, almost two days, after which a report that disagrees with its bulk is taken as it is


def read(bulk: Bulk, end: float) -> None:
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
    batch, campaign = foretold.hold(bulk)
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
        cost, refunded = (0, row.cost) if status == MessageStatus.BLOCKED else (row.cost, None)
        facts = {"reason": reason_of_report(status), "provider_code": row.code, "cost": cost, "refunded": refunded}
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
    foretold.resize(batch, unlisted=-taken, size=len(made) - taken)
    foretold.enlarge(campaign, len(made) - taken)


def _advance(campaign: Campaign, pairs: list[tuple[Message, ListedRecipient]]) -> None:
    groups: dict[int, list[Move]] = {}
    blocked = []
    for message, row in pairs:
        status = STATUS_OF_REPORT.get(row.report)
        if status is None or status not in MESSAGE_MOVES.get(MessageStatus(message.status), ()):
            continue
        cost = 0 if status is MessageStatus.BLOCKED else row.cost
        move = Move(message.pk, status, reason_of_report(status), None, row.code, "", cost, message.cost or 0)
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
    batch, campaign = foretold.hold(bulk)
    bulk.refresh_from_db(fields=["listed", "poll_round", "poll_at"])
    bulk.next_page, bulk.pages, bulk.readings = 1, pages, bulk.readings + 1
    bulk.is_complete = bulk.is_complete or _is_whole(bulk, total)
    if bulk.is_complete and not Message.objects.in_batch(batch).filter(status__in=AWAITING_REPORT).exists():
        bulk.poll_at = None
    bulk.save(update_fields=["next_page", "pages", "readings", "is_complete", "poll_at"])
    if bulk.is_complete:
        foretold.settle_rest(batch, campaign)


def _is_whole(bulk: Bulk, total: int | None) -> bool:
    """Whether the report lists everybody: as many as the bulk has; where that is not told, as many as it says itself,
    reading after reading for days.
    """
    found = bulk.listed + bulk.unreadable
    if bulk.recipients and found >= bulk.recipients:
        return True
    patient = bulk.poll_round >= PATIENT and bulk.readings > 1
    return patient and (bool(bulk.recipients) or total is None or found >= total)
