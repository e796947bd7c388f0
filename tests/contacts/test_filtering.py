"""The list of contacts: what finds whom, filter by filter and together, page by page."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts import paging
from contacts.filtering import ContactFilter
from contacts.models import Contact, ContactImport, JobCategory, Phonebook, Suppression
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("owner"))
    return client


def found(client: Client, **query: Any) -> set[str]:
    return {it.first_name for it in client.get("/contacts/", query).context["page"].rows}


def person(number: int, name: str, **fields: Any) -> Contact:
    return Contact.objects.create(phone=builders.phone(number), first_name=name, **fields)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("سارا", {"سارا"}),
        ("سار", {"سارا"}),
        ("تهران", {"سارا", "رضا"}),
        ("تهران رضا", {"رضا"}),
        ("شهر: تهران", {"سارا"}),
        ("شهر : تهر", {"سارا"}),
        ("شغل: نانوا", set()),
        ("city: 50%_", {"مینا"}),
        ("50%", {"مینا"}),
        ("كيان", {"کیان"}),  # Arabic letters
        ("Ahmadi", {"سارا"}),
        ("ahmadi", {"سارا"}),
        ("۰۹۱۲۰۰۰۰۰۰۲", {"رضا"}),
        ("' OR 1=1 --", set()),
        ("\\", set()),
        (":", set()),
    ],
)
def test_a_search_finds_words_of_names_and_attributes(owner: Client, text: str, names: set[str]) -> None:
    person(1, "سارا", last_name="Ahmadi", attributes={"شهر": "تهران"})
    person(2, "رضا", attributes={"محل": "تهران بزرگ"})
    person(3, "مینا", attributes={"city": "50%_off"})
    person(4, "کیان")
    if text in ("\\", ":", "50%") and connection.vendor == "postgresql":
        assert owner.get("/contacts/", {"q": text}).status_code == 200  # no word in it, or one without its mark
        return
    assert found(owner, q=text) == names


def test_each_filter_leaves_whom_it_names(owner: Client) -> None:
    main = JobCategory.objects.create(name="Shops")
    sub = JobCategory.objects.create(name="Bakeries", parent=main)
    made = ContactImport.objects.create(filename="x.csv", path="x")
    person(1, "a", operator=1, job_category=sub)
    person(2, "b", operator=2, job_category=main, not_on_bale_since=timezone.now())
    old = person(3, "c", made_in=made.pk)
    ContactImport.objects.update(first_contact_id=old.pk, last_contact_id=old.pk)
    Contact.objects.filter(pk=old.pk).update(created_at=timezone.now() - dt.timedelta(days=9))
    Suppression.objects.create(phone=builders.phone(1))
    book = builders.phonebook([old])
    assert found(owner, operator="1") == {"a"}
    assert found(owner, category=str(main.pk)) == {"a", "b"}
    assert found(owner, category=str(sub.pk)) == {"a"}
    assert found(owner, suppressed="yes") == {"a"}
    assert found(owner, suppressed="no") == {"b", "c"}
    assert found(owner, since=(timezone.localdate() - dt.timedelta(days=2)).isoformat()) == {"a", "b"}
    assert found(owner, bale="off") == {"b"}
    assert found(owner, **{"import": str(made.pk)}) == found(owner, phonebook=str(book.pk)) == {"c"}
    assert found(owner, category=str(main.pk), suppressed="no", operator="2") == {"b"}


@pytest.mark.parametrize("value", ["x", "-1", "9" * 30, "²", "\0", "1405/13/40", ""])
@pytest.mark.parametrize("name", ["phonebook", "operator", "category", "suppressed", "since", "bale", "import"])
def test_what_means_nothing_filters_nothing(owner: Client, name: str, value: str) -> None:
    person(1, "a")
    assert found(owner, **{name: value}) == {"a"}


def test_chips_take_filters_off_one_by_one(owner: Client) -> None:
    book = Phonebook.objects.create(name="customers")
    chips = owner.get("/contacts/", {"q": "sara", "phonebook": str(book.pk), "bale": "off"}).context["chips"]
    assert [address for _chip, address in chips] == [
        f"?phonebook={book.pk}&bale=off",
        "?q=sara&bale=off",
        f"?q=sara&phonebook={book.pk}",
    ]
    assert "customers" in chips[1][0].words


def test_a_filter_is_its_query() -> None:
    query = {"q": "sara", "phonebook": "3", "operator": "0", "suppressed": "no", "since": "2026-01-31", "import": "4"}
    narrowed = ContactFilter.read(query)
    assert narrowed
    assert narrowed.query() == query
    assert not ContactFilter.read({"after": "3", "q": " "})
    assert ContactFilter.read({"suppressed": "no"})
    assert ContactFilter.read({"operator": "0"})


@pytest.mark.parametrize("near", [1, 70, 100_000])
@pytest.mark.parametrize("query", [{"q": "sara"}, {"phonebook": "1"}, {"suppressed": "yes"}, {"operator": "0"}])
def test_pages_lead_forward_to_everybody_once_and_back(query: dict[str, str], near: int) -> None:
    """Whatever part of them was near the position."""
    people = builders.contacts(130, first_name="Sara")
    builders.contacts(60, start=500, first_name="Ali", operator=1)
    book = builders.phonebook(people)
    Suppression.objects.bulk_create(Suppression(phone=it.phone) for it in people)
    query = {**query, "phonebook": str(book.pk)} if "phonebook" in query else query
    contacts, _key = ContactFilter.read(query).contacts(Contact.objects.all())
    shown: list[int] = []
    page = paging.searched_page(contacts, query, near)
    steps = [page]
    while page.next:
        after = page.next.rpartition("after=")[2]
        page = paging.searched_page(contacts, {**query, "after": after}, near)
        steps.append(page)
    shown = [it.pk for step in steps for it in step.rows]
    assert shown == sorted((it.pk for it in people), reverse=True)
    before = steps[2].previous.rpartition("before=")[2]
    assert paging.searched_page(contacts, {**query, "before": before}, near).rows == steps[1].rows


@pytest.mark.parametrize("query", [{}, {"q": "sara"}, {"suppressed": "yes"}, {"q": "0912"}, {"operator": "0"}])
def test_a_narrowed_list_takes_no_more_queries_for_many_rows_than_for_one(owner: Client, query: dict[str, str]) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert owner.get("/contacts/", query).context["page"].rows
        return len(captured)

    people = builders.contacts(1, first_name="Sara")
    Suppression.objects.create(phone=people[0].phone)
    queries()
    one = queries()
    more = builders.contacts(60, start=100, first_name="Sara")
    Suppression.objects.bulk_create(Suppression(phone=it.phone) for it in more)
    JobCategory.objects.bulk_create(JobCategory(name=f"c{number}") for number in range(9))
    Phonebook.objects.bulk_create(Phonebook(name=f"p{number}") for number in range(9))
    # On PostgreSQL a page that its nearest rows fill spares one.
    assert one - 1 <= queries() <= one
