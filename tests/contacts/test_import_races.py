"""Imports beside what else is done with the same contacts at that moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Count, QuerySet
from django.test import Client

from contacts import filing
from contacts.importing import loading, undoing
from contacts.models import Contact, ContactImport, JobCategory, Membership, Phonebook
from tests.contacts.files import imported, is_postgres, started, write
from tests.contacts.racing import in_a_thread, wait_for_a_waiter

pytestmark = pytest.mark.django_db(transaction=True)
TOGETHER = 1.5  # seconds that two are given to get into each other's way


@pytest.fixture(autouse=True)
def _on_postgres() -> None:
    if not is_postgres():
        pytest.skip("on SQLite one writes after the other")


def rows(*numbers: int, name: str = "Sara") -> list[list[str]]:
    return [["phone", "first name"], *([f"0912{number:07}", name] for number in numbers)]


def while_it_commits(job: ContactImport, other: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the import, and the other just before its rows are committed."""
    here, done, count = threading.Event(), threading.Event(), loading._Loader._count

    def slow(*args: Any) -> None:
        here.set()
        done.wait(TOGETHER)
        count(*args)

    monkeypatch.setattr(loading._Loader, "_count", slow)
    thread, errors = in_a_thread(lambda: loading.run(job.pk))
    assert here.wait(30)
    other()
    done.set()
    thread.join(60)
    assert errors == []


def assert_sound() -> None:
    """Every membership is of a contact and a phonebook, and every size is true."""
    assert not Membership.objects.exclude(contact__in=Contact.objects.values("pk")).exists()
    assert not Membership.objects.exclude(phonebook__in=Phonebook.objects.values("pk")).exists()
    sizes = Phonebook.objects.annotate(number=Count("membership")).values_list("size", "number")
    assert [size for size, number in sizes if size != number] == []


def test_an_undo_keeps_who_is_just_being_filed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = imported(write(tmp_path / "a.csv", rows(1, 2)))
    second = started(write(tmp_path / "b.csv", rows(1, 2)), into=("members",))
    while_it_commits(second, lambda: undoing.start(first), monkeypatch)
    assert_sound()
    assert Phonebook.objects.get(name="members").size == Contact.objects.count() == 2


def test_who_is_erased_while_being_filed_again_is_in_no_phonebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(write(tmp_path / "a.csv", rows(1, 2)))
    second = started(write(tmp_path / "b.csv", rows(1, 2)), into=("members",))
    while_it_commits(second, lambda: filing.delete(Contact.objects.earliest("pk")), monkeypatch)
    assert_sound()
    assert Phonebook.objects.get(name="members").size == Contact.objects.count() == 1


def test_a_phonebook_that_is_deleted_while_it_is_filled_leaves_no_members(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, admin_client: Client
) -> None:
    job = started(write(tmp_path / "a.csv", rows(1, 2)))
    address = f"/phonebooks/{Phonebook.objects.get().pk}/delete/"
    while_it_commits(job, lambda: admin_client.post(address), monkeypatch)
    assert_sound()
    assert not Phonebook.objects.exists()


def test_two_spellings_of_a_category_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = ["phone", "job category"]
    first, second = (
        started(write(tmp_path / f"{n}.csv", [header, [f"0912000000{n}", name]]), into=(name,), makes_categories=True)
        for n, name in enumerate(["Car Repair", "car-repair"])
    )
    while_it_commits(first, lambda: loading.run(second.pk), monkeypatch)
    assert JobCategory.objects.count() == 1
    assert Contact.objects.filter(job_category=JobCategory.objects.get()).count() == 2


def between_locks(work: Callable[[], Any], first: QuerySet[Any], then: QuerySet[Any]) -> None:
    """Lock the one, as a bulk action or an import does, let the work run into it, and lock the other."""
    with transaction.atomic():
        assert first.select_for_update().first()
        thread, errors = in_a_thread(work)
        wait_for_a_waiter(thread)
        assert list(then.select_for_update())
    thread.join(60)
    assert errors == []


def test_an_import_changes_contacts_in_the_order_of_bulk_actions(tmp_path: Path) -> None:
    imported(write(tmp_path / "a.csv", rows(9)))
    imported(write(tmp_path / "b.csv", rows(1)))
    job = started(write(tmp_path / "c.csv", rows(1, 9, name="Ali")), policy="overwrite")
    contacts = Contact.objects.order_by("pk")
    between_locks(lambda: loading.run(job.pk), contacts, contacts)
    assert set(Contact.objects.values_list("first_name", flat=True)) == {"Ali"}


def test_who_is_taken_out_by_hand_waits_for_the_phonebook_first(tmp_path: Path) -> None:
    imported(write(tmp_path / "a.csv", rows(1, 2)))
    contact, book = Contact.objects.earliest("pk"), Phonebook.objects.get()
    between_locks(lambda: filing.remove(contact, book.pk), Phonebook.objects.all(), Membership.objects.all())
    assert_sound()
    assert Membership.objects.count() == 1


@pytest.mark.parametrize("ticked", [True, False])
def test_a_contact_that_is_saved_waits_for_its_phonebooks_first(
    ticked: bool, tmp_path: Path, admin_client: Client
) -> None:
    imported(write(tmp_path / "a.csv", rows(1, 2)))
    contact, book = Contact.objects.earliest("pk"), Phonebook.objects.get()
    if ticked:
        filing.remove(contact, book.pk)
    chosen = {"phone": contact.phone, "first_name": "Ali", "phonebooks": [book.pk] if ticked else []}
    address = contact.get_absolute_url()
    between_locks(lambda: admin_client.post(address, chosen), Phonebook.objects.all(), Contact.objects.all())
    assert_sound()
    assert (Contact.objects.get(pk=contact.pk).first_name, Membership.objects.count()) == ("Ali", 2 if ticked else 1)
