"""An import taken back: what it made goes, what somebody touched stays, and the figures tell which."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from django.db.models.functions import Now
from django.utils.translation import override

from contacts import bulk, elsewhere, filing
from contacts.importing import earlier, loading, undoing
from contacts.models import BulkAction, Contact, ContactImport, Membership, Phonebook
from tests.contacts.files import imported, members, started, write

pytestmark = pytest.mark.django_db


def rows(first: int, last: int) -> list[list[str]]:
    return [["phone", "first name"], *([f"0912{number:07}", "Sara"] for number in range(first, last))]


def undone(contact_import: ContactImport) -> BulkAction:
    action = undoing.start(contact_import)
    assert action.status == "completed"
    contact_import.refresh_from_db()
    return action


def tally(action: BulkAction) -> tuple[int, ...]:
    return tuple(action.params[name] for name in ("memberships", "contacts", *undoing.KEPT))


def test_an_undone_import_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "CHUNK_ROWS", 4)
    contact_import = imported(write(tmp_path / "x.csv", rows(0, 10)), into=("customers", "members"))
    assert contact_import.joined == 20
    assert tally(undone(contact_import)) == (20, 10, 0, 0, 0)
    assert (contact_import.status, bool(contact_import.undone_at)) == ("completed", True)
    assert not Contact.objects.exists()
    assert not Membership.objects.exists()
    assert set(Phonebook.objects.values_list("size", flat=True)) == {0}


def test_who_was_known_before_stays(tmp_path: Path) -> None:
    imported(write(tmp_path / "a.csv", rows(0, 4)))
    second = imported(write(tmp_path / "b.csv", rows(2, 6)), into=("customers", "members"))
    assert tally(undone(second)) == (6, 2, 0, 0, 0)
    assert (len(members("customers")), len(members("members"))) == (4, 0)
    assert Phonebook.objects.get(name="customers").size == Contact.objects.count() == 4


def test_who_was_changed_or_filed_or_written_to_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contact_import = imported(write(tmp_path / "x.csv", rows(0, 5)))
    changed, filed, written, *_others = Contact.objects.order_by("pk")
    Contact.objects.filter(pk=changed.pk).update(first_name="Ali", updated_at=Now())
    filing.add(filed, Phonebook.objects.create(name="mine").pk)
    monkeypatch.setattr(elsewhere, "_registered", [Knows(written.pk)])
    assert tally(undone(contact_import)) == (5, 2, 1, 1, 1)
    assert set(Contact.objects.all()) == {changed, filed, written}
    assert (members("customers"), members("mine")) == ([], [filed.phone])


class Knows:
    """An app that knows one contact."""

    def __init__(self, pk: int) -> None:
        self.pk = pk

    def used(self, contact_ids: Sequence[int]) -> set[int]:
        return {self.pk} & set(contact_ids)

    def happenings(self, phone: str, limit: int) -> Iterator[elsewhere.Happening]:
        return iter(())

    def erase(self, phones: Sequence[str]) -> None:
        """Keeps everything."""


def test_a_second_import_that_changed_a_contact_has_touched_it(tmp_path: Path) -> None:
    first = imported(write(tmp_path / "a.csv", rows(0, 2)))
    imported(write(tmp_path / "b.csv", [["phone", "last name"], ["09120000000", "Karimi"]]))
    assert tally(undone(first)) == (2, 1, 1, 0, 0)


def test_what_others_made_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "CHUNK_ROWS", 2)
    contact_import = started(write(tmp_path / "x.csv", rows(0, 6)))
    loading.run(contact_import.pk, deadline=0)
    other = Contact.objects.create(phone="+989350000000")
    filing.add(other, Phonebook.objects.get().pk)
    loading.run(contact_import.pk)
    contact_import.refresh_from_db()
    assert tally(undone(contact_import)) == (6, 6, 0, 0, 0)
    assert members() == [other.phone]


def test_an_undo_is_done_once(tmp_path: Path) -> None:
    contact_import = imported(write(tmp_path / "x.csv", rows(0, 3)))
    action, stamp = undone(contact_import), contact_import.undone_at
    again = imported(write(tmp_path / "y.csv", rows(0, 3)))
    assert undone(contact_import) == action
    assert contact_import.undone_at == stamp
    assert len(members()) == again.new == 3


def test_a_running_import_is_not_undone(tmp_path: Path) -> None:
    contact_import = started(write(tmp_path / "x.csv", rows(0, 3)))
    with override("en"), pytest.raises(undoing.CannotUndo, match="running"):
        undoing.start(contact_import)
    assert not BulkAction.objects.exists()


def test_what_changed_nothing_is_not_undone(tmp_path: Path) -> None:
    rehearsed = imported(write(tmp_path / "x.csv", rows(0, 3)), dry_run=True)
    with override("en"), pytest.raises(undoing.CannotUndo, match="not changed"):
        undoing.start(rehearsed)


def test_a_stopped_import_can_be_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "CHUNK_ROWS", 2)
    contact_import = started(write(tmp_path / "x.csv", rows(0, 9)))
    loading.run(contact_import.pk, deadline=0)
    loading.cancel(contact_import.pk)
    assert tally(undone(contact_import)) == (2, 2, 0, 0, 0)
    assert (contact_import.status, Contact.objects.count()) == ("cancelled", 0)


def test_a_large_import_is_undone_by_the_worker_in_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk.running, "AT_ONCE", 0)
    monkeypatch.setattr(undoing.Undo, "slice_size", 7)
    contact_import = imported(write(tmp_path / "x.csv", rows(0, 30)))
    action = undoing.start(contact_import)
    assert undoing.start(contact_import) == action
    while not bulk.run(action.pk, deadline=0):
        book = Phonebook.objects.get()
        assert book.size == Membership.objects.count()
    action.refresh_from_db()
    assert (action.total, action.done, action.changed, tally(action)) == (60, 60, 60, (30, 30, 0, 0, 0))


def test_an_undo_outlives_a_deleted_phonebook(tmp_path: Path) -> None:
    contact_import = imported(write(tmp_path / "x.csv", rows(0, 3)))
    Phonebook.objects.all().delete()
    assert tally(undone(contact_import)) == (0, 3, 0, 0, 0)


def test_the_same_content_is_told_until_it_is_undone(tmp_path: Path) -> None:
    first = imported(write(tmp_path / "a.csv", rows(0, 3)))
    imported(write(tmp_path / "b.csv", rows(0, 3)), dry_run=True)
    imported(write(tmp_path / "c.csv", rows(0, 4)))
    second = started(write(tmp_path / "d.csv", rows(0, 3)))
    assert earlier(second) == [first]
    undone(first)
    assert earlier(second) == []
    assert first.undone_at is not None
    assert first.undone_at - first.created_at < dt.timedelta(hours=1)
