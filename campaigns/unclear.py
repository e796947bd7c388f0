"""What of a campaign is unclear and waits for a decision: requests, messages, what sending those again would cost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from django.db.models import Count, Sum
from django.utils.translation import gettext as _

from campaigns.composing import pricing, segments, templating
from campaigns.composing.suffix import with_suffix
from campaigns.models import Batch, Campaign, Message
from campaigns.states import BatchStatus
from interface import persian
from providers.models import SenderLine, Tariff

SAMPLE = 200  # personal texts that are counted for an estimate
_OPERATORS = [int(operator) for operator in Tariff.Operator if operator != Tariff.Operator.ANY]


class Cost(NamedTuple):
    """Rial from … to: whose operator is which is not counted. ``sampled``: estimated from some of the texts."""

    least: int
    most: int
    sampled: bool = False


class Price(NamedTuple):
    """Rial a message on a line, from … to."""

    least: float
    most: float
    sampled: bool

    def of(self, messages: int) -> Cost:
        return Cost(math.floor(self.least * messages), math.ceil(self.most * messages), self.sampled)


class Picture(NamedTuple):
    """What of a campaign, or of one batch of it, waits for a decision. ``seen`` names this very state of it.

    A decision brings the name along that it was made on: a second tab, the back button or a slow hand must not send
    again what meanwhile has gone out again and is unclear anew.
    """

    requests: int
    messages: int
    by_line: Mapping[int, int]
    seen: str


def picture(campaign_id: int, number: int | None = None) -> Picture:
    """The picture of this moment; without what is with the provider now, for its answer is still to come."""
    batches = Batch.objects.filter(campaign=campaign_id).unclear().exclude(status=BatchStatus.SENDING).order_by()
    if number is not None:
        batches = batches.filter(number=number)
    sums = {"requests": Count("pk"), "n": Sum("unclear"), "numbers": Sum("number"), "attempts": Sum("attempt")}
    rows = sorted(batches.values("line").annotate(**sums).values_list("line", *sums))
    seen = "-".join(str(sum(column)) for column in zip(*(row[1:] for row in rows), strict=True))
    by_line = {line: messages for line, _requests, messages, _numbers, _attempts in rows}
    return Picture(sum(row[1] for row in rows), sum(by_line.values()), by_line, seen)


def why_not(campaign_id: int, number: int | None) -> str:
    """Why nothing waits for a decision, in a campaign or in one batch of it: a sentence for people."""
    if number is None:
        return _("Nothing is unclear any more.")
    batch = Batch.objects.filter(campaign=campaign_id, number=number).first()
    if batch is None:
        return _("There is no request with this number.")
    named = {"number": persian.number(batch.ordinal)}
    if batch.status == BatchStatus.SENDING:
        return _("Request %(number)s is with the provider this moment. Look again when its answer has come.") % named
    return _("Request %(number)s is not unclear any more: its answer came, or somebody has decided on it.") % named


def prices(campaign: Campaign, line_ids: Iterable[int]) -> dict[int, Price]:
    """What a message costs on each of these lines by its tariffs; lines that have none for its text are left out."""
    lines = {line.pk: line for line in SenderLine.objects.filter(pk__in=line_ids)}
    tariffs: dict[int, list[tuple[int, str, int]]] = {pk: [] for pk in lines}
    columns = ("line", "operator", "encoding", "rial_per_part")
    for line_id, operator, encoding, rial in Tariff.objects.filter(line__in=lines).values_list(*columns):
        tariffs[line_id].append((operator, encoding, rial))
    texts, sampled = _texts(campaign)
    found = {}
    for pk, line in lines.items():
        sent = [text if pk == campaign.line_id else with_suffix(text, line.suffix) for text in texts]
        if price := _price(pricing.Tariffs(tariffs[pk]), sent, line.part_size):
            found[pk] = Price(*price, sampled)
    return found


def cost(prices_by_line: Mapping[int, Price], by_line: Mapping[int, int]) -> Cost | None:
    """What messages, by their lines, cost altogether; None where the price of a line is not known."""
    if not by_line.keys() <= prices_by_line.keys():
        return None
    parts = [prices_by_line[line].of(messages) for line, messages in by_line.items()]
    return Cost(sum(it.least for it in parts), sum(it.most for it in parts), any(it.sampled for it in parts))


def _texts(campaign: Campaign) -> tuple[list[str], bool]:
    """The text as sent, or the first recipients' where each has their own; and whether that is only a sample."""
    try:
        personal = templating.parse(campaign.text).is_personal
    except templating.TemplateError:
        personal = False
    if not personal:
        return [campaign.sent_text], False
    rows = Message.objects.of(campaign).order_by("pk").values_list("text", flat=True)[:SAMPLE]
    return [campaign.sent_text if text is None else text for text in rows], True


def _price(tariffs: pricing.Tariffs, texts: list[str], part_size: int) -> tuple[float, float] | None:
    least = most = 0
    for text in texts:
        counted = segments.count(text, part_size)
        rial = [tariffs.price(operator, counted.encoding) for operator in _OPERATORS]
        known = [price for price in rial if price is not None]
        if len(known) < len(rial):
            return None
        least += counted.parts * min(known)
        most += counted.parts * max(known)
    return (least / len(texts), most / len(texts)) if texts else None
