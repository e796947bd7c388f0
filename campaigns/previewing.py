"""A text as its recipients will read it: whom to show, what it costs by operator, what its writer should know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from campaigns import checking, lately, reporting, ways
from campaigns.composing import pricing, segments, templating, warnings
from campaigns.composing.preview import template_of
from campaigns.models import Campaign
from contacts.models import Contact
from providers.models import SenderLine

SHOWN = 5
SAMPLE = 200  # contacts on whom a text is tried that has no audience yet


class Reader(NamedTuple):
    """A recipient with the text as it is read; ``why`` this one is shown: ``longest``, ``fallback`` or none.

    ``values`` are what the text's placeholders find; ``cost`` is rial, None without a tariff.
    """

    name: str
    phone: str
    operator: int
    values: Mapping[str, str]
    text: str
    segments: segments.Segments
    cost: int | None = None
    why: str = ""


class Bill(NamedTuple):
    """What a text costs: in all, by operator, and ``least`` to ``most`` rial a message (None without a tariff).

    ``exact`` where every recipient's text was counted, and not a sample of them.
    """

    recipients: int
    parts: int
    charges: Sequence[pricing.Charge]
    cost: int | None
    least: int | None
    most: int | None
    exact: bool

    @property
    def no_tariff(self) -> bool:
        """Somebody gets it, and what that costs cannot be told."""
        return self.recipients > 0 and self.cost is None


class Look(NamedTuple):
    """What a text comes to: ``literal`` is it without the recipients' own words, ``segments`` are of that.

    ``by_sms`` is what the fallback line sends to the first. There is no bill where the provider keeps the recipients.
    """

    literal: str
    segments: segments.Segments
    readers: Sequence[Reader]
    cautions: Sequence[warnings.Caution]
    bill: Bill | None = None
    by_sms: tuple[str, segments.Segments] | None = None

    @property
    def longest(self) -> int:
        """The parts of the longest text that was seen."""
        return max((reader.segments.parts for reader in self.readers), default=self.segments.parts)


def look(campaign: Campaign) -> Look:
    """What the text of a draft comes to for whom the draft goes to.

    Raises:
        TemplateError: the text is no template.
    """
    line, text = campaign.line, campaign.text
    if checking.keeps_audience(line):
        return _look(text, setting_of(line), [])
    template = template_of(text, line.suffix)
    audience, tariffs = lately.audience(campaign), ways.tariffs_of(line)
    first = audience.first if template.is_personal else audience.first[:1]
    people = list(Contact.objects.filter(pk__in=first).order_by("pk"))
    read = [_priced(_reader(template, contact, line.part_size), tariffs) for contact in people]
    found = _look(text, setting_of(line), read)
    return found._replace(bill=_bill(audience, found, template, read, tariffs), by_sms=_by_sms(campaign, people))


def cautions(campaign: Campaign, people: Sequence[Contact] | None = None) -> Sequence[warnings.Caution]:
    """What should be known of a draft's text, without counting who gets it; ``people`` are some of them.

    Raises:
        TemplateError: the text is no template.
    """
    line = campaign.line
    template = template_of(campaign.text, line.suffix)
    if not template.is_personal or checking.keeps_audience(line):
        return _cautions(campaign.text, setting_of(line), [])
    people = reporting.sampled(campaign, template) if people is None else people
    return _cautions(campaign.text, setting_of(line), [_reader(template, each, line.part_size) for each in people])


def look_at(text: str) -> Look:
    """What a text comes to that has no audience yet, for some of all contacts.

    Raises:
        TemplateError: it is no template.
    """
    template = templating.parse(text)
    people = Contact.objects.order_by("-pk")[: SAMPLE if template.is_personal else 1]
    read = [_reader(template, contact, segments.UCS2_PART) for contact in people]
    return _look(text, setting_of(None), read if template.is_personal else [])


def setting_of(line: SenderLine | None) -> warnings.Setting:
    """What a text on this line goes out with."""
    return warnings.Setting(line.suffix, line.is_advertising, line.part_size) if line else warnings.Setting()


def _look(text: str, setting: warnings.Setting, read: list[Reader]) -> Look:
    template = template_of(text, setting.suffix)
    literal = template.literal
    found = _cautions(text, setting, read if template.is_personal else [])
    return Look(literal, segments.count(literal, setting.part_size), _shown(template, read), found)


def _cautions(text: str, setting: warnings.Setting, read: list[Reader]) -> list[warnings.Caution]:
    return warnings.cautions(text, setting, [warnings.Sampled(each.values, each.segments) for each in read])


def _reader(template: templating.Template, contact: Contact, part_size: int) -> Reader:
    found = templating.values_of(contact)
    values = {name: found.get(name, "") for name in template.names}
    text = template.render(values)
    counted = segments.count(text, part_size)
    return Reader(contact.full_name, contact.phone, contact.operator, values, text, counted)


def _priced(reader: Reader, tariffs: pricing.Tariffs) -> Reader:
    price = tariffs.price(reader.operator, reader.segments.encoding)
    return reader._replace(cost=None if price is None else price * reader.segments.parts)


def _shown(template: templating.Template, read: list[Reader]) -> list[Reader]:
    """The first of them, the longest text, somebody for whom a word stands in, and the next ones."""
    if not read:
        return []
    longest = max(read, key=lambda each: each.segments.units)
    blank = next((each for each in read if not all(each.values.values())), None)
    chosen = {read[0].phone: read[0]}
    if longest.segments.units > read[0].segments.units:
        chosen[longest.phone] = longest._replace(why="longest")
    if blank is not None:
        chosen.setdefault(blank.phone, blank)
        chosen[blank.phone] = chosen[blank.phone]._replace(why=chosen[blank.phone].why or "fallback")
    for each in read[1:SHOWN]:
        if len(chosen) < SHOWN:
            chosen.setdefault(each.phone, each)
    return list(chosen.values())


def _bill(
    audience: lately.Audience, found: Look, template: templating.Template, read: list[Reader], tariffs: pricing.Tariffs
) -> Bill:
    recipients, by_operator = audience.headcount.recipients, audience.by_operator
    named = sum(by_operator.values())
    share = recipients / named if named else 0.0
    if template.is_personal and read:
        parts = reporting.parts_by_operator([(each.operator, each.segments) for each in read], by_operator)
        single = [each.cost for each in read]
    else:
        parts = reporting.parts_by_operator([(pricing.ANY_OPERATOR, found.segments)], by_operator)
        prices = [tariffs.price(operator, found.segments.encoding) for operator in by_operator]
        single = [None if price is None else price * found.segments.parts for price in prices]
    cost, told = tariffs.cost(parts), [price for price in single if price is not None]
    return Bill(
        recipients=recipients,
        parts=round(sum(parts.values()) * share),
        charges=tariffs.charges(parts, share),
        cost=None if cost is None else round(cost * share),
        least=None if cost is None else min(told, default=None),
        most=None if cost is None else max(told, default=None),
        exact=not template.is_personal or len(read) >= named,
    )


def _by_sms(campaign: Campaign, people: Sequence[Contact]) -> tuple[str, segments.Segments] | None:
    line = campaign.fallback_line
    if line is None:
        return None
    template = template_of(campaign.text, line.suffix)
    text = template.render(templating.values_of(people[0])) if people else template.literal
    return text, segments.count(text, line.part_size)
