"""How a file is to be read, and what its rows are: the same for CSV and XLSX."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, Self, TypeAlias

from contacts.phones import InvalidPhone, normalise

MAX_COLUMNS: Final = 200
MAX_ROW_CHARS: Final = 1_000_000
CSV: Final = "csv"
XLSX: Final = "xlsx"
_NO_SIGNS: Final = str.maketrans("", "", "\ufeff\0")  # the latter PostgreSQL cannot hold

Row: TypeAlias = tuple[int, list[str], str]
"""Line number in the file or sheet (from 1), the cells, and the code of what is wrong with the row (or "")."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How to read a file: the column names, whether the first row is data; of CSV a codec's name and the delimiter.

    Of XLSX the sheet's name. ``format`` is a value of ``ContactImport.Format``; ``digest`` the SHA-256 of the content,
    where it was asked for.
    """

    encoding: str
    delimiter: str
    header: tuple[str, ...]
    headless: bool = False
    format: str = CSV
    sheet: str = ""
    digest: str = ""


class Rows(Protocol):
    """An open file of rows. ``bytes_read`` tells how far into the file it is, ``volume`` how much it has given.

    The latter is in bytes or characters, and differs where a small file holds long texts many times over.
    """

    @property
    def bytes_read(self) -> int: ...
    @property
    def volume(self) -> int: ...

    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...
    def __iter__(self) -> Iterator[Row]: ...


def is_phone(cell: str) -> bool:
    """Whether a cell is a number that can get a message."""
    try:
        normalise(cell)
    except InvalidPhone:
        return False
    return True


def column_names(cells: Sequence[str]) -> tuple[str, ...]:
    """A name for each column: the header's own, trimmed; its number where blank; made different where repeated."""
    names: list[str] = []
    for number, cell in enumerate(cells, 1):
        name = base = " ".join(cell.translate(_NO_SIGNS).split())[:100] or f"column {number}"
        copy = 2
        while name in names:
            name = f"{base} {copy}"
            copy += 1
        names.append(name)
    return tuple(names)
