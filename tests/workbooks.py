"""Workbooks taken apart and made by hand, with nothing of ours: what a spreadsheet would find in them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

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


def zipped(path: Path, parts: dict[str, str | bytes]) -> Path:
    """An archive of these parts."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path
