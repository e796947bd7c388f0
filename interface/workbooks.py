"""XLSX as a stream of bytes (ECMA-376, SpreadsheetML): text cells are marked as text and never a formula.

A sheet that is full goes on in the next one. Nothing is kept on the disk, and of the rows only those of one piece.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Generator, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import cache
from typing import IO, Any, Final

from interface.formulas import unambiguous

MAX_ROWS: Final = 1_048_576
MAX_COLUMNS: Final = 16_384
MAX_CELL: Final = 32_767
# Above 2 GB a member of the archive would need ZIP64, which not every spreadsheet reads in a stream.
MAX_SHEET_BYTES: Final = 1 << 30
CHUNK_CHARS: Final = 1 << 18

_PARTS: Final = "http://schemas.openxmlformats.org/package/2006"
_SHEETS: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATED: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPES: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_XML: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

# Three formats of a cell: any, text (49 is "@"), and bold text.
_TEXT, _BOLD = 1, 2
_STYLES: Final = (
    f'{_XML}<styleSheet xmlns="{_SHEETS}">'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    "<borders><border><left/><right/><top/><bottom/><diagonal/></border></borders>"
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
_ROOT: Final = (
    f'{_XML}<Relationships xmlns="{_PARTS}/relationships">'
    f'<Relationship Id="rId1" Type="{_RELATED}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
)

_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# XML has no control characters: SpreadsheetML writes _x0007_, and so must escape a text that looks like it.
_specials = re.compile("[&<>\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_special, _escape = _specials.search, _specials.sub


def chunks(header: Sequence[str], rows: Iterable[Sequence[object]], *, right_to_left: bool) -> Iterator[bytes]:
    """A workbook's bytes: the rows under the header, which every sheet repeats. See :mod:`interface.tables`."""
    sink, source, sheets = _Sink(), iter(rows), 0
    row = next(source, None)
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        while row is not None or sheets == 0:
            sheets += 1
            with archive.open(f"xl/worksheets/sheet{sheets}.xml", "w") as part:
                part.write(_opening(header, right_to_left).encode())
                row = yield from _fill(part, sink, source, row)
                part.write(b"</sheetData></worksheet>")
        for name, text in _frame(sheets).items():
            archive.writestr(name, text)
    yield sink.take()


class _Sink(io.RawIOBase):
    """What the archive is written to: it keeps the bytes until they are taken. It cannot seek, so none is needed."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: list[bytes] = []
        self.size = 0

    def write(self, data: Any) -> int:
        self._kept.append(bytes(data))
        self.size += len(data)
        return len(data)

    def take(self) -> bytes:
        data, self._kept, self.size = b"".join(self._kept), [], 0
        return data


def _fill(
    part: IO[bytes], sink: _Sink, source: Iterator[Sequence[object]], row: Sequence[object] | None
) -> Generator[bytes, None, Sequence[object] | None]:
    """Writes rows until the sheet is full or none is left. Returns the row that the next sheet begins with."""
    number, size, kept, pending = 1, 0, list[str](), 0
    while row is not None and number < MAX_ROWS and size < MAX_SHEET_BYTES:
        number += 1
        kept.append(_row(number, row, _TEXT))
        pending += len(kept[-1])
        row = next(source, None)
        if pending >= CHUNK_CHARS or row is None:
            size += part.write("".join(kept).encode("utf-8", "replace"))
            kept, pending = [], 0
            if sink.size:
                yield sink.take()
    part.write("".join(kept).encode("utf-8", "replace"))
    return row


def _row(number: int, cells: Sequence[object], style: int) -> str:
    written = [_cell(column, number, cell, style) for column, cell in enumerate(cells[:MAX_COLUMNS])]
    return f'<row r="{number}">{"".join(written)}</row>'


def _cell(column: int, row: int, cell: object, style: int) -> str:
    if cell is None or cell == "":
        return ""
    place = f"{letters(column)}{row}"
    # A spreadsheet keeps 15 digits of a number; bool is an int and is no number.
    if isinstance(cell, (int, float, Decimal)) and not isinstance(cell, bool) and -(10**15) < cell < 10**15:
        return f'<c r="{place}"><v>{cell}</v></c>'
    text = unambiguous(str(cell))
    if len(text) > MAX_CELL:
        text = text[: MAX_CELL - 1] + "…"
    if _special(text):
        text = _escape(_code, text)
    return f'<c r="{place}" s="{style}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _code(found: re.Match[str]) -> str:
    sign = found[0]
    return _ENTITIES.get(sign) or f"_x{ord(sign):04X}_"


@cache
def letters(column: int) -> str:
    """A column's letters; 0 is A, 26 is AA."""
    before, last = divmod(column, 26)
    return (letters(before - 1) if before else "") + chr(ord("A") + last)


def _opening(header: Sequence[str], right_to_left: bool) -> str:
    width = max(min(len(header), MAX_COLUMNS), 1)
    direction = ' rightToLeft="1"' if right_to_left else ""
    return (
        f'{_XML}<worksheet xmlns="{_SHEETS}"><sheetViews><sheetView{direction} workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
        f'<cols><col min="1" max="{width}" width="20" style="{_TEXT}" customWidth="1"/></cols>'
        f"<sheetData>{_row(1, header, _BOLD)}"
    )


def _frame(sheets: int) -> dict[str, str]:
    """The parts beside the sheets, by their names."""
    numbers = range(1, sheets + 1)
    overrides = "".join(
        f'<Override PartName="/xl/worksheets/sheet{number}.xml" ContentType="{_TYPES}.worksheet+xml"/>'
        for number in numbers
    )
    listed = "".join(f'<sheet name="Sheet{number}" sheetId="{number}" r:id="rId{number}"/>' for number in numbers)
    related = "".join(
        f'<Relationship Id="rId{number}" Type="{_RELATED}/worksheet" Target="worksheets/sheet{number}.xml"/>'
        for number in numbers
    )
    return {
        "[Content_Types].xml": (
            f'{_XML}<Types xmlns="{_PARTS}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{_TYPES}.styles+xml"/>{overrides}</Types>'
        ),
        "_rels/.rels": _ROOT,
        "xl/workbook.xml": (
            f'{_XML}<workbook xmlns="{_SHEETS}" xmlns:r="{_RELATED}"><sheets>{listed}</sheets></workbook>'
        ),
        "xl/_rels/workbook.xml.rels": (
            f'{_XML}<Relationships xmlns="{_PARTS}/relationships">{related}'
            f'<Relationship Id="rIdS" Type="{_RELATED}/styles" Target="styles.xml"/></Relationships>'
        ),
        "xl/styles.xml": _STYLES,
    }
