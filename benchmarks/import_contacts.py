"""How long it takes to import contacts: ours, its floor, ``bulk_create`` and django-import-export.

    .venv/bin/python -m benchmarks.import_contacts --rows 1000000 --database postgres --reimport

The floor copies the rows, cleaned before, into the same tables. Each way runs in a process of its own on emptied tables
with the same indexes; ``--reimport`` brings the same file in once more, over what is known. django-import-export gets
the first 20,000 clean rows. Prints wall and CPU seconds (the process and its database backend), peak memory of the
process, and the ratio to the floor of the same run.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks import measuring

FIRST = ["سارا", "علی", "رضا", "مریم", "زهرا", "حسین", "Ali", "فاطمه"]
LAST = ["محمدی", "رضایی", "کریمی", "احمدی", "موسوی", "Smith"]
CITIES = ["تهران", "شیراز", "تبریز", "مشهد", "اصفهان"]
CONTACT_COLUMNS = "id, phone, first_name, last_name, operator, attributes, made_in, created_at, updated_at"
MEMBERSHIP_COLUMNS = "id, phonebook_id, contact_id, made_in"
SAMPLE_ROWS = 20_000
PREFIXES = ["910", "911", "912", "913", "919", "990", "901", "930", "935", "936", "937", "920", "921", "932"]


def write_file(path: Path, rows: int) -> None:
    """A messy file: 2 % of its numbers are no numbers, 18 % are in other forms, 5 % were there before."""
    chance, had = random.Random(20), list[str]()
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["موبایل", "نام", "نام خانوادگی", "شهر"])
        for _ in range(rows):
            again = had and chance.random() < 0.05
            number = chance.choice(had) if again else f"{chance.choice(PREFIXES)}{chance.randrange(10**7):07}"
            if len(had) < 50_000:
                had.append(number)
            form = chance.random()
            if form < 0.02:
                phone = "0" + number[:5]
            elif form < 0.10:
                phone = f"0{number[:3]} {number[3:6]} {number[6:]}"
            elif form < 0.20:
                phone = f"+98{number}"
            else:
                phone = f"0{number}"
            writer.writerow([phone, chance.choice(FIRST), chance.choice(LAST), chance.choice(CITIES)])


def clean_rows(path: Path) -> Iterator[tuple[int, str, str, int, str]]:
    """The file's valid rows, each phone once: what a perfect importer would know before it began."""
    from contacts.phones import InvalidPhone, normalise, operator_of

    seen: set[str] = set()
    with path.open(encoding="utf-8", newline="") as file:
        for raw, first, last, city in islice(csv.reader(file), 1, None):
            try:
                phone = normalise(raw)
            except InvalidPhone:
                continue
            if phone not in seen:
                seen.add(phone)
                yield int(phone[1:]), first, last, operator_of(phone), json.dumps({"شهر": city}, ensure_ascii=False)


def ours(path: Path) -> int:
    """The product's own command."""
    from io import StringIO

    from django.core.management import call_command

    out = StringIO()
    call_command("import_contacts", str(path), "--phonebook", "benchmark", "--attributes", "--json", stdout=out)
    answer = json.loads(out.getvalue())
    return int(answer["new"] + answer["updated"] + answer["unchanged"])


def floor(path: Path) -> int:
    """The prepared rows straight into the tables, in one transaction."""
    from django.db import connection, transaction

    tables = (
        ("contacts_contact", CONTACT_COLUMNS, path.with_suffix(".contacts")),
        ("contacts_membership", MEMBERSHIP_COLUMNS, path.with_suffix(".memberships")),
    )
    with transaction.atomic(), connection.cursor() as cursor:
        for table, names, source in tables:
            if connection.vendor == "postgresql":
                with source.open("rb") as file, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                    while piece := file.read(1 << 20):
                        copy.write(piece)
                continue
            marks = ", ".join(["%s"] * (names.count(",") + 1))
            with source.open(encoding="utf-8") as lines:
                while block := list(islice(lines, 50_000)):
                    rows = [line.rstrip("\n").replace("\\\\", "\\").split("\t") for line in block]
                    cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)
        cursor.execute("SELECT count(*) FROM contacts_membership")
        return int(cursor.fetchone()[0])


def bulk_create(path: Path) -> int:
    """What Django's documentation suggests: ``bulk_create(update_conflicts=True)``, 5,000 at a time."""
    from contacts.models import Contact, Membership, Phonebook

    phonebook = Phonebook.objects.create(name="benchmark")
    rows, done = clean_rows(path), 0
    fields = ["first_name", "last_name", "operator", "attributes"]
    while batch := list(islice(rows, 5_000)):
        made = Contact.objects.bulk_create(
            [
                Contact(
                    phone=f"+{phone}", first_name=first, last_name=last, operator=operator, attributes=json.loads(extra)
                )
                for phone, first, last, operator, extra in batch
            ],
            update_conflicts=True,
            unique_fields=["phone"],
            update_fields=fields,
        )
        Membership.objects.bulk_create(
            [Membership(phonebook=phonebook, contact=it) for it in made], ignore_conflicts=True
        )
        done += len(batch)
    return done


def import_export(path: Path) -> int:
    """django-import-export as its documentation has it, with a membership for each contact: the first clean rows."""
    import tablib
    from import_export import resources

    from contacts.models import Contact, Membership, Phonebook

    phonebook = Phonebook.objects.create(name="benchmark")

    class Contacts(resources.ModelResource):  # type: ignore[misc]  # the library has no types
        class Meta:
            model = Contact
            import_id_fields = ["phone"]
            fields = ["phone", "first_name", "last_name", "operator"]

        def before_save_instance(self, instance: Contact, row: Any, **_options: Any) -> None:
            instance.attributes = json.loads(row["attributes"])

        def after_save_instance(self, instance: Contact, row: Any, **_options: Any) -> None:
            Membership.objects.get_or_create(phonebook=phonebook, contact=instance)

    header = ("phone", "first_name", "last_name", "operator", "attributes")
    rows = [(f"+{phone}", *others) for phone, *others in islice(clean_rows(path), SAMPLE_ROWS)]
    Contacts().import_data(tablib.Dataset(*rows, headers=header), dry_run=False, raise_errors=True)
    return Contact.objects.count()


WAYS = {
    "floor": floor,
    "ours": ours,
    "reimport": ours,
    "bulk_create": bulk_create,
    "import_export": import_export,
}


def prepare(path: Path) -> None:
    """The floor's input: clean rows as COPY's text."""
    with path.with_suffix(".contacts").open("w") as contacts, path.with_suffix(".memberships").open("w") as memberships:
        now = "2026-01-01 00:00:00+00"
        for number, (phone, first, last, operator, extra) in enumerate(clean_rows(path), 1):
            extra = extra.replace("\\", "\\\\")
            contacts.write(f"{number}\t{phone}\t{first}\t{last}\t{operator}\t{extra}\t1\t{now}\t{now}\n")
            memberships.write(f"{number}\t1\t{number}\t1\n")


def compare(kind: str, path: Path, ways: list[str]) -> dict[str, dict[str, Any]]:
    """Each way's figures, measured one after another on emptied tables; a second import follows the first."""
    figures = {}
    with measuring.database(kind) as environment:
        for way in ways:
            if way != "reimport":
                measuring.manage(environment, "flush", "--no-input", "--verbosity", "0")
            step = ("--measure", way, "--file", str(path))
            figures[way] = measuring.in_process(environment, "import_contacts", *step)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--database", choices=["postgres", "sqlite", "both"], default="both")
    parser.add_argument("--reimport", action="store_true", help="ours once more, over what is known then")
    parser.add_argument("--skip", action="append", default=[], choices=["bulk_create", "import_export"])
    parser.add_argument("--measure", choices=list(WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        import django

        django.setup()
        measuring.measure(lambda: WAYS[options.measure](options.file))
        return
    for kind in ("postgres", "sqlite") if options.database == "both" else (options.database,):
        with tempfile.TemporaryDirectory(prefix="chapar-benchmark-") as temporary:
            path = Path(temporary) / "contacts.csv"
            write_file(path, options.rows)
            prepare(path)
            left_out = [*options.skip, *([] if options.reimport else ["reimport"])]
            figures = compare(kind, path, [way for way in WAYS if way not in left_out])
        contacts = figures["floor"]["rows"]
        measuring.report(f"{kind}, a file of {options.rows:,} rows, {contacts:,} contacts", figures, "floor")


if __name__ == "__main__":
    main()
