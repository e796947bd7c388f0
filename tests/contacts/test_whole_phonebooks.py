"""Whole phonebooks: copied, merged and split, in order, with their sizes right, once a form."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from contacts import bulk
from contacts.bulk.books import OfPhonebook
from contacts.models import BulkAction, Contact, JobCategory, Membership, Phonebook
from tests import builders
from tests.contacts.files import members

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _short_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many slices of few members: what goes over from one to the next must be right."""
    monkeypatch.setattr(OfPhonebook, "slice_size", 3)


@pytest.fixture
def owner(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("owner"))
    return client


def book(numbers: Iterable[int], name: str = "customers") -> Phonebook:
    """A phonebook with these contacts, in this order."""
    wanted = [builders.phone(number) for number in numbers]
    Contact.objects.bulk_create([Contact(phone=phone) for phone in sorted(wanted)], ignore_conflicts=True)
    known = {it.phone: it for it in Contact.objects.filter(phone__in=wanted)}
    return builders.phonebook([known[phone] for phone in wanted], name)


def numbers(name: str) -> list[int]:
    """The members of a phonebook by their numbers, in its order; its size must be right."""
    found = [int(phone) - builders.FIRST for phone in members(name)]
    assert Phonebook.objects.get(name=name).size == len(found)
    return found


def sent(client: Client, path: str, source: Phonebook, **data: Any) -> BulkAction:
    response = client.post(f"/phonebooks/{source.pk}/{path}/", {"token": str(uuid.uuid4()), **data})
    assert response.status_code == 302, response.context and [response.context[f].errors for f in (path,)]
    return BulkAction.objects.latest("pk")


def parts() -> dict[str, list[int]]:
    names = Phonebook.objects.exclude(name="customers").order_by("pk").values_list("name", flat=True)
    return {name.rpartition(" – ")[2]: numbers(name) for name in names}


def test_a_copy_has_the_same_members_in_the_same_order(owner: Client) -> None:
    source = book([5, 1, 4, 2, 3, 0, 6])
    action = sent(owner, "copy", source, name="copy")
    assert (action.status, action.done, action.changed) == ("completed", 7, 7)
    assert numbers("copy") == numbers("customers") == [5, 1, 4, 2, 3, 0, 6]


def test_merged_members_follow_those_that_were_there(owner: Client) -> None:
    target, source = book([9, 2], "others"), book([5, 1, 2, 4, 3])
    action = sent(owner, "merge", source, into=target.pk)
    assert numbers("others") == [9, 2, 5, 1, 4, 3]
    assert (numbers("customers"), action.done, action.changed) == ([], 5, 4)


def test_an_emptied_phonebook_is_deleted_by_choice(owner: Client) -> None:
    target, source = book([9], "others"), book([1, 2, 3, 4])
    sent(owner, "merge", source, into=target.pk, delete="on")
    assert numbers("others") == [9, 1, 2, 3, 4]
    assert not Phonebook.objects.filter(name="customers").exists()


def test_an_emptied_phonebook_that_a_draft_names_stays_and_says_so(owner: Client) -> None:
    target, source = book([9], "others"), book([1])
    builders.draft(builders.line(builders.account()), builders.include(source))
    assert "Nowruz" in owner.get(f"/phonebooks/{source.pk}/organise/").content.decode()
    action = sent(owner, "merge", source, into=target.pk, delete="on")
    assert (action.status, action.params["stays"], numbers("customers")) == ("completed", True, [])


@pytest.mark.parametrize("path", ["copy", "merge", "split"])
def test_a_double_click_starts_one(owner: Client, path: str) -> None:
    target, source = book([9], "others"), book([1, 2])
    data = {"token": str(uuid.uuid4()), "name": "new", "into": target.pk, "delete": "on", "by": "equal", "number": "2"}
    first = owner.post(f"/phonebooks/{source.pk}/{path}/", data)
    second = owner.post(f"/phonebooks/{source.pk}/{path}/", data)
    assert first.headers["Location"] == second.headers["Location"]
    assert BulkAction.objects.count() == 1


@pytest.mark.parametrize(
    ("by", "number", "expected"),
    [
        ("equal", "3", {"1": [5, 1, 4], "2": [2, 3], "3": [0, 6]}),
        ("equal", "۱", {"1": [5, 1, 4, 2, 3, 0, 6]}),
        ("size", "4", {"1": [5, 1, 4, 2], "2": [3, 0, 6]}),
        ("size", "100", {"1": [5, 1, 4, 2, 3, 0, 6]}),
    ],
)
def test_parts_keep_the_order(owner: Client, by: str, number: str, expected: dict[str, list[int]]) -> None:
    sent(owner, "split", book([5, 1, 4, 2, 3, 0, 6]), by=by, number=number)
    found = {name.translate(str.maketrans("۱۲۳", "123")): got for name, got in parts().items()}
    assert found == expected
    assert numbers("customers") == [5, 1, 4, 2, 3, 0, 6]


def test_random_parts_have_the_same_sizes_and_everybody_once(owner: Client) -> None:
    source = book(range(40))
    sent(owner, "split", source, by="equal", number="3", random="on", delete="on")
    found = list(parts().values())
    assert sorted(map(len, found)) == [13, 13, 14]
    assert sorted(number for part in found for number in part) == list(range(40))
    assert all(part == sorted(part) for part in found)
    assert found != [list(range(14)), list(range(14, 27)), list(range(27, 40))]
    assert not Phonebook.objects.filter(name="customers").exists()


def test_a_phonebook_is_split_by_operator_and_by_category(owner: Client) -> None:
    main = JobCategory.objects.create(name="Shops")
    source = book([3, 1, 2, 0])
    Contact.objects.filter(phone__in=[builders.phone(1), builders.phone(2)]).update(operator=1, job_category=main)
    sent(owner, "split", source, by="operator")
    sent(owner, "split", source, by="category")
    found = list(parts().items())
    assert sorted(got for _name, got in found[:2]) == sorted(got for _name, got in found[2:]) == [[1, 2], [3, 0]]
    assert "Shops" in {name for name, _got in found}


def test_a_name_that_is_taken_gets_a_number(owner: Client) -> None:
    source = book([1, 2])
    for _time in range(2):
        sent(owner, "split", source, by="size", number="2")
    assert Phonebook.objects.filter(name__startswith="customers – ").count() == 2


@pytest.mark.parametrize(
    ("path", "data", "field"),
    [
        ("split", {"by": "equal", "number": "0"}, "number"),
        ("split", {"by": "equal", "number": "x"}, "number"),
        ("split", {"by": "equal", "number": "3"}, "number"),
        ("split", {"by": "size", "number": "9" * 12}, None),
        ("split", {"by": "letter", "number": "2"}, "by"),
        ("merge", {"into": "9" * 30}, "into"),
        ("merge", {}, "into"),
        ("copy", {"name": "customers"}, "name"),
        ("copy", {"name": ""}, "name"),
    ],
)
def test_what_cannot_be_is_told_at_its_field(owner: Client, path: str, data: dict[str, str], field: str | None) -> None:
    source = book([1, 2])
    response = owner.post(f"/phonebooks/{source.pk}/{path}/", {"token": str(uuid.uuid4()), **data})
    if field is None:
        assert response.status_code == 302
        return
    assert (response.status_code, list(response.context[path].errors)) == (422, [field])
    assert (BulkAction.objects.count(), Phonebook.objects.count()) == (0, 1)


def test_a_phonebook_is_not_merged_into_itself(owner: Client) -> None:
    source = book([1, 2])
    response = owner.post(f"/phonebooks/{source.pk}/merge/", {"token": str(uuid.uuid4()), "into": source.pk})
    assert (response.status_code, numbers("customers")) == (422, [1, 2])


@pytest.mark.parametrize("kind", ["copy", "merge", "split"])
def test_a_restarted_worker_goes_on_after_the_last_commit(
    kind: str, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr("contacts.bulk.running.AT_ONCE", 0)
    target, source = book([50], "others"), book([5, 1, 4, 2, 3, 0, 6, 9, 8, 7])
    params = {"from": source.pk, "from_name": "customers", "into": target.pk, "into_name": "others"}
    action = bulk.start(BulkAction.Kind(kind), {}, {**params, "by": "equal", "number": 3})
    while not bulk.run(action.pk, deadline=0.0):
        action.refresh_from_db()
        assert Membership.objects.count() == sum(Phonebook.objects.values_list("size", flat=True))
    action.refresh_from_db()
    order = [5, 1, 4, 2, 3, 0, 6, 9, 8, 7]
    assert (action.status, action.done) == ("completed", 10)
    shown = [number for part in parts().values() for number in part]
    assert shown == [50, *order] if kind != "split" else shown[1:] == order
    assert numbers("customers") == ([] if kind == "merge" else order)


def test_a_phonebook_that_goes_meanwhile_ends_it_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contacts.bulk.running.AT_ONCE", 0)
    target, source = book([50], "others"), book([1, 2, 3, 4])
    params = {"from": source.pk, "from_name": "customers", "into": target.pk, "into_name": "others"}
    action = bulk.start(BulkAction.Kind.MERGE, {}, params)
    target.delete()
    assert bulk.run(action.pk)
    action.refresh_from_db()
    assert (action.status, action.error, numbers("customers")) == ("failed", "phonebook_gone", [1, 2, 3, 4])


@pytest.mark.parametrize("path", ["organise", "copy", "merge", "split"])
def test_who_may_not_change_phonebooks_does_none_of_it(client: Client, path: str) -> None:
    source = book([1])
    client.force_login(User.objects.create_user("teammate"))
    ask = client.get if path == "organise" else client.post
    assert ask(f"/phonebooks/{source.pk}/{path}/").status_code == 403


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["ام", "بازار", "customers"]),
        ({"q": "CUST"}, ["customers"]),
        ({"q": "بازار "}, ["بازار"]),
        ({"q": "\0"}, ["ام", "بازار", "customers"]),
        ({"q": "none"}, []),
        ({"sort": "largest"}, ["customers", "بازار", "ام"]),
        ({"sort": "smallest"}, ["ام", "بازار", "customers"]),
        ({"sort": "oldest"}, ["customers", "ام", "بازار"]),
        ({"sort": "-password"}, ["ام", "بازار", "customers"]),
    ],
)
def test_the_list_is_searched_by_name_and_sorted(owner: Client, query: dict[str, str], found: list[str]) -> None:
    book([1, 2, 3])
    book([], "ام")
    book([4, 5], "بازار")
    shown = [it.name for it in owner.get("/phonebooks/", query).context["phonebooks"]]
    assert shown == found if query.get("sort") in ("largest", "smallest", "oldest") else set(shown) == set(found)
