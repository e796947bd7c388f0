"""Rows of an XLSX sheet, streamed: a block of its XML at a time, and the workbook's texts as one run of bytes.

A block in which everything looks as spreadsheets write it is read by one regular expression, several times as fast as
by an XML parser. The parser reads all others, and the document around the rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final, Self

from contacts.importing import reasons
from contacts.importing.layout import MAX_COLUMNS, MAX_ROW_CHARS, XLSX, Layout, Row, column_names, is_phone
from contacts.importing.markup import Attributes, Parser, as_typed, decoded, decoded_piece, pieces
from contacts.importing.package import Package, Sheet, told_as_damage
from contacts.importing.reasons import UnreadableFile
from contacts.importing.texts import PLAIN, Texts
from interface.workbooks import letters

SAMPLE_ROWS: Final = 100
MAX_LINE: Final = 2**31 - 1  # the table's

_tags: Final = re.compile(
    r'<row r="([0-9]{1,7})"[^</>]*>'
    r'|<c r="([A-Z]{1,3})[0-9]+"(?: s="([0-9]+)")?(?: t="([A-Za-z]+)")?'
    rf"(?:/>|>(?:<v>([^<]*)</v>|<is>{PLAIN}</is>)</c>)"
).findall
_odd: Final = re.compile("&|_x|^'").search
_letters: Final = re.compile(r"[A-Z]{1,3}").match
_Tag = tuple[str, str, str, str, str, str]


def layout_of(path: Path) -> Layout:
    """The layout of an XLSX file: its first sheet that a person sees and that holds anything.

    A table is as wide as its widest row among the first hundred. Raises :class:`UnreadableFile`.
    """
    with Package(path) as package:
        texts = Texts(package)
        for sheet in package.sheets:
            rows = list(islice(SheetRows(package, sheet, texts, MAX_COLUMNS), SAMPLE_ROWS))
            if rows:
                return _layout(sheet.name, rows)
    raise UnreadableFile(reasons.EMPTY_FILE)


def _layout(sheet: str, rows: list[Row]) -> Layout:
    if any(problem == reasons.RAGGED for _line, _cells, problem in rows):
        raise UnreadableFile(reasons.TOO_MANY_COLUMNS)
    width = max(at for _line, cells, _problem in rows for at, cell in enumerate(cells, 1) if cell.strip())
    head = rows[0][1][:width]
    headless = any(map(is_phone, head))
    if len(rows) == 1 and not headless:
        raise UnreadableFile(reasons.ONLY_HEADER)
    return Layout("", "", column_names([""] * width if headless else head), headless, XLSX, sheet)


class SheetReader:
    """The data rows of a sheet, in order, as ``RowReader`` gives those of a CSV file. The header is passed over.

    The line is the row's number in the sheet. Blank rows are no rows, and cells that are not there are blank.
    ``bytes_read`` is as much of the file as was read of the sheet's XML.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self._layout, self._file_size = layout, path.stat().st_size
        self._package = Package(path)
        sheet = next((it for it in self._package.sheets if it.name == layout.sheet), None)
        if sheet is None:
            self._package.close()
            raise UnreadableFile(reasons.CHANGED)
        self._sheet_size = max(self._package.size(sheet.part), 1)
        self._rows = SheetRows(self._package, sheet, Texts(self._package), len(layout.header))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._package.close()

    def __iter__(self) -> Iterator[Row]:
        return islice(iter(self._rows), int(not self._layout.headless), None)

    @property
    def bytes_read(self) -> int:
        return self._rows.read * self._file_size // self._sheet_size

    @property
    def volume(self) -> int:
        return self._rows.volume


class SheetRows:
    """All rows of a sheet that hold anything. ``read`` is bytes of its XML, ``volume`` characters of its cells."""

    def __init__(self, package: Package, sheet: Sheet, texts: Texts, width: int) -> None:
        self.read = self.volume = 0
        self.width = width
        self._package, self._part, self._texts = package, sheet.part, texts
        self._shown, self._special = package.formats.shown, package.formats.special
        self._columns = {letters(number): number for number in range(width)}
        self._found: list[Row] = []

    def __iter__(self) -> Iterator[Row]:
        parser = _RowParser(self)
        with told_as_damage(), self._package.open(self._part) as part:
            for piece, whole in pieces(part, b"</row>"):
                self.read += len(piece)
                self._texts.begin_piece()
                if whole and parser.plain and parser.between_rows and (tags := _all_tags(decoded_piece(piece))):
                    self._take(tags)
                else:
                    parser.feed(piece)
                found, self._found = self._found, []
                yield from found
            parser.end()

    def _take(self, found: list[_Tag]) -> None:
        """Takes the rows and cells that a search for tags found."""
        line, cells, beyond, width = 0, list[str](), list[str](), self.width
        columns, special, texts = self._columns, self._special, self._texts
        for row, column, style, kind, value, text in found:
            if row:
                if line:
                    self.add(line, cells, beyond)
                line, cells, beyond = int(row), [""] * width, []
                continue
            if kind == "s":
                text = texts[int(value)]
            elif text:
                text = as_typed(decoded(text)) if _odd(text) else text
            elif not kind and style not in special and len(value) <= 15 and value.isdigit():
                text = value
            elif value:
                text = self.text(kind, style, decoded(value))
            at = columns.get(column, -1)
            if at >= 0:
                cells[at] = text
            elif text.strip() and len(beyond) <= MAX_COLUMNS:
                beyond.append(text)
        self.add(line, cells, beyond)

    def text(self, kind: str, style: str, raw: str) -> str:
        """The text of a cell of a type (ECMA-376, part 1, 18.18.11). An error is no value."""
        if kind == "s":
            return self._texts[int(raw)]
        if kind in ("", "n"):
            return self._shown(raw.strip(), style) if raw else ""
        if kind == "b":
            return "TRUE" if raw.strip() == "1" else "FALSE"
        return "" if kind == "e" else as_typed(raw)

    def add(self, line: int, cells: list[str], beyond: list[str]) -> None:
        """Adds the row, if it holds anything."""
        size = sum(map(len, cells))
        self.volume += size
        if beyond:
            self._found.append((line, cells + beyond, reasons.RAGGED))
        elif size > MAX_ROW_CHARS:
            self._found.append((line, [cell[:MAX_ROW_CHARS] for cell in cells], reasons.ROW_TOO_LONG))
        elif size and any(map(str.strip, cells)):
            self._found.append((line, cells, ""))


class _RowParser(Parser):
    """Finds the rows, and tells whether it stands between two of them."""

    def __init__(self, rows: SheetRows) -> None:
        super().__init__()
        self.between_rows = False
        self._rows = rows
        self._line, self._column = 0, -1
        self._kind = self._style = ""
        self._cells, self._beyond = list[str](), list[str]()

    def opened(self, tag: str, attributes: Attributes) -> None:
        if tag == "c":
            column = _letters(attributes.get("r", ""))
            self._column = _column_number(column[0]) if column else self._column + 1
            self._kind, self._style = attributes.get("t", ""), attributes.get("s", "")
            self.begin_text()
        elif tag == "row":
            self.between_rows = False
            self._line = min(int(attributes.get("r", self._line + 1)), MAX_LINE)
            self._column, self._cells, self._beyond = -1, [""] * self._rows.width, []
        elif tag == "sheetData":
            self.between_rows = True

    def closed(self, tag: str) -> None:
        if tag == "c":
            text = self._rows.text(self._kind, self._style, self.taken())
            if self._column < self._rows.width:
                self._cells[self._column] = text
            elif text.strip() and len(self._beyond) <= MAX_COLUMNS:
                self._beyond.append(text)
        elif tag == "row":
            self.between_rows = True
            self._rows.add(self._line, self._cells, self._beyond)
        elif tag == "sheetData":
            self.between_rows = False


def _all_tags(piece: str) -> list[_Tag]:
    """The rows and cells of a piece in which there are no other tags than of these shapes; else nothing.

    A row has two tags, a cell with a value four, one with a text of its own six, and one without anything one.
    """
    found: list[_Tag] = _tags(piece)
    rows, values, own = piece.count('<row r="'), piece.count("<v>"), piece.count("<is>")
    plain = piece.count("<") == len(found) + rows + 3 * values + 5 * own
    return found if plain and found and found[0][0] else []


def _column_number(column: str) -> int:
    number = 0
    for letter in column:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1
