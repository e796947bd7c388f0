"""Workbooks taken apart and made by hand, with nothing of ours: what a spreadsheet would find in them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

PARTS = "http://schemas.openxmlformats.org/package/2006"
RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def part(data: bytes, name: str) -> ET.Element:
    """One part of a workbook's archive, whose every checksum is right."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return ET.fromstring(archive.read(name))


def cells(data: bytes, sheet: int = 1) -> dict[str, tuple[str, str]]:
    """Every cell of a sheet by its place: its type and its raw text."""
    found = part(data, f"xl/worksheets/sheet{sheet}.xml").iter(f"{{{MAIN}}}c")
    return {cell.attrib["r"]: (cell.get("t", "n"), "".join(cell.itertext())) for cell in found}


def zipped(path: Path, parts: dict[str, Any]) -> Path:
    """An archive of these parts; the same parts give the same bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path


def book(
    rows: str,
    *,
    strings: str = "",
    formats: str = "",
    sheets: str = '<sheet name="Sheet1" sheetId="1" r:id="rId1"/>',
    settings: str = "",
    more: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The parts of a workbook, of the XML inside of them. ``more`` adds parts, or puts others in their place."""
    related = "".join(
        f'<Relationship Id="{number}" Type="{RELATED}/{kind}" Target="{target}"/>'
        for number, kind, target in [
            ("rId1", "worksheet", "worksheets/sheet1.xml"),
            ("rId2", "worksheet", "worksheets/sheet2.xml"),
            ("rId3", "chartsheet", "chartsheets/sheet1.xml"),
            ("rId8", "styles", "styles.xml"),
            ("rId9", "sharedStrings", "sharedStrings.xml"),
        ]
    )
    return {
        "[Content_Types].xml": f'<Types xmlns="{PARTS}/content-types"/>',
        "_rels/.rels": relations(f'<Relationship Id="a" Type="{RELATED}/officeDocument" Target="xl/workbook.xml"/>'),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATED}">{settings}'
        f"<sheets>{sheets}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": relations(related),
        "xl/worksheets/sheet1.xml": sheet(rows),
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{strings}</sst>',
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}">{formats}</styleSheet>',
        **(more or {}),
    }


def relations(inside: str) -> str:
    return f'<Relationships xmlns="{PARTS}/relationships">{inside}</Relationships>'


def sheet(rows: str) -> str:
    """A sheet's part, as spreadsheets begin it."""
    return (
        f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<worksheet xmlns="{MAIN}" xmlns:r="{RELATED}">'
        f'<dimension ref="A1"/><sheetData>{rows}</sheetData></worksheet>'
    )


def row(line: int, *cells: str) -> str:
    """A row of texts of its own, from column A on. A cell that is XML stands as it is; a blank one is left out."""
    written = "".join(
        cell
        if cell.startswith("<")
        else f'<c r="{letter}{line}" t="inlineStr"><is><t>{cell}</t></is></c>'
        if cell
        else ""
        for letter, cell in zip("ABCDEFGH", cells, strict=False)
    )
    return f'<row r="{line}">{written}</row>'
