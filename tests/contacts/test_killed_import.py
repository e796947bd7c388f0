"""A worker that is killed in the middle of an import or of its undo: another goes on, and nothing is done twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from contacts import bulk, importing
from contacts.importing import stalled_imports, undoing
from contacts.models import BulkAction, Contact, ContactImport, JobCategory, Membership, Phonebook
from tests.contacts.files import COUNTS, counts, started, write

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


@pytest.fixture
def contact_import(tmp_path: Path) -> ContactImport:
    """A started import of 1,000 rows into two phonebooks: 900 numbers, 50 of them once more, 50 that are none."""
    rows = [[f"0912{number:07}", "Sara", f"Shops / {number % 30}"] for number in range(900)]
    rows[400:400] = [["0912", "bad", ""]] * 50
    path = write(tmp_path / "x.csv", [["phone", "name", "category"], *rows, *rows[:50]])
    return started(path, into=("customers", "members"), makes_categories=True)


def killed(of: ContactImport | BulkAction, environment: dict[str, str], commits: int, point: str) -> None:
    module = "killed_worker" if isinstance(of, ContactImport) else "killed_bulk"
    command = [sys.executable, "-m", f"tests.contacts.{module}", str(of.pk), str(commits), point]
    ended = subprocess.run(command, env=environment, check=False, capture_output=True, timeout=60)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


@pytest.mark.parametrize("point", ["before", "after", "between"])
@pytest.mark.parametrize("commits", [1, 5])
def test_an_import_goes_on_after_the_last_committed_row(
    contact_import: ContactImport, process_environment: dict[str, str], commits: int, point: str
) -> None:
    killed(contact_import, process_environment, commits, point)
    contact_import.refresh_from_db()
    assert contact_import.rows_done == commits * 100
    assert not stalled_imports()  # its lease still runs
    ContactImport.objects.update(lease_until=None)  # as if it had run out
    assert importing.run(contact_import.pk)
    contact_import.refresh_from_db()
    assert counts(contact_import) == dict(zip(COUNTS, (1_000, 900, 0, 0, 50, 50), strict=True))
    made = (Contact.objects.count(), Membership.objects.count(), contact_import.joined, JobCategory.objects.count())
    assert made == (900, 1_800, 1_800, 31)
    assert set(Phonebook.objects.values_list("size", flat=True)) == {900}
    assert contact_import.issues.count() == 50
    assert bulk.run(undoing.start(contact_import).pk)
    assert not Contact.objects.exists()


@pytest.mark.parametrize("point", ["before", "after", "between"])
@pytest.mark.parametrize("slices", [1, 20])
def test_an_undo_goes_on_after_the_last_committed_slice(
    contact_import: ContactImport,
    process_environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    slices: int,
    point: str,
) -> None:
    monkeypatch.setattr(bulk.running, "AT_ONCE", 0)
    importing.run(contact_import.pk)
    action = undoing.start(contact_import)
    killed(action, process_environment, slices, point)
    action.refresh_from_db()
    assert action.done == action.changed == slices * 100  # the first 18 slices are memberships
    sizes = Phonebook.objects.values_list("size", flat=True)
    assert sum(sizes) == Membership.objects.count() == max(1_800 - action.done, 0)
    BulkAction.objects.update(lease_until=None)  # as if it had run out
    assert bulk.run(action.pk)
    action.refresh_from_db()
    assert (action.status, action.params["memberships"], action.params["contacts"]) == ("completed", 1_800, 900)
    assert not Contact.objects.exists()
