"""Segments: the compiled query finds exactly whom plain Python finds, on both databases."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest
from django.db import connection

from campaigns import segmenting
from campaigns.models import Batch, Campaign, Message
from campaigns.segmenting import looking, vocabulary
from campaigns.states import MessageStatus
from contacts.models import Contact, JobCategory, Phonebook
from tests import builders
from tests.campaigns.meeting import World, meets

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 3, 19, 20, 0, tzinfo=dt.UTC)  # 28 Esfand 1404 in Tehran; 1404 has no 30 Esfand
TEXTS = [
    *("", " ", "تهران", "يزد", "یزد", "Yazd", "yazd", "كرج", "کرج", "کرج ۲", "كرج 2", "12", "۱۲", "٬1,200", "1,200.5"),
    *(
        "-7",
        "abc",
        "100%",
        "_",
        "\\",
        "'",
        "۱۳۷۰/۱۲/۲۹",
        "1370/12/30",
        "1370-1-1",
        "1991.3.19",
        "1992-02-29",
        "🙂",
        "é",
        "É",
    ),
]
KEYS = ["city", "شهر", "it's"]


def days_ago(days: float) -> dt.datetime:
    return NOW - dt.timedelta(days=days)


def value_for(kind: str, dice: random.Random) -> Any:
    """A value of this kind, as a person might give it."""
    texts = [text for text in TEXTS if text.strip()]
    named = {
        vocabulary.CATEGORIES: list(JobCategory.objects.values_list("pk", flat=True)),
        vocabulary.PHONEBOOKS: list(Phonebook.objects.values_list("pk", flat=True)),
        vocabulary.CAMPAIGN: [*Campaign.objects.values_list("pk", flat=True), 999],
        vocabulary.OPERATORS: [0, 1, 2, 13],
    }
    if kind in named:
        return dice.sample(named[kind], 1 if kind == vocabulary.CAMPAIGN else dice.randint(1, len(named[kind])))
    return {
        vocabulary.NOTHING: "",
        vocabulary.TEXT: dice.choice([*texts, "ی", "1", "z", "ه"]),
        vocabulary.TEXTS: dice.sample(texts, dice.randint(1, 4)),
        vocabulary.NUMBER: dice.choice(["12", "-7", "1200", "1200.5", "0"]),
        vocabulary.PREFIX: dice.choice(["0912", "912000000", "0935", "+1", "00447"]),
        vocabulary.DAYS: dice.choice(["1", "10", "۳۰", "400"]),
        vocabulary.SOON: dice.choice(["0", "1", "3", "60"]),
        vocabulary.DATES: dice.choice([["1404/12/01", ""], ["", "1404/12/27"], ["2026-03-10", "1404/12/28"]]),
    }[kind]


def any_condition(dice: random.Random, field: str, test: str) -> dict[str, Any]:
    given = {"field": field, "key": dice.choice(KEYS), "test": test}
    return segmenting.checked_condition(given | {"value": value_for(vocabulary.FIELDS[field][test], dice)})


@pytest.fixture
def people() -> list[Contact]:
    """Sixty contacts of every sort, in phonebooks and categories, two campaigns behind them."""
    dice = random.Random(1405)
    shops = JobCategory.objects.create(name="Shops")
    categories = [
        None,
        shops,
        JobCategory.objects.create(name="Bakeries", parent=shops),
        JobCategory.objects.create(name="x"),
    ]
    rows = [Contact(phone=builders.phone(n)) for n in range(50)]
    rows += [Contact(phone=f"+98935000000{n}") for n in range(5)] + [Contact(phone=f"+1202555010{n}") for n in range(5)]
    for row in rows:
        row.first_name, row.last_name = dice.choice(TEXTS), dice.choice(TEXTS)
        row.attributes = {key: dice.choice([*TEXTS, None, True, 12]) for key in KEYS if dice.random() < 0.8}
        row.operator, row.job_category = dice.choice([0, 1, 2, 13]), dice.choice(categories)
        row.not_on_bale_since = dice.choice([None, NOW])
    Contact.objects.bulk_create(rows)
    for row in rows:
        Contact.objects.filter(pk=row.pk).update(created_at=days_ago(dice.choice([0.01, 0.99, 1.01, 9.5, 20, 500])))
    for name in "ab":
        builders.phonebook(dice.sample(rows, 20), name)
    over = builders.line(builders.account())
    campaigns = [Campaign.objects.create(name=name, line=over, text="t") for name in "xyz"]
    write(campaigns[0], rows[:30], [0.5, 5, 5], dice)
    write(campaigns[1], rows[10:], [20, 20, 35], dice)
    return list(Contact.objects.select_related("job_category").order_by("pk"))


def write(campaign: Campaign, to: list[Contact], claimed: list[float], dice: random.Random) -> None:
    """Messages of every status, in a batch for each of these ages in days."""
    statuses = [status for status in MessageStatus if status != MessageStatus.SENDING]
    Message.objects.bulk_create(
        Message(campaign=campaign, phone=each.phone, status=dice.choice(statuses), batch_number=at % len(claimed))
        for at, each in enumerate(to)
    )
    ids = list(Message.objects.filter(campaign=campaign).order_by("pk").values_list("pk", flat=True))
    Campaign.objects.filter(pk=campaign.pk).update(first_message_id=ids[0], last_message_id=ids[-1])
    for number, days in enumerate(claimed):
        facts = {"first_message_id": ids[0], "last_message_id": ids[-1], "size": 1, "pending": 0}
        Batch.objects.create(
            campaign=campaign, line=campaign.line, number=number, status=40, claimed_at=days_ago(days), **facts
        )


@pytest.mark.parametrize(
    ("field", "test"), [(field, test) for field in vocabulary.FIELDS for test in vocabulary.FIELDS[field]]
)
def test_the_query_finds_whom_python_finds(people: list[Contact], field: str, test: str) -> None:
    dice, world = random.Random(f"{field} {test}"), World(NOW)
    for _ in range(12):
        condition = any_condition(dice, field, test)
        found = segmenting.contacts_matching({"match": "all", "conditions": [condition]}, NOW)
        expected = [each.pk for each in people if meets(each, condition, world)]
        assert sorted(found.values_list("pk", flat=True)) == expected, condition


@pytest.mark.parametrize("match", ["all", "any"])
def test_several_conditions_are_all_or_any_of_them(people: list[Contact], match: str) -> None:
    dice, world = random.Random(match), World(NOW)
    pairs = [(field, test) for field in vocabulary.FIELDS for test in vocabulary.FIELDS[field]]
    for _ in range(40):
        chosen = [any_condition(dice, *pair) for pair in dice.sample(pairs, dice.randint(2, 5))]
        found = segmenting.contacts_matching({"match": match, "conditions": chosen}, NOW)
        together = any if match == "any" else all
        expected = [each.pk for each in people if together(meets(each, one, world) for one in chosen)]
        assert sorted(found.values_list("pk", flat=True)) == expected, chosen


def test_what_a_provider_kept_went_out_when_it_was_due() -> None:
    book = builders.phonebook(builders.contacts(3))
    campaign = builders.running(builders.line(builders.account()), builders.include(book))
    Message.objects.of(campaign).update(status=MessageStatus.DELIVERED)
    Batch.objects.filter(campaign=campaign).update(claimed_at=days_ago(20))
    condition = {"field": "last_message", "test": "within", "value": 7}
    assert segmenting.contacts_matching({"conditions": [condition]}, NOW).count() == 0
    Campaign.objects.filter(pk=campaign.pk).update(provider_keeps_time=True, scheduled_at=days_ago(1))
    assert segmenting.contacts_matching({"conditions": [condition]}, NOW).count() == 3


@pytest.mark.django_db(transaction=True)
def test_a_screen_does_not_wait_for_a_count_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL's own limit")
    monkeypatch.setitem(looking._SETTINGS, "statement_timeout", "200ms")
    conditions = segmenting.checked({"conditions": [{"field": "bale", "test": "absent"}]})
    assert looking.look(conditions, 5) == (0, [])
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("LOCK TABLE contacts_contact IN ACCESS EXCLUSIVE MODE")
            assert looking.look(conditions, 5) == (None, [])
    finally:
        other.close()
