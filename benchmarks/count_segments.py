"""How long it takes to count a segment, on PostgreSQL: each beside the floor of the same run, a bare count of contacts.

    .venv/bin/python -m benchmarks.count_segments --contacts 1000000 --campaigns 10

There are ``--campaigns`` to everybody, 25 days apart, so that of ten million messages one million is of the last thirty
days; “a tenth” has a tenth of it. The figures are the best of ``--rounds``, in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks import measuring

PEOPLE = """
    INSERT INTO contacts_contact (phone, first_name, last_name, attributes, operator, created_at, updated_at)
    SELECT 989120000000 + (CAST(i AS bigint) * 7919) % 1000003, (ARRAY['سارا', 'علی', 'Reza'])[1 + i % 3], 'محمدی',
        jsonb_build_object('age', CAST(18 + i % 60 AS text), 'city',
            (ARRAY['تهران', 'شیراز', 'مشهد', 'Tehran', 'کرج', 'تبریز', 'قم', 'يزد'])[1 + i * 31 % 8]),
        (ARRAY[1, 2, 13])[1 + i % 3], now() - i % 900 * interval '1 day', now()
    FROM generate_series(1, {contacts}) AS i
"""
MESSAGES = """
    INSERT INTO campaigns_message
        (campaign_id, contact_id, phone, batch_number, status, reason, provider_code, provider_text, updated_at)
    SELECT {campaign}, id, phone, (id - 1) / 1000, CASE WHEN id % 20 = 0 THEN 80 WHEN id % 3 = 0 THEN 61 ELSE 60 END,
        0, '', '', now()
    FROM contacts_contact WHERE id % {every} = 0
"""
BATCHES = """
    INSERT INTO campaigns_batch (campaign_id, line_id, number, status, first_message_id, last_message_id, size, pending,
        accepted, unclear, unlisted, unlisted_status, owner, attempt, repeats, doubts, code, words, anomalies,
        poll_round, claimed_at)
    SELECT {campaign}, {line}, i, 40, {first}, {last}, 1000, 0, 1000, 0, 0, 10, '', 1, 0, 0, '', '', '{{}}', 0,
        now() - interval '{days} days'
    FROM generate_series(0, {batches}) AS i
"""
CITY = {"field": "attribute", "key": "city", "test": "is", "value": "تهران"}
SEGMENTS: dict[str, list[dict[str, Any]]] = {
    "city": [CITY],
    "city, Latin": [CITY | {"value": "tehran"}],
    "city contains": [CITY | {"test": "contains", "value": "یز"}],
    "operator and city": [{"field": "operator", "test": "one_of", "value": [1]}, CITY],
    "added in 30 days": [{"field": "added", "test": "within", "value": 30}],
    "age above 40": [{"field": "attribute", "key": "age", "test": "more", "value": "40"}],
    "message in 3 days, a tenth": [{"field": "last_message", "test": "within", "value": 3}],
    "message in 30 days": [{"field": "last_message", "test": "within", "value": 30}],
    "no message in 30 days": [{"field": "last_message", "test": "none_within", "value": 30}],
    "message in 30 days and city": [{"field": "last_message", "test": "within", "value": 30}, CITY],
}


def fill(contacts: int, campaigns: int) -> None:
    """Contacts, and campaigns to all of them; the last, of yesterday, to a tenth."""
    from django.db import connection

    from campaigns.models import Campaign
    from providers.models import ProviderAccount, SenderLine

    account = ProviderAccount.objects.create(name="benchmark", slug="najva", base_url="http://127.0.0.1:9")
    line = SenderLine.objects.create(account=account, sender="1", kind=SenderLine.Kind.SERVICE)
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE.format(contacts=contacts))
        for number in range(campaigns + 1):
            last = number == campaigns
            days = 1 if last else (campaigns - 1 - number) * 25 + 10
            campaign = Campaign.objects.create(
                name=str(number), line=line, status="completed", text="t", audience=contacts
            )
            cursor.execute(MESSAGES.format(campaign=campaign.pk, every=10 if last else 1))
            cursor.execute(f"SELECT min(id), max(id) FROM campaigns_message WHERE campaign_id = {campaign.pk}")
            ends = cursor.fetchone()
            Campaign.objects.filter(pk=campaign.pk).update(first_message_id=ends[0], last_message_id=ends[1])
            facts = {"campaign": campaign.pk, "line": line.pk, "first": ends[0], "last": ends[1]}
            cursor.execute(BATCHES.format(**facts, days=days, batches=contacts // 1000))
        cursor.execute("VACUUM ANALYZE")


def people_in(conditions: dict[str, Any]) -> int:
    """As the builder counts them."""
    from campaigns.segmenting.looking import look

    return look(conditions).number or -1


def count(rounds: int) -> dict[str, tuple[float, int]]:
    """Milliseconds and people of each way."""
    from campaigns import segmenting
    from contacts.models import Contact

    ways: dict[str, Callable[[], int]] = {"floor: all contacts": Contact.objects.count}
    for name, conditions in SEGMENTS.items():
        checked = segmenting.checked({"match": "all", "conditions": conditions})
        ways[name] = partial(people_in, checked)
    found: dict[str, tuple[float, int]] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            began = time.monotonic()
            people = way()
            spent = (time.monotonic() - began) * 1000
            found[name] = min(found.get(name, (spent, people)), (spent, people))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--campaigns", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        import django

        django.setup()
        if options.step == "fill":
            fill(options.contacts, options.campaigns)
        sys.stdout.write(json.dumps(count(options.rounds) if options.step == "count" else {}) + "\n")
        return
    amounts = ["--contacts", str(options.contacts), "--campaigns", str(options.campaigns)]
    with measuring.database("postgres") as environment:
        measuring.in_process(environment, "count_segments", "--step", "fill", *amounts)
        figures = measuring.in_process(
            environment, "count_segments", "--step", "count", "--rounds", str(options.rounds)
        )
    base = figures["floor: all contacts"][0]
    print(f"postgres, {options.contacts:,} contacts, {options.campaigns} campaigns, best of {options.rounds}")
    for name, (spent, people) in figures.items():
        print(f"  {name:30} {spent:8.0f} ms {spent / base:6.1f}x   {people:10,} people")


if __name__ == "__main__":
    main()
