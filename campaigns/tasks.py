"""The tasks that django-q2 runs: integers in, nothing out, one call each. None of them may be relied upon to run."""

from __future__ import annotations

from django.conf import settings

from campaigns import lifecycle, restoring, ringing, tallying
from campaigns.delivery import applying, bulks, polling
from campaigns.doorbell import ring
from campaigns.models import Batch
from campaigns.sending import attachments, dispatch
from providers import credit


def tick() -> None:
    """Ring for whatever waits."""
    ringing.tick()


def prepare(campaign_id: int) -> None:
    """Fix a campaign's audience and set it running; a long upload before that goes on beside the queue."""
    if not attachments.upload_in_background(campaign_id):
        lifecycle.prepare(campaign_id)


def pump(campaign_id: int) -> None:
    """Send a campaign's batches for one slice, and ring for the next."""
    if dispatch.work(campaign_id, settings.SEND_SLICE) == "slice":
        ring("pump", campaign_id)
    lifecycle.finish(campaign_id)


def clear_pending(campaign_id: int) -> None:
    """Go on clearing what a cancelled or expired campaign has not sent."""
    if not lifecycle.clear_pending(campaign_id, settings.SEND_SLICE):
        ring("clear_pending", campaign_id)


def apply_events() -> None:
    """Apply the events that wait."""
    for campaign_id in applying.apply(settings.SEND_SLICE):
        lifecycle.finish(campaign_id)


def poll(batch_id: int) -> None:
    """Ask for a batch's missing reports; a look-up may have settled the last message that was unclear."""
    polling.poll(batch_id)
    for campaign_id in Batch.objects.filter(pk=batch_id).values_list("campaign_id", flat=True):
        lifecycle.finish(campaign_id)


def follow_bulk(bulk_id: int) -> None:
    """Look what became of a request whose recipients the provider keeps."""
    campaign_id = bulks.follow(bulk_id, settings.SEND_SLICE)
    if campaign_id is not None:
        lifecycle.finish(campaign_id)


def cancel_bulks(campaign_id: int) -> None:
    """Ask the provider not to send what it still holds of a cancelled campaign."""
    bulks.cancel(campaign_id)


def settle_restored() -> None:
    """Go on making unclear what may have been sent after a backup."""
    if not restoring.settle(settings.SEND_SLICE):
        ring("settle_restored")


def tally(campaign_id: int) -> None:
    """Count a campaign's messages by account, operator, reason and code, where something has moved."""
    tallying.tally(campaign_id)


def ask_for_credit(account_id: int) -> None:
    """Ask a provider for an account's credit."""
    credit.refresh(account_id)
