"""Imports beside what else is done with the same contacts at that moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import Count
from django.test import Client

from contacts import filing
from contacts.importing import loading, undoing
from contacts.models import Contact, ContactImport, Membership, Phonebook
from tests.contacts.files import imported, is_postgres, started, write

pytestmark = pytest.mark.django_db(transaction=True)
TOGETHER = 1.5  # seconds that two are given to get into each other's way


@pytest.fixture(autouse=True)
def _on_postgres() -> None:
    if not is_postgres():
        pytest.skip("on SQLite one writes after the other")


def rows(*numbers: int, name: str = "Sara") -> list[list[str]]:
    return [["phone", "first name"], *([f"0912{number:07}", name] for number in numbers)]


def in_a_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[BaseException]]:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - told by the test
            errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors


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
