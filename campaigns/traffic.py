"""What goes over each line: today, now, and what came of the last seven days. From counters and batches alone.

A campaign that has one line is told by its counters. Where another line may have taken part, its tally knows which
account each message went through, and the campaign has at most one line of an account.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from django.core.cache import cache
from django.db.models import Min, Q, Sum
from django.utils import timezone

from campaigns.models import Batch, Campaign, StatusCount, Tally
from campaigns.states import TAKEN, MessageStatus
from providers import registry
from providers.models import SenderLine

DAYS = 7
LATELY = dt.timedelta(minutes=2)  # a rate is that of the requests answered since
KEPT = 60  # seconds; what came of seven days changes slowly, and is asked for every few seconds
_ALONE = Q(campaign__fallback_line=None, campaign__failover_line=None) | Q(campaign__tallied_at=None)


class Outcome(NamedTuple):
    """Messages that a provider took in seven days, how many of them it reports as delivered, and their cost in rial."""

    taken: int = 0
    delivered: int = 0
    cost: int = 0


class Traffic(NamedTuple):
    """A line's traffic, or several lines' together. ``rate``: messages a minute; ``tells``: delivery is reported."""

    today: int = 0
    rate: float = 0.0
    week: Outcome = Outcome()
    tells: bool = True

    @property
    def share(self) -> float | None:
        """Delivered of those that the provider took in seven days, 0 to 1; None where that is not known."""
        return self.week.delivered / self.week.taken if self.week.taken and self.tells else None

    @property
    def volume(self) -> tuple[int, int]:
        """By what lines are ordered, the busiest first: messages today, then in seven days."""
        return self.today, self.week.taken

    @property
    def is_any(self) -> bool:
        """Whether anything went out."""
        return any(self.volume)


def by_line(lines: Iterable[SenderLine]) -> dict[int, Traffic]:
    """The traffic of each line, by its id. The lines come with their accounts."""
    today, week = _today(), cache.get_or_set("traffic-of-seven-days", _week, KEPT) or {}
    return {
        line.pk: Traffic(
            *today.get(line.pk, (0, 0.0)),
            Outcome(*week.get((line.pk, line.account_id), (0, 0, 0))),
            tells=_tells(line.account.slug),
        )
        for line in lines
    }


def together(found: Iterable[Traffic]) -> Traffic:
    """The sum of several lines; delivery is told of those whose provider reports it."""
    every = list(found)
    telling = [each for each in every if each.tells]
    taken, delivered = (sum(each.week[i] for each in telling or every) for i in (0, 1))
    cost = sum(each.week.cost for each in every)
    today, rate = sum(each.today for each in every), sum(each.rate for each in every)
    return Traffic(today, rate, Outcome(taken, delivered, cost), bool(telling))


def midnight() -> dt.datetime:
    """The beginning of today in the project's time zone."""
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def _tells(slug: str) -> bool:
    return slug in registry.PROVIDERS and registry.PROVIDERS[slug].capabilities.reports_delivery


def _today() -> dict[int, tuple[int, float]]:
    """Messages that were taken today, and a minute lately, by line; of batches that were claimed today."""
    now, start = timezone.now(), midnight()
    lately = Q(settled_at__gte=now - LATELY)
    begun = Campaign.objects.filter(started_at__isnull=False)
    going = begun.filter(Q(finished_at=None) | Q(finished_at__gte=start)).values("pk")
    rows = (
        Batch.objects.filter(campaign__in=going, claimed_at__gte=start)
        .values_list("line")
        .order_by("line")
        .annotate(today=Sum("accepted"), n=Sum("accepted", filter=lately), since=Min("claimed_at", filter=lately))
    )
    return {line: (today, _rate(n, now - since) if n else 0.0) for line, today, n, since in rows}


def _rate(messages: int, span: dt.timedelta) -> float:
    return messages * 60 / max(span.total_seconds(), 1.0)


def _week() -> dict[tuple[int, int], tuple[int, int, int]]:
    """What came of the campaigns that began in seven days, by line and account: taken, delivered, rial."""
    found: dict[tuple[int, int], tuple[int, int, int]] = {}
    for line, account, status, messages, rial in [*_counted(), *_tallied()]:
        taken, delivered, cost = found.get((line, account), (0, 0, 0))
        taken += messages if status in TAKEN else 0
        delivered += messages if status == MessageStatus.DELIVERED else 0
        found[line, account] = taken, delivered, cost + rial
    return found


def _since() -> dict[str, dt.datetime]:
    return {"campaign__started_at__gte": timezone.now() - dt.timedelta(days=DAYS)}


def _counted() -> Iterable[tuple[int, int, int, int, int]]:
    rows = StatusCount.objects.filter(_ALONE, **_since()).order_by("campaign__line", "status")
    names = ("campaign__line", "campaign__line__account", "status")
    return list(rows.values_list(*names).annotate(n=Sum("messages"), rial=Sum("cost")))


def _tallied() -> Iterator[tuple[int, int, int, int, int]]:
    named = ("campaign__line", "campaign__fallback_line", "campaign__failover_line")
    owners = tuple(f"{name}__account" for name in named)
    rows = Tally.objects.filter(**_since()).exclude(_ALONE).order_by(*named, "account", "status")
    sums = {"n": Sum("messages"), "rial": Sum("cost")}
    for *ids, account, status, messages, rial in rows.values_list(*named, *owners, "account", "status").annotate(
        **sums
    ):
        for line, owner in zip(ids[:3], ids[3:], strict=True):
            if owner == account and line is not None:
                yield line, owner, status, messages, rial
                break
