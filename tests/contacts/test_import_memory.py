"""An import holds a few chunks of its file, however large that is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from contacts.models import ContactImport, Phonebook
from tests.contacts.files import started

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.timeout(900)]
ROWS, LIMIT = 300_000, 300  # rows of 600 bytes, megabytes


def limited(contact_import: ContactImport, environment: dict[str, str], way: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.contacts.limited_worker", str(contact_import.pk), str(LIMIT), way]
    return subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=800)


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite's own cache and sorting lie in the same process")
def test_a_large_file_is_imported_in_little_memory(tmp_path: Path, process_environment: dict[str, str]) -> None:
    path, note = tmp_path / "x.csv", "x" * 580
    with path.open("w", encoding="utf-8") as file:
        file.write("phone,first name,note\n")
        file.writelines(f"09{number:09},Sara,{note}\n" for number in range(120_000_000, 120_000_000 + ROWS))
    contact_import = started(path)
    assert "MemoryError" in limited(contact_import, process_environment, "naive").stderr
    ended = limited(contact_import, process_environment, "import")
    assert ended.returncode == 0, ended.stderr
    contact_import.refresh_from_db()
    assert (contact_import.status, contact_import.new) == ("completed", ROWS)
    assert Phonebook.objects.get().size == ROWS
