"""XLSX: every value as a spreadsheet shows it, the quick way and the parser's alike, and no file that takes us down."""

from __future__ import annotations

import struct
import tempfile
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contacts.importing import markup, reasons, texts
from contacts.importing.layout import Row
from contacts.importing.numbers import Formats, custom_format
from contacts.importing.reading import open_rows
from contacts.importing.reasons import UnreadableFile
from contacts.importing.sniffing import sniff
from contacts.models import Contact, ContactImport
from interface import tables
from tests.contacts.files import counts, imported
from tests.contacts.workbook_fixtures import FIRST, FOLDER, HEAD, SARA
from tests.workbooks import book, row, sheet, zipped

# Without control characters, which are left out on the way in.
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=8)
VALUES = st.lists(
    st.tuples(TEXT, TEXT | st.integers(0, 10**12), TEXT | st.sampled_from(["'=1", "_x0041_", "&amp;", ""]))
)
LONG = "x" * 10_000_000
DEEP = "<a>" * 200_000 + "</a>" * 200_000
LONG_TAG = f'<a b="{"1" * (4 << 20)}"/>'


def rows_of(path: Path) -> list[Row]:
    with open_rows(path, sniff(path, max_bytes=1 << 30)) as rows:
        return list(rows)


def slowed(path: Path) -> Path:
    """The same workbook with a comment in front of its rows, after which the parser alone is trusted."""
    with zipfile.ZipFile(path) as archive:
        parts: dict[str, Any] = {name: archive.read(name) for name in archive.namelist()}
    parts[FIRST] = parts[FIRST].replace(b"<sheetData>", b"<!-- --><sheetData>")
    return zipped(path.with_suffix(".slow.xlsx"), parts)


def refusal(path: Path) -> str:
    with pytest.raises(UnreadableFile) as refused:
        rows_of(path)
    return refused.value.code


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markup, "BLOCK_BYTES", 400)


@pytest.mark.usefixtures("small_blocks")
@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_what_our_writer_writes_comes_back_by_either_way(values: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.xlsx"
        tables.write(path, tables.Kind.XLSX, ["a", "b", "c", "phone"], ([*cells, "09121234567"] for cells in values))
        if not values:
            assert refusal(path) == reasons.ONLY_HEADER
            return
        found = rows_of(path)
        assert found == rows_of(slowed(path))
    assert [cells for _line, cells, _problem in found] == [[*map(str, cells), "09121234567"] for cells in values]
    assert [line for line, _cells, _problem in found] == list(range(2, len(values) + 2))


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.xlsx")), ids=lambda path: path.stem)
def test_the_size_of_the_blocks_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def outcome() -> object:
        try:
            return rows_of(path)
        except UnreadableFile as error:
            return error.code

    in_small_blocks = outcome()
    monkeypatch.setattr(markup, "BLOCK_BYTES", 1 << 18)
    assert outcome() == in_small_blocks


@pytest.mark.parametrize(
    ("raw", "code", "shown"),
    [
        ("9121234567", "General", "9121234567"), ("9.121234567E9", "General", "9121234567"),
        ("9121234567", "00000000000", "09121234567"), ("0.30000000000000004", "General", "0.3"),
        ("1E+15", "General", "1E+15"), ("9121234567890123", "0", "9.12123456789012E+15"), ("-5", "General", "-5"),
        ("45371", "yyyy\\-mm\\-dd", "2024-03-20"), ("45371.75", "d/m/yy h:mm", "2024-03-20 18:00"),
        ("0.5", "[h]:mm", "12:00"), ("59", "d mmm", "1900-02-28"), ("61", "d mmm", "1900-03-01"),
        ("1234.5", '#,##0.00 "day"', "1234.5"), ("5", "[Red]0.0", "5"), ("-1", "yyyy", "-1"),
        ("1e300", "yyyy", "1E+300"), ("nonsense", "General", "nonsense"),
    ],
)  # fmt: skip
def test_numbers_are_shown_as_their_format_tells(raw: str, code: str, shown: str) -> None:
    assert Formats(["164"], {"164": custom_format(code)}).shown(raw, "0") == shown


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.xlsx", book("", more={FIRST: sheet(HEAD + " " * (40 << 20))}))
    assert path.stat().st_size < 100_000
    assert refusal(path) == reasons.BOMB


@pytest.mark.parametrize("slow", [False, True], ids=["by tags", "by the parser"])
def test_a_long_text_in_very_many_cells_is_a_bomb(slow: bool, tmp_path: Path) -> None:
    """Each row is no longer than a row may be, and each takes a megabyte of memory and fifty bytes of the file."""
    rows = "".join(
        f'<row r="{n}"><c r="A{n}"><v>9121234567</v></c><c r="B{n}" t="s"><v>0</v></c></row>' for n in range(2, 200)
    )
    path = zipped(tmp_path / "x.xlsx", book(HEAD + rows, strings=f"<si><t>{'x' * 900_000}</t></si>"))
    assert refusal(slowed(path) if slow else path) == reasons.BOMB


def test_a_bomb_that_tells_a_small_size_is_read_to_that_size(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.xlsx", book(HEAD + SARA + " " * (1 << 20)))
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        real = archive.getinfo(FIRST).file_size
    path.write_bytes(data.replace(real.to_bytes(4, "little"), (600).to_bytes(4, "little")))
    assert refusal(path) == reasons.DAMAGED


@pytest.mark.parametrize("part", [FIRST, "xl/workbook.xml", "xl/sharedStrings.xml"])
@pytest.mark.parametrize("bomb", [DEEP, LONG_TAG], ids=["deep", "long"])
def test_elements_without_end_do_not_fill_the_memory(bomb: str, part: str, tmp_path: Path) -> None:
    parts = book('<row r="1"><c r="A1" t="s"><v>0</v></c></row>', more={part: f"<x>{bomb}<si><t>x</t></si></x>"})
    assert refusal(zipped(tmp_path / "x.xlsx", parts)) == reasons.DAMAGED


def test_the_list_of_an_archive_of_very_many_parts_is_not_even_read(tmp_path: Path) -> None:
    path, grown = tmp_path / "x.xlsx", 200_000
    one = struct.pack("<4s4B4HL2L5H2L", b"PK\x01\x02", 20, 0, 20, *[0] * 8, 4, *[0] * 6)
    begin = b"PK\x03\x04".ljust(30, b"\0")
    listed = b"".join(one + b"%04d" % (number % 10_000) for number in range(grown))
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(listed), len(begin), 0)
    path.write_bytes(begin + listed + end)
    tracemalloc.start()
    try:
        assert refusal(path) == reasons.BOMB
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("part", "tag"), [("xl/styles.xml", "<xf/>"), ("xl/workbook.xml", '<sheet name="a"/>')])
def test_a_part_of_very_many_tags_is_a_bomb(part: str, tag: str, tmp_path: Path) -> None:
    parts = book(HEAD + SARA, more={part: f"<x><cellXfs>{tag * 600_000}</cellXfs></x>"})
    assert refusal(zipped(tmp_path / "x.xlsx", parts)) == reasons.BOMB


def test_an_archive_of_very_many_parts_is_refused(tmp_path: Path) -> None:
    many = {f"xl/media/{number}": "" for number in range(10_001)}
    assert refusal(zipped(tmp_path / "x.xlsx", book(HEAD + SARA, more=many))) == reasons.BOMB


@pytest.mark.parametrize(("limit", "value"), [("MAX_TEXTS", 3), ("MAX_BYTES", 29)])
def test_more_texts_than_memory_holds_are_refused(
    limit: str, value: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, limit, value)
    rows = '<row r="1"><c r="A1" t="s"><v>4</v></c></row>' + SARA
    strings = "".join(f"<si><t>text {number}</t></si>" for number in range(5))
    assert refusal(zipped(tmp_path / "x.xlsx", book(rows, strings=strings))) == reasons.BOMB


@pytest.mark.django_db
def test_ten_megabytes_in_a_cell_cost_their_row_alone(tmp_path: Path) -> None:
    rows = HEAD + SARA + row(3, "09351234567", LONG[:2_000_000]) + row(4, "09361234567", "x")
    result = imported(zipped(tmp_path / "x.xlsx", book(rows + row(5, "09371234567", "'" + "&amp;" * 10_000))))
    found = {issue.line: issue.code for issue in result.issues.all()}
    assert found == {3: reasons.ROW_TOO_LONG, 5: reasons.NAME_TOO_LONG}
    assert sum(len(cell) for issue in result.issues.all() for cell in issue.row) < 6_000
    assert result.new == 2


@pytest.mark.django_db
def test_ten_megabytes_in_a_cell_of_a_csv_file_cost_their_row_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f'phone,name\n09121234567,a\n09351234567,"{LONG}"\n09361234567,c\n')
    result = imported(path)
    assert (result.new, result.refused, result.issues.get().code) == (2, 1, reasons.ROW_TOO_LONG)


@pytest.mark.django_db
def test_a_workbook_that_breaks_off_far_below_fails_with_its_accounting(tmp_path: Path) -> None:
    many = "".join(row(line, f"0912{line:07d}", "x") for line in range(2, 6_000))
    result = imported(zipped(tmp_path / "x.xlsx", book(HEAD + many + "<row><c></row>")))
    assert (result.status, result.error) == (ContactImport.Status.FAILED, reasons.DAMAGED)
    assert counts(result)["new"] == Contact.objects.count()


@pytest.mark.django_db
def test_format_sheet_and_digest_are_kept(tmp_path: Path) -> None:
    one, other = imported(FOLDER / "hidden_sheet_first.xlsx"), imported(FOLDER / "plain.xlsx")
    assert (one.format, one.sheet, one.header, one.rows_done) == ("xlsx", "دو", ["موبایل", "نام"], 2)
    assert len(one.digest) == 64
    assert one.digest != other.digest
    copy = tmp_path / "copy.csv"
    copy.write_bytes((FOLDER / "plain.xlsx").read_bytes())
    assert imported(copy).digest == other.digest


def test_progress_ends_where_the_file_does(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    rows: Iterator[list[object]] = ([f"0912{number:07d}", "سارا"] for number in range(20_000))
    tables.write(path, tables.Kind.XLSX, ["phone", "name"], rows)
    with open_rows(path, sniff(path, max_bytes=1 << 30)) as reader:
        told = [reader.bytes_read for _row in reader]
    assert told == sorted(told)
    assert 0 < told[0] < told[-1] <= path.stat().st_size


@pytest.mark.usefixtures("small_blocks")
def test_rows_in_a_comment_are_no_rows_also_far_below(tmp_path: Path) -> None:
    rows = "".join(row(line, f"0912{line:07d}", "x") for line in range(2, 50))
    path = zipped(tmp_path / "x.xlsx", book(f"{HEAD}{rows}<!-- {rows} -->{row(50, '09351234567', 'y')}"))
    assert [line for line, _cells, _problem in rows_of(path)] == list(range(2, 51))


@pytest.mark.parametrize("sign", ["&#0;", "&#xD800;", "&#x110000;", "&nothing;", "\x01"])
@pytest.mark.usefixtures("small_blocks")
def test_characters_that_xml_forbids_are_damage_also_far_below(sign: str, tmp_path: Path) -> None:
    many = "".join(row(line, f"0912{line:07d}", "x") for line in range(2, 300))
    path = zipped(tmp_path / "x.xlsx", book(HEAD + many + row(300, "09121234567", f"a{sign}b") + row(301, "x")))
    assert refusal(path) == reasons.DAMAGED


def test_a_sheet_that_is_gone_is_told() -> None:
    path = FOLDER / "plain.xlsx"
    layout = sniff(FOLDER / "hidden_sheet_first.xlsx", max_bytes=1 << 20)
    with pytest.raises(UnreadableFile) as refused:
        open_rows(path, layout)
    assert refused.value.code == reasons.CHANGED
