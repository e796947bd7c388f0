"""How long it takes to fix an audience: ours, its floor (a bare ``INSERT … SELECT``), and ``bulk_create``.

    .venv/bin/python -m benchmarks.freeze_audience --rows 1000000 --database postgres
    .venv/bin/python -m benchmarks.freeze_audience --database postgres --growth

All ways write the same recipients into the same table with the same indexes, which is emptied before each; the figures
are medians of ``--rounds``. ``bulk_create`` writes ``--naive-rows`` of them and is scaled up. ``--growth`` does the
same with 10,000, 100,000 and 1,000,000.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from itertools import islice

from benchmarks import measuring

PEOPLE_POSTGRES = """
    INSERT INTO contacts_contact (phone, first_name, last_name, attributes, operator, created_at, updated_at)
    SELECT 989120000000 + (CAST(i AS bigint) * 7919) %% 1000003, 'سارا', 'محمدی', '{"city": "تهران"}', 1, now(), now()
    FROM generate_series(1, %s) AS i
"""
PEOPLE_SQLITE = """
    WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < %s)
    INSERT INTO contacts_contact (phone, first_name, last_name, attributes, operator, created_at, updated_at)
    SELECT 989120000000 + (CAST(i AS bigint) * 7919) %% 1000003, 'سارا', 'محمدی', '{"city": "تهران"}', 1,
           datetime('now'), datetime('now') FROM s
"""
BARE = """
    INSERT INTO campaigns_message
        (campaign_id, contact_id, phone, batch_number, status, reason, text, provider_code, provider_text, updated_at)
    SELECT %s, c.id, c.phone, 1, 10, 0, NULL, '', '', {now}
    FROM contacts_membership m JOIN contacts_contact c ON c.id = m.contact_id WHERE m.phonebook_id = %s
"""
PERSONAL = "سلام {first_name|مشتری} از {city}، سفارش شما آماده است."


def fill_phonebook(rows: int) -> None:
    """A phonebook named ``benchmark`` with ``rows`` contacts."""
    from django.db import connection

    from contacts.models import Phonebook

    phonebook = Phonebook.objects.create(name="benchmark")
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE_POSTGRES if connection.vendor == "postgresql" else PEOPLE_SQLITE, [rows])
        cursor.execute(
            "INSERT INTO contacts_membership (phonebook_id, contact_id) SELECT %s, id FROM contacts_contact",
            [phonebook.pk],
        )
        cursor.execute("ANALYZE")


def people(rows: int) -> None:
    """A phonebook of ``rows`` contacts and two drafts on it: one text for all, and a personal one."""
    from campaigns import drafting
    from providers.models import ProviderAccount, SenderLine
    from providers.secrets import encrypt

    fill_phonebook(rows)
    account = ProviderAccount.objects.create(
        name="benchmark", slug="najva", base_url="http://127.0.0.1:9", credentials=encrypt({"api_token": "x"})
    )
    line = SenderLine.objects.create(account=account, sender="1", kind=SenderLine.Kind.SERVICE)
    for name, text in (("same", "سلام"), ("personal", PERSONAL)):
        drafting.create(name=name, line=line, text=text, rules=drafting.phonebook_rules(["benchmark"]))


def empty() -> None:
    """The tables that a freeze writes, as new."""
    from django.db import connection

    from campaigns.models import Campaign

    Campaign.objects.update(status="draft", audience=None, first_message_id=None, last_message_id=None)
    tables = ["campaigns_message", "campaigns_batch", "campaigns_statuscount", "campaigns_timelinepoint"]
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"TRUNCATE {table} CASCADE" if connection.vendor == "postgresql" else f"DELETE FROM {table}")


def floor() -> int:
    """The bare statement."""
    from django.db import connection

    from campaigns.models import Campaign
    from contacts.models import Phonebook

    now = "now()" if connection.vendor == "postgresql" else "datetime('now')"
    with connection.cursor() as cursor:
        cursor.execute(BARE.format(now=now), [Campaign.objects.get(name="same").pk, Phonebook.objects.get().pk])
        return int(cursor.rowcount)


def freeze(name: str) -> int:
    """The product's own step, batches and counters included."""
    from campaigns import lifecycle
    from campaigns.models import Campaign

    campaign = Campaign.objects.get(name=name)
    lifecycle.launch(campaign.pk)
    lifecycle.prepare(campaign.pk)
    campaign.refresh_from_db()
    return campaign.audience or 0


def bulk_create(rows: int) -> int:
    """The usual way: a loop over the contacts and ``bulk_create``, 5,000 at a time, up to ``rows``."""
    from campaigns.models import Campaign, Message
    from contacts.models import Contact

    campaign, done = Campaign.objects.get(name="same"), 0
    contacts = Contact.objects.filter(membership__phonebook__name="benchmark").iterator(chunk_size=5_000)
    while done < rows and (batch := list(islice(contacts, 5_000))):
        made = [Message(campaign=campaign, contact=it, phone=it.phone, batch_number=1) for it in batch]
        Message.objects.bulk_create(made)
        done += len(batch)
    return done


WAYS: dict[str, Callable[[int], int]] = {
    "floor": lambda _rows: floor(),
    "ours, same text": lambda _rows: freeze("same"),
    "ours, personal text": lambda _rows: freeze("personal"),
    "bulk_create": bulk_create,
}
GROWTH = (10_000, 100_000, 1_000_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--naive-rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--database", choices=["postgres", "sqlite", "both"], default="both")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        step(options.step, options.rows)
        return
    for kind in ("postgres", "sqlite") if options.database == "both" else (options.database,):
        for rows in GROWTH if options.growth else (options.rows,):
            compare(kind, rows, min(options.naive_rows, rows), options.rounds)


def compare(kind: str, rows: int, naive_rows: int, rounds: int) -> None:
    """Every way, round after round, on one database."""
    with measuring.database(kind) as environment:
        measuring.in_process(environment, "freeze_audience", "--step", "people", "--rows", str(rows))
        found = []
        for _ in range(rounds):
            amounts = {way: str(naive_rows if way == "bulk_create" else rows) for way in WAYS}
            found.append(
                {
                    way: measuring.in_process(environment, "freeze_audience", "--step", way, "--rows", amount)
                    for way, amount in amounts.items()
                }
            )
    figures = measuring.medians(found)
    slow, mine = (figures[way]["cpu"] / figures[way]["rows"] for way in ("bulk_create", "ours, same text"))
    notes = [f"ours is {slow / mine:.1f} times as fast as bulk_create, in CPU"]
    measuring.report(f"{kind}, an audience of {rows:,}, median of {rounds}", figures, "floor", notes)


def step(name: str, rows: int) -> None:
    """One step in a process of its own."""
    import django

    django.setup()
    if name == "people":
        people(rows)
        sys.stdout.write("{}\n")
    else:
        empty()
        measuring.measure(lambda: WAYS[name](rows))


if __name__ == "__main__":
    main()
