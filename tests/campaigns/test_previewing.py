"""What a text comes to: whom the preview shows, and what it costs in all, a message and by operator."""

from __future__ import annotations

import pytest

from campaigns import previewing, reporting
from campaigns.models import AudienceRule, Campaign
from contacts.models import Contact, Operator, Suppression
from providers.models import SenderLine, Tariff
from tests import builders
from tests.campaigns import lines

pytestmark = pytest.mark.django_db
LONG_NAME = "سیده فاطمه‌زهرا موسوی خوانساری‌نژاد اصل"


@pytest.fixture
def line() -> SenderLine:
    line = builders.line(builders.account())
    Tariff.objects.create(line=line, rial_per_part=1_000)
    Tariff.objects.create(line=line, operator=Operator.IRANCELL, rial_per_part=1_500)
    return line


def people() -> list[Contact]:
    """Ten people of two operators; one has no name, and one a very long one."""
    names = ["سارا", "رضا", "نگار", "امیر", "لیلا", "", "مینا", LONG_NAME, "پویا", "هما"]
    found = [builders.contacts(1, n, first_name=name, operator=1 + n % 2)[0] for n, name in enumerate(names)]
    return list(Contact.objects.filter(phone__in=[each.phone for each in found]).order_by("pk"))


def draft(line: SenderLine, text: str) -> Campaign:
    return builders.draft(line, builders.include(builders.phonebook(people())), text=text)


def test_the_longest_text_and_the_one_without_a_name_are_among_those_shown(line: SenderLine) -> None:
    found = previewing.look(draft(line, "سلام {first_name|مشتری} عزیز"))
    assert [(reader.name, reader.why) for reader in found.readers] == [
        *(("سارا", ""), (LONG_NAME, "longest"), ("", "fallback")),
        *(("رضا", ""), ("نگار", "")),
    ]
    assert found.readers[2].text == "سلام مشتری عزیز"


def test_a_common_text_is_shown_once(line: SenderLine) -> None:
    assert [reader.text for reader in previewing.look(draft(line, "سلام")).readers] == ["سلام"]


@pytest.mark.parametrize("text", ["سلام", "س" * 60 + "{first_name|مشتری}", "Dear {first_name|friend}"])
def test_it_costs_what_the_review_says(line: SenderLine, text: str) -> None:
    Tariff.objects.create(line=line, encoding="gsm7", rial_per_part=2_500)
    Suppression.objects.create(phone=builders.phone(3))
    campaign = draft(line, text)
    bill, estimate = previewing.look(campaign).bill, reporting.estimate(campaign)
    assert bill is not None
    assert (bill.recipients, bill.parts, bill.cost) == (9, estimate.parts, estimate.cost)
    assert sum(charge.cost or 0 for charge in bill.charges) == bill.cost
    assert sum(charge.parts for charge in bill.charges) == bill.parts


def test_it_costs_what_the_review_says_also_with_numbers_that_are_no_contacts(line: SenderLine) -> None:
    pasted = AudienceRule(
        kind=AudienceRule.Kind.NUMBERS, params={"numbers": [builders.phone(n) for n in range(90, 97)]}
    )
    book = builders.phonebook(people())
    campaign = builders.draft(line, builders.include(book), pasted, text="س" * 60 + "{first_name|مشتری}")
    bill, estimate = previewing.look(campaign).bill, reporting.estimate(campaign)
    assert bill is not None
    assert (bill.recipients, bill.parts, bill.cost) == (17, estimate.parts, estimate.cost)


def test_the_price_of_one_message_is_told_from_the_least_to_the_most(line: SenderLine) -> None:
    bill = previewing.look(draft(line, "س" * 50 + "{first_name}")).bill
    assert bill is not None
    assert (bill.least, bill.most, bill.exact) == (1_000, 3_000, True)
    assert {charge.operator: charge.cost for charge in bill.charges} == {1: 5_000, 2: 9_000}


def test_without_a_tariff_no_price_is_made_up() -> None:
    bill = previewing.look(draft(builders.line(builders.account()), "سلام")).bill
    assert bill is not None
    assert (bill.cost, bill.least, bill.most, bill.no_tariff) == (None, None, None, True)


def test_a_text_without_an_audience_is_tried_on_contacts() -> None:
    people()
    found = previewing.look_at("سلام {first_name|دوست}")
    assert found.bill is None
    assert {reader.why for reader in found.readers} == {"", "longest", "fallback"}


def test_the_sms_of_a_bale_campaign_is_shown_with_its_own_suffix(line: SenderLine) -> None:
    bale = lines.line("safir")
    sms = builders.line(line.account, "3000", kind="advertising")
    campaign = draft(bale, "سلام")
    campaign.fallback_line = sms
    found = previewing.look(campaign).by_sms
    assert found is not None
    assert found[0] == "سلام\nلغو11"


def test_the_sms_of_a_bale_campaign_is_shown_as_somebody_reads_it(line: SenderLine) -> None:
    builders.contacts(1, 50, attributes={"code": "x"})  # or nobody had one, and the text were refused
    campaign = draft(lines.line("safir"), "{first_name|دوست}، کد شما {code|۱۲۳} است")
    campaign.fallback_line = builders.line(line.account, "3000")
    first = Contact.objects.get(phone=builders.phone(0))
    for fields, text in (
        ({}, "سارا، کد شما ۱۲۳ است"),
        ({"first_name": " ", "attributes": {"code": "PAIZ40"}}, "دوست، کد شما PAIZ40 است"),
    ):
        Contact.objects.filter(pk=first.pk).update(**fields)
        assert (previewing.look(campaign).by_sms or [""])[0] == text
