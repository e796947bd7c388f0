"""How long the list of contacts takes to find a page, by kind of search; the floor is a page by primary key.

    .venv/bin/python -m benchmarks.search_contacts --rows 1000000 --database postgres
    .venv/bin/python -m benchmarks.search_contacts --explain

Names and cities are drawn so that there are very common words, rare ones, and words that never meet. Each way asks for
the first page of 50 as the list does, ``--rounds`` times after one that warms up; the figure is the median, with the
ratio to the floor and the rows found. ``--explain`` prints the plans.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks import measuring

# A third are called سارا, a sixth live in تهران; every سارا was made in the first half. زرین stands in five rows.
FILL = """
    INSERT INTO contacts_contact (phone, first_name, last_name, attributes, operator, job_category_id, created_at,
                                  updated_at)
    SELECT 989120000000 + (CAST(i AS bigint) * 7919) %% 1000003,
           CASE WHEN i %% 200000 = 7 THEN 'زرین' WHEN i < %s / 2 AND i %% 3 < 2 THEN 'سارا'
                ELSE 'نام' || (i * 31 %% 997) END,
           CASE WHEN i > %s / 2 AND i %% 3 = 0 THEN 'محمدی' ELSE 'خانواده' || (i * 17 %% 4999) END,
           jsonb_build_object('city', CASE WHEN i %% 6 = 0 THEN 'تهران' ELSE 'شهر' || (i * 13 %% 211) END,
                              'code', 'k' || i),
           CASE i %% 3 WHEN 0 THEN 1 WHEN 1 THEN 2 ELSE 13 END,
           CASE WHEN i %% 50 = 0 THEN {category} END, now() - (%s - i) * interval '1 second', now()
    FROM generate_series(1, %s) AS i
"""
SEARCHES: dict[str, dict[str, Any]] = {
    "rare word": {"q": "زرین"},
    "common word": {"q": "تهران"},
    "common, all of it old": {"q": "سارا"},
    "beginning of a word": {"q": "شه"},
    "one letter": {"q": "ش"},
    "no such word": {"q": "هیچکس"},
    "common with rare": {"q": "تهران زرین"},
    "two that never meet": {"q": "سارا محمدی"},
    "three words": {"q": "سارا تهران نام1"},
    "one attribute": {"q": "code: k77777"},
    "a common attribute": {"q": "city: تهران"},
    "whole number": {"q": "09120000042"},
    "beginning of numbers": {"q": "0912000"},
    "beginning of all": {"q": "09"},
    "large phonebook": {"phonebook": "{large}"},
    "small phonebook": {"phonebook": "{small}"},
    "small, all of it old": {"phonebook": "{old}"},
    "word, large phonebook": {"q": "تهران", "phonebook": "{large}"},
    "word, small phonebook": {"q": "تهران", "phonebook": "{small}"},
    "absent word, large": {"q": "محمدی سارا", "phonebook": "{large}"},
    "word of others, small": {"q": "محمدی", "phonebook": "{old}"},
    "number, small phonebook": {"q": "0912", "phonebook": "{small}"},
    "operator": {"operator": "13"},
    "category": {"category": "{category}"},
    "category, word": {"category": "{category}", "q": "سارا"},
    "suppressed": {"suppressed": "yes"},
    "not suppressed": {"suppressed": "no"},
    "suppressed, word": {"suppressed": "yes", "q": "تهران"},
    "not on Bale": {"bale": "off"},
    "since today": {"since": "{today}"},
    "an import": {"import": "1"},
    "operator, word, since": {"operator": "13", "q": "سارا", "since": "{today}"},
}


def fill(rows: int) -> dict[str, str]:
    """``rows`` contacts, three phonebooks, a category and suppressions; what stands in braces in ``SEARCHES``."""
    from django.db import connection
    from django.utils import timezone

    from contacts.models import Contact, ContactImport, JobCategory, Phonebook, Suppression

    names = {"large": "mod(id, 2) = 0", "small": "mod(id, 100) = 0", "old": "id < 10000"}
    books = {name: Phonebook.objects.create(name=name) for name in names}
    category = JobCategory.objects.create(name="Shops")
    with connection.cursor() as cursor:
        cursor.execute(FILL.format(category=category.pk), [rows] * 4)
        for name, condition in names.items():
            cursor.execute(
                "INSERT INTO contacts_membership (phonebook_id, contact_id) "
                f"SELECT %s, id FROM contacts_contact WHERE {condition} ORDER BY id",
                [books[name].pk],
            )
    phones = Contact.objects.filter(pk__lte=20_000).values_list("phone", flat=True)
    Suppression.objects.bulk_create(Suppression(phone=phone) for phone in phones)
    made = ContactImport.objects.create(filename="x.csv", path="x", first_contact_id=1, last_contact_id=500)
    Contact.objects.filter(pk__lte=500).update(not_on_bale_since=timezone.now(), made_in=made.pk)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    return {name: str(book.pk) for name, book in books.items()} | {
        "category": str(category.pk),
        "today": timezone.localdate().isoformat(),
    }


def page_of(query: dict[str, str]) -> int:
    """Find a page as the list does; how many rows it has."""
    from contacts.filtering import ContactFilter
    from contacts.models import Contact

    return len(ContactFilter.read(query).page(Contact.objects.all(), query).rows)


def floor() -> int:
    """A page of 50 by primary key, and nothing else."""
    from contacts.models import Contact

    return len(list(Contact.objects.order_by("-pk")[:51]))


def timed(way: Callable[[], int], rounds: int) -> tuple[float, int]:
    """The median in milliseconds, and what the way found; a first call warms up."""
    found, took = way(), []
    for _round in range(rounds):
        began = time.perf_counter()
        way()
        took.append((time.perf_counter() - began) * 1_000)
    return statistics.median(took), found


def explain(query: dict[str, str]) -> None:
    """Print the statements of a search with their plans."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        page_of(query)
    for statement in captured.captured_queries:
        if "contacts_contact" in statement["sql"]:
            with connection.cursor() as cursor:
                cursor.execute("EXPLAIN (ANALYZE, BUFFERS) " + statement["sql"].replace("%", "%%"), None)
                print("\n".join(row[0] for row in cursor.fetchall()), file=sys.stderr)


def search(rows: int, rounds: int, plans: bool) -> None:
    """Fill the database and print what each search takes."""
    values = fill(rows)
    base, _found = timed(floor, rounds)
    print(f"{rows:,} contacts; a page of 50 by primary key: {base:.2f} ms")
    for name, raw in SEARCHES.items():
        query = {key: str(value).format(**values) for key, value in raw.items()}
        took, found = timed(lambda query=query: page_of(query), rounds)  # type: ignore[misc]
        print(f"  {name:24} {took:8.2f} ms {took / base:8.1f}x {found:4} rows")
        if plans:
            explain(query)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--database", choices=("postgres",), default="postgres")
    parser.add_argument("--explain", action="store_true")
    parser.add_argument("--in-process", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.in_process:
        import django

        django.setup()
        search(options.rows, options.rounds, options.explain)
        return
    with measuring.database(options.database) as environment:
        command = [sys.executable, "-m", "benchmarks.search_contacts", *sys.argv[1:], "--in-process"]
        subprocess.run(command, env=environment, check=True, cwd=measuring.ROOT)


if __name__ == "__main__":
    main()
