"""The recipients of a batch that are only a number yet: foretold by the provider that keeps them, and not listed.

What a bulk lists becomes rows (``listing``); the share of one that was not sent gets a batch of its own; whom no bulk
has is no recipient. The audience always is the sum.
"""

from __future__ import annotations

from django.db.models import F, Max
from django.utils import timezone

from campaigns import counting
from campaigns.counting import Delta
from campaigns.models import Batch, Bulk, Campaign
from campaigns.states import BatchStatus, MessageStatus
from providers.keeping import NOT_SENT, BulkState


def hold(bulk: Bulk) -> tuple[Batch, Campaign]:
    """Lock the batch and the campaign of a bulk, in the order in which all take them."""
    batch = Batch.objects.select_for_update(of=("self",)).get(pk=bulk.batch_id)
    return batch, Campaign.objects.select_for_update(no_key=True, of=("self",)).get(pk=batch.campaign_id)


def write_off(bulk: Bulk, batch: Batch, campaign: Campaign) -> None:
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
    settle_rest(batch, campaign)


def settle_rest(batch: Batch, campaign: Campaign) -> None:
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
        resize(batch, unlisted=-missing, size=-missing)
        enlarge(campaign, -missing)


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
    resize(batch, unlisted=-taken, size=-taken)
    enlarge(campaign, number - taken)


def _status_of(bulk: Bulk) -> MessageStatus:
    return MessageStatus.CANCELLED if bulk.state == BulkState.CANCELLED else MessageStatus.FAILED


def resize(batch: Batch, *, unlisted: int, size: int) -> None:
    """Change how many recipients of a batch only the provider knows, and how many it has, all of them accepted."""
    Batch.objects.filter(pk=batch.pk).update(
        unlisted=F("unlisted") + unlisted, size=F("size") + size, accepted=F("accepted") + size
    )
    batch.unlisted += unlisted


def enlarge(campaign: Campaign, more: int) -> None:
    if more:
        Campaign.objects.filter(pk=campaign.pk).update(audience=F("audience") + more)
