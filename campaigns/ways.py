"""Bale first, SMS for the rest, in figures: what the SMS will say and cost, which way messages went, what it saved."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from django.db.models import Sum
from django.db.models.functions import Now

from campaigns import reporting
from campaigns.composing import pricing, segments, templating
from campaigns.composing.preview import template_of
from campaigns.composing.suffix import with_suffix
from campaigns.models import Batch, Campaign, Message
from campaigns.sending import audience, naming
from campaigns.states import AWAITING_REPORT, MessageStatus
from contacts.phones import operator_of
from providers.models import SenderLine

SAMPLE = 400  # messages whose price is taken for that of all
SAMPLED_BATCHES = 8
TAKEN = (*AWAITING_REPORT, MessageStatus.DELIVERED, MessageStatus.UNDELIVERED, MessageStatus.BLOCKED)


class Rest(NamedTuple):
    """The SMS for those who are not on Bale, before a campaign goes out.

    ``text`` is its text with the fallback line's suffix, without the recipients' own words. ``absent`` recipients are
    known not to be on Bale. ``least`` to ``most`` rial are the price of one SMS, ``at_most`` that of an SMS to
    everybody; None without a tariff.
    """

    line: SenderLine
    text: str
    segments: segments.Segments
    absent: int
    least: int | None
    most: int | None
    at_most: int | None


def rest(campaign: Campaign) -> Rest | None:
    """What goes out by SMS; None where the campaign has no fallback line.

    Raises:
        TemplateError: the text is no template.
    """
    line = campaign.fallback_line
    if line is None:
        return None
    by_sms = Campaign(line=line, text=campaign.text)
    by_sms.proposed_rules = campaign.audience_rules()
    estimate = reporting.estimate(by_sms)
    text = template_of(campaign.text, line.suffix).literal
    counted = segments.count(text, line.part_size)
    tariffs = tariffs_of(line)
    prices = {tariffs.price(operator, counted.encoding) for operator in estimate.by_operator or (pricing.ANY_OPERATOR,)}
    known = [price * counted.parts for price in prices if price is not None]
    told = known if len(known) == len(prices) else []
    absent = naming.contacts(campaign).filter(not_on_bale_since__gt=Now() - audience.ASKED_AGAIN).count()
    return Rest(
        line, text, counted, absent, min(told, default=None), max(told, default=None), estimate.cost if told else None
    )


def tariffs_of(line: SenderLine) -> pricing.Tariffs:
    """The line's prices."""
    return pricing.Tariffs(line.tariffs.values_list("operator", "encoding", "rial_per_part"))


class Way(NamedTuple):
    """What went out on one of a campaign's lines: messages that its provider took, and those that still wait."""

    line: SenderLine
    accepted: int
    waiting: int


class Ways(NamedTuple):
    """Which way a campaign's messages went: on its own line, and on the fallback line."""

    first: Way
    rest: Way


def ways(campaign: Campaign) -> Ways | None:
    """Which way the messages went; None for a campaign without a fallback line. One query over its batches."""
    if campaign.fallback_line is None:
        return None
    batches = Batch.objects.filter(campaign=campaign).order_by().values_list("line")
    rows = batches.annotate(accepted=Sum("accepted"), waiting=Sum("pending"))
    found = {line: (accepted, waiting) for line, accepted, waiting in rows}
    first, rest = (Way(line, *found.get(line.pk, (0, 0))) for line in (campaign.line, campaign.fallback_line))
    return Ways(first, rest)


class Saving(NamedTuple):
    """What the messages on the first line did not cost as SMS, in rial, and what they cost themselves.

    ``spared`` is None where the fallback line has no tariff for them, ``own`` where the first line has none. ``exact``:
    counted, not estimated from a sample of the messages.
    """

    spared: int | None
    own: int | None
    exact: bool

    @property
    def rial(self) -> int | None:
        """What was saved, as far as it can be told."""
        return None if self.spared is None else self.spared - (self.own or 0)


def saving(campaign: Campaign, found: Ways) -> Saving:
    """What Bale saved. One common text at one price is exact; else it is the mean of some of the messages."""
    lines = (found.rest.line, found.first.line)
    prices = [list(line.tariffs.values_list("operator", "encoding", "rial_per_part")) for line in lines]
    one_price = all(operator == pricing.ANY_OPERATOR for rows in prices for operator, _encoding, _rial in rows)
    exact = one_price and not templating.parse(campaign.text).is_personal
    sent = [(pricing.ANY_OPERATOR, campaign.sent_text)] if exact else _sample(campaign)
    costs = [_cost(sent, line, pricing.Tariffs(rows)) for line, rows in zip(lines, prices, strict=True)]
    spared, own = (None if cost is None else round(cost * found.first.accepted) for cost in costs)
    return Saving(spared, own, exact)


def _sample(campaign: Campaign) -> list[tuple[int, str]]:
    """The operator and the text of some messages that went out on the first line, from a few of its batches."""
    batches = Batch.objects.filter(campaign=campaign, line=campaign.line, accepted__gt=0).order_by("number")
    some = list(batches.values_list("number", "first_message_id", "last_message_id")[:SAMPLED_BATCHES])
    if not some:
        return []
    numbers, firsts, lasts = zip(*some, strict=True)
    rows = Message.objects.filter(campaign=campaign, pk__gte=min(firsts), pk__lte=max(lasts), batch_number__in=numbers)
    taken = rows.filter(status__in=TAKEN, phone__isnull=False).values_list("phone", "text")
    return [(operator_of(str(phone)), campaign.sent_text if text is None else text) for phone, text in taken[:SAMPLE]]


def _cost(sent: list[tuple[int, str]], line: SenderLine, tariffs: pricing.Tariffs) -> float | None:
    """The mean price in rial of these messages on a line; None where a price is missing, 0 without messages."""
    parts: Counter[tuple[int, str]] = Counter()
    for operator, text in sent:
        counted = segments.count(with_suffix(text, line.suffix), line.part_size)
        parts[operator, counted.encoding] += counted.parts
    cost = tariffs.cost(parts)
    return None if cost is None else cost / max(1, len(sent))
