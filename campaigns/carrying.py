"""What the lines make of a draft: which of them can carry it, why the others cannot, and what it costs on each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from django.utils.translation import gettext as _

from campaigns import checking, reporting
from campaigns.attaching import kinds, megabytes
from campaigns.composing import pricing, templating
from campaigns.composing.preview import template_of
from campaigns.models import AudienceRule, Campaign
from campaigns.sending import naming
from contacts.models import Contact
from providers import registry
from providers.models import SenderLine, UploadedFile

SAMPLE = 200  # recipients whose personal texts are counted for the price on a line


class Carried(NamedTuple):
    """A line, and what keeps it from carrying a draft, in sentences: none where it can."""

    line: SenderLine
    problems: list[str]


def carried(campaign: Campaign, lines: Iterable[SenderLine]) -> list[Carried]:
    """What each of these lines makes of a draft's recipients, text, options and file."""
    rules = list(campaign.rules.all())
    return [Carried(line, _problems(campaign, line, rules)) for line in lines]


def _problems(campaign: Campaign, line: SenderLine, rules: list[AudienceRule]) -> list[str]:
    if not (line.enabled and line.account.enabled):
        return [_("The line or its account is switched off.")]
    found = checking.audience_problems_on(line, rules)
    if not found:
        found = checking.line_problems(line, campaign.text, copy_text=campaign.copy_text, secure=campaign.is_secure)
    return found + (_file_problems(campaign.file, line) if campaign.file else [])


def _file_problems(file: UploadedFile, line: SenderLine) -> list[str]:
    if not checking.takes_files(line):
        return [_("Files go out on Bale lines only.")]
    can = registry.provider_class(line.account.slug).capabilities
    if file.extension not in can.upload_extensions:
        return [_("The provider does not take this kind of file. It takes: %(kinds)s.") % {"kinds": kinds(can)}]
    if file.size > can.max_upload:
        return [_("The file is larger than %(most)s MB, the most that the provider takes.") % {"most": megabytes(can)}]
    return []


class Price(NamedTuple):
    """What a draft costs on a line, in rial: one message at least and at most, and all of them; None: no tariff."""

    least: int
    most: int
    total: int


def prices(campaign: Campaign, lines: Iterable[SenderLine], people: Mapping[int, int]) -> dict[int, Price | None]:
    """What a draft costs on each line, by the line's key; ``people`` are its recipients by operator.

    Their texts are those of the first of them. Of lines whose provider keeps the recipients it is not told.
    """
    asked = list(naming.contacts(campaign).order_by("pk")[:SAMPLE]) if _is_personal(campaign) else []
    return {line.pk: _price(campaign, line, people, asked) for line in lines}


def _is_personal(campaign: Campaign) -> bool:
    try:
        return templating.parse(campaign.text).is_personal
    except templating.TemplateError:
        return False


def _price(campaign: Campaign, line: SenderLine, people: Mapping[int, int], asked: list[Contact]) -> Price | None:
    try:
        template = template_of(campaign.text, line.suffix)
    except templating.TemplateError:
        return None
    tariffs = pricing.Tariffs((row.operator, row.encoding, row.rial_per_part) for row in line.tariffs.all())
    parts = reporting.parts_by_operator(reporting.counted_texts(template, asked, line.part_size), people)
    costs = {charge.operator: charge.cost for charge in tariffs.charges(parts) if people[charge.operator]}
    known = [cost for cost in costs.values() if cost is not None]
    if not known or len(known) < len(costs):
        return None
    each = [cost / people[operator] for operator, cost in zip(costs, known, strict=True)]
    return Price(round(min(each)), round(max(each)), sum(known))
