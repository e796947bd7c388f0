"""How long the live count of an audience takes among a million contacts, beside a bare ``count(*)`` of its members.

    .venv/bin/python -m benchmarks.count_audience --rows 1000000

Each shape is counted as the composer does, with a twentieth of the contacts suppressed; the floor is ``count(*)`` over
the index of the memberships, measured in the same run. PostgreSQL only.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from benchmarks import measuring
from benchmarks.freeze_audience import fill_phonebook

if TYPE_CHECKING:
    from campaigns.models import AudienceRule

REPEATS = 7
SURROUNDINGS = """
    UPDATE contacts_phonebook SET size = %(rows)s WHERE name = 'benchmark';
    INSERT INTO contacts_jobcategory (name, provider_ref) VALUES ('shops', '');
    UPDATE contacts_contact SET job_category_id = (SELECT max(id) FROM contacts_jobcategory),
        attributes = '{"city": "قم"}' WHERE id %% 5 = 0;
    INSERT INTO contacts_suppression (phone, scope, reason, source, note, created_at)
    SELECT phone, 'all', 'manual', '', '', now() FROM contacts_contact WHERE id %% 20 = 7;
"""
PART = """
    INSERT INTO contacts_membership (phonebook_id, contact_id)
    SELECT %(book)s, id FROM contacts_contact WHERE id > %(after)s AND id <= %(upto)s
"""


def build(rows: int) -> None:
    """A phonebook of everybody, two halves that overlap by a tenth, a category and suppressions."""
    from django.db import connection

    from contacts.models import Phonebook

    fill_phonebook(rows)
    halves = {"first": (0, rows // 2), "second": (rows * 4 // 10, rows * 9 // 10), "tenth": (0, rows // 10)}
    with connection.cursor() as cursor:
        cursor.execute(SURROUNDINGS, {"rows": rows})
        for name, (after, upto) in halves.items():
            book = Phonebook.objects.create(name=name, size=upto - after)
            cursor.execute(PART, {"book": book.pk, "after": after, "upto": upto})
        cursor.execute("VACUUM ANALYZE")


def shapes() -> dict[str, list[AudienceRule]]:
    """The audiences, as rules."""
    from campaigns.models import AudienceRule, Segment
    from contacts.models import JobCategory, Phonebook

    books = {book.name: book for book in Phonebook.objects.all()}
    conditions = [{"field": "attribute", "key": "city", "test": "is", "value": "قم"}]
    city = Segment(name="city", conditions={"match": "all", "conditions": conditions})
    kind = AudienceRule.Kind
    everybody = AudienceRule(phonebook=books["benchmark"])
    return {
        "a whole phonebook": [everybody],
        "two that overlap": [AudienceRule(phonebook=books["first"]), AudienceRule(phonebook=books["second"])],
        "one without another": [everybody, AudienceRule(rule="exclude", phonebook=books["tenth"])],
        "a job category": [AudienceRule(kind=kind.JOB_CATEGORY, job_category=JobCategory.objects.get())],
        "a segment": [AudienceRule(kind=kind.SEGMENT, segment=city)],
    }


def timed(way: Callable[[], object]) -> float:
    """The median of some runs, in milliseconds."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        way()
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


def look() -> None:
    """Count every shape, and the floor."""
    from django.db import connection

    from campaigns.models import Campaign
    from campaigns.sending import headcount
    from contacts.models import Membership, Phonebook
    from providers.models import ProviderAccount, SenderLine

    line = SenderLine(pk=0, account=ProviderAccount(slug="najva"), sender="1", kind="service")
    book = Phonebook.objects.get(name="benchmark")
    found = {}
    for name, rules in shapes().items():
        campaign = Campaign(line=line)
        campaign.proposed_rules = rules
        people = headcount.count(campaign).recipients
        floor = timed(Membership.objects.filter(phonebook=book).count)
        found[name] = (people, timed(lambda campaign=campaign: headcount.count(campaign)), floor)  # type: ignore[misc]
    connection.close()
    sys.stdout.write(json.dumps(found) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        import django

        django.setup()
        if options.step == "build":
            build(options.rows)
            sys.stdout.write("{}\n")
        else:
            look()
        return
    with measuring.database("postgres") as environment:
        measuring.in_process(environment, "count_audience", "--step", "build", "--rows", str(options.rows))
        figures = measuring.in_process(environment, "count_audience", "--step", "look")
    print(f"postgres, {options.rows:,} contacts, median of {REPEATS}")
    for name, (people, took, floor) in figures.items():
        print(f"  {name:22} {people:9,} recipients {took:7.0f} ms   floor {floor:5.0f} ms   {took / floor:5.1f}x")


if __name__ == "__main__":
    main()
