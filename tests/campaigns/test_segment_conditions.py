"""What a condition may say, its one form, and how it is said in words."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import translation

from campaigns import segmenting
from campaigns.models import Campaign
from campaigns.segmenting import InvalidCondition, vocabulary, wording
from campaigns.states import OUTCOMES
from contacts.models import Contact, JobCategory
from tests import builders

pytestmark = pytest.mark.django_db


def condition(field: str, test: str, value: Any = None, key: str = "city") -> dict[str, Any]:
    return {"field": field, "key": key, "test": test, "value": value}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (condition("first_name", "is", "  علي   رضا "), "علی رضا"),
        (condition("attribute", "one_of", "تهران، كرج\n تهران"), ["تهران", "کرج"]),
        (condition("attribute", "more", "۱٬۲۰۰٫۵"), "1200.5"),
        (condition("phone", "begins", "۰۹۱۲ ۳"), "+989123"),
        (condition("phone", "begins", "+98912"), "+98912"),
        (condition("phone", "begins", "0044"), "+44"),
        (condition("added", "within", "۳۰"), 30),
        (condition("added", "between", ["1405/01/01", ""]), ["2026-03-21", ""]),
        (condition("attribute", "birthday", "0"), 0),
        (condition("operator", "one_of", ["1", "13"]), [1, 13]),
        (condition("campaign", "delivered", ["7"]), 7),
    ],
)
def test_what_is_typed_gets_one_form_that_stays(given: dict[str, Any], kept: Any) -> None:
    found = segmenting.checked_condition(given)
    assert found["value"] == kept
    assert segmenting.checked_condition(found) == found


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (condition("nothing", "is", "x"), "field"),
        (condition("first_name", "more", "1"), "test"),
        (condition("attribute", "is", "x", key=" "), "key"),
        (condition("attribute", "is", "x", key="k" * 51), "key"),
        *((condition("first_name", "is", value), "value") for value in ("", " ", "x\0", "\ud800", "x" * 201, {"a": 1})),
        *((condition("attribute", "one_of", value), "value") for value in ("", [], [str(n) for n in range(51)])),
        *((condition("attribute", "less", value), "value") for value in ("x", "1e5", "9" * 13, "1.2345")),
        *((condition("phone", "begins", value), "value") for value in ("", "abc", "9" * 20)),
        *((condition("added", "within", value), "value") for value in ("0", "-1", "x", "9" * 30)),
        *(
            (condition("added", "between", value), "value")
            for value in (["", ""], ["x", ""], ["1405/02/01", "1405/01/01"])
        ),
        *((condition("operator", "one_of", value), "value") for value in ([], ["7"], ["x"], ["9" * 40])),
        *((condition("phonebook", "one_of", [value]), "value") for value in ("9" * 40, "0" * 20 + "9" * 5000)),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_place(given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidCondition) as refusal:
        segmenting.checked_condition(given)
    assert refusal.value.field == field
    assert str(refusal.value)


@pytest.mark.parametrize("given", [None, [], "x", {"conditions": []}, {"conditions": ["x"]}, {"conditions": [{}] * 21}])
def test_a_segment_without_conditions_or_with_too_many_is_none(given: Any) -> None:
    with pytest.raises(InvalidCondition):
        segmenting.checked(given)


@pytest.mark.parametrize("key", ["شهر", "2024", "۱۴۰۳", "-1", 'a"b', "a'b", "a.b", "a[0]", "$", "%s", "a\\b"])
def test_an_attribute_is_found_whatever_its_name(key: str) -> None:
    someone = Contact.objects.create(phone=builders.phone(0), attributes={key: "50%_off"})
    Contact.objects.create(phone=builders.phone(1), attributes={"other": "50%_off"})
    found = segmenting.checked({"conditions": [condition("attribute", "contains", "%_", key)]})
    assert list(segmenting.contacts_matching(found)) == [someone]


def test_without_conditions_nobody_is_found() -> None:
    builders.contacts(2)
    assert not segmenting.contacts_matching({}).exists()


def test_every_test_has_its_words() -> None:
    assert set(wording.FIELDS) == set(vocabulary.FIELDS)
    assert {test for tests in vocabulary.FIELDS.values() for test in tests} == set(wording.TESTS)
    assert set(OUTCOMES) <= set(vocabulary.FIELDS["campaign"])


def test_conditions_are_said_with_the_names_of_what_they_name() -> None:
    book = builders.phonebook([], "Friends")
    shops = JobCategory.objects.create(name="Shops")
    over = builders.line(builders.account())
    other = Campaign.objects.create(name="Yalda", line=over, text="t")
    conditions = [
        condition("attribute", "is", "Tehran"),
        condition("phonebook", "none_of", [book.pk, 999]),
        condition("job_category", "one_of", [JobCategory.objects.create(name="Bakeries", parent=shops).pk]),
        condition("campaign", "undelivered", other.pk),
        condition("last_message", "none_within", "30"),
    ]
    checked = segmenting.checked({"match": "any", "conditions": conditions})
    with translation.override("en"):
        said = wording.sentence(checked).replace("\u2068", "").replace("\u2069", "")
    assert said == (
        "city is “Tehran”, or is in none of: Friends, (deleted), or the job category is: Shops / Bakeries, "
        "or did not get the message of “Yalda”, or was not written to in the last 30 days"
    )
    assert wording.missing(checked)
