"""When a campaign will have gone out: its rate or its account's last, paces, windows to come, the daily cap."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator

from django.db.models import Max, Min, Sum
from django.utils import timezone

from campaigns.models import Batch, Campaign
from campaigns.sending import claiming, sizes, windows
from campaigns.sending.windows import Opening
from campaigns.states import CampaignStatus
from providers import pacing, registry
from providers.models import Holiday, SenderLine

LATELY = dt.timedelta(minutes=15)  # before the last batch that was settled
FEWEST = 500  # messages of a campaign that shows how fast an account is
FARTHEST = dt.timedelta(days=60)  # nobody plans by a date beyond


def is_stopped(obstacles: Iterable[tuple[SenderLine, claiming.Wait]], *, has_way: bool) -> bool:
    """Whether a running campaign goes on only after something else has happened; a closed window opens by itself."""
    return not has_way and any(wait.code != "window" for _line, wait in obstacles)


def ends_at(
    campaign: Campaign, left: int, *, stopped: bool | None = None, seen: float | None = None
) -> dt.datetime | None:
    """When the last of ``left`` messages will have gone out, local time; None where that cannot be told.

    It can't where a person or a provider has stopped the campaign (``stopped``, where the caller has looked already),
    where it is to wait for a word on its pilot, or nothing says how fast it goes. ``seen`` is the rate that the caller
    has seen.
    """
    if campaign.status == CampaignStatus.RUNNING:
        if campaign.holds_for_pilot:
            return None
        if stopped is None:
            stopped = is_stopped(claiming.obstacles(campaign), has_way=claiming.has_way(campaign))
        if stopped:
            return None
    elif campaign.status not in (CampaignStatus.DRAFT, CampaignStatus.SCHEDULED):
        return None
    rate = seen or seen_rate(campaign) or planned_rate(campaign)
    if rate is None or left <= 0 or registry.provider_class(campaign.line.account.slug).capabilities.keeps_audience:
        return None
    begin = max(timezone.now(), campaign.scheduled_at or timezone.now())
    return _walk(campaign, timezone.localtime(begin), left, rate)


def seen_rate(campaign: Campaign) -> float | None:
    """Messages a second of the batches settled lately, in the time between the first claim and the last answer."""
    settled = Batch.objects.filter(campaign=campaign.pk, settled_at__isnull=False, claimed_at__isnull=False)
    last = settled.aggregate(last=Max("settled_at"))["last"]
    if last is None:
        return None
    found = settled.filter(claimed_at__gte=last - LATELY).aggregate(n=Sum("size"), first=Min("claimed_at"))
    if not found["n"]:
        return None
    rate: float = found["n"] / max((last - found["first"]).total_seconds(), 1.0)
    return min(rate, campaign.messages_per_minute / 60) if campaign.messages_per_minute else rate


def planned_rate(campaign: Campaign) -> float | None:
    """Messages a second that the campaign's own pace and its account's allow, and that the account reached last.

    None where no pace is set and the account has not sent much yet.
    """
    account = campaign.line.account
    requests = pacing.pace_of(account, timezone.now())
    single = registry.provider_class(account.slug).capabilities.single
    size = 1 if single else sizes.batch_size(campaign.line, personal=True)
    found = [campaign.messages_per_minute / 60] if campaign.messages_per_minute else []
    if requests:
        found.append(requests * size)
    reached = _reached(campaign)
    return min([*found, reached] if reached else found, default=None)


def _reached(campaign: Campaign) -> float | None:
    """Messages a second of the latest campaign of the same account that was of some size and had no pace of its own."""
    others = Campaign.objects.filter(line__account=campaign.line.account_id, started_at__isnull=False)
    free = others.filter(audience__gte=FEWEST, messages_per_minute=None).exclude(pk=campaign.pk)
    latest = free.order_by("-pk").first()
    return seen_rate(latest) if latest else None


def _walk(campaign: Campaign, local: dt.datetime, left: float, rate: float) -> dt.datetime | None:
    line, cap = campaign.line, campaign.line.daily_cap
    room: dict[dt.date, float] = {}
    holidays = Holiday.rests_of(line, local.date())
    for opening in _by_day(windows.openings(line, local, holidays), local + FARTHEST):
        seconds = (opening.end - opening.start).total_seconds()
        day = opening.start.date()
        if day not in room:
            room[day] = float("inf") if cap is None else pacing.room_on(line, day) if day == local.date() else cap
        sent = min(rate * seconds, room[day])
        if sent >= left:
            return opening.start + dt.timedelta(seconds=left / rate)
        left, room[day] = left - sent, room[day] - sent
    return None


def _by_day(openings: Iterator[Opening], end: dt.datetime) -> Iterator[Opening]:
    """The openings cut at midnight, up to ``end``: a daily cap counts days."""
    for start, last in openings:
        while start < min(last, end):
            midnight = dt.datetime.combine(start.date() + dt.timedelta(days=1), dt.time(), start.tzinfo)
            yield Opening(start, min(midnight, last))
            start = midnight
        if start >= end:
            return
