"""The first rows of a file as they will be stored, or with the reason why they will be refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from contacts.importing import categories, cleaning, mapping
from contacts.importing.layout import Row
from contacts.importing.reading import layout_of, open_rows
from contacts.importing.reasons import UnreadableFile, sentence
from contacts.models import ContactImport, Suppression

ROWS: Final = 20
MAX_SHOWN: Final = 100  # characters of a value at fault


class Stored(NamedTuple):
    """A row as it will be stored: the phone is E.164, ``values`` are those of the preview's keys."""

    line: int
    phone: str
    first_name: str
    last_name: str
    category: str
    values: list[str]
    suppressed: bool = False


class Refused(NamedTuple):
    """A row that will not be stored: where, what stood there, and why, in the reader's language."""

    line: int
    column: str
    value: str
    problem: str


class Preview(NamedTuple):
    """Rows of the file, and what their columns are: attributes under these keys, and whether a job category is one."""

    keys: list[str]
    categories: bool
    rows: list[Stored | Refused]

    @property
    def width(self) -> int:
        """Columns beside the line's."""
        return 3 + self.categories + len(self.keys)


def first_rows(contact_import: ContactImport, number: int = ROWS) -> list[Row]:
    """The first rows of the file, bad ones too; fewer where it cannot be read further, none where it is gone."""
    found: list[Row] = []
    path, layout = Path(contact_import.path), layout_of(contact_import)
    with suppress(FileNotFoundError, UnreadableFile), open_rows(path, layout) as reader:
        found.extend(islice(reader, number))
    return found


def preview(
    header: Sequence[str], targets: Sequence[str], rows: Iterable[Row], *, makes_categories: bool = False
) -> Preview:
    """The rows under these targets, which have passed ``mapping.check``."""
    clean = cleaning.cleaner(header, targets, known=categories.Known(makes=makes_categories))
    keys = [target.partition(":")[2] for target in targets if target.startswith(f"{mapping.ATTRIBUTE}:")]
    shown = [_shown(clean, keys, row) for row in rows]
    return Preview(keys, not set(targets).isdisjoint(mapping.CATEGORIES), _with_suppressed(shown))


def _shown(clean: cleaning.Cleaner, keys: list[str], row: Row) -> Stored | Refused:
    line, cells, problem = row
    try:
        if problem:
            raise cleaning.RefusedRow(problem)
        it = clean(line, cells)
    except cleaning.RefusedRow as refusal:
        return Refused(line, refusal.column, refusal.value[:MAX_SHOWN], sentence(refusal.code))
    stored = cleaning.attributes_of(it)
    category = " / ".join(filter(None, it.category or ()))
    return Stored(line, f"+{it.phone}", it.first_name, it.last_name, category, [stored.get(key, "") for key in keys])


def _with_suppressed(rows: list[Stored | Refused]) -> list[Stored | Refused]:
    phones = [row.phone for row in rows if isinstance(row, Stored)]
    held = set(
        Suppression.objects.filter(phone__in=phones, scope=Suppression.Scope.ALL).values_list("phone", flat=True)
    )
    return [row._replace(suppressed=row.phone in held) if isinstance(row, Stored) else row for row in rows]
