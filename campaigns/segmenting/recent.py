"""Who was written to lately: messages by when their batch was claimed.

Messages have no index on a time, nor on a number alone. A campaign's messages stand together, so those of a time are
found as ranges of ids: of the campaigns whose batches were all claimed in it; of the others batch by batch.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

from django.db.models import Exists, Max, Min, OuterRef, Q

from campaigns.models import Batch, Campaign, Message
from campaigns.querysets import MessageQuerySet
from campaigns.states import TAKEN, MessageStatus

RECEIVED: Final = TAKEN | {MessageStatus.UNKNOWN}  # it was sent, or may have been


def ever() -> MessageQuerySet:
    """All messages that went out, as far as they are still kept."""
    return Message.objects.filter(status__in=RECEIVED)


def of(campaign: Campaign) -> MessageQuerySet:
    """A campaign's messages."""
    return Message.objects.filter(_standing_in([campaign])) if campaign.first_message_id else Message.objects.none()


def since(moment: dt.datetime, *, delivered: bool = False) -> MessageQuerySet:
    """The messages that went out since then; ``delivered`` ones, or all."""
    claimed = Batch.objects.filter(claimed_at__isnull=False).order_by().values("campaign")
    spans = claimed.annotate(first=Min("claimed_at"), last=Max("claimed_at")).filter(last__gte=moment)
    began = {row["campaign"]: row["first"] for row in spans}
    kept = Campaign.objects.filter(provider_keeps_time=True, scheduled_at__gte=moment)
    began |= dict(kept.values_list("pk", "scheduled_at"))  # the provider kept it until then, long after the claim
    campaigns = Campaign.objects.filter(pk__in=began, first_message_id__isnull=False).order_by("first_message_id")
    whole = [campaign for campaign in campaigns if began[campaign.pk] >= moment]
    found = _standing_in(whole) if whole else Q(pk__in=[])
    for campaign in campaigns:
        if began[campaign.pk] < moment:
            own = Batch.objects.filter(campaign=campaign, number=OuterRef("batch_number"), claimed_at__gte=moment)
            found |= _standing_in([campaign]) & Q(campaign=campaign.pk) & Q(Exists(own))
    statuses = {MessageStatus.DELIVERED} if delivered else RECEIVED
    return Message.objects.filter(found, status__in=statuses)


def _standing_in(campaigns: Sequence[Campaign]) -> Q:
    """The messages of these campaigns (one at least, by their first message), by ranges of ids.

    A range tells the planner how many they are, which a list of campaigns beside it would make it underrate a
    thousandfold; so they are named only where others' messages stand between theirs.
    """
    ids = [campaign.pk for campaign in campaigns]
    first = campaigns[0].first_message_id or 0
    last = max(campaign.last_message_id or 0 for campaign in campaigns)
    others = Campaign.objects.filter(first_message_id__lte=last, last_message_id__gte=first).exclude(pk__in=ids)
    span = Q(pk__gte=first, pk__lte=last)
    return span & Q(campaign__in=ids) if others.exists() else span
