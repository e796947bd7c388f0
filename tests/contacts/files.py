"""Files for imports, imports of them, and a slow, plain importer to hold the real one against."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.db import connection

from contacts import importing
from contacts.importing.cleaning import RefusedRow, cleaner
from contacts.importing.mapping import guess
from contacts.models import Contact, ContactImport, Membership, Phonebook

COUNTS = ("rows_done", "new", "updated", "unchanged", "repeated", "refused")


def started(path: Path, *, into: Sequence[str] = ("customers",), **options: Any) -> ContactImport:
    """An import of the file into phonebooks of these names, started but not run."""
    contact_import = importing.prepare(path, path.name)
    columns = options.pop("columns", contact_import.mapping["columns"])
    names = () if options.get("dry_run") else into
    books = [Phonebook.objects.get_or_create(name=name, account=None)[0] for name in names]
    importing.start(contact_import, columns, phonebooks=books, in_background=False, **options)
    contact_import.refresh_from_db()
    return contact_import


def imported(path: Path, **options: Any) -> ContactImport:
    """An import of the file, run to its end."""
    contact_import = started(path, **options)
    assert importing.run(contact_import.pk)
    contact_import.refresh_from_db()
    return contact_import


def counts(contact_import: ContactImport) -> dict[str, int]:
    return {name: getattr(contact_import, name) for name in COUNTS}


def write(path: Path, rows: list[list[str]]) -> Path:
    """Comma-separated rows; no cell needs quoting."""
    path.write_text("".join(",".join(row) + "\n" for row in rows), encoding="utf-8")
    return path


def table() -> dict[str, tuple[str, str, dict[str, str]]]:
    """Every contact by its phone."""
    return {it.phone: (it.first_name, it.last_name, it.attributes) for it in Contact.objects.all()}


def members(name: str = "customers") -> list[str]:
    """The phones of a phonebook in the order in which they were added."""
    found = Membership.objects.filter(phonebook__name=name).order_by("id").select_related("contact")
    return [membership.contact.phone for membership in found]


def plainly(
    known: dict[str, tuple[str, str, dict[str, str]]], rows: list[list[str]], policy: str
) -> tuple[dict[str, tuple[str, str, dict[str, str]]], dict[str, int]]:
    """What an import must leave and count, one row after another on a dict."""
    import json

    contacts, seen = dict(known), set[int]()
    tally = dict.fromkeys(COUNTS, 0)
    clean = cleaner(rows[0], guess(rows[0], []))
    for line, cells in enumerate(rows[1:], 2):
        tally["rows_done"] += 1
        try:
            row = clean(line, cells)
        except RefusedRow:
            tally["refused"] += 1
            continue
        if row.phone in seen:
            tally["repeated"] += 1
            continue
        seen.add(row.phone)
        phone, given = f"+{row.phone}", (row.first_name, row.last_name, json.loads(row.attributes))
        before = contacts.get(phone)
        contacts[phone] = given if before is None else _merged(before, given, policy)
        fate = "new" if before is None else "unchanged" if contacts[phone] == before else "updated"
        tally[fate] += 1
    return contacts, tally


def _merged(
    old: tuple[str, str, dict[str, str]], new: tuple[str, str, dict[str, str]], policy: str
) -> tuple[str, str, dict[str, str]]:
    if policy == "leave":
        return old
    kept, other = (old, new) if policy == "fill" else (new, old)
    return kept[0] or other[0], kept[1] or other[1], {**other[2], **kept[2]}


def is_postgres() -> bool:
    return connection.vendor == "postgresql"
