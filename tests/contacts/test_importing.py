"""Imports: the accounting, the policies, resuming, and what a database refuses."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.models import F
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from contacts import importing
from contacts.importing import loading, merging, stalled_imports
from contacts.models import Contact, ContactImport, ImportIssue, Membership, Phonebook
from tests.contacts.files import COUNTS, counts, imported, is_postgres, members, plainly, started, table, write

pytestmark = pytest.mark.django_db

HEADER = ["phone", "first name", "last name", "city"]
PHONES = [f"0912000000{digit}" for digit in range(6)] + ["+447911123456", "+98 912 000 0001", "12", ""]
LAST = ["09120000099", "Reza", "", ""]  # a file in which every row is blank is refused whole
NAMES = ["", "Sara", "Ali", "علي", "x" * 101]
CITIES = ["", "Tehran", "شیراز"]
ROWS = st.lists(
    st.tuples(st.sampled_from(PHONES), st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(CITIES)),
    min_size=1,
    max_size=25,
)  # fmt: skip


@given(first=ROWS, second=ROWS, policy=st.sampled_from(["fill", "overwrite", "leave"]), chunk=st.integers(1, 9))
@hypothesis_settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_two_imports_leave_and_count_what_a_plain_importer_does(
    tmp_path: Path, first: list[Any], second: list[Any], policy: str, chunk: int
) -> None:
    for model in (Membership, Contact, ContactImport, Phonebook):
        model.objects.all().delete()
    known: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "CHUNK_ROWS", chunk)
        for rows in (first, second):
            lines = [HEADER, *map(list, rows), LAST]
            path = write(tmp_path / "x.csv", lines)
            known, expected = plainly(known, lines, policy)
            assert counts(imported(path, policy=policy)) == expected
            assert table() == known
    assert sorted(members()) == sorted(known)
    assert Phonebook.objects.get().size == len(known)


@given(rows=ROWS, policy=st.sampled_from(["fill", "overwrite", "leave"]))
@hypothesis_settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_an_import_in_slices_ends_like_one_at_a_stretch(tmp_path: Path, rows: list[Any], policy: str) -> None:
    for model in (Membership, Contact, ContactImport, Phonebook):
        model.objects.all().delete()
    lines = [HEADER, *map(list, rows), LAST]
    expected, tally = plainly({}, lines, policy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "CHUNK_ROWS", 3)
        contact_import = started(write(tmp_path / "x.csv", lines), policy=policy)
        while not importing.run(contact_import.pk, deadline=time.monotonic()):
            contact_import.refresh_from_db()
            assert contact_import.rows_done == sum(counts(contact_import)[name] for name in COUNTS[1:])
    contact_import.refresh_from_db()
    assert (counts(contact_import), table()) == (tally, expected)


def test_a_dry_run_counts_what_a_real_one_does_and_changes_nothing(tmp_path: Path) -> None:
    imported(write(tmp_path / "a.csv", [HEADER, ["09120000001", "", "x", ""], ["09120000002", "y", "", ""]]))
    rows = [
        HEADER,
        ["09120000001", "new", "", ""],
        ["09120000002", "", "", ""],
        ["09120000003", "", "", ""],
        ["1", "", "", ""],
    ]
    path, before = write(tmp_path / "b.csv", rows), table()
    rehearsed = imported(path, dry_run=True)
    assert table() == before
    assert counts(rehearsed) == counts(imported(path))
    assert counts(rehearsed) == dict(zip(COUNTS, (4, 1, 1, 1, 0, 1), strict=True))


def test_contacts_join_the_phonebook_in_the_files_order(tmp_path: Path) -> None:
    imported(write(tmp_path / "a.csv", [HEADER, ["09120000005", "", "", ""]]))
    phones = ["09120000009", "09120000005", "09120000001"]
    imported(write(tmp_path / "b.csv", [HEADER, *[[phone, "", "", ""] for phone in phones]]))
    assert members() == ["+989120000005", "+989120000009", "+989120000001"]


def test_a_file_of_twenty_thousand_rows_adds_up(tmp_path: Path) -> None:
    good = [[f"0912{number:07}", "Sara", "", "Tehran"] for number in range(18_000)]
    rows = [HEADER, *good, *good[:1_000], *[[f"0912{number}", "", "", ""] for number in range(1_000)]]
    contact_import = imported(write(tmp_path / "x.csv", rows))
    assert counts(contact_import) == dict(zip(COUNTS, (20_000, 18_000, 0, 0, 1_000, 1_000), strict=True))
    assert Phonebook.objects.get().size == Membership.objects.count() == Contact.objects.count() == 18_000
    assert ImportIssue.objects.count() == 1_000


def refuse_phone(phone: int) -> None:
    """Makes the database refuse this one number, as a constraint of its own would."""
    with connection.cursor() as cursor:
        if is_postgres():
            cursor.execute(f"ALTER TABLE contacts_contact ADD CONSTRAINT unlucky CHECK (phone <> {phone})")
        else:
            cursor.execute(
                f"CREATE TRIGGER unlucky BEFORE INSERT ON contacts_contact WHEN NEW.phone = {phone} "
                "BEGIN SELECT RAISE(ABORT, 'unlucky'); END"
            )


def test_a_row_that_the_database_refuses_costs_itself_alone(tmp_path: Path) -> None:
    refuse_phone(989120000013)
    rows = [[f"091200000{number:02}", "", "", ""] for number in range(40)]
    contact_import = imported(write(tmp_path / "x.csv", [HEADER, *rows]))
    assert (contact_import.new, contact_import.refused) == (39, 1)
    issue = ImportIssue.objects.get()
    assert (issue.line, issue.code, issue.row[0]) == (15, "database_error", "09120000013")


def test_a_database_in_trouble_refuses_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contact_import = started(write(tmp_path / "x.csv", [HEADER, ["09120000001", "", "", ""]]))

    def away(*args: object, **kwargs: object) -> None:
        raise OperationalError

    with monkeypatch.context() as patch:
        patch.setattr(merging, "merge", away)
        with pytest.raises(OperationalError):
            importing.run(contact_import.pk)
    ContactImport.objects.update(lease_until=None)  # as if its lease had run out
    importing.run(contact_import.pk)
    contact_import.refresh_from_db()
    assert (contact_import.status, contact_import.new, contact_import.refused) == ("completed", 1, 0)


def test_a_second_worker_leaves_a_held_import_alone(tmp_path: Path) -> None:
    contact_import = started(write(tmp_path / "x.csv", [HEADER, ["09120000001", "", "", ""]]))
    assert list(stalled_imports()) == [contact_import]
    assert loading._claim(contact_import.pk)
    assert not stalled_imports()
    assert importing.run(contact_import.pk)
    assert not Contact.objects.exists()


def test_a_worker_that_has_lost_its_lease_writes_nothing(tmp_path: Path) -> None:
    contact_import = started(write(tmp_path / "x.csv", [HEADER, ["09120000001", "", "", ""]]))
    owner = loading._claim(contact_import.pk)
    assert owner
    slow = loading._Loader(ContactImport.objects.get(pk=contact_import.pk), owner)
    ContactImport.objects.update(lease_until=None)
    importing.run(contact_import.pk)
    with pytest.raises(loading.LeaseLost):
        slow.run(None)
    contact_import.refresh_from_db()
    assert counts(contact_import)["rows_done"] == 1


def test_a_cancelled_import_stops_at_its_next_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "CHUNK_ROWS", 1)
    rows = [HEADER, ["09120000001", "", "", ""], ["09120000002", "", "", ""]]
    contact_import = started(write(tmp_path / "x.csv", rows))
    assert not importing.run(contact_import.pk, deadline=time.monotonic())
    assert importing.cancel(contact_import.pk)
    assert importing.run(contact_import.pk)
    contact_import.refresh_from_db()
    assert (contact_import.status, contact_import.rows_done, Contact.objects.count()) == ("cancelled", 1, 1)


def test_an_import_starts_once(tmp_path: Path) -> None:
    contact_import = started(write(tmp_path / "x.csv", [HEADER, ["09120000001", "", "", ""]]))
    again = importing.start(contact_import, contact_import.mapping["columns"], phonebooks=[])
    assert not again


@pytest.mark.parametrize("code", ["file_missing", "file_changed", "phonebook_gone"])
def test_an_import_that_cannot_go_on_fails_with_its_reason(tmp_path: Path, code: str) -> None:
    path = write(tmp_path / "x.csv", [HEADER, ["09120000001", "", "", ""]])
    contact_import = started(path)
    if code == "phonebook_gone":
        Phonebook.objects.all().delete()
    elif code == "file_missing":
        path.unlink()
    else:
        path.write_text("phone")
    assert importing.run(contact_import.pk)
    contact_import.refresh_from_db()
    assert (contact_import.status, contact_import.error) == ("failed", code)
    assert not Contact.objects.exists()


def test_an_import_without_changes_writes_no_row_version(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", [HEADER, ["09120000001", "Sara", "", "Tehran"]])
    imported(path)
    stamps = list(Contact.objects.values_list("updated_at"))
    contact_import = imported(path, policy="overwrite")
    assert contact_import.unchanged == 1
    assert list(Contact.objects.values_list("updated_at")) == stamps
    assert not Contact.objects.exclude(updated_at=F("created_at")).exists()
