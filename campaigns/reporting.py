"""The accounting and the figures of a campaign: from counters for the screen, recounted from rows for the audit."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import NamedTuple

from django.db.models import Count, Q, QuerySet, Sum

from campaigns.composing import pricing, segments, templating
from campaigns.composing.accounting import Headcount
from campaigns.composing.preview import Preview, previews, template_of
from campaigns.counting import one_picture
from campaigns.models import Batch, Campaign, Message, StatusCount, TimelinePoint
from campaigns.sending import headcount, naming
from campaigns.states import OUTCOMES, BatchStatus, MessageStatus
from contacts.models import Contact
from providers import registry
from providers.models import ProviderAccount, SenderLine

SAMPLE = 2_000  # recipients whose personal texts are counted for an estimate
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 240, 720, 1440)  # minutes


class Accounting(NamedTuple):
    """How many messages of a campaign stand in each status, and what they cost in rial."""

    audience: int
    counts: Mapping[MessageStatus, int]
    cost: int

    @property
    def balanced(self) -> bool:
        """The equation: the audience is the sum of all statuses."""
        return self.audience == sum(self.counts.values())

    @property
    def settled(self) -> int:
        """Messages that neither wait nor are on their way to the provider."""
        return self.audience - self.counts[MessageStatus.PENDING] - self.counts[MessageStatus.SENDING]

    @property
    def reached_provider(self) -> int:
        """Messages that the provider took."""
        taken = ("ACCEPTED", "SENT", "DELIVERED", "UNDELIVERED", "BLOCKED")
        return sum(self.counts[MessageStatus[name]] for name in taken)

    @property
    def unreached(self) -> int:
        """Messages whose recipients may be tried once more: of whom it is certain that they have not got it."""
        return sum(self.counts[status] for status in OUTCOMES["unreached"])

    @property
    def delivered_share(self) -> float | None:
        """Delivered of those that the provider took, 0 to 1; None before any."""
        taken = self.reached_provider
        return self.counts[MessageStatus.DELIVERED] / taken if taken else None


def tells_delivery(line: SenderLine) -> bool:
    """Whether a line's provider reports what became of the messages that it took."""
    return account_tells_delivery(line.account)


def account_tells_delivery(account: ProviderAccount) -> bool:
    """Whether an account's provider does; one that this installation does not know tells nothing."""
    provider = registry.PROVIDERS.get(account.slug)
    return provider is not None and provider.capabilities.reports_delivery


def accounting(campaign: Campaign) -> Accounting:
    """The accounting from the counters: one small query at any size."""
    return accountings([campaign])[campaign.pk]


def accountings(campaigns: list[Campaign]) -> dict[int, Accounting]:
    """The accounting of several campaigns in one query."""
    counts = {c.pk: dict.fromkeys(MessageStatus, 0) for c in campaigns}
    costs = dict.fromkeys(counts, 0)
    rows = StatusCount.objects.filter(campaign__in=counts).values_list("campaign", "status", "messages", "cost")
    for campaign_id, status, messages, cost in rows:
        counts[campaign_id][MessageStatus(status)] = messages
        costs[campaign_id] += cost
    return {c.pk: Accounting(c.audience or 0, counts[c.pk], costs[c.pk]) for c in campaigns}


class Audit(NamedTuple):
    """A recount from the rows: does the equation hold, and do the counters say the same?"""

    recount: Accounting
    counters_match: bool


def audit(campaign: Campaign) -> Audit:
    """Recount a campaign from its messages and batches, and hold the counters against it.

    A pending row whose batch is in flight is counted as sending, as the counters do. Where the recipients were removed
    (``campaigns.pruning``) the counters are all there is.
    """
    with one_picture():
        return _audit(campaign)


def _audit(campaign: Campaign) -> Audit:
    campaign.refresh_from_db(fields=["audience", "pruned_at"])
    if campaign.pruned_at:
        return Audit(accounting(campaign), counters_match=True)
    rows = Message.objects.filter(campaign=campaign.pk)
    in_flight = Batch.objects.filter(campaign=campaign).in_flight().values("number")
    grouped = rows.values_list("status").annotate(
        n=Count("pk"),
        sending=Count("pk", filter=Q(status=MessageStatus.PENDING, batch_number__in=in_flight)),
        rial=Sum("cost", default=0),
    )
    counts = dict.fromkeys(MessageStatus, 0)
    cost = 0
    for status, n, sending, rial in grouped:
        counts[MessageStatus(status)] += n - sending
        counts[MessageStatus.SENDING] += sending
        cost += rial
    for status, batch_status, unlisted in _unlisted(campaign):
        sending = status == MessageStatus.PENDING and batch_status == BatchStatus.SENDING
        counts[MessageStatus.SENDING if sending else MessageStatus(status)] += unlisted
    recount = Accounting(campaign.audience or 0, counts, cost)
    counted = accounting(campaign)
    unclear = Batch.objects.filter(campaign=campaign).aggregate(n=Sum("unclear", default=0))["n"]
    agree = counted.counts == recount.counts and counted.cost == recount.cost
    return Audit(recount, agree and unclear == counts[MessageStatus.UNKNOWN])


def _unlisted(campaign: Campaign) -> QuerySet[Batch, tuple[int, int, int]]:
    """The recipients that only the provider knows: they have no rows, and stand on their batches."""
    rows = Batch.objects.filter(campaign=campaign, unlisted__gt=0)
    return rows.values_list("unlisted_status", "status", "unlisted")


class Series(NamedTuple):
    """One line of the timeline: a status, and its messages at each point."""

    status: MessageStatus
    values: list[int]


class Timeline(NamedTuple):
    """A campaign's course in steps of a minute or more: the points' times, and one series a status."""

    points: list[dt.datetime]
    series: list[Series]


def timeline(campaign: Campaign, points: int = 48) -> Timeline:
    """When messages were accepted, delivered and lost, in at most about ``points`` steps."""
    rows = list(TimelinePoint.objects.filter(campaign=campaign).values_list("at", "status", "messages").order_by("at"))
    if not rows:
        return Timeline([], [])
    step = _step(rows[-1][0] - rows[0][0], points)
    # A quiet step on both sides: a campaign that took seconds is a peak, not a dot.
    epoch = dt.datetime.fromtimestamp(0, dt.UTC)
    first = epoch + (rows[0][0] - epoch) // step * step - step
    length = int((rows[-1][0] - first) / step) + 2
    groups = {
        MessageStatus.ACCEPTED: [MessageStatus.ACCEPTED],
        MessageStatus.DELIVERED: [MessageStatus.DELIVERED],
        MessageStatus.FAILED: [MessageStatus.FAILED, MessageStatus.UNDELIVERED, MessageStatus.BLOCKED],
    }
    series = [Series(status, [0] * length) for status in groups]
    for at, status, messages in rows:
        for line in series:
            if status in groups[line.status]:
                line.values[int((at - first) / step)] += messages
    return Timeline([first + step * i for i in range(length)], series)


def _step(span: dt.timedelta, points: int) -> dt.timedelta:
    """The shortest step of a round length in which ``span`` takes at most ``points``."""
    for minutes in STEPS:
        if span / dt.timedelta(minutes=minutes) <= points:
            return dt.timedelta(minutes=minutes)
    return dt.timedelta(days=math.ceil(span / dt.timedelta(days=points)))


def estimate(
    campaign: Campaign,
    *,
    operators: bool = False,
    found: Headcount | None = None,
    by_operator: Mapping[int, int] | None = None,
    sample: list[Contact] | None = None,
) -> pricing.Estimate:
    """What a draft will come to: who gets it and who does not, parts and rial at the line's tariffs.

    Operators are counted where the prices or ``operators`` ask for them. ``found`` and ``by_operator`` were counted
    already, ``sample`` was fetched.

    Raises:
        TemplateError: the text is no template.
    """
    line = campaign.line
    template = template_of(campaign.text, line.suffix)
    found = found or headcount.count(campaign)
    total = found.audience
    prices = list(line.tariffs.values_list("operator", "encoding", "rial_per_part"))
    operators = operators or any(operator != pricing.ANY_OPERATOR for operator, _, _ in prices)
    if by_operator is None:
        by_operator = headcount.by_operator(campaign, total) if operators else {pricing.ANY_OPERATOR: total}
    sample = sampled(campaign, template) if sample is None else sample
    texts = counted_texts(template, sample, line.part_size)
    parts = parts_by_operator(texts, by_operator)
    sendable = found.recipients / total if total else 0
    tariffs = pricing.Tariffs(prices)
    cost = tariffs.cost(parts)
    return pricing.Estimate(
        recipients=found.recipients,
        suppressed=found.all_suppressed,
        parts=round(sum(parts.values()) * sendable),
        cost=None if cost is None else round(cost * sendable),
        sampled=min(len(sample), total) if template.is_personal else total,
        by_operator=by_operator,
        longest=max(counted.parts for _operator, counted in texts),
        headcount=found,
        charges=tariffs.charges(parts, sendable),
    )


def sampled(campaign: Campaign, template: templating.Template) -> list[Contact]:
    """The first of whom a draft goes to, whose texts stand for all; nobody where they all read the same."""
    return list(naming.contacts(campaign).order_by("pk")[:SAMPLE]) if template.is_personal else []


def counted_texts(
    template: templating.Template, sample: list[Contact], part_size: int
) -> list[tuple[int, segments.Segments]]:
    """The texts of a sample, counted, each with its recipient's operator; without a sample the one common text."""
    if not sample:
        return [(pricing.ANY_OPERATOR, segments.count(template.literal, part_size))]
    shown = zip(sample, previews(template, sample, part_size), strict=True)
    return [(contact.operator, preview.segments) for contact, preview in shown]


def parts_by_operator(
    texts: list[tuple[int, segments.Segments]], by_operator: Mapping[int, int]
) -> dict[tuple[int, str], int]:
    """Parts by (operator, encoding) for the whole audience, from some of its texts.

    An operator of whom nobody is among them is taken to be like all others together.
    """
    found: dict[tuple[int, str], int] = {}
    for operator, people in by_operator.items():
        own = [counted for of, counted in texts if of == operator and operator != pricing.ANY_OPERATOR]
        like = own or [counted for _of, counted in texts]
        for encoding in dict.fromkeys(counted.encoding for counted in like):
            parts = sum(counted.parts for counted in like if counted.encoding == encoding)
            found[operator, encoding] = round(people * parts / len(like))
    return found


def sample_previews(campaign: Campaign, number: int = 3) -> list[Preview]:
    """The texts that the first recipients will read; a single one where they all read the same.

    Raises:
        TemplateError: the text is no template.
    """
    template = template_of(campaign.text, campaign.line.suffix)
    people = naming.contacts(campaign).order_by("pk")[: number if template.is_personal else 1]
    return previews(template, people, campaign.line.part_size)
