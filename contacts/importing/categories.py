"""Job categories in a file: what a cell says, which of ours it means, and those that are made on the way.

Two names are the same category where they fold to the same text (``mapping.fold``): Arabic letters, half-spaces,
dashes and capitals make no difference.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias

from django.db import connection

from contacts.importing import reasons
from contacts.importing.mapping import LETTERS, fold
from contacts.models import JobCategory

MAX_NAME: Final = 150
# A column that is no category, taken for one by mistake, must not fill the tree.
MAX_CATEGORIES: Final = 2_000

Key: TypeAlias = tuple[str, str]

_levels = re.compile(r"\s*[/\\|›‹>،←→]+\s*|\s+[-–—»«:]+\s+|:\s+").split


class Category(NamedTuple):
    """A main category, or with ``sub`` one of its sub-categories, as written."""

    main: str
    sub: str = ""

    @property
    def key(self) -> Key:
        """What it is compared by."""
        return fold(self.main), fold(self.sub)


class UnknownCategory(Exception):
    """A cell that names no category that the import may use; ``code`` is one of ``reasons``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Known:
    """The categories that an import may use: ours, and with ``makes`` any others up to ``MAX_CATEGORIES`` in all."""

    def __init__(self, *, makes: bool) -> None:
        self._keys = set(ours())
        self._makes = makes

    def is_main(self, text: str) -> bool:
        """Whether a whole text is the name of a main category, also one that could be read as two levels."""
        return (fold(text), "") in self._keys

    def check(self, category: Category) -> None:
        """Raises :class:`UnknownCategory`."""
        key = category.key
        if key in self._keys:
            return
        if not self._makes:
            raise UnknownCategory(reasons.CATEGORY_UNKNOWN)
        missing = {key, (key[0], "")} - self._keys
        if len(self._keys) + len(missing) > MAX_CATEGORIES:
            raise UnknownCategory(reasons.CATEGORIES_TOO_MANY)
        self._keys |= missing


def parse(text: str, known: Known | None = None) -> Category | None:
    """One cell, such as “Shops / Bakeries”; none where it is blank. Raises :class:`UnknownCategory`."""
    if known and known.is_main(text):
        return pair(text)
    parts = [part for part in map(_name, _levels(text)) if part]
    if len(parts) > 2:
        raise UnknownCategory(reasons.CATEGORY_TOO_DEEP)
    return pair(*parts) if parts else None


def pair(main: str, sub: str = "") -> Category | None:
    """Two cells; none where both are blank. Raises :class:`UnknownCategory`."""
    category = Category(_name(main), _name(sub))
    if not category.main and not category.sub:
        return None
    if not category.main:
        raise UnknownCategory(reasons.CATEGORY_WITHOUT_MAIN)
    if max(map(len, category)) > MAX_NAME:
        raise UnknownCategory(reasons.CATEGORY_TOO_LONG)
    return category


def _name(text: str) -> str:
    """A name as it is stored; empty where it has no letter, as the dash that stands for “none”."""
    return " ".join(text.translate(LETTERS).split()) if fold(text) else ""


def ours() -> dict[Key, int]:
    """Our categories by key; the oldest where two have the same."""
    rows = list(JobCategory.objects.filter(account=None).order_by("pk").values_list("pk", "name", "parent"))
    mains = {pk: fold(name) for pk, name, parent in rows if parent is None}
    found: dict[Key, int] = {}
    for pk, name, parent in rows:
        if parent is None:
            found.setdefault((mains[pk], ""), pk)
        elif parent in mains:
            found.setdefault((mains[parent], fold(name)), pk)
    return found


def resolve(wanted: Collection[Category], *, makes: bool) -> dict[Category, int]:
    """The ids of these, inside the caller's transaction; missing ones are made, or else left out.

    Until its end nobody deletes them. Two imports may make the same one at once: both get it.
    """
    if not wanted:
        return {}
    found = ours()
    if makes:
        for category in sorted(wanted):  # in one order: two imports never wait for each other
            _make(category, found)
    ids = {category: found[category.key] for category in wanted if category.key in found}
    there = _held(set(ids.values()))
    return {category: pk for category, pk in ids.items() if pk in there}


def rehearsed(wanted: Collection[Category]) -> dict[Category, int]:
    """What :func:`resolve` would give, with ids of no category for those that it would make."""
    found = ours()
    missing = sorted({category.key for category in wanted} - set(found))
    found |= {key: -number for number, key in enumerate(missing, 1)}
    return {category: found[category.key] for category in wanted}


def _make(category: Category, found: dict[Key, int]) -> None:
    main, sub = category.key
    if (main, "") not in found:
        found[main, ""] = JobCategory.objects.get_or_create(name=category.main, account=None, parent=None)[0].pk
    if sub and (main, sub) not in found:
        parent = found[main, ""]
        found[main, sub] = JobCategory.objects.get_or_create(name=category.sub, account=None, parent_id=parent)[0].pk


def _held(ids: Iterable[int]) -> set[int]:
    """Those that are there, kept from being deleted until the transaction ends."""
    if connection.vendor != "postgresql":  # there the only writer
        return set(JobCategory.objects.filter(pk__in=ids).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        rows = f"SELECT id FROM {JobCategory._meta.db_table} WHERE id = ANY(%s) ORDER BY id"
        cursor.execute(f"{rows} FOR KEY SHARE", [list(ids)])
        return {pk for (pk,) in cursor.fetchall()}


def named(category: Category | None, ids: Mapping[Category, int]) -> int | None:
    """The id of a row's category."""
    return ids.get(category) if category else None
