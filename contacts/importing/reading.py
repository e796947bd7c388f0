"""Bytes to rows: a file streamed at constant memory, in which a bad row costs itself alone.

The csv module would let one unclosed quotation mark swallow the rest of a CSV file. Here a record that does not end
well gives up its first line only, and reading goes on with the next one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final, Self

from contacts.importing import reasons
from contacts.importing.layout import MAX_COLUMNS, MAX_ROW_CHARS, XLSX, Layout, Row, Rows
from contacts.importing.sheets import SheetReader
from contacts.importing.sniffing import separator_line
from contacts.models import ContactImport
from interface.formulas import original

MAX_ROW_LINES: Final = 100
BLOCK_CHARS: Final = 1 << 18

# The module's limit is global and 131,072 by default; lines are cut to MAX_ROW_CHARS + 1 before it sees them.
csv.field_size_limit(MAX_ROW_CHARS + 1)


def open_rows(path: Path, layout: Layout) -> Rows:
    """The file's data rows, to be used in a ``with``. Raises :class:`UnreadableFile`, for XLSX also while it reads."""
    return SheetReader(path, layout) if layout.format == XLSX else RowReader(path, layout)


def layout_of(contact_import: ContactImport) -> Layout:
    """The layout that was found when the file came."""
    it = contact_import
    headless = bool(it.mapping.get("headless"))
    return Layout(it.encoding, it.delimiter, tuple(it.header), headless, it.format, it.sheet, it.digest)


class _BadLine(csv.Error):
    """A line that cannot be part of any record."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class RowReader:
    """The data rows of a CSV file, in order. Blank lines are no rows; every other line is in exactly one row.

    ``bytes_read`` tells how far into the file it is, to a block, and so does ``volume``.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self.bytes_read = 0
        self._marked = False  # an apostrophe was seen: it may stand before what looks like a formula
        self._layout = layout
        self._bytes = path.open("rb")
        self._file = io.TextIOWrapper(self._bytes, encoding=layout.encoding, errors="replace", newline=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Row]:
        """Yields :data:`Row`. The header and Excel's ``sep=`` line are passed over."""
        header_due = not self._layout.headless
        for line, cells, problem in self._records():
            if header_due:
                header_due = False
            elif self._marked:
                yield line, [original(cell) for cell in cells], problem
            else:
                yield line, cells, problem

    @property
    def volume(self) -> int:
        return self.bytes_read

    def _records(self) -> Iterator[Row]:
        first, pending = 1, list[str]()
        for block, plain in self._blocks():
            if first == 1 and not pending and separator_line(block[0]):
                block, first = block[1:], 2
            if plain and not pending:
                yield from self._parse_plain(block, first)
                first += len(block)
                continue
            pending += block
            kept = yield from self._parse_quoted(pending, first, final=False)
            first += len(pending) - kept
            pending = pending[len(pending) - kept :]
        yield from self._parse_quoted(pending, first, final=True)

    def _blocks(self) -> Iterator[tuple[list[str], bool]]:
        """Groups of whole lines, without their ends, and whether the group needs no care: no quotes, nothing bad.

        A line above the limit is cut to one character more than it, so that memory stays bounded.
        """
        tail = ""
        while text := self._file.read(BLOCK_CHARS):
            self.bytes_read = self._bytes.tell()
            newline = text.rfind("\n")
            if newline < 0:
                tail = (tail + text)[: MAX_ROW_CHARS + 1]
                continue
            block, tail = tail + text[:newline], text[newline + 1 :]
            self._marked = self._marked or "'" in block
            yield (
                block.split("\n"),
                not ('"' in block or "\0" in block or "\ufffd" in block or len(block) > MAX_ROW_CHARS),
            )
        if tail:
            self._marked = self._marked or "'" in tail
            yield [tail], False

    def _parse_plain(self, lines: list[str], first: int) -> Iterator[Row]:
        width = len(self._layout.header)
        reader = csv.reader(lines, delimiter=self._layout.delimiter)
        for line, cells in enumerate(reader, first):
            if len(cells) == width:
                yield line, cells, ""
            elif lines[line - first].strip():
                yield self._judged(line, cells)

    def _parse_quoted(self, lines: list[str], first: int, *, final: bool) -> Generator[Row, None, int]:
        """Parses lines that hold quotes. Returns how many of the last lines may go on in the next block."""
        start = 0
        while start < len(lines):
            feed = _Feed(lines, start)
            reader = csv.reader(feed, delimiter=self._layout.delimiter, strict=True)
            try:
                for cells in reader:
                    if row := self._accepted(cells, lines[start : feed.position], first + start):
                        yield row
                    start = feed.begin_record()
            except csv.Error as error:
                if feed.exhausted and not final and len(lines) - start <= MAX_ROW_LINES:
                    return len(lines) - start
                first_is_bad = isinstance(error, _BadLine) and feed.position == start + 1
                code = str(error) if first_is_bad else reasons.UNBALANCED_QUOTES
                yield first + start, [lines[start]], code
                start += 1
        return 0

    def _accepted(self, cells: list[str], lines: list[str], line: int) -> Row | None:
        if len(cells) == len(self._layout.header):
            return line, cells, ""
        if len(lines) > 1:
            raise csv.Error("a record of several lines and the wrong width: its quotation mark was a stray one")
        return self._judged(line, cells) if lines[0].strip() else None

    def _judged(self, line: int, cells: list[str]) -> Row:
        """A row of the wrong width: fine if only blank cells are too many, as spreadsheets write them."""
        width = len(self._layout.header)
        if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
            return line, cells[:width], ""
        return line, cells[: MAX_COLUMNS + 1], reasons.RAGGED


class _Feed:
    """Lines for the csv module, counted, that refuses a record of too many lines or with a line that is no text."""

    def __init__(self, lines: list[str], start: int) -> None:
        self.position = start
        self.exhausted = False
        self._lines = lines
        self._record = start
        self._chars = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def begin_record(self) -> int:
        """The next line opens a new record; its index."""
        self._record, self._chars = self.position, 0
        return self.position

    def __next__(self) -> str:
        if self.position == len(self._lines):
            self.exhausted = True
            raise StopIteration
        line = self._lines[self.position]
        self.position += 1
        self._chars += len(line)
        if self._chars > MAX_ROW_CHARS or self.position - self._record > MAX_ROW_LINES:
            raise _BadLine(reasons.ROW_TOO_LONG)
        if "\0" in line:
            raise _BadLine(reasons.NUL)
        if "\ufffd" in line:
            raise _BadLine(reasons.UNDECODABLE)
        return line + "\n"
