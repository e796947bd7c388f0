"""Bulk actions: started once, run in slices, stopped between them, each contact counted."""

from __future__ import annotations

import uuid

import pytest
from django.db import connection

from contacts import bulk, filing
from contacts.bulk import acting
from contacts.models import BulkAction, Contact, JobCategory, Membership, Phonebook
from tests import builders

pytestmark = pytest.mark.django_db

Kind = BulkAction.Kind


@pytest.fixture
def book() -> Phonebook:
    return Phonebook.objects.create(name="customers")


@pytest.fixture
def in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything goes to the worker, ten contacts a slice."""
    monkeypatch.setattr(bulk.running, "AT_ONCE", 0)
    monkeypatch.setattr(bulk.Kind, "slice_size", 10)


def to(book: Phonebook) -> dict[str, int]:
    return {"phonebook": book.pk}


def figures(action: BulkAction) -> tuple[str, int | None, int, int]:
    action.refresh_from_db()
    return action.status, action.total, action.done, action.changed


def test_a_few_are_done_at_once_and_counted(book: Phonebook) -> None:
    people = builders.contacts(5)
    filing.add(people[0], book.pk)
    action = bulk.start(Kind.ADD, {"ids": [it.pk for it in people[:4]]}, to(book))
    assert figures(action) == ("completed", 4, 4, 3)
    book.refresh_from_db()
    assert book.size == Membership.objects.filter(phonebook=book).count() == 4


def test_many_wait_for_the_worker_and_go_slice_by_slice(book: Phonebook, in_slices: None) -> None:
    builders.contacts(25)
    action = bulk.start(Kind.ADD, {"filter": {}}, to(book))
    assert figures(action) == ("running", None, 0, 0)
    assert not bulk.run(action.pk, deadline=0.0)
    assert figures(action) == ("running", 25, 10, 10)
    assert bulk.run(action.pk)
    assert figures(action) == ("completed", 25, 25, 25)


def test_who_comes_after_the_start_is_not_taken_along(book: Phonebook, in_slices: None) -> None:
    builders.contacts(12)
    action = bulk.start(Kind.ADD, {"filter": {}}, to(book))
    assert not bulk.run(action.pk, deadline=0.0)
    builders.contacts(5, start=100)
    bulk.run(action.pk)
    assert figures(action) == ("completed", 12, 12, 12)


def test_the_filter_of_the_list_is_the_selection(book: Phonebook) -> None:
    builders.contacts(3, first_name="Sara")
    builders.contacts(3, start=10, first_name="Ali")
    assert bulk.start(Kind.ADD, {"filter": {"q": "sara"}}, to(book)).changed == 3
    assert bulk.start(Kind.REMOVE, {"filter": {"phonebook": str(book.pk)}}, to(book)).changed == 3
    book.refresh_from_db()
    assert book.size == Membership.objects.count() == 0


def test_a_category_is_given_to_whom_it_is_new(book: Phonebook) -> None:
    category = JobCategory.objects.create(name="Shops")
    people = builders.contacts(4)
    Contact.objects.filter(pk=people[0].pk).update(job_category=category)
    before = Contact.objects.get(pk=people[0].pk).updated_at
    assert bulk.start(Kind.CATEGORISE, {"filter": {}}, {"category": category.pk}).changed == 3
    assert Contact.objects.filter(job_category=category).count() == 4
    assert Contact.objects.get(pk=people[0].pk).updated_at == before < Contact.objects.get(pk=people[1].pk).updated_at
    assert bulk.start(Kind.CATEGORISE, {"filter": {}}, {"category": None}).changed == 4


def test_the_same_action_runs_once_at_a_time_and_a_form_starts_one(book: Phonebook, in_slices: None) -> None:
    builders.contacts(1)
    token = uuid.uuid4()
    first = bulk.start(Kind.ADD, {"filter": {}}, to(book), token=token)
    assert bulk.start(Kind.ADD, {"filter": {}}, to(book)) == first  # another tab
    bulk.run(first.pk)
    assert bulk.start(Kind.ADD, {"filter": {}}, to(book), token=token) == first  # the same form once more
    assert bulk.start(Kind.ADD, {"filter": {}}, to(book), token=uuid.uuid4()) != first


def test_a_stopped_action_keeps_what_it_did_and_goes_no_further(book: Phonebook, in_slices: None) -> None:
    builders.contacts(25)
    action = bulk.start(Kind.ADD, {"filter": {}}, to(book))
    bulk.run(action.pk, deadline=0.0)
    assert bulk.cancel(action.pk)
    assert bulk.run(action.pk)
    assert figures(action) == ("cancelled", 25, 10, 10)
    assert not bulk.cancel(action.pk)


def test_a_worker_whose_action_is_stopped_in_mid_slice_writes_nothing(book: Phonebook, in_slices: None) -> None:
    builders.contacts(25)
    action = bulk.start(Kind.ADD, {"filter": {}}, to(book))
    worker = bulk.running._Worker(action.pk, "me")
    assert worker.claim()
    assert worker._slice()
    BulkAction.objects.update(owner="another")
    with pytest.raises(bulk.running.LeaseLost):
        worker._slice()
    assert Membership.objects.count() == 10


def test_an_action_whose_phonebook_goes_fails_with_its_reason(book: Phonebook, in_slices: None) -> None:
    builders.contacts(15)
    action = bulk.start(Kind.ADD, {"filter": {}}, to(book))
    bulk.run(action.pk, deadline=0.0)
    book.delete()
    assert bulk.run(action.pk)
    assert (figures(action)[0], action.error) == ("failed", "phonebook_gone")


def test_a_slice_that_the_database_refuses_ends_the_action(
    book: Phonebook, in_slices: None, caplog: pytest.LogCaptureFixture
) -> None:
    builders.contacts(3)
    action = bulk.start(Kind.ADD, {"filter": {}}, to(book))
    with connection.cursor() as cursor:
        table = "contacts_membership"
        if connection.vendor == "postgresql":
            cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT nobody CHECK (contact_id < 0)")
        else:
            cursor.execute(f"CREATE TRIGGER nobody BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END")
    assert bulk.run(action.pk)
    assert (figures(action)[0], action.error, Membership.objects.count()) == ("failed", "database", 0)
    assert "the database refused a slice" in caplog.text


def test_a_deleted_contact_gets_no_membership(book: Phonebook) -> None:
    people = builders.contacts(3)
    gone = people[0].pk
    action = BulkAction(kind=Kind.ADD, params=to(book))
    Contact.objects.filter(pk=gone).delete()
    assert acting.Add(action).change([it.pk for it in people]) == 2
    assert not Membership.objects.filter(contact=gone).exists()
