"""The composer's rows about our own contacts: what each becomes, what it refuses, and how rows come and go."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from campaigns.models import AudienceRule, Campaign
from campaigns.sending import naming
from contacts.models import Contact, JobCategory, Phonebook
from providers.models import SenderLine
from tests import builders
from tests.campaigns.screens import client_of, filled, owner, walk

pytestmark = pytest.mark.django_db
NEW, PARTS, COUNT = "/campaigns/new/", "/campaigns/parts/", "/campaigns/count/"


@pytest.fixture
def line() -> SenderLine:
    return builders.line(builders.account())


@pytest.fixture
def book() -> Phonebook:
    people = builders.contacts(10, first_name="سارا", operator=1) + builders.contacts(10, start=100, operator=2)
    return builders.phonebook(people)


@pytest.fixture
def doctors(book: Phonebook) -> JobCategory:
    health = JobCategory.objects.create(name="سلامت")
    found = JobCategory.objects.create(name="پزشکان", parent=health)
    Contact.objects.update(job_category=found)
    return found


@pytest.fixture
def client() -> Client:
    return owner()


def row(kind: str, prefix: str = "r1", **fields: Any) -> dict[str, Any]:
    """A row as a browser sends it."""
    return {"part": [prefix], f"{prefix}-kind": kind, **{f"{prefix}-{name}": value for name, value in fields.items()}}


def rule_of(client: Client, line: SenderLine, sent: dict[str, Any]) -> AudienceRule:
    response = walk(client, filled(line, **sent))
    assert response.status_code == 302, response.context["form"].errors
    return AudienceRule.objects.get()


def prefixes(html: str) -> list[str]:
    return re.findall(r'name="part" value="(\w+)"', html)


@pytest.mark.parametrize(
    ("start", "size", "params", "people"),
    [
        ("", "5", {"size": 5}, range(5)),
        ("۳", "۲", {"start": 2, "size": 2}, range(2, 4)),
        ("9", "", {"start": 8}, [8, 9, *range(100, 110)]),
        ("1", "1,000", {"size": 1000}, [*range(10), *range(100, 110)]),
    ],
)
def test_a_part_of_a_phonebook_counts_from_one_in_the_order_of_adding(
    client: Client, line: SenderLine, book: Phonebook, start: str, size: str, params: dict[str, int], people: Any
) -> None:
    rule = rule_of(client, line, row("range", phonebook=book.pk, start=start, size=size))
    assert (rule.rule, rule.kind, rule.phonebook, rule.params) == ("include", "phonebook", book, params)
    found = naming.recipients_of(rule).rows.order_by("pk").values_list("contact__phone", flat=True)
    assert list(found) == [builders.phone(n) for n in people]


def test_chosen_numbers_are_typed_or_ticked(client: Client, line: SenderLine, book: Phonebook) -> None:
    sent = row("numbers", phonebook=book.pk, numbers="۰۹۱۲۰۰۰۰۰۰۱", found=[builders.phone(2)])
    assert rule_of(client, line, sent).params == {"numbers": [builders.phone(1), builders.phone(2)]}


def test_a_job_category_is_sent_to_by_operator(client: Client, line: SenderLine, doctors: JobCategory) -> None:
    slices: dict[str, Any] = {"operators": [1, 2], "op1_start": "2", "op1_size": "3", "op13_size": "9"}
    sent = row("category", main=doctors.parent_id, sub=doctors.pk, side="exclude", **slices)
    response = walk(client, filled(line, include=list(Phonebook.objects.values_list("pk", flat=True)), **sent))
    assert response.status_code == 302
    rule = AudienceRule.objects.get(kind="job_category")
    assert (rule.rule, rule.job_category) == ("exclude", doctors)
    assert rule.params == {"operators": [{"id": 1, "start": 1, "size": 3}, {"id": 2}]}


@pytest.mark.parametrize(
    ("kind", "fields", "field"),
    [
        ("range", {"phonebook": ""}, "phonebook"),
        ("range", {"phonebook": "9" * 30}, "phonebook"),
        ("range", {"size": "0"}, "size"),
        ("range", {"start": "-1"}, "start"),
        ("range", {"start": "9" * 30}, "start"),
        ("numbers", {"numbers": ""}, "numbers"),
        ("numbers", {"numbers": "0912"}, "numbers"),
        ("numbers", {"numbers": "09129999999"}, "numbers"),
        ("category", {"main": ""}, "main"),
        ("category", {"main": "x"}, "main"),
        ("category", {"operators": ["7"]}, "operators"),
    ],
)
def test_what_makes_no_sense_is_said_in_its_row(
    client: Client, line: SenderLine, book: Phonebook, kind: str, fields: dict[str, Any], field: str
) -> None:
    response = walk(client, filled(line, **row(kind, **{"phonebook": book.pk, **fields})))
    assert response.status_code == 422
    (part,) = response.context["form"].parts
    assert field in part.errors
    assert not Campaign.objects.exists()


def test_a_number_that_is_not_in_the_phonebook_is_named(client: Client, line: SenderLine, book: Phonebook) -> None:
    typed = f"{builders.phone(1)}\n09129999999"
    response = walk(client, filled(line, **row("numbers", phonebook=book.pk, numbers=typed)))
    assert "+989129999999" in response.content.decode()


@pytest.mark.parametrize("kind", ["range", "numbers", "category", "nonsense", "books"])
def test_a_row_is_added_and_nothing_typed_is_lost(client: Client, line: SenderLine, book: Phonebook, kind: str) -> None:
    sent = filled(line, book, add=kind, **row("range", phonebook=book.pk, start="3"))
    response = client.post(PARTS, sent)
    page = response.content.decode()
    assert len(prefixes(page)) == (2 if kind in ("range", "numbers", "category") else 1)
    assert 'value="3"' in page
    assert f'value="{book.pk}" checked' in page
    assert not response.context["form"].errors


def test_a_row_is_removed(client: Client, line: SenderLine, book: Phonebook) -> None:
    sent = row("range", "r1", phonebook=book.pk) | row("range", "r2", phonebook=book.pk) | {"part": ["r1", "r2"]}
    assert prefixes(client.post(PARTS, filled(line, remove="r1", **sent)).content.decode()) == ["r2"]


def test_without_script_a_row_is_added_by_the_form_itself(client: Client, line: SenderLine, book: Phonebook) -> None:
    response = walk(client, filled(line, book, name="یلدا و بهار", add="range"))
    assert response.status_code == 200
    assert len(prefixes(response.content.decode())) == 1
    assert "یلدا و بهار" in response.content.decode()
    assert not Campaign.objects.exists()


@pytest.mark.parametrize("query", ["سارا", "0912000000"])
def test_the_members_of_a_phonebook_are_found_by_name_or_number(
    client: Client, line: SenderLine, book: Phonebook, query: str
) -> None:
    builders.phonebook(builders.contacts(1, start=5_000, first_name="سارا"), name="others")
    page = client.post(PARTS, filled(line, **row("numbers", phonebook=book.pk, q=query))).content.decode()
    assert set(re.findall(r'-found" value="(\+\d+)"', page)) == {builders.phone(n) for n in range(10)}


def test_a_saved_draft_shows_its_rows_and_keeps_them(client: Client, line: SenderLine, doctors: JobCategory) -> None:
    book = Phonebook.objects.get()
    category = AudienceRule(kind="job_category", job_category=doctors, params={"operators": [{"id": 2, "size": 4}]})
    chosen = builders.include(book, numbers=[builders.phone(3)])
    campaign = builders.draft(line, builders.include(book, start=2, size=3), chosen, category)
    form = client.get(f"/campaigns/{campaign.pk}/edit/audience/").context["form"]
    sent: dict[str, Any] = {"part": [part.prefix for part in form.parts]}
    for part in form.parts:
        sent[f"{part.prefix}-kind"] = part.kind
        sent |= {each.html_name: each.value() for each in part if each.value() is not None}
    before = list(campaign.rules.values_list("kind", "params", "phonebook", "job_category"))
    walk(client, filled(line, **sent), campaign)
    assert list(campaign.rules.values_list("kind", "params", "phonebook", "job_category")) == before


def test_a_row_says_in_words_what_it_stands_for(client: Client, line: SenderLine, book: Phonebook) -> None:
    campaign = builders.draft(line, builders.include(book, start=10, size=50))
    said = client.get(f"/campaigns/{campaign.pk}/edit/audience/").context["form"].parts[0].says
    assert said.names == ["customers"]
    assert "۱۱" in said.facts
    assert "۶۰" in said.facts


def test_the_rows_are_counted_live_and_says_them_anew(client: Client, line: SenderLine, book: Phonebook) -> None:
    response = client.post(COUNT, filled(line, **row("range", phonebook=book.pk, size="7")))
    assert response.context["headcount"].recipients == 7
    assert 'id="says-r1" hx-swap-oob="true"' in response.content.decode()


@pytest.mark.parametrize(
    "hostile",
    [
        {"part": ["r1", "r1", "<b>", "x" * 99], "r1-kind": "range", "r1-phonebook": "x"},
        {"part": ["r1"], "r1-kind": "numbers", "r1-found": ["x\0", "1" * 99], "r1-q": "\0"},
        {"part": ["r1"], "r1-kind": "category", "r1-main": "9" * 40, "r1-sub": "\0", "r1-operators": ["\0"]},
        {"part": [f"r{n}" for n in range(500)], "kept": ["x"], "add": "\0", "remove": "\0"},
    ],
)
def test_hostile_rows_are_refused_in_words(
    client: Client, line: SenderLine, book: Phonebook, hostile: dict[str, Any]
) -> None:
    for address in (NEW, PARTS, COUNT):
        assert client.post(address, filled(line) | hostile).status_code in (200, 422)
    assert not Campaign.objects.exists()


def test_rows_need_the_permission_to_compose(line: SenderLine) -> None:
    assert client_of("teammate").post(PARTS, filled(line)).status_code == 403


def test_twenty_rows_ask_the_database_as_often_as_two(
    client: Client, line: SenderLine, doctors: JobCategory, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    book = Phonebook.objects.get()

    def rows(number: int) -> list[AudienceRule]:
        slices = [builders.include(book, start=n) for n in range(1, number + 1)]
        return slices + [AudienceRule(kind="job_category", job_category=doctors) for _ in range(number)]

    two, twenty = builders.draft(line, *rows(1)), builders.draft(line, *rows(10))
    for campaign in (two, twenty):
        client.get(f"/campaigns/{campaign.pk}/edit/audience/")
        with django_assert_num_queries(_QUERIES):
            client.get(f"/campaigns/{campaign.pk}/edit/audience/")


_QUERIES = 10  # session, user, two of permissions, campaign, rules, lines, phonebooks twice, categories


def test_the_row_that_was_added_takes_the_focus(client: Client, line: SenderLine, book: Phonebook) -> None:
    page = client.post(PARTS, filled(line, add="range", **row("range", phonebook=book.pk))).content.decode()
    first, second = prefixes(page)
    assert f'id="id_{second}-side" aria-label' in page
    assert re.search(rf'id="id_{second}-side"[^>]* autofocus', page)
    assert not re.search(rf'id="id_{first}-side"[^>]* autofocus', page)
