"""A row of cells to a clean row, or the reason why it cannot be one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Final, NamedTuple

from contacts import phones
from contacts.importing import categories, mapping, reasons
from contacts.importing.categories import Category

MAX_NAME: Final = 100
MAX_VALUE: Final = 1_000
MAX_SETTLED: Final = 10_000
MAX_KEPT: Final = 2_000  # characters of a refused row that are kept to be shown


class CleanRow(NamedTuple):
    """What is loaded of a row. ``phone`` is E.164 without its plus, ``attributes`` JSON, ``cells`` the row as read.

    ``copied`` is phone, names, operator and attributes as COPY takes them, but for backslashes.
    """

    line: int
    phone: int
    first_name: str
    last_name: str
    operator: int
    attributes: str
    cells: Sequence[str]
    copied: str
    category: Category | None = None


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


def cleaner(
    header: Sequence[str],
    targets: Sequence[str],
    *,
    ascii_json: bool = True,
    known: categories.Known | None = None,
) -> Cleaner:
    """A function from line number and cells to a :class:`CleanRow`; it raises :class:`RefusedRow`.

    ``ascii_json`` writes attributes as Django does, which matters where JSON is kept as text; else they are shorter.
    Job categories that ``known`` does not have are refused; without it none is.
    """
    quote = encode_basestring_ascii if ascii_json else encode_basestring
    phone_at = targets.index(mapping.PHONE)
    first_at, last_at = _place(targets, mapping.FIRST_NAME), _place(targets, mapping.LAST_NAME)
    full_at = _place(targets, mapping.FULL_NAME)
    attribute = f"{mapping.ATTRIBUTE}:"
    keys = [(at, quote(it.removeprefix(attribute))) for at, it in enumerate(targets) if it.startswith(attribute)]
    category_of = _category_reader(header, targets, known)
    normalise, operator_of = phones.normalise, phones.operator_of

    def clean(line: int, cells: list[str]) -> CleanRow:
        try:
            phone = normalise(cells[phone_at])
        except phones.InvalidPhone as error:
            raise RefusedRow(error.code, header[phone_at], cells[phone_at]) from None
        first = _name(cells[first_at]) if first_at >= 0 else ""
        last = _name(cells[last_at]) if last_at >= 0 else ""
        if full_at >= 0:
            head, tail = _split(cells[full_at])
            first, last = first or head, last or tail
        attributes = _attributes(cells, keys, header, quote) if keys else "{}"
        if len(first) > MAX_NAME or len(last) > MAX_NAME:
            raise _long_name(cells, header, first_at if len(first) > MAX_NAME else last_at, full_at)
        category = category_of(cells) if category_of else None
        operator = operator_of(phone)
        copied = f"{phone[1:]}\t{first}\t{last}\t{operator}\t{attributes}"
        return CleanRow(line, int(phone), first, last, operator, attributes, cells, copied, category)

    return clean


def attributes_of(row: CleanRow) -> dict[str, str]:
    """A clean row's attributes."""
    found: dict[str, str] = json.loads(row.attributes)
    return found


def _place(targets: Sequence[str], field: str) -> int:
    return targets.index(field) if field in targets else -1


@lru_cache(maxsize=1 << 15)  # names and cities repeat: a hit costs a tenth
def _name(cell: str) -> str:
    return " ".join(cell.translate(mapping.LETTERS).split())


def _split(cell: str) -> tuple[str, str]:
    """A full name's first word and the rest."""
    head, _, tail = _name(cell).partition(" ")
    return head, tail


def _attributes(
    cells: list[str], keys: list[tuple[int, str]], header: Sequence[str], quote: Callable[[str], str]
) -> str:
    """The JSON object that ``json.dumps`` would give, blank values left out, at a quarter of its time."""
    pairs = []
    for at, key in keys:
        value = cells[at].strip()
        if len(value) > MAX_VALUE:
            raise RefusedRow(reasons.VALUE_TOO_LONG, header[at], cells[at])
        if value:
            pairs.append(f"{key}: {quote(value)}")
    return "{" + ", ".join(pairs) + "}"


def _category_reader(
    header: Sequence[str], targets: Sequence[str], known: categories.Known | None
) -> Callable[[list[str]], Category | None] | None:
    """A function from cells to their job category; it raises :class:`RefusedRow`. None where no column has one."""
    whole, main, sub = (_place(targets, field) for field in mapping.CATEGORIES)
    if whole < 0 and main < 0:
        return None
    settled: dict[tuple[str, str], Category | None] = {}  # of accepted cells: as many as there are categories

    def category_of(cells: list[str]) -> Category | None:
        read = (cells[whole], "") if whole >= 0 else (cells[main], cells[sub] if sub >= 0 else "")
        if read in settled:
            return settled[read]
        try:
            category = categories.parse(read[0], known) if whole >= 0 else categories.pair(*read)
            if category and known:
                known.check(category)
        except categories.UnknownCategory as error:
            at = whole if whole >= 0 else sub if read[1].strip() else main
            raise RefusedRow(error.code, header[at], cells[at]) from None
        if len(settled) < MAX_SETTLED:
            settled[read] = category
        return category

    return category_of


def _long_name(cells: list[str], header: Sequence[str], at: int, full_at: int) -> RefusedRow:
    column = at if at >= 0 and len(cells[at]) > MAX_NAME else full_at
    return RefusedRow(reasons.NAME_TOO_LONG, header[column], cells[column])


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
