"""A campaign's pilot: its first recipients get the message, then all of it waits until somebody lets it go on.

Which batches those are is settled at the freeze (``Batch.in_pilot``), and whatever comes of such a batch, on whichever
line, stays one of the pilot. Until the word no claim looks at any other (``BatchQuerySet.allowed_by``).
"""

from __future__ import annotations

from django.db.models import Count, Max, Min, Q
from django.utils import timezone

from campaigns.auditing import note
from campaigns.models import Batch, Campaign, Message
from campaigns.sending import fallback
from campaigns.sending.claiming import PILOT
from campaigns.states import BatchStatus, CampaignStatus

OUT = "pilot"  # why a campaign is paused: its pilot has gone out
UNCLEAR = "pilot_unclear"


def cut_out(campaign: Campaign) -> None:
    """Mark the batches of a frozen campaign's first ``pilot_size`` messages; one that spans their end is cut there.

    Skipped recipients don't count. Where nobody would be left to wait there is no pilot: it counts as let go on. In
    the caller's transaction, which saves ``pilot_released_at``.
    """
    if campaign.pilot_size is None:
        return
    rows = Message.objects.of(campaign).filter(batch_number__isnull=False).order_by("pk").values_list("pk", flat=True)
    beyond = next(iter(rows[campaign.pilot_size : campaign.pilot_size + 1]), None)
    if beyond is None:
        campaign.pilot_released_at = timezone.now()
        return
    batches = Batch.objects.filter(campaign=campaign)
    for batch in batches.filter(first_message_id__lt=beyond, last_message_id__gte=beyond):
        _cut(batch, beyond)
    batches.filter(last_message_id__lt=beyond).update(in_pilot=True)


def _cut(batch: Batch, beyond: int) -> None:
    """Put the messages of a batch from the id ``beyond`` on into one of their own, the last of its line."""
    last_of_line = Q(number__gte=Batch.FALLBACK_FROM) if batch.is_fallback else Q(number__lt=Batch.FALLBACK_FROM)
    last = Batch.objects.filter(last_of_line, campaign=batch.campaign_id).aggregate(last=Max("number"))["last"]
    rows = Message.objects.in_batch(batch)
    rest = rows.filter(pk__gte=beyond)
    facts = rest.aggregate(n=Count("pk"), first=Min("pk"), last=Max("pk"))
    Batch.objects.create(
        campaign_id=batch.campaign_id,
        line_id=batch.line_id,
        number=last + 1,
        first_message_id=facts["first"],
        last_message_id=facts["last"],
        size=facts["n"],
        pending=facts["n"],
    )
    rest.update(batch_number=last + 1)
    batch.size -= facts["n"]
    batch.pending, batch.last_message_id = batch.size, rows.aggregate(last=Max("pk"))["last"]
    batch.save(update_fields=["size", "pending", "last_message_id"])


def holds_up(batch: Batch) -> bool:
    """Whether a doubt over a batch pauses its campaign: the first of all, and those of a pilot before the word."""
    return batch.number == PILOT or (batch.in_pilot and batch.campaign.holds_for_pilot)


def hold(campaign: Campaign) -> None:
    """Pause a running campaign whose pilot is settled. The caller holds its row, and read it then."""
    if campaign.status != CampaignStatus.RUNNING or not campaign.holds_for_pilot:
        return
    waiting = Batch.objects.filter(campaign=campaign, in_pilot=True)
    waiting = waiting.filter(status__in=[BatchStatus.PENDING, BatchStatus.SENDING])
    if not waiting.exists():
        Campaign.objects.move(campaign.pk, CampaignStatus.PAUSED, pause_code=OUT, pause_text="")
        note("pilot_out", campaign.pk, messages=campaign.pilot_size)
    elif not waiting.filter(number__lt=Batch.FALLBACK_FROM).exists():
        fallback.release(campaign.pk)
