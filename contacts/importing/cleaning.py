"""A row of cells to a clean row, or the reason why it cannot be one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from contacts import phones
from contacts.importing import mapping, reasons

MAX_NAME: Final = 100
MAX_VALUE: Final = 1_000
MAX_KEPT: Final = 2_000  # characters of a refused row that are kept to be shown


class CleanRow(NamedTuple):
    """What is loaded of a row. ``phone`` is E.164 without its plus, ``attributes`` JSON; ``cells`` is the row as it was."""

    line: int
    phone: int
    first_name: str
    last_name: str
    operator: int
    attributes: str
    cells: Sequence[str]


class Issue(NamedTuple):
    """A refused row: where, which column, what stood there, why (a code of ``reasons``), and the row as it was."""

    line: int
    column: str
    value: str
    code: str
    cells: list[str]


class RefusedRow(Exception):
    """A row that cannot be imported, with the column and the value at fault. Its text is the code alone."""

    def __init__(self, code: str, column: str = "", value: str = "") -> None:
        super().__init__(code)
        self.code, self.column, self.value = code, column, value


Cleaner = Callable[[int, list[str]], CleanRow]


def cleaner(header: Sequence[str], targets: Sequence[str]) -> Cleaner:
    """A function from line number and cells to a :class:`CleanRow`; it raises :class:`RefusedRow`."""
    phone_at = targets.index(mapping.PHONE)
    first_at, last_at, full_at = (
        _place(targets, field) for field in (mapping.FIRST_NAME, mapping.LAST_NAME, mapping.FULL_NAME)
    )
    keys = [
        (index, target.partition(":")[2])
        for index, target in enumerate(targets)
        if target.startswith(mapping.ATTRIBUTE + ":")
    ]
    normalise, operator_of, dumps = phones.normalise, phones.operator_of, json.dumps

    def clean(line: int, cells: list[str]) -> CleanRow:
        try:
            phone = normalise(cells[phone_at])
        except phones.InvalidPhone as error:
            raise RefusedRow(error.code, header[phone_at], cells[phone_at]) from None
        first = _name(cells[first_at], header[first_at]) if first_at >= 0 else ""
        last = _name(cells[last_at], header[last_at]) if last_at >= 0 else ""
        if full_at >= 0:
            first, last = _split_name(cells[full_at], header[full_at], first, last)
        found = {key: value for index, key in keys if (value := _value(cells[index], header[index]))} if keys else None
        return CleanRow(
            line, int(phone[1:]), first, last, operator_of(phone), dumps(found) if found else "{}", kept(cells)
        )

    return clean


def _place(targets: Sequence[str], field: str) -> int:
    return targets.index(field) if field in targets else -1


def _name(cell: str, column: str) -> str:
    name = " ".join(cell.split())
    if not name.isascii():
        name = name.translate(mapping.LETTERS)
    if len(name) > MAX_NAME:
        raise RefusedRow(reasons.NAME_TOO_LONG, column, cell)
    return name


def _split_name(cell: str, column: str, first: str, last: str) -> tuple[str, str]:
    """The full name's first word and the rest, where the columns of their own are blank."""
    head, _, tail = " ".join(cell.split()).partition(" ")
    return first or _name(head, column), last or _name(tail, column)


def _value(cell: str, column: str) -> str:
    value = cell.strip()
    if len(value) > MAX_VALUE:
        raise RefusedRow(reasons.VALUE_TOO_LONG, column, cell)
    return value


def kept(cells: Sequence[str]) -> Sequence[str]:
    """The cells, cut so that a refused row of a million characters does not go into the database whole."""
    if sum(map(len, cells)) <= MAX_KEPT:
        return cells
    room, result = MAX_KEPT, list[str]()
    for cell in cells:
        result.append(cell if len(cell) <= room else cell[:room] + "…")
        room = max(room - len(cell), 0)
    return result


def issue(line: int, cells: Sequence[str], code: str, column: str = "", value: str = "") -> Issue:
    """A refused row as it is stored; NUL, which PostgreSQL cannot hold, is shown as ␀."""
    cells = [cell.replace("\0", "␀") for cell in kept(cells)]
    return Issue(line, column[:200], value[:MAX_KEPT].replace("\0", "␀"), code, cells)
