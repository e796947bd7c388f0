"""Tables to download, as CSV and XLSX: whole, text kept as text, no formula, and never all in memory."""

from __future__ import annotations

import csv
import io
import itertools
import tracemalloc
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from interface import formulas, tables, workbooks
from interface.tables import Kind
from tests.workbooks import MAIN, cells, part

DANGEROUS = ["=1+1", "+98912", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "'=1"]


def made(kind: Kind, header: list[str], rows: list[list[object]]) -> bytes:
    return b"".join(tables.chunks(kind, header, rows))


def read_csv(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("text", DANGEROUS)
def test_no_cell_of_a_csv_file_begins_like_a_formula(text: str) -> None:
    header, row = read_csv(made(Kind.CSV, [text], [[text]]))
    assert header == row == [f"'{text}"]


@given(st.text())
def test_the_apostrophe_in_front_of_a_formula_comes_off_again(text: str) -> None:
    assert formulas.original(formulas.harmless(text)) == text
    assert formulas.original(formulas.unambiguous(text)) == text


def test_negative_numbers_are_numbers_in_both_kinds() -> None:
    assert read_csv(made(Kind.CSV, ["n"], [[-5, Decimal("-1.50"), None]])) == [["n"], ["-5", "-1.50", ""]]
    found = cells(made(Kind.XLSX, ["n"], [[-5, Decimal("-1.50"), None, True]]))
    assert found == {"A1": ("inlineStr", "n"), "A2": ("n", "-5"), "B2": ("n", "-1.50"), "D2": ("inlineStr", "True")}


def test_phones_and_what_looks_like_a_formula_are_text_in_a_workbook() -> None:
    data = made(Kind.XLSX, ["phone"], [["09121234567", "=1+1", 10**15]])
    found = cells(data)
    assert [found[place] for place in ("A2", "B2", "C2")] == [
        ("inlineStr", "09121234567"), ("inlineStr", "=1+1"), ("inlineStr", "1000000000000000")
    ]  # fmt: skip
    assert b"<f" not in data
    formats = part(data, "xl/styles.xml").find(f"{{{MAIN}}}cellXfs")
    assert formats is not None
    assert formats[1].attrib["numFmtId"] == "49"  # text, so that it stays text when a person edits it


def test_the_header_of_a_workbook_is_bold_and_frozen_and_the_sheet_runs_as_the_language_does() -> None:
    with override("fa"):
        pieces = tables.chunks(Kind.XLSX, ["نام"], [["سارا"]])
    view = part(b"".join(pieces), "xl/worksheets/sheet1.xml").find(f".//{{{MAIN}}}sheetView")
    assert view is not None
    assert view.attrib["rightToLeft"] == "1"
    assert view[0].attrib["state"] == "frozen"
    with override("en"):
        assert b"rightToLeft" not in made(Kind.XLSX, ["name"], [])


def test_characters_that_xml_cannot_hold_are_escaped_as_spreadsheets_do() -> None:
    found = cells(made(Kind.XLSX, ["a"], [["\0\x07\r<&>", "_x0041_", "\ud83d", "😀  "]]))
    assert [text for _type, text in itertools.islice(found.values(), 1, None)] == [
        "_x0000__x0007__x000D_<&>", "_x005F_x0041_", "_xD83D_", "😀  "
    ]  # fmt: skip


def test_a_sheet_that_is_full_goes_on_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "MAX_ROWS", 3)
    data = made(Kind.XLSX, ["n"], [[number] for number in range(4)])
    assert [cells(data, sheet) for sheet in (1, 2)] == [
        {"A1": ("inlineStr", "n"), "A2": ("n", "0"), "A3": ("n", "1")},
        {"A1": ("inlineStr", "n"), "A2": ("n", "2"), "A3": ("n", "3")},
    ]
    assert len(part(data, "xl/workbook.xml")[0]) == 2


def test_a_cell_is_cut_to_what_a_spreadsheet_holds() -> None:
    (_type, text) = cells(made(Kind.XLSX, ["a"], [["x" * 40_000]]))["A2"]
    assert len(text) == 32_767
    assert text.endswith("…")


@pytest.mark.parametrize("kind", list(Kind))
def test_rows_are_asked_for_while_the_file_is_made_and_not_kept(kind: Kind) -> None:
    def rows() -> Iterator[list[object]]:
        for number in range(100_000):
            yield [f"0912{number:07d}", "سارا", number, "متن " * 20]

    tracemalloc.start()
    try:
        sizes = [len(piece) for piece in tables.chunks(kind, ["phone", "name", "n", "text"], rows())]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(sizes) > 3
    assert peak < 8 << 20


def test_a_file_is_written_where_it_is_wanted(tmp_path: Path) -> None:
    tables.write(tmp_path / "x.csv", Kind.CSV, ["نام"], [["سارا"]])
    assert read_csv((tmp_path / "x.csv").read_bytes()) == [["نام"], ["سارا"]]


def test_a_broken_source_breaks_the_file() -> None:
    """Nothing that could be taken for a whole workbook is sent."""

    def rows() -> Iterator[list[object]]:
        yield ["a"]
        raise ValueError

    sent: list[bytes] = []
    with pytest.raises(ValueError):  # noqa: PT011 - it is the one raised above
        sent.extend(tables.chunks(Kind.XLSX, ["a"], rows()))
    assert b"PK\x05\x06" not in b"".join(sent)
