"""Files as they really come: each has the outcome that ``fixtures/outcomes.json`` tells, and nothing else happens."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from contacts import importing
from contacts.importing import mapping, reasons
from contacts.importing.layout import Layout
from contacts.importing.reading import RowReader
from contacts.importing.reasons import FILE_REASONS, ROW_REASONS, UnreadableFile
from contacts.importing.sniffing import sniff
from contacts.models import Contact, ContactImport
from tests.contacts import workbook_fixtures
from tests.contacts.files import imported

FOLDER = Path(__file__).parent / "fixtures"
OUTCOMES: dict[str, dict[str, Any]] = json.loads((FOLDER / "outcomes.json").read_text())
REFUSED = [name for name, outcome in OUTCOMES.items() if "file" in outcome]
TAKEN = [name for name in OUTCOMES if name not in REFUSED]


def test_every_file_has_an_outcome() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {*OUTCOMES, "outcomes.json"}
    assert len(OUTCOMES) >= 140
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 300_000


def test_the_workbooks_are_those_of_the_script(tmp_path: Path) -> None:
    workbook_fixtures.write(tmp_path)
    for path in tmp_path.iterdir():
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as made, zipfile.ZipFile(FOLDER / path.name) as kept:
                assert [(it.filename, it.CRC) for it in made.infolist()] == [
                    (it.filename, it.CRC) for it in kept.infolist()
                ]


@pytest.mark.django_db
@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_no_list_of_contacts_is_refused_with_its_sentence(name: str) -> None:
    with pytest.raises(UnreadableFile) as refusal:
        mapping.check(importing.prepare(FOLDER / name, name).mapping["columns"])
    assert refusal.value.code == OUTCOMES[name]["file"]
    assert str(refusal.value) == str(FILE_REASONS[refusal.value.code])


@pytest.mark.django_db
@pytest.mark.parametrize("name", TAKEN)
def test_a_bad_row_costs_itself_alone(name: str) -> None:
    expected = OUTCOMES[name]
    contact_import = imported(FOLDER / name)
    codes = list(contact_import.issues.order_by("line").values_list("code", flat=True))
    assert {field: getattr(contact_import, field) for field in ("new", "repeated", "refused")} | {
        "codes": codes
    } == expected
    assert set(codes) <= set(ROW_REASONS)
    assert Contact.objects.count() == expected["new"]


@pytest.mark.django_db
def test_a_row_of_a_million_characters_is_refused_and_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"phone,note\n09121234567,ok\n09351234567," + b"x" * 1_300_000 + b"\n09361234567,ok\n")
    contact_import = imported(path)
    issue = contact_import.issues.get()
    assert (contact_import.new, issue.line, issue.code) == (2, 3, reasons.ROW_TOO_LONG)
    assert sum(map(len, issue.row)) < 3_000


@pytest.mark.django_db
def test_names_and_cities_of_windows_1256_are_persian_letters() -> None:
    imported(FOLDER / "windows1256.csv")
    contact = Contact.objects.get()
    assert contact.full_name == "چنگیز ژاله پگاه کریمی"


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    path = FOLDER / "quoted_newlines.csv"
    with RowReader(path, sniff(path, max_bytes=1 << 20)) as reader:
        assert [line for line, _cells, _problem in reader] == [2, 4]


def test_a_file_above_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    with path.open("wb") as file:
        file.truncate(2 << 30)  # two sparse gigabytes
    with pytest.raises(UnreadableFile) as refusal:
        sniff(path, max_bytes=1 << 30)
    assert refusal.value.code == reasons.TOO_LARGE


def test_an_upload_stops_at_the_limit_and_leaves_nothing(settings: Any, tmp_path: Path) -> None:
    settings.UPLOAD_DIR = tmp_path
    taken = []

    def blocks() -> Any:
        for number in range(100):
            taken.append(number)
            yield b"x" * 1_000

    with pytest.raises(UnreadableFile):
        importing.store(blocks(), max_bytes=10_000)
    assert len(taken) == 11
    assert not list(tmp_path.iterdir())


def test_a_hundred_thousand_open_quotes_are_read_in_time(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("phone,name\n" + '0912,"""\n' * 100_000)
    with RowReader(path, Layout("utf-8", ",", ("phone", "name"))) as reader:
        assert sum(1 for _row in reader) > 1_000


@pytest.mark.django_db
def test_a_refused_file_leaves_no_import() -> None:
    with pytest.raises(UnreadableFile):
        importing.prepare(FOLDER / "password.xlsx", "password.xlsx")
    assert not ContactImport.objects.exists()
