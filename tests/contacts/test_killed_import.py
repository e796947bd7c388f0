"""A worker that is killed in the middle of an import: another one goes on, and no row is lost or loaded twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from contacts import importing
from contacts.importing import stalled_imports
from contacts.models import Contact, ContactImport, Membership, Phonebook
from tests.contacts.files import COUNTS, counts, started, write

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


@pytest.fixture
def contact_import(tmp_path: Path) -> ContactImport:
    """A started import of 1,000 rows: 900 numbers, 50 of them once more, 50 that are none."""
    rows = [[f"0912{number:07}", "Sara"] for number in range(900)]
    rows[400:400] = [["0912", "bad"]] * 50
    return started(write(tmp_path / "x.csv", [["phone", "name"], *rows, *rows[:50]]))


def killed(contact_import: ContactImport, environment: dict[str, str], commits: int, point: str) -> None:
    command = [sys.executable, "-m", "tests.contacts.killed_worker", str(contact_import.pk), str(commits), point]
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
    assert Contact.objects.count() == Membership.objects.count() == Phonebook.objects.get().size == 900
    assert contact_import.issues.count() == 50
