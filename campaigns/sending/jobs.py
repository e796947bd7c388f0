"""From a claimed batch to the job that its provider gets: the last look at who may be written to."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import replace

from django.db import transaction
from django.db.models import F

from campaigns.composing.suffix import with_suffix
from campaigns.models import Batch, Campaign, Message
from campaigns.querysets import MessageQuerySet, Move
from campaigns.sending import capping, kept
from campaigns.sending.claiming import SOONEST, Claim
from campaigns.sending.suppressed import reasons_of
from campaigns.states import BatchStatus, MessageStatus, Reason
from providers import clock, registry
from providers.base import Provider, Recipient, SendJob
from providers.models import SenderLine

CALL = dt.timedelta(seconds=10)  # until a request has reached its provider
Row = tuple[int, str, str | None]  # message id, E.164, own text or None for the campaign's


def job_of(campaign: Campaign, batch: Batch, rows: Sequence[Row]) -> SendJob:
    """The provider's job for these messages of a batch, or for the recipients that the provider keeps."""
    line = batch.line
    if registry.provider_class(line.account.slug).capabilities.keeps_audience:
        return SendJob(line.sender, [], campaign.sent_text, audience=kept.audience_of(campaign))
    personal = any(text is not None for _, _, text in rows)
    common = _text_on(line, campaign, campaign.sent_text)
    recipients = [Recipient._make(row) for row in rows]
    if personal:
        recipients = [
            Recipient(key, phone, common if text is None else _text_on(line, campaign, text))
            for key, phone, text in rows
        ]
    job = SendJob(sender=line.sender, recipients=recipients, text=None if personal else common)
    if batch.is_fallback:
        return job
    file_ref = campaign.file.provider_ref if campaign.file else None
    return replace(job, file_ref=file_ref, copy_text=campaign.copy_text, secure=campaign.is_secure)


def _text_on(line: SenderLine, campaign: Campaign, text: str) -> str:
    """The text as it leaves on this line: the fallback line has an opt-out suffix of its own."""
    return text if line.pk == campaign.line_id else with_suffix(text, line.suffix)


def single(job: SendJob, recipient: Recipient, campaign: Campaign) -> SendJob:
    """The job of one recipient of a group, with a key that is the same whenever this message is tried."""
    return replace(job, recipients=[recipient], idempotency_key=str(uuid.uuid5(campaign.send_key, str(recipient.key))))


def rows_of(batch: Batch, status: MessageStatus) -> list[Row]:
    """A batch's messages in a status, in their order."""
    rows = Message.objects.in_batch(batch).filter(status=status, phone__isnull=False).order_by("pk")
    return [(key, phone, text) for key, phone, text in rows.values_list("pk", "phone", "text") if phone]


def prepare(claim: Claim, provider: Provider) -> SendJob | None:
    """The job of a claimed batch, after setting aside whom it must not or cannot reach; None where nobody is left.

    A number that was suppressed since the freeze is skipped here, as is one that the provider cannot carry and one
    whose own text is empty: one such number never costs the others their message.

    Raises:
        LostClaim: the batch was given up meanwhile, or its time has come too near for the provider.
    """
    if claim.batch.unlisted:
        _set_aside(claim, [])
        if claim.send_time is not None and claim.send_time < clock.now() + SOONEST + CALL:
            raise LostClaim
        return replace(job_of(claim.campaign, claim.batch, []), send_time=claim.send_time)
    pending = Message.objects.in_batch(claim.batch).filter(status=MessageStatus.PENDING)
    # By the line that it goes out on now: the fallback and the failover line have scopes of their own.
    barred = _capped(claim, pending) | reasons_of(claim.line, pending.values("phone"))
    aside: list[Move] = []
    kept: list[Row] = []
    for key, phone, text in pending.order_by("pk").values_list("pk", "phone", "text"):
        reason, code = _objection(phone, text, barred, provider, claim)
        if phone is not None and reason is Reason.NONE:
            kept.append((key, phone, text))
        else:
            aside.append(Move(key, MessageStatus.SKIPPED, reason, None, code))
    _set_aside(claim, aside)
    return job_of(claim.campaign, claim.batch, kept) if kept else None


def _capped(claim: Claim, pending: MessageQuerySet) -> dict[str, Reason]:
    """Who has had enough messages since the freeze; not of those who may have got this one already."""
    if not claim.campaign.cap_messages or claim.batch.doubts:
        return {}
    return capping.reached(claim.campaign, [phone for phone in pending.values_list("phone", flat=True) if phone])


def _objection(
    phone: str | None, text: str | None, barred: dict[str, Reason], provider: Provider, claim: Claim
) -> tuple[Reason, str]:
    if phone is None:
        return Reason.INVALID_FOR_PROVIDER, "erased"
    if phone in barred:
        return barred[phone], ""
    if text is not None and not text.strip():
        return Reason.EMPTY_TEXT, ""
    if code := provider.refuses(phone):
        return Reason.INVALID_FOR_PROVIDER, code
    if text is not None and (code := provider.objects_to(_text_on(claim.line, claim.campaign, text))):
        return Reason.TEXT_REFUSED, code
    return Reason.NONE, ""


def _set_aside(claim: Claim, moves: list[Move]) -> None:
    """Skip these messages, and make sure, as late as can be, that the batch is still ours to send."""
    batch = claim.batch
    ours = Batch.objects.filter(pk=batch.pk, owner=batch.owner, attempt=batch.attempt, status=BatchStatus.SENDING)
    if not moves:
        if not ours.exists():
            raise LostClaim
        return
    with transaction.atomic():
        if not ours.update(pending=F("pending") - len(moves)):
            raise LostClaim
        Message.objects.move(
            moves, campaign_id=batch.campaign_id, old=MessageStatus.PENDING, counted_as=MessageStatus.SENDING
        )


class LostClaim(Exception):
    """The lease ended before the call began, or the call came too late; nothing was sent and nothing may be."""
