"""Whole phonebooks copied, merged, split and exported, the counts of job categories, and a person among messages.

    .venv/bin/python -m benchmarks.phonebooks --rows 1000000 --campaigns 300 --messages 10000000

Rows a second for what a bulk action does, against one ``INSERT … SELECT`` of as many memberships; milliseconds, the
median of ``ROUNDS``, for what a page asks.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks import measuring

ROUNDS = 5
CONTACTS = """
    INSERT INTO contacts_contact (phone, first_name, last_name, attributes, operator, job_category_id, created_at,
                                  updated_at)
    SELECT 989120000000 + i, 'نام' || (i %% 997), 'خانواده' || (i %% 4999),
           jsonb_build_object('city', 'شهر' || (i %% 211)), (ARRAY[0, 1, 2, 13])[1 + i %% 4],
           %s + i %% 40, now(), now()
    FROM generate_series(1, %s) AS i
"""
MEMBERS = (
    "INSERT INTO contacts_membership (phonebook_id, contact_id) SELECT %s, id FROM contacts_contact ORDER BY phone"
)
MESSAGES = """
    INSERT INTO campaigns_message (campaign_id, phone, status, reason, provider_code, provider_text, updated_at)
    SELECT c.id, 989120000000 + i, 60, 0, '', '', now()
    FROM campaigns_campaign AS c, generate_series(1, %s) AS i
"""


def work(rows: int, campaigns: int, messages: int) -> dict[str, Any]:
    """Fill the database and measure; the figures by name."""
    from django.db import connection

    from campaigns.models import Campaign
    from contacts import categories
    from contacts.models import BulkAction, JobCategory, Phonebook
    from tests import builders

    mains = [JobCategory.objects.create(name=f"main {number}") for number in range(8)]
    subs = [JobCategory.objects.create(name=f"sub {number}", parent=mains[number % 8]) for number in range(40)]
    book = Phonebook.objects.create(name="large", size=rows)
    floor = Phonebook.objects.create(name="floor")
    with connection.cursor() as cursor:
        cursor.execute(CONTACTS, [subs[0].pk, rows])
        cursor.execute("VACUUM (ANALYZE) contacts_contact")
        cursor.execute(MEMBERS, [book.pk])
        cursor.execute("VACUUM (ANALYZE) contacts_membership")
    figures: dict[str, Any] = {"category counts ms": _median(categories.tree)}
    began = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(MEMBERS, [floor.pk])
    figures["floor rows/s"] = round(rows / (time.monotonic() - began))
    floor.delete()
    into = Phonebook.objects.create(name="into")
    names = {"from": book.pk, "from_name": "large", "into": into.pk, "into_name": "into"}
    other = {"from": into.pk, "from_name": "into", "into": book.pk, "into_name": "large"}
    for name, kind, params in (
        ("split, equal", BulkAction.Kind.SPLIT, {**names, "by": "equal", "number": 10}),
        ("split, random", BulkAction.Kind.SPLIT, {**names, "by": "equal", "number": 10, "random": True}),
        ("split, operator", BulkAction.Kind.SPLIT, {**names, "by": "operator"}),
        ("copy", BulkAction.Kind.COPY, names),
        ("merge, all known", BulkAction.Kind.MERGE, other),
        ("merge, all new", BulkAction.Kind.MERGE, names),
        ("export", BulkAction.Kind.EXPORT, {}),
    ):
        figures[f"{name} rows/s"] = _rate(kind, params)
    over = builders.line(builders.account())
    made = [
        Campaign(name=str(number), line=over, text="x", status="completed", audience=1) for number in range(campaigns)
    ]
    Campaign.objects.bulk_create(made)
    with connection.cursor() as cursor:
        cursor.execute(MESSAGES, [messages // campaigns])
        cursor.execute("VACUUM (ANALYZE) campaigns_message")
    return figures | _person()


def _person() -> dict[str, float]:
    from contacts import elsewhere, timeline
    from contacts.models import Contact

    person = Contact.objects.get(phone="+989120005000")
    ids = list(Contact.objects.order_by("pk").values_list("pk", flat=True)[:5_000])
    return {
        "timeline ms": _median(lambda: timeline.page(person, {})),
        "used, 5,000 contacts ms": _median(lambda: elsewhere.used(ids)),
    }


def _rate(kind: Any, params: dict[str, Any]) -> int:
    from contacts import bulk

    action = bulk.start(kind, {}, params)
    began = time.monotonic()
    assert bulk.run(action.pk)
    action.refresh_from_db()
    assert action.status == "completed", action.error
    return round(action.done / (time.monotonic() - began))


def _median(ask: Callable[[], Any]) -> float:
    times = []
    for _round in range(ROUNDS + 1):
        began = time.monotonic()
        ask()
        times.append(time.monotonic() - began)
    return round(statistics.median(times[1:]) * 1_000, 1)


def main() -> None:
    """Measure on an empty database and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--campaigns", type=int, default=300)
    parser.add_argument("--messages", type=int, default=10_000_000)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        import django

        django.setup()
        figures = work(options.rows, options.campaigns, options.messages)
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    with measuring.database("postgres") as environment:
        given = [f"--{name}={getattr(options, name)}" for name in ("rows", "campaigns", "messages")]
        for name, figure in measuring.in_process(environment, "phonebooks", "--work", *given).items():
            sys.stdout.write(f"{name:28} {figure:>12,}\n")


if __name__ == "__main__":
    main()
