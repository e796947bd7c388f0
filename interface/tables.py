"""Tables to download: CSV and XLSX of any length, made as they are sent, in which no cell is a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

from django.http import StreamingHttpResponse

from interface import workbooks
from interface.formulas import harmless
from interface.persian import is_persian

CHUNK_BYTES: Final = 1 << 16


class Kind(StrEnum):
    """A kind of file, by the suffix of its name."""

    CSV = "csv"
    XLSX = "xlsx"


CONTENT_TYPES: Final = {
    Kind.CSV: "text/csv; charset=utf-8",
    Kind.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def kind(text: str | None) -> Kind:
    """The kind that a ``?format=`` asks for; CSV where it names none."""
    return Kind.XLSX if text == Kind.XLSX else Kind.CSV


def chunks(kind: Kind, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """The file's bytes, a piece at a time; ``rows`` are asked for one by one.

    CSV is UTF-8 with a BOM, for Excel. In XLSX the header is bold and stays in sight, and the sheet runs from right to
    left where the active language does; it is the language of this call, also where the pieces are made later.
    Numbers (``int``, ``float``, ``Decimal``) are numbers, ``None`` is blank, and everything else is text: a phone or a
    code of digits is to be a ``str``.
    """
    if kind == Kind.XLSX:
        return workbooks.chunks(header, rows, right_to_left=is_persian())
    return _csv(header, rows)


def write(path: Path, kind: Kind, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Writes the file. One that is there already is replaced."""
    with path.open("wb") as file:
        file.writelines(chunks(kind, header, rows))


def download(name: str, kind: Kind, header: Sequence[str], rows: Iterable[Sequence[object]]) -> StreamingHttpResponse:
    """The file as an answer that is saved under ``name`` (ASCII) and the kind's suffix."""
    response = StreamingHttpResponse(chunks(kind, header, rows), content_type=CONTENT_TYPES[kind])
    response["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return response


class _Lines:
    """A file for the csv writer that keeps what it is given until it is taken."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self.size = 0

    def write(self, line: str) -> None:
        self._lines.append(line)
        self.size += len(line)

    def take(self) -> bytes:
        text, self._lines, self.size = "".join(self._lines), [], 0
        return text.encode("utf-8", "replace")  # a half of a surrogate pair is no character


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    lines = _Lines()
    write_row = csv.writer(lines).writerow
    lines.write("\ufeff")
    write_row([harmless(cell) for cell in header])
    for row in rows:
        if lines.size >= CHUNK_BYTES:
            yield lines.take()
        write_row([harmless(cell) if isinstance(cell, str) else cell for cell in row])
    yield lines.take()
