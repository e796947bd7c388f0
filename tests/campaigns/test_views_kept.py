"""Composing for a provider that keeps the recipients: what is chosen of its lists, and what it says before a send."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from campaigns.models import AudienceRule, Campaign
from contacts.models import JobCategory, Phonebook, ProviderNumber
from providers.models import SenderLine
from tests import builders
from tests.campaigns import lines
from tests.campaigns.screens import filled, owner, walk

pytestmark = pytest.mark.django_db
NEW, PARTS, COUNT = "/campaigns/new/", "/campaigns/parts/", "/campaigns/count/"


@pytest.fixture
def line() -> SenderLine:
    return lines.line("ippanel")


@pytest.fixture
def client() -> Client:
    return owner()


def mirror(line: SenderLine) -> None:
    """Two phonebooks, one with two numbers that were fetched; a job category with a sub-category."""
    for ref, name, size in (("123654", "ویژه", 340), ("456987", "همایش", 48)):
        Phonebook.objects.create(account=line.account, provider_ref=ref, name=name, size=size)
    book = Phonebook.objects.get(provider_ref="456987", account=line.account)
    for ref, phone, name in (("123", builders.phone(1), "سارا"), ("456", builders.phone(2), "علی")):
        ProviderNumber.objects.create(phonebook=book, provider_ref=ref, phone=phone, name=name, seen_in=1)
    main = JobCategory.objects.create(account=line.account, provider_ref="1", name="اصناف")
    JobCategory.objects.create(account=line.account, provider_ref="2", name="کارگاه‌ها", parent=main)


@pytest.fixture
def lists(line: SenderLine) -> SenderLine:
    mirror(line)
    return line


def chosen(line: SenderLine, *rows: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The composer's form with rows about what the provider keeps."""
    sent = {"kept_account": line.account_id, "kept_kind": "books", "part": [f"r{n}" for n in range(len(rows))]}
    for n, fields in enumerate(rows):
        sent |= {f"r{n}-{name}": value for name, value in fields.items()}
    return filled(line, text="سلام", **sent, **changes)


def params_of(client: Client, sent: dict[str, Any]) -> list[dict[str, Any]]:
    response = walk(client, sent)
    assert response.status_code == 302, response.context["form"].errors
    assert set(AudienceRule.objects.values_list("kind", "rule")) == {("provider", "include")}
    return [rule.params for rule in AudienceRule.objects.order_by("pk")]


BOOKS = {"kind": "books", "books": ["123654", "456987"]}
ENTRIES = {"kind": "entries", "phonebook": "456987", "numbers": ["123"], "further": "456,999"}
JOBS = {"kind": "jobs", "main": "1", "sub": "2", "operators": ["1", "13"], "op1_start": "11", "op1_size": "500"}


@pytest.mark.parametrize(
    ("row", "params"),
    [
        (BOOKS, {"phonebooks": ["123654", "456987"]}),
        ({**BOOKS, "start": "۲", "size": "10"}, {"phonebooks": ["123654", "456987"], "start": 1, "size": 10}),
        (ENTRIES, {"phonebook": "456987", "numbers": ["123", "456"]}),
        ({"kind": "jobs", "main": "1"}, {"main": 1}),
        (JOBS, {"main": 1, "sub": 2, "operators": [{"id": 1, "start": 10, "size": 500}, {"id": 13}]}),
    ],
)
def test_what_is_chosen_of_the_providers_lists_becomes_a_rule(
    client: Client, lists: SenderLine, row: dict[str, Any], params: dict[str, Any]
) -> None:
    assert params_of(client, chosen(lists, row)) == [params]


def test_several_job_categories_make_several_rules(client: Client, lists: SenderLine) -> None:
    rows = ({"kind": "jobs", "main": "1"}, {"kind": "jobs", "main": ""}, {**JOBS, "operators": []})
    assert params_of(client, chosen(lists, *rows)) == [{"main": 1}, {"main": 1, "sub": 2}]


@pytest.mark.parametrize(
    ("rows", "field"),
    [
        ([{**BOOKS, "books": ["999"]}], "books"),
        ([{**BOOKS, "books": [], "start": "3"}], "books"),
        ([{**ENTRIES, "numbers": ["999"], "further": ""}], "numbers"),
        ([{**ENTRIES, "phonebook": ""}], "phonebook"),
        ([{**JOBS, "main": "7"}], "main"),
        ([{**JOBS, "main": ""}], "main"),
        ([{**JOBS, "sub": "7"}], "sub"),
    ],
)
def test_only_what_has_been_mirrored_can_be_chosen(
    client: Client, lists: SenderLine, rows: list[dict[str, Any]], field: str
) -> None:
    response = walk(client, chosen(lists, *rows))
    assert response.status_code == 422
    assert field in response.context["form"].parts[0].errors


def test_phonebooks_and_job_categories_do_not_mix(client: Client, lists: SenderLine) -> None:
    response = walk(client, chosen(lists, BOOKS, JOBS))
    assert response.status_code == 422
    assert set(response.context["form"].errors) == {"include"}


def test_recipients_of_ours_do_not_go_out_on_such_a_line(client: Client, lists: SenderLine) -> None:
    book = builders.phonebook(builders.contacts(2))
    response = walk(client, chosen(lists, BOOKS, include=[book.pk]))
    assert response.status_code == 422
    assert set(response.context["form"].errors) == {"include"}


def test_the_providers_lists_do_not_go_out_on_another_line(client: Client, lists: SenderLine) -> None:
    other = builders.line(builders.account())
    response = walk(client, chosen(lists, BOOKS) | {"line": other.pk})
    assert set(response.context["form"].errors) == {"line"}
    ours = walk(client, chosen(lists, BOOKS) | {"source": "ours"})
    assert set(ours.context["form"].errors) == {"include"}


def test_without_a_choice_it_is_asked_for(client: Client, lists: SenderLine) -> None:
    response = walk(client, chosen(lists, {"kind": "books"}, {"kind": "jobs"}))
    assert set(response.context["form"].errors) == {"include"}


def test_placeholders_are_refused_at_the_text(client: Client, lists: SenderLine) -> None:
    response = walk(client, chosen(lists, BOOKS) | {"text": "سلام {first_name}"})
    assert set(response.context["form"].errors) == {"text"}


def test_before_anything_was_mirrored_the_composer_leads_to_the_account(client: Client, line: SenderLine) -> None:
    page = client.get(NEW).content.decode()
    assert f'href="/accounts/{line.account_id}/"' in page
    assert 'name="kept_kind"' not in page


def test_the_lists_of_the_chosen_lines_account_are_shown(client: Client, lists: SenderLine) -> None:
    second = lines.line("ippanel", of=lines.account("ippanel", name="other"), sender="+98PRO")
    mirror(second)
    Phonebook.objects.filter(account=second.account).update(name="دیگری")
    page = client.post(PARTS, chosen(lists, BOOKS) | {"source": second.account_id}).content.decode()
    assert f'data-account="{second.account_id}"' in page
    assert "دیگری" in page
    assert "checked" not in page.partition('-books" value=')[2].partition(">")[0]


def test_what_is_gone_at_the_provider_is_offered_no_more(client: Client, lists: SenderLine) -> None:
    campaign = builders.draft(lists, AudienceRule(kind="provider", params={"phonebooks": ["123654"]}))
    Phonebook.objects.update(gone_since="2026-01-01T00:00Z")
    assert client.get(NEW).context["form"].theirs.books == {}
    assert list(client.get(f"/campaigns/{campaign.pk}/edit/audience/").context["form"].theirs.books) == ["123654"]


@pytest.mark.parametrize("query", ["سارا", "0912000000", "۰۹۱۲"])
def test_the_numbers_of_a_phonebook_are_found_by_name_or_number(client: Client, lists: SenderLine, query: str) -> None:
    sent = chosen(lists, {"kind": "entries", "phonebook": "456987", "numbers": ["456"], "q": query})
    page = client.post(PARTS, sent).content.decode()
    ticked = re.findall(r'-numbers" value="(\d+)"( checked)?', page)
    assert ticked == [("456", " checked"), ("123", "")]


def test_numbers_that_were_not_fetched_are_offered_to_be(client: Client, lists: SenderLine) -> None:
    sent = chosen(lists, {"kind": "entries", "phonebook": "123654"})
    book = Phonebook.objects.get(provider_ref="123654")
    assert f'href="{book.get_absolute_url()}"' in client.post(PARTS, sent).content.decode()


def test_thousands_of_chosen_numbers_stay_chosen(client: Client, lists: SenderLine) -> None:
    refs = [str(n) for n in range(3_000)]
    rule = AudienceRule(kind="provider", params={"phonebook": "456987", "numbers": refs})
    campaign = builders.draft(lists, rule)
    page = client.get(f"/campaigns/{campaign.pk}/edit/audience/").content.decode()
    shown = re.findall(r'-numbers" value="(\d+)"', page)
    further = re.findall(r'-further" value="([\d,]+)"', page)[0]
    row = {"kind": "entries", "phonebook": "456987", "numbers": shown, "further": further}
    walk(client, chosen(lists, row), campaign)
    assert campaign.rules.get().params == rule.params


@pytest.mark.parametrize("params", [{"phonebooks": ["7"]}, {"phonebook": "7", "numbers": ["8"]}, {"main": 7, "sub": 8}])
def test_what_the_command_line_named_without_a_mirror_stays(
    client: Client, line: SenderLine, params: dict[str, Any]
) -> None:
    campaign = builders.draft(line, AudienceRule(kind="provider", params=params))
    form = client.get(f"/campaigns/{campaign.pk}/edit/audience/").context["form"]
    (part,) = (part for part in form.parts if part.given)
    fields = {each.name: each.value() for each in part if each.value() is not None}
    walk(client, chosen(line, {"kind": part.kind, **fields}), campaign)
    assert campaign.rules.get().params == params


def test_nobody_of_ours_is_counted(client: Client, lists: SenderLine) -> None:
    builders.contacts(3)
    response = client.post(COUNT, chosen(lists, BOOKS))
    assert response.context["keeps"]
    assert "headcount" not in response.context
    assert not Campaign.objects.exists()


def test_the_composer_asks_as_often_for_fifty_of_the_providers_phonebooks(
    client: Client, lists: SenderLine, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    rule = AudienceRule(kind="provider", params={"phonebooks": ["123654"]})
    campaign = builders.draft(lists, rule)
    client.get(f"/campaigns/{campaign.pk}/edit/audience/")
    with django_assert_num_queries(_QUERIES):
        client.get(f"/campaigns/{campaign.pk}/edit/audience/")
    books = [Phonebook(account=lists.account, provider_ref=f"9{n}", name=f"n{n}") for n in range(50)]
    Phonebook.objects.bulk_create(books)
    with django_assert_num_queries(_QUERIES):
        client.get(f"/campaigns/{campaign.pk}/edit/audience/")


_QUERIES = 10  # session, user, two of permissions, campaign, rules, lines, phonebooks of both, categories


@pytest.mark.parametrize(("hours", "kept"), [(3, True), (None, False), (24 * 200, False)])
def test_the_provider_keeps_the_time_where_it_can(
    client: Client, lists: SenderLine, hours: int | None, kept: bool
) -> None:
    at = f"{timezone.localtime() + dt.timedelta(hours=hours):%Y-%m-%d %H:%M}" if hours else ""
    response = walk(client, chosen(lists, BOOKS) | {"scheduled_at": at, "provider_keeps_time": "on"})
    assert Campaign.objects.filter(provider_keeps_time=True).exists() == kept
    assert kept or set(response.context["form"].errors) == {"scheduled_at"}


def test_other_lines_leave_the_time_to_this_site(client: Client) -> None:
    line = builders.line(builders.account())
    book = builders.phonebook(builders.contacts(1))
    sent = filled(line, book, scheduled_at="2099-01-01 10:00", provider_keeps_time="on")
    assert "scheduled_at" in walk(client, sent).context["form"].errors
