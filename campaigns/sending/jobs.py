"""From a claimed batch to the job that its provider gets: the last look at who may be written to."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import F

from campaigns.models import Batch, Campaign, Message
from campaigns.querysets import Move
from campaigns.sending.claiming import Claim
from campaigns.states import BatchStatus, MessageStatus, Reason
from contacts.models import Suppression
from providers.base import Provider, Recipient, SendJob

Row = tuple[int, str, str | None]  # message id, E.164, own text or None for the campaign's


def job_of(campaign: Campaign, batch: Batch, rows: Sequence[Row]) -> SendJob:
    """The provider's job for these messages of a batch."""
    personal = any(text is not None for _, _, text in rows)
    common = campaign.sent_text
    recipients = [
        Recipient(key, phone, (common if text is None else text) if personal else None) for key, phone, text in rows
    ]
    file_ref = campaign.file.provider_ref if campaign.file else None
    return SendJob(
        sender=campaign.line.sender,
        recipients=recipients,
        text=None if personal else common,
        file_ref=file_ref,
        idempotency_key=f"chapar-{batch.campaign_id}-{batch.number}",
    )


def rows_of(batch: Batch, status: MessageStatus) -> list[Row]:
    """A batch's messages in a status, in their order."""
    rows = Message.objects.in_batch(batch).filter(status=status, phone__isnull=False).order_by("pk")
    return [(key, phone, text) for key, phone, text in rows.values_list("pk", "phone", "text") if phone]


def prepare(claim: Claim, provider: Provider) -> SendJob | None:
    """The job of a claimed batch, after setting aside whom it must not or cannot reach; None where nobody is left.

    A number that was suppressed since the freeze is skipped here, as is one that the provider cannot carry and one
    whose own text is empty: one such number never costs the others their message.

    Raises:
        LostClaim: the batch was given up meanwhile.
    """
    rows = rows_of(claim.batch, MessageStatus.PENDING)
    erased = Message.objects.in_batch(claim.batch).filter(status=MessageStatus.PENDING, phone=None)
    phones = Suppression.objects.for_line(claim.line).filter(
        phone__in=Message.objects.in_batch(claim.batch).filter(status=MessageStatus.PENDING).values("phone")
    )
    suppressed = set(phones.values_list("phone", flat=True))
    invalid = Reason.INVALID_FOR_PROVIDER
    aside = [Move(pk, MessageStatus.SKIPPED, invalid, None, "erased") for pk in erased.values_list("pk", flat=True)]
    kept: list[Row] = []
    for row in rows:
        reason, code = _objection(row, suppressed, provider)
        if reason is Reason.NONE:
            kept.append(row)
        else:
            aside.append(Move(row[0], MessageStatus.SKIPPED, reason, None, code))
    _set_aside(claim, aside)
    return job_of(claim.campaign, claim.batch, kept) if kept else None


def _objection(row: Row, suppressed: set[str], provider: Provider) -> tuple[Reason, str]:
    _key, phone, text = row
    if phone in suppressed:
        return Reason.SUPPRESSED, ""
    if text is not None and not text.strip():
        return Reason.EMPTY_TEXT, ""
    if code := provider.refuses(phone):
        return Reason.INVALID_FOR_PROVIDER, code
    return Reason.NONE, ""


def _set_aside(claim: Claim, moves: list[Move]) -> None:
    """Skip these messages, and make sure, as late as can be, that the batch is still ours to send."""
    batch = claim.batch
    with transaction.atomic():
        held = Batch.objects.filter(
            pk=batch.pk, owner=batch.owner, attempt=batch.attempt, status=BatchStatus.SENDING
        ).update(pending=F("pending") - len(moves))
        if not held:
            raise LostClaim
        Message.objects.move(
            moves, campaign_id=batch.campaign_id, old=MessageStatus.PENDING, counted_as=MessageStatus.SENDING
        )


class LostClaim(Exception):
    """The lease ended before the call began; nothing was sent and nothing may be."""
