"""What a message table of 1 M, 10 M or 100 M rows costs, plain and in parts by month.

    .venv/bin/python -m benchmarks.partitions --rows 10000000

The table is generated in the product's own shape: twelve months of ten finished campaigns each. Then a new campaign is
frozen, recorded and reported on by the product's own code, and a month is removed: by ``DELETE`` and ``VACUUM``, or by
dropping its part. The SQL is that of ``docs/partitions.md``; at the end it converts the plain table, and the steps run
once more. ``--churn`` instead sends on for minutes, and tells how many dead rows autovacuum leaves by its defaults and
by the documented settings. Needs about 450 bytes of disk a row.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import re
import sys
import time
from collections.abc import Callable
from typing import Any

from django.utils import timezone

from benchmarks import measuring
from benchmarks.freeze_audience import fill_phonebook

MONTHS, CAMPAIGNS = 12, 10  # campaigns a month
AUDIENCE = 100_000  # of the campaign that is sent into the full table
BATCH = 10_000
LOOKS = 50  # at a page, at a message
CHURN, CHURN_SECONDS = 10_000, 120

FILL = """
    INSERT INTO campaigns_message
        (campaign_id, contact_id, phone, batch_number, status, reason, text, account_id, provider_ref, provider_code,
         provider_text, cost, updated_at)
    SELECT 1 + (i - 1) / %(size)s, 1 + i %% 1000000, 989000000000 + ((i - 1) %% %(size)s * 7919) %% 1000000007,
           1 + (i - 1) %% %(size)s / 1000, %(status)s, 0, NULL, %(account)s, (1000000000 + i)::text, '10', '', 1000,
           now()
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS i
"""
FILL_REFS = """
    INSERT INTO campaigns_providerref (account_id, ref, message_id)
    SELECT %(account)s, (1000000000 + i)::text, i FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS i
"""
KEYS = """
    SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = 'campaigns_message'::regclass AND contype IN ('p', 'u')
"""
SIZES = """
    SELECT coalesce(sum(pg_relation_size(t.oid)), 0), coalesce(sum(pg_indexes_size(t.oid)), 0)
    FROM (SELECT inhrelid AS oid FROM pg_inherits WHERE inhparent = 'campaigns_message'::regclass
          UNION SELECT 'campaigns_message'::regclass) AS t
"""
DEAD = """
    SELECT sum(n_dead_tup), sum(n_tup_upd), sum(n_tup_hot_upd) FROM pg_stat_user_tables
    WHERE relname LIKE 'campaigns_message%'
"""


REWRITE = """
    UPDATE campaigns_message SET provider_ref = %s || id, status = 40, updated_at = now() WHERE id BETWEEN %s AND %s
"""


def documented(heading: str, **names: object) -> list[str]:
    """The statements of the SQL block under a heading of ``docs/partitions.md``, with its names replaced."""
    text = (measuring.ROOT / "docs" / "partitions.md").read_text(encoding="utf-8")
    found = re.search(rf"^### {heading}$.*?```sql\n(.*?)```", text, re.DOTALL | re.MULTILINE)
    if found is None:
        raise LookupError(heading)
    sql = found.group(1)
    for name, value in names.items():
        sql = re.sub(rf":{name}\b", str(value), sql)
    return [each.strip() for each in sql.split(";") if each.strip()]


def execute(*statements: str) -> None:
    """Run statements one after another, none of them in a transaction that is not its own."""
    from django.db import connection

    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.replace("%", "%%"), [])


def ask(sql: str) -> list[tuple[Any, ...]]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def fill(rows: int, shape: str) -> int:
    """The account, the campaigns and their messages, all delivered; indexes are built at the end."""
    from django.db import connection

    from campaigns.models import Campaign
    from campaigns.states import CampaignStatus, MessageStatus
    from providers.models import ProviderAccount, SenderLine
    from providers.secrets import encrypt

    account = ProviderAccount.objects.create(
        name="benchmark", slug="najva", base_url="http://127.0.0.1:9", batch_size=BATCH, credentials=encrypt({})
    )
    line = SenderLine.objects.create(account=account, sender="1", kind=SenderLine.Kind.SERVICE)
    size = rows // (MONTHS * CAMPAIGNS)
    facts: dict[str, Any] = {"line": line, "text": "x", "sent_text": "x", "audience": size}
    Campaign.objects.bulk_create(
        Campaign(
            name=str(n),
            status=CampaignStatus.COMPLETED,
            first_message_id=n * size + 1,
            last_message_id=(n + 1) * size,
            **facts,
        )
        for n in range(MONTHS * CAMPAIGNS)
    )
    if shape == "months":
        execute(*documented("Convert", upto=1))
        for month in range(MONTHS):
            bounds = {"from": 1 + month * CAMPAIGNS, "upto": 1 + (month + 1) * CAMPAIGNS}
            execute(*documented("Begin a month", partition=f"campaigns_message_{month + 1}", **bounds))
    values: dict[str, Any] = {"size": size, "status": int(MessageStatus.DELIVERED), "account": account.pk}
    keys = ask(KEYS)
    for name, _text in keys:
        execute(f"ALTER TABLE campaigns_message DROP CONSTRAINT {name}")
    execute("ALTER TABLE campaigns_providerref DROP CONSTRAINT campaigns_providerref_pkey")
    for first in range(1, size * MONTHS * CAMPAIGNS + 1, 1_000_000):
        piece = values | {"first": first, "last": min(first + 999_999, size * MONTHS * CAMPAIGNS)}
        with connection.cursor() as cursor:
            cursor.execute(FILL, piece)
            cursor.execute(FILL_REFS, piece)
    execute("SET maintenance_work_mem = '1GB'")
    execute(*(f"ALTER TABLE campaigns_message ADD CONSTRAINT {name} {text}" for name, text in keys))
    execute("ALTER TABLE campaigns_providerref ADD PRIMARY KEY (account_id, ref)", "VACUUM ANALYZE")
    fill_phonebook(AUDIENCE)
    return rows


def freeze() -> int:
    """A campaign of ``AUDIENCE`` recipients, by the product's own step."""
    from campaigns import drafting, lifecycle
    from providers.models import SenderLine

    rules = drafting.phonebook_rules(["benchmark"])
    campaign = drafting.create(name="new", line=SenderLine.objects.get(), text="سلام", rules=rules)
    lifecycle.launch(campaign.pk)
    lifecycle.prepare(campaign.pk)
    return AUDIENCE


def record() -> int:
    """Claim every batch of it and record an answer that accepts all, ids included."""
    from campaigns.models import Campaign
    from campaigns.sending import claiming, jobs
    from campaigns.sending.recording import Ticket
    from campaigns.sending.recording import record as write
    from providers import registry
    from providers.answers import Outcome, RecipientResult, SendAnswer

    campaign = Campaign.objects.filter(name="new").latest("pk")
    done = 0
    while isinstance(claimed := claiming.claim(campaign.pk, "benchmark"), claiming.Claim):
        job = jobs.prepare(claimed, registry.provider_for(claimed.account))
        if job is None:
            break
        taken = [
            RecipientResult(it.key, Outcome.ACCEPTED, ref=f"new{it.key}", code="1", cost=1000) for it in job.recipients
        ]
        ticket = Ticket(claimed.batch.pk, claimed.batch.owner, claimed.batch.attempt)
        write(ticket, SendAnswer(Outcome.ACCEPTED, taken))
        done += len(taken)
    return done


def report(known: bool) -> int:
    """Apply 10,000 events: to the first messages of the new campaign, or with ids that nobody has."""
    from campaigns.delivery import events
    from campaigns.models import Campaign, DeliveryEvent
    from providers.answers import Report, StatusReport
    from providers.models import ProviderAccount

    campaign = Campaign.objects.filter(name="new").latest("pk")
    first = campaign.first_message_id or 0
    refs = [f"new{first + n}" if known else f"none{n}" for n in range(10_000)]
    reports = [StatusReport(ref, Report.DELIVERED, "10") for ref in refs]
    events.store(ProviderAccount.objects.get().pk, reports, DeliveryEvent.Source.WEBHOOK)
    return len(refs)


def apply() -> int:
    from campaigns.delivery import applying

    applying.apply(600.0)
    return 10_000


def page() -> int:
    """Pages of recipients in the middle of an old campaign, as its screen reads them."""
    from campaigns.models import Campaign
    from campaigns.views import recipients
    from contacts.paging import keyset_page

    campaign = Campaign.objects.get(pk=MONTHS * CAMPAIGNS // 2)
    middle = ((campaign.first_message_id or 0) + (campaign.last_message_id or 0)) // 2
    for n in range(LOOKS):
        rows = recipients.chosen(campaign, {}).with_standing(campaign)
        keyset_page(rows, {"after": str(middle + n)}, ascending=True, size=recipients.ROWS)
    return LOOKS


def one_message() -> int:
    """A message by its id alone, as its page reads it."""
    from campaigns.models import Campaign, Message

    campaign = Campaign.objects.get(pk=MONTHS * CAMPAIGNS // 2)
    for n in range(LOOKS):
        Message.objects.get(pk=(campaign.first_message_id or 0) + n)
    return LOOKS


def delete_month() -> int:
    """The second month's campaigns, as ``manage.py prune`` removes them."""
    from campaigns import pruning
    from campaigns.models import Campaign

    long_ago = timezone.now() - dt.timedelta(days=400)
    Campaign.objects.filter(pk__gt=CAMPAIGNS, pk__lte=2 * CAMPAIGNS).update(finished_at=long_ago)
    return pruning.prune(365).messages


def drop_month() -> int:
    execute(*documented("Drop a month", partition="campaigns_message_2"))
    return 1


def convert() -> int:
    from campaigns.models import Campaign

    execute("SET maintenance_work_mem = '1GB'", *documented("Convert", upto=Campaign.objects.latest("pk").pk + 1))
    return 1


def churn(settings: list[str]) -> dict[str, float]:
    """Rewrite ``CHURN`` rows a second for minutes, as sending does; the most dead rows, and how the table grew."""
    from django.db import connection

    execute(*settings, "VACUUM ANALYZE campaigns_message")
    before, began, most, start = float(ask(SIZES)[0][0]), time.monotonic(), 0.0, 1
    while (passed := time.monotonic() - began) < CHURN_SECONDS:
        with connection.cursor() as cursor:
            cursor.execute(REWRITE, [f"{int(began)}-", start, start + CHURN - 1])
        start += CHURN
        most = max(most, float(ask(DEAD)[0][0] or 0))
        time.sleep(max(0.0, passed + 1 - (time.monotonic() - began)))
    return {"rewritten": start - 1.0, "most dead rows": most, "heap grew by bytes": float(ask(SIZES)[0][0]) - before}


def vacuum() -> int:
    execute("VACUUM campaigns_message", "VACUUM campaigns_providerref")
    return 1


def store(known: bool) -> Callable[[], int]:
    return lambda: report(known)


WAYS: dict[str, Callable[[], int]] = {
    "page": page,
    "message": one_message,
    "freeze": freeze,
    "record": record,
    "store known": store(True),
    "apply known": apply,
    "store unknown": store(False),
    "apply unknown": apply,
    "vacuum": vacuum,
    "delete a month": delete_month,
    "vacuum after it": vacuum,
    "drop a month": drop_month,
    "convert": convert,
}
SENDING = ["freeze", "record", "store known", "apply known", "store unknown", "apply unknown", "dead", "vacuum"]
READING = ["page", "message"]
PLAN = {
    "plain": [*READING, *SENDING, "delete a month", "vacuum after it", "convert", *READING, *SENDING],
    "months": [*READING, *SENDING, "drop a month", "vacuum after it"],
}
SILENT = {"store known", "store unknown"}
EACH = {"page", "message"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--shape", choices=[*PLAN, "both"], default="both")
    parser.add_argument("--churn", action="store_true")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        step(options.step, options.rows, options.shape)
        return
    if options.churn:
        with measuring.database("postgres") as environment:
            for name in ("fill", "churn by default", "churn as documented"):
                arguments = ("--step", name, "--rows", str(options.rows), "--shape", "plain")
                tell(name, measuring.in_process(environment, "partitions", *arguments))
        return
    for shape in PLAN if options.shape == "both" else (options.shape,):
        with measuring.database("postgres") as environment:
            print(f"{shape}, {options.rows:,} messages", flush=True)
            for name in ["fill", "sizes", *PLAN[shape]]:
                arguments = ("--step", name, "--rows", str(options.rows), "--shape", shape)
                tell(name, measuring.in_process(environment, "partitions", *arguments))


def tell(name: str, figures: dict[str, Any]) -> None:
    """One line a step: its time, per row where it is a matter of rows."""
    if name in ("sizes", "dead") or name.startswith("churn"):
        print(f"  {name:20} " + "   ".join(f"{key} {value:,.0f}" for key, value in figures.items()), flush=True)
    elif name in EACH:
        print(f"  {name:18} {1000 * figures['wall'] / figures['rows']:9.2f} ms each", flush=True)
    elif name not in SILENT:
        seconds = f"{figures['wall']:9.2f} s wall {figures['cpu']:9.2f} s CPU"
        print(f"  {name:18} {seconds}   {figures['rows']:>12,} rows", flush=True)


def step(name: str, rows: int, shape: str) -> None:
    """One step in a process of its own."""
    import django

    django.setup()
    if name == "sizes":
        heap, indexes = map(float, ask(SIZES)[0])
        (refs,) = map(float, ask("SELECT pg_total_relation_size('campaigns_providerref')")[0])
        parts = {"heap": heap / rows, "indexes": indexes / rows, "providers' ids": refs / rows}
        sys.stdout.write(json.dumps(parts) + "\n")
    elif name == "dead":
        dead, updated, hot = map(float, ask(DEAD)[0])
        sys.stdout.write(json.dumps({"dead rows": dead, "updated": updated, "of them on their page": hot}) + "\n")
    elif name.startswith("churn"):
        settings = documented("Settings") if name == "churn as documented" else []
        sys.stdout.write(json.dumps(churn(settings)) + "\n")
    elif name == "fill":
        measuring.measure(lambda: fill(rows, shape))
    else:
        measuring.measure(WAYS[name])


if __name__ == "__main__":
    main()
