"""Acting on contacts of the list: the question before it, who is meant, and that it starts once."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from contacts import bulk
from contacts.models import BulkAction, Contact, JobCategory, Phonebook, Suppression
from contacts.views import acting
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("owner"))
    return client


def asked(client: Client, **query: Any) -> Any:
    return client.get("/contacts/actions/new/", query)


def started(client: Client, token: Any = None, **data: Any) -> Any:
    token = token or asked(client, kind=data["kind"]).context["token"]
    data = {name.replace("to_", "to-"): value for name, value in data.items()}
    return client.post("/contacts/actions/new/", {"token": str(token), **data})


def test_the_question_says_what_and_how_many(owner: Client) -> None:
    people = builders.contacts(3, first_name="Sara")
    builders.contacts(2, start=10)
    assert asked(owner, kind="delete", ids=[it.pk for it in people[:2]]).context["number"] == 2
    answer = asked(owner, kind="delete", q="sara", all="1")
    assert (answer.context["number"], [chip.name for chip in answer.context["chips"]]) == (3, ["q"])
    assert asked(owner, kind="delete", all="1").context["number"] == 5
    assert not Contact.objects.exclude(pk__in=Contact.objects.all()).exists()


def test_more_than_that_is_not_counted(owner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acting, "COUNTED", 3)
    builders.contacts(5)
    answer = asked(owner, kind="add", all="1")
    assert (answer.context["number"], "3" in answer.context["amount"] or "۳" in answer.context["amount"]) == (4, True)


def test_nobody_chosen_gets_a_sentence_and_no_button(owner: Client) -> None:
    answer = asked(owner, kind="delete")
    assert answer.context["number"] == 0
    assert b'class="btn btn-error' not in answer.content


def test_htmx_gets_the_content_of_the_dialog(owner: Client) -> None:
    answer = owner.get("/contacts/actions/new/", {"kind": "add"}, headers={"HX-Request": "true"})
    assert answer.content.strip().startswith(b'<div class="modal-box">')


def test_ticked_ones_go_into_a_new_phonebook_and_out_of_it(owner: Client) -> None:
    people = builders.contacts(4)
    ids = [it.pk for it in people[:3]]
    answer = started(owner, kind="add", ids=ids, to_new_name=" VIP ", q="0912")
    assert answer.headers["Location"] == "/contacts/?q=0912"
    book = Phonebook.objects.get(name="VIP")
    assert (book.size, BulkAction.objects.get().created_by_id) == (3, User.objects.get().pk)
    started(owner, kind="remove", ids=ids[:1], to_phonebook=book.pk)
    book.refresh_from_db()
    assert book.size == 2


def test_all_that_match_are_categorised_and_suppressed_with_a_reason(owner: Client) -> None:
    builders.contacts(3, first_name="Sara")
    builders.contacts(2, start=10)
    category = JobCategory.objects.create(name="Shops")
    started(owner, kind="categorise", all="1", q="sara", to_category=category.pk)
    assert Contact.objects.filter(job_category=category).count() == 3
    started(owner, kind="suppress", all="1", category=category.pk, to_scope="advertising", to_note="asked by phone")
    suppressed = Suppression.objects.values_list("scope", "reason", "source", "note").distinct()
    assert list(suppressed) == [("advertising", "manual", "bulk", "asked by phone")]
    assert Suppression.objects.count() == 3


def test_deleting_wants_a_word_and_then_deletes(owner: Client) -> None:
    ids = [it.pk for it in builders.contacts(3)]
    assert started(owner, kind="delete", ids=ids[:2]).status_code == 422
    assert Contact.objects.count() == 3
    assert started(owner, kind="delete", ids=ids[:2], to_sure="on").status_code == 302
    assert Contact.objects.count() == 1


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "add"},
        {"kind": "add", "to_phonebook": "9" * 30},
        {"kind": "remove"},
        {"kind": "categorise", "to_category": "77"},
        {"kind": "suppress", "to_scope": "line"},
        {"kind": "suppress", "to_scope": "x"},
    ],
)
def test_what_is_missing_is_told_and_the_choice_is_kept(owner: Client, data: dict[str, str]) -> None:
    person = builders.contacts(1)[0]
    answer = started(owner, **data, ids=[person.pk])
    assert answer.status_code == 422
    assert (answer.context["form"].errors, answer.context["selection"].chosen) != ({}, {"ids": []})
    assert not BulkAction.objects.exists()


def test_a_form_sent_twice_starts_once(owner: Client) -> None:
    ids = [builders.contacts(1)[0].pk]
    token = asked(owner, kind="add", ids=ids).context["token"]
    for _press in range(2):
        assert started(owner, token, kind="add", ids=ids, to_new_name="VIP").status_code == 302
    assert BulkAction.objects.count() == 1


def test_two_tabs_start_once(owner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk.running, "AT_ONCE", 0)
    builders.contacts(2)
    addresses = {started(owner, kind="add", all="1", to_new_name="VIP").headers["Location"] for _tab in range(2)}
    assert addresses == {BulkAction.objects.get().get_absolute_url()}


@pytest.mark.parametrize("kind", ["add", "remove", "categorise", "suppress", "delete"])
def test_who_may_not_neither_asks_nor_starts(client: Client, kind: str) -> None:
    user = User.objects.create_user("teammate")
    client.force_login(user)
    assert asked(client, kind=kind).status_code == 403
    assert client.post("/contacts/actions/new/", {"kind": kind, "token": "x"}).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="change_phonebook"))
    assert asked(client, kind=kind).status_code == (200 if kind in ("add", "remove") else 403)


@pytest.mark.parametrize("kind", ["", "merge", "nothing"])
def test_a_kind_that_is_not_of_the_list_is_not_found(owner: Client, kind: str) -> None:
    assert asked(owner, kind=kind).status_code == 404


def test_the_page_of_an_action_follows_it_and_stops_at_its_end(owner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk.running, "AT_ONCE", 0)
    builders.contacts(2)
    page = owner.get(started(owner, kind="add", all="1", to_new_name="VIP").headers["Location"])
    action = page.context["action"]
    assert b"hx-get" in page.content
    assert "HX-Refresh" not in owner.get(f"/contacts/actions/{action.pk}/live/").headers
    bulk.run(action.pk)
    live = owner.get(f"/contacts/actions/{action.pk}/live/")
    assert (live.headers["HX-Refresh"], b"hx-get" in live.content) == ("true", False)
    assert owner.get("/contacts/actions/").context["page"].rows == [action]


def test_an_action_is_stopped_by_who_may_start_it(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk.running, "AT_ONCE", 0)
    builders.contacts(2)
    action = bulk.start(BulkAction.Kind.DELETE, {"filter": {}}, {})
    client.force_login(User.objects.create_user("teammate"))
    assert client.post(f"/contacts/actions/{action.pk}/cancel/").status_code == 403
    client.force_login(User.objects.create_superuser("owner"))
    client.post(f"/contacts/actions/{action.pk}/cancel/")
    action.refresh_from_db()
    assert action.status == "cancelled"
