"""``manage.py import_contacts FILE --phonebook NAME``: a CSV file into a phonebook, here and now."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction

from contacts import importing
from contacts.importing import mapping
from contacts.importing.reasons import UnreadableFile, file_sentence
from contacts.models import ContactImport, Phonebook
from interface.commands import ScriptCommand

COUNTS = ("new", "updated", "unchanged", "repeated", "refused")


class Command(ScriptCommand):
    """Reads the file where it lies. If this process dies, the worker goes on with the import."""

    help = "Import contacts from a CSV file with a header into a phonebook, which is made if it is missing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--phonebook", required=True, action="append", metavar="NAME", help="one or several")
        parser.add_argument("--dry-run", action="store_true", help="count, and change no contact")
        parser.add_argument("--update", choices=ContactImport.Policy.values, default="fill", help="for known contacts")
        parser.add_argument("--map", action="append", default=[], metavar="COLUMN=FIELD", help=(
            "what a column is: phone, first_name, last_name, full_name, category (main / sub), main_category, "
            "sub_category, ignore, attribute or attribute:KEY"
        ))  # fmt: skip
        parser.add_argument("--attributes", action="store_true", help="unknown columns become attributes")
        parser.add_argument("--make-categories", action="store_true", help=(
            "take job categories from columns that are called so, and make missing ones; without it they come from "
            "the columns of --map alone, and a row with one that is not known is refused"
        ))  # fmt: skip
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.monotonic()
        try:
            contact_import = _start(options)
        except (UnreadableFile, ValueError) as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from None
        _finish(contact_import)
        if contact_import.status != ContactImport.Status.COMPLETED:
            raise CommandError(file_sentence(contact_import.error) or contact_import.get_status_display())
        seconds = round(time.monotonic() - began, 3)
        counts = {name: getattr(contact_import, name) for name in COUNTS}
        answer = {"id": contact_import.pk, "rows": contact_import.rows_done, **counts, "seconds": seconds}
        if options["json"]:
            self.stdout.write(json.dumps(answer))
        else:
            self.stdout.write(", ".join(f"{name} {value}" for name, value in answer.items()))


@transaction.atomic
def _start(options: dict[str, Any]) -> ContactImport:
    names = [" ".join(name.split()) for name in options["phonebook"]]
    if not all(0 < len(name) <= 150 for name in names):
        raise ValueError("The phonebook's name must have 1 to 150 characters.")
    path = options["file"].resolve(strict=True)
    if not path.is_file():
        raise ValueError(f"{options['file']} is not a file.")
    contact_import = importing.prepare(path, path.name)
    columns = _columns(contact_import, options)
    mapping.check(columns)
    phonebooks = []
    if not options["dry_run"]:
        phonebooks = [Phonebook.objects.get_or_create(name=name, account=None)[0] for name in names]
    importing.start(
        contact_import,
        columns,
        phonebooks=phonebooks,
        policy=options["update"],
        makes_categories=options["make_categories"],
        dry_run=options["dry_run"],
        in_background=False,
    )
    return contact_import


def _columns(contact_import: ContactImport, options: dict[str, Any]) -> list[str]:
    """The guessed targets, changed by the ``--map`` options. Attributes and job categories only where asked for."""
    header: list[str] = contact_import.header
    left = () if options["make_categories"] else mapping.CATEGORIES
    guessed: list[str] = contact_import.mapping["columns"]
    targets = ["" if it.startswith(mapping.ATTRIBUTE) or it in left else it for it in guessed]
    for option in options["map"]:
        column, _equals, field = option.rpartition("=")
        if column not in header:
            raise ValueError(f"The file has no column “{column}”. It has: {', '.join(header)}.")
        if not mapping.is_target(field):
            raise ValueError(f"“{field}” is not a field.")
        targets = ["" if target == field and field in mapping.FIELDS else target for target in targets]
        targets[header.index(column)] = field
    return mapping.complete(header, targets, attributes=options["attributes"])


def _finish(contact_import: ContactImport) -> None:
    """Runs the import to its end; where the worker was faster to take it, waits for the worker."""
    while True:
        importing.run(contact_import.pk)
        contact_import.refresh_from_db()
        if contact_import.status != ContactImport.Status.RUNNING:
            return
        time.sleep(0.5)
