"""Bale first, SMS for the rest, in figures: what the SMS will say and cost, which way messages went, what it saved."""

from __future__ import annotations

from typing import NamedTuple

from django.db.models.functions import Now

from campaigns import reporting
from campaigns.composing import pricing, segments
from campaigns.composing.preview import template_of
from campaigns.models import Campaign
from campaigns.sending import audience
from providers.models import SenderLine


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
    absent = audience.contacts(campaign).filter(not_on_bale_since__gt=Now() - audience.ASKED_AGAIN).count()
    return Rest(
        line, text, counted, absent, min(told, default=None), max(told, default=None), estimate.cost if told else None
    )


def tariffs_of(line: SenderLine) -> pricing.Tariffs:
    """The line's prices."""
    return pricing.Tariffs(line.tariffs.values_list("operator", "encoding", "rial_per_part"))
