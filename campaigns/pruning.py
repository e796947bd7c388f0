"""Removing the recipients of old campaigns: each keeps its figures, its batches and what was done; its messages go.

The page says so from then on. A campaign is marked first and emptied after, a piece of ids a transaction, so a run that
was cut off is taken up by the next one; messages whose part of the table was dropped count as removed.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Now

from campaigns import segmenting, tallying
from campaigns.auditing import note
from campaigns.models import (
    Attempt,
    AudienceRule,
    Campaign,
    DeliveryEvent,
    LeftOut,
    Message,
    ProviderRef,
    Segment,
    StatusCount,
)
from campaigns.states import EDITABLE, FROZEN, LIVE, CampaignStatus, MessageStatus

CHUNK = 10_000  # ids a transaction
SHORTEST = 30  # days; for so long reports are matched to messages
ENDED = FROZEN - LIVE
TO_FREEZE = {*EDITABLE, CampaignStatus.PENDING_APPROVAL, CampaignStatus.SCHEDULED, CampaignStatus.PREPARING}


class Pruned(NamedTuple):
    """What was removed, or would be. ``kept`` campaigns are old enough: something is unclear, or a draft names them."""

    campaigns: int
    messages: int
    attempts: int
    events: int
    kept: int


def plan(days: int) -> Pruned:
    """What ``prune`` would remove; attempts are not counted beforehand."""
    chosen, old = _removable(days), _old(days)
    messages = chosen.aggregate(n=Sum("audience", default=0))["n"]
    events = _events(days).count()
    return Pruned(chosen.count(), messages, 0, events, old.count() - chosen.count())


def prune(days: int) -> Pruned:
    """Remove the messages of the campaigns that ended more than ``days`` ago, and the reports of before then.

    Raises:
        ValueError: fewer than ``SHORTEST`` days.
    """
    if days < SHORTEST:
        raise ValueError(days)
    for campaign_id in list(_removable(days).values_list("pk", flat=True)):
        tallying.tally(campaign_id)  # afterwards there is nothing left to count
        _mark(campaign_id, days)
    campaigns = messages = attempts = 0
    for campaign in Campaign.objects.filter(pruned_at__isnull=False).order_by("pk"):
        removed = [_empty(campaign, first, last) for first, last in _pieces(campaign)]
        _forget_left_out(campaign)
        if any(rows for rows, _ in removed):
            campaigns += 1
        messages += sum(rows for rows, _ in removed)
        attempts += sum(tries for _, tries in removed)
    return Pruned(campaigns, messages, attempts, _forget_events(days), _old(days).count())


def _old(days: int) -> QuerySet[Campaign]:
    since = Now() - dt.timedelta(days=days)
    return Campaign.objects.filter(status__in=ENDED, audience__isnull=False, finished_at__lt=since, pruned_at=None)


def _removable(days: int) -> QuerySet[Campaign]:
    unclear = StatusCount.objects.filter(campaign=OuterRef("pk"), status=MessageStatus.UNKNOWN, messages__gt=0)
    named = AudienceRule.objects.filter(source=OuterRef("pk"), campaign__status__in=TO_FREEZE)
    segments = Segment.objects.filter(audiencerule__campaign__status__in=TO_FREEZE)
    asked = {key for it in segments.values_list("conditions", flat=True) for key in segmenting.campaigns_in(it)}
    return _old(days).filter(~Exists(unclear), ~Exists(named)).exclude(pk__in=asked)


def _mark(campaign_id: int, days: int) -> None:
    with transaction.atomic():
        held = Campaign.objects.select_for_update(no_key=True, of=("self",)).filter(pk=campaign_id)
        if held.filter(pk__in=_removable(days).values("pk")).exists():
            Campaign.objects.filter(pk=campaign_id).update(pruned_at=Now())
            note("pruned", campaign_id, days=days)


def _pieces(campaign: Campaign) -> Iterator[tuple[int, int]]:
    """The campaign's ids in pieces, from where rows still are."""
    ends = Message.objects.of(campaign).order_by("pk").values_list("pk", flat=True)
    first, last = ends.first(), ends.last()
    if first is not None and last is not None:
        yield from ((start, min(start + CHUNK - 1, last)) for start in range(first, last + 1, CHUNK))


def _empty(campaign: Campaign, first: int, last: int) -> tuple[int, int]:
    """Remove the messages of a piece with their earlier tries and their providers' ids; how many of the first two."""
    with transaction.atomic():
        rows = Message.objects.filter(campaign=campaign, pk__gte=first, pk__lte=last)
        tries = Attempt.objects.filter(message_id__gte=first, message_id__lte=last, message_id__in=rows.values("pk"))
        attempts, _ = tries.delete()
        refs: dict[int | None, list[str]] = defaultdict(list)
        for account_id, ref in rows.filter(provider_ref__isnull=False).values_list("account_id", "provider_ref"):
            refs[account_id].append(str(ref))
        for account, known in refs.items():
            ProviderRef.objects.filter(account=account, ref__in=known).delete()
        messages, _ = rows.delete()
    return messages, attempts


def _forget_left_out(campaign: Campaign) -> None:
    """Remove whom the campaign's exclude rules took out; how many they were stays on it."""
    rows = LeftOut.objects.filter(campaign=campaign).order_by("phone")
    while phones := list(rows.values_list("phone", flat=True)[:CHUNK]):
        rows.filter(phone__lte=phones[-1]).delete()


def _events(days: int) -> QuerySet[DeliveryEvent]:
    since = Now() - dt.timedelta(days=days)
    return DeliveryEvent.objects.filter(~Q(result=DeliveryEvent.Result.WAITING), received_at__lt=since)


def _forget_events(days: int) -> int:
    """Remove what was reported before then. Ids grow with time, so the walk ends at the first piece that is young."""
    removed = last = 0
    while ids := list(DeliveryEvent.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        piece = DeliveryEvent.objects.filter(pk__gt=last, pk__lte=ids[-1])
        last = ids[-1]
        if not piece.filter(received_at__lt=Now() - dt.timedelta(days=days)).exists():
            break
        removed += _events(days).filter(pk__gte=ids[0], pk__lte=last).delete()[0]
    return removed
