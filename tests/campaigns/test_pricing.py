"""What a campaign will cost: tariffs, and the estimate of a draft."""

from __future__ import annotations

import pytest

from campaigns import reporting
from campaigns.composing.pricing import Tariffs
from contacts.models import Operator, Suppression
from providers.models import Tariff
from tests import builders

MCI, IRANCELL, OTHER = 1, 2, 13
ROWS = [(0, "ucs2", 1000), (IRANCELL, "ucs2", 1200), (MCI, "gsm7", 2500)]


@pytest.mark.parametrize(
    ("parts", "rial"),
    [
        ({}, 0),
        ({(MCI, "ucs2"): 3}, 3000),
        ({(IRANCELL, "ucs2"): 2, (OTHER, "ucs2"): 1}, 3400),
        ({(MCI, "gsm7"): 1}, 2500),
        ({(IRANCELL, "gsm7"): 1}, None),
        ({(MCI, "ucs2"): 1, (OTHER, "gsm7"): 1}, None),
    ],
)
def test_parts_cost_what_the_line_charges(parts: dict[tuple[int, str], int], rial: int | None) -> None:
    assert Tariffs(ROWS).cost(parts) == rial


def test_the_charges_by_operator_add_up_however_they_are_rounded() -> None:
    parts = {(operator, "ucs2"): 1 for operator in (MCI, IRANCELL, OTHER)}
    for share in (1.0, 0.5, 1 / 3, 0.1, 0.0):
        found = Tariffs([(0, "ucs2", 5)]).charges(parts, share)
        assert [charge.operator for charge in found] == [MCI, IRANCELL, OTHER]
        assert sum(charge.cost or 0 for charge in found) == round(15 * share)
        assert sum(charge.parts for charge in found) == round(3 * share)


def test_an_operator_without_a_price_has_no_cost_and_the_others_do() -> None:
    found = Tariffs([(MCI, "ucs2", 5)]).charges({(MCI, "ucs2"): 2, (OTHER, "ucs2"): 1})
    assert [charge.cost for charge in found] == [10, None]


@pytest.mark.django_db
def test_a_common_text_is_estimated_exactly() -> None:
    line = builders.line(builders.account())
    Tariff.objects.create(line=line, rial_per_part=1000)
    Tariff.objects.create(line=line, operator=IRANCELL, rial_per_part=1500)
    members = builders.contacts(6, operator=Operator.MCI) + builders.contacts(4, 6, operator=Operator.IRANCELL)
    found = reporting.estimate(builders.draft(line, builders.include(builders.phonebook(members)), text="س" * 71))
    assert (found.recipients, found.parts, found.cost, found.longest) == (10, 20, 2 * (6000 + 6000), 2)
    assert found.exact


@pytest.mark.django_db
def test_a_personal_text_is_counted_on_recipients() -> None:
    line = builders.line(builders.account())
    members = builders.contacts(3, first_name="س" * 10) + builders.contacts(3, 3)
    found = reporting.estimate(
        builders.draft(line, builders.include(builders.phonebook(members)), text="س" * 61 + "{first_name}")
    )
    assert (found.parts, found.longest, found.cost) == (9, 2, None)


@pytest.mark.django_db
def test_the_suppressed_cost_nothing() -> None:
    line = builders.line(builders.account())
    Tariff.objects.create(line=line, rial_per_part=1000)
    Suppression.objects.create(phone=builders.phone(0))
    found = reporting.estimate(builders.draft(line, builders.include(builders.phonebook(builders.contacts(4)))))
    assert (found.recipients, found.suppressed, found.cost) == (3, 1, 3000)


@pytest.mark.django_db
def test_the_opt_out_suffix_is_counted() -> None:
    line = builders.line(builders.account(), kind="advertising")
    draft = builders.draft(line, builders.include(builders.phonebook(builders.contacts(1))), text="س" * 66)
    assert reporting.estimate(draft).parts == 2
    assert reporting.sample_previews(draft)[0].text == "س" * 66 + "\nلغو11"
