"""The cap on messages: nobody gets more than so many in so many days, over all campaigns.

What counts is what went out or may still: pending, taken and unclear messages, by when their batch was claimed; tests
of a text do not. The
freeze of a capped campaign sees what every campaign frozen before it has done and will do, for capped ones freeze one
after the other. What was frozen at the same time or later is looked at again when a batch is claimed; of that only
counts what is out already, so of two campaigns that both wait the later one yields.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from django.db.models import Case, Count, F, Q, QuerySet, When

from campaigns.models import Batch, Campaign, Message
from campaigns.querysets import MessageQuerySet
from campaigns.states import FROZEN, MAY_ARRIVE, BatchStatus, CampaignStatus, MessageStatus, Reason
from contacts import turns
from providers import clock

MOST_DAYS: Final = 30  # the messages of a campaign may be removed so long after its end (campaigns.pruning)
MOST_MESSAGES: Final = 100
LONGEST_FREEZE: Final = dt.timedelta(hours=1)
_TURN: Final = 0x63617073
_GOING: Final = (CampaignStatus.RUNNING, CampaignStatus.PAUSED)
_OPEN: Final = (BatchStatus.PENDING, BatchStatus.SENDING)


class Recent(NamedTuple):
    """A campaign of which something went out since the cap's days began, or may still.

    ``started_at`` is its scheduled time where the provider kept that: long after the batch was claimed.
    """

    id: int
    first: int  # message
    last: int
    started_at: dt.datetime
    going: bool

    def messages(self, since: dt.datetime) -> Q:
        """Its messages whose batch was claimed since then, or waits."""
        found = Q(campaign=self.id, pk__gte=self.first, pk__lte=self.last)
        if self.started_at >= since:
            return found
        batches = Batch.objects.filter(Q(claimed_at__gte=since) | Q(status__in=_OPEN), campaign=self.id)
        return found & Q(batch_number__in=batches.values("number"))


def take_turn() -> None:
    """Wait until no other capped campaign is being frozen; until the caller's transaction ends none begins."""
    turns.take_turn(_TURN)


def enough(campaign: Campaign) -> QuerySet[Message, Any] | None:
    """The phones of those who have had as many messages as a campaign's cap allows, or will; None where none can."""
    if not campaign.cap_messages or not campaign.cap_days:
        return None
    since = clock.now() - dt.timedelta(days=campaign.cap_days)
    recent = _recent(campaign, since)
    if len(recent) < campaign.cap_messages:  # each writes to a number once
        return None
    return _often(_counted(recent, since), campaign.cap_messages)


def reached(campaign: Campaign, phones: Sequence[str]) -> dict[str, Reason]:
    """Who of these (E.164), about to be written to, has reached a campaign's cap since it was frozen.

    Where nothing was frozen meanwhile, which is nearly always, that is one query on campaigns.
    """
    if not campaign.cap_messages or not campaign.cap_days or not phones or campaign.started_at is None:
        return {}
    since = clock.now() - dt.timedelta(days=campaign.cap_days)
    recent = _recent(campaign, since)
    news = [other for other in recent if other.started_at > campaign.started_at - LONGEST_FREEZE]
    if not news:
        return {}
    written = set(_out(campaign, news, since).filter(phone__in=phones).values_list("phone", flat=True))
    if not written:
        return {}
    counted = _out(campaign, recent, since).filter(phone__in=written)
    return dict.fromkeys(map(str, _often(counted, campaign.cap_messages)), Reason.CAPPED)


def _recent(campaign: Campaign, since: dt.datetime) -> list[Recent]:
    others = Campaign.objects.real().filter(Q(finished_at=None) | Q(finished_at__gte=since), status__in=FROZEN)
    rows = others.exclude(pk=campaign.pk).filter(first_message_id__isnull=False, started_at__isnull=False)
    kept = When(provider_keeps_time=True, scheduled_at__gt=F("started_at"), then=F("scheduled_at"))
    dated = rows.annotate(began=Case(kept, default=F("started_at"))).order_by("pk")
    facts = dated.values_list("pk", "first_message_id", "last_message_id", "began", "status")
    return [
        Recent(key, first, last, started_at, status in _GOING)
        for key, first, last, started_at, status in facts
        if first is not None and last is not None and started_at is not None
    ]


def _counted(recent: Sequence[Recent], since: dt.datetime) -> MessageQuerySet:
    """Their messages that went out or may still; of a campaign that was ended what is in flight, and not what waits."""
    ended = [other.id for other in recent if not other.going]
    rows = Message.objects.filter(status__in=MAY_ARRIVE, phone__isnull=False)
    if ended:
        rows = rows.exclude(Q(status=MessageStatus.PENDING, campaign__in=ended) & ~_in_flight(ended))
    found = Q()
    for other in recent:
        found |= other.messages(since)
    return rows.filter(found)


def _out(campaign: Campaign, recent: Sequence[Recent], since: dt.datetime) -> MessageQuerySet:
    """What a batch of the campaign has to yield to: what is out already, or will be before it."""
    earlier = [other.id for other in recent if other.first < (campaign.first_message_id or 0)]
    waits = Q(status=MessageStatus.PENDING) & ~Q(campaign__in=earlier)
    return _counted(recent, since).exclude(waits & ~_in_flight([other.id for other in recent]))


def _in_flight(campaigns: Sequence[int]) -> Q:
    """The messages of these campaigns whose batch is with its provider now."""
    found = Q(pk__in=[])
    for campaign, number in Batch.objects.in_flight().filter(campaign__in=campaigns).values_list("campaign", "number"):
        found |= Q(campaign=campaign, batch_number=number)
    return found


def _often(messages: MessageQuerySet, times: int) -> QuerySet[Message, Any]:
    rows = messages.order_by().values("phone").annotate(times=Count("pk")).filter(times__gte=times)
    return rows.values_list("phone", flat=True)
