"""Imports into several phonebooks, rehearsed first and then in earnest, and what they tell while they run."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from campaigns import ringing
from contacts import importing
from contacts.importing import loading
from contacts.models import Contact, ContactImport, Membership, Phonebook, Suppression
from tests.contacts.files import counts, imported, members, started, write

pytestmark = pytest.mark.django_db
ROWS = [["phone", "first name"], *([f"0912000000{number}", "Sara"] for number in range(5)), ["12", "x"]]


@pytest.fixture
def upload(settings: Any, tmp_path: Path) -> ContactImport:
    settings.UPLOAD_DIR = tmp_path / "uploads"
    content = "".join(",".join(row) + "\n" for row in ROWS).encode()
    return importing.prepare(importing.store([content], max_bytes=1_000), "x.csv")


def run(contact_import: ContactImport, **options: Any) -> ContactImport:
    books = [] if options.get("dry_run") else [Phonebook.objects.get_or_create(name="customers")[0]]
    columns = contact_import.mapping["columns"]
    assert importing.start(contact_import, columns, phonebooks=books, in_background=False, **options)
    assert importing.run(contact_import.pk)
    contact_import.refresh_from_db()
    return contact_import


def test_contacts_join_each_phonebook_in_the_files_order(tmp_path: Path) -> None:
    imported(write(tmp_path / "a.csv", [ROWS[0], ROWS[3]]))
    contact_import = imported(write(tmp_path / "b.csv", ROWS), into=("members", "customers"))
    phones = [f"+98912000000{number}" for number in range(5)]
    assert members("members") == phones
    assert members("customers") == [phones[2], *phones[:2], *phones[3:]]
    assert (contact_import.new, contact_import.unchanged, contact_import.joined) == (4, 1, 9)
    assert list(Phonebook.objects.order_by("pk").values_list("size", flat=True)) == [5, 5]


def test_what_an_import_makes_carries_its_number(tmp_path: Path) -> None:
    first = imported(write(tmp_path / "a.csv", [ROWS[0], ROWS[3]]))
    second = imported(write(tmp_path / "b.csv", ROWS), into=("members", "customers"))
    assert Contact.objects.filter(made_in=first.pk).count() == Membership.objects.filter(made_in=first.pk).count() == 1
    for model, span in (
        (Contact, (second.first_contact_id, second.last_contact_id)),
        (Membership, (second.first_membership_id, second.last_membership_id)),
    ):
        made = model.objects.filter(made_in=second.pk)
        assert made.count() == made.filter(pk__range=span).count() == (4 if model is Contact else 9)


def test_an_import_fails_when_one_of_its_phonebooks_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "CHUNK_ROWS", 2)
    contact_import = started(write(tmp_path / "x.csv", ROWS), into=("customers", "members"))
    assert not importing.run(contact_import.pk, deadline=0)
    Phonebook.objects.filter(name="members").delete()
    assert importing.run(contact_import.pk)
    contact_import.refresh_from_db()
    assert (contact_import.status, contact_import.error) == ("failed", "phonebook_gone")
    assert (contact_import.rows_done, len(members())) == (2, 2)


def test_a_rehearsed_import_is_started_in_earnest_with_the_same_row(upload: ContactImport) -> None:
    rehearsed = counts(run(upload, dry_run=True))
    assert (upload.status, upload.issues.count(), Contact.objects.count()) == ("completed", 1, 0)
    assert Path(upload.path).is_file()
    assert counts(run(upload)) == rehearsed
    assert (upload.dry_run, upload.issues.count(), len(members())) == (False, 1, 5)
    assert not Path(upload.path).exists()


def test_an_import_in_earnest_starts_once(upload: ContactImport) -> None:
    run(run(upload, dry_run=True))
    assert not importing.start(upload, upload.mapping["columns"], phonebooks=Phonebook.objects.all())


@pytest.mark.parametrize("by", ["hand", "time"])
def test_the_file_of_a_rehearsal_is_deleted_if_nothing_comes_of_it(upload: ContactImport, by: str) -> None:
    run(upload, dry_run=True)
    if by == "hand":
        assert importing.cancel(upload.pk)
    else:
        ContactImport.objects.update(created_at=timezone.now() - ringing.UPLOADS_KEPT - dt.timedelta(minutes=1))
        ringing._import()
    upload.refresh_from_db()
    assert (upload.status, Path(upload.path).exists()) == ("cancelled", False)
    assert not importing.start(upload, upload.mapping["columns"], phonebooks=[])


def test_a_rehearsal_of_a_file_that_lies_elsewhere_waits_for_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", ROWS)
    contact_import = imported(path, dry_run=True)
    assert path.is_file()
    assert not ContactImport.objects.waiting().exists()
    assert not importing.cancel(contact_import.pk)


def test_suppressed_numbers_are_told_and_stay_suppressed(tmp_path: Path) -> None:
    for scope in ("all", "advertising"):
        Suppression.objects.create(phone="+989120000001", scope=scope)
    Suppression.objects.create(phone="+989350000000")
    path = write(tmp_path / "x.csv", ROWS)
    rehearsed, real = imported(path, dry_run=True), imported(path, policy="overwrite")
    assert (rehearsed.suppressed, real.suppressed, real.new) == (1, 1, 5)
    assert Suppression.objects.count() == 3


def test_the_time_left_follows_from_the_bytes_that_are_done() -> None:
    begun = timezone.now() - dt.timedelta(seconds=30)
    contact_import = ContactImport(status="running", size=1_000, bytes_done=750, started_at=begun)
    assert importing.seconds_left(contact_import) == pytest.approx(10, abs=5)
    for field, value in (("bytes_done", 0), ("status", "completed"), ("started_at", None)):
        unknown = ContactImport(status="running", size=1_000, bytes_done=750, started_at=begun)
        setattr(unknown, field, value)
        assert importing.seconds_left(unknown) is None
