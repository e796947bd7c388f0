"""How long it takes to send and record a campaign: ours, its floors, and the ORM's ``filter`` with ``bulk_update``.

    .venv/bin/python -m benchmarks.send_najva --rows 1000000 --database postgres
    .venv/bin/python -m benchmarks.send_najva --rows 1000000 --database postgres --batch 1000
    .venv/bin/python -m benchmarks.send_najva --database postgres --table 10000000
    .venv/bin/python -m benchmarks.send_najva --database postgres --growth

The provider is the sandbox in a process of its own, 10,000 recipients a request. Two floors: the HTTP exchange and its
JSON alone, and the finished rows written once into an empty table of the same indexes. The ORM's way runs on
``--naive-rows`` and is scaled up. Every way of every round has a database of its own; the figures are medians.

``--batch`` sends the same with fewer recipients a request and compares; ``--table`` sends 100,000 with that many
messages of other campaigns in the table and compares; ``--growth`` sends 10,000, 100,000 and 1,000,000.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from benchmarks import measuring
from benchmarks.freeze_audience import fill_phonebook

BATCH = 10_000
SMALL = 100_000  # messages, beside a large table
GROWTH = (10_000, 100_000, 1_000_000)
MILLION = 1_000_000
OTHERS = """
    INSERT INTO campaigns_message (campaign_id, phone, batch_number, status, reason, account_id, provider_ref,
                                   provider_code, provider_text, cost, updated_at)
    SELECT 1000000 + %(block)s, 989000000000 + i, 1 + i / 10000, 60, 0, 1000, CAST(1000000 * %(block)s + i AS text),
           '10', '', 1000, now()
    FROM generate_series(1, %(rows)s) AS i
"""
THEIR_REFS = """
    INSERT INTO campaigns_providerref (account_id, ref, message_id)
    SELECT account_id, provider_ref, id FROM campaigns_message WHERE campaign_id = 1000000 + %s
"""


class Plan(NamedTuple):
    """What is sent: messages, recipients a request, messages of other campaigns in the table; the sandbox's port."""

    rows: int
    batch: int = BATCH
    table: int = 0
    port: int = 18950


@contextmanager
def sandbox(environment: dict[str, str], port: int) -> Iterator[str]:
    """The sandbox in a process of its own, with no webhooks; its address."""
    command = [sys.executable, "manage.py", "sandbox", "--port", str(port), "--sent-after", "1e9"]
    process = subprocess.Popen(command, env=environment, cwd=measuring.ROOT, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(url + "/_sandbox/ledger", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def others(rows: int) -> None:
    """Delivered messages of other campaigns, a million each; PostgreSQL only."""
    from django.db import connection

    with connection.cursor() as cursor:
        for block in range(-(-rows // MILLION)):
            cursor.execute(OTHERS, {"block": block, "rows": min(MILLION, rows - block * MILLION)})
            cursor.execute(THEIR_REFS, [block])


def people(url: str, rows: int, batch: int) -> None:
    """A phonebook, and a campaign on it that is frozen and has not sent anything."""
    from django.db import connection

    from campaigns import drafting, lifecycle
    from providers.models import ProviderAccount, SenderLine
    from providers.secrets import encrypt

    fill_phonebook(rows)
    account = ProviderAccount.objects.create(
        name="benchmark", slug="najva", base_url=url, batch_size=batch, credentials=encrypt({"api_token": "x"})
    )
    line = SenderLine.objects.create(account=account, sender="1", kind=SenderLine.Kind.SERVICE)
    rules = drafting.phonebook_rules(["benchmark"])
    campaign = drafting.create(name="benchmark", line=line, text="سلام، سفارش شما آماده است.", rules=rules)
    lifecycle.launch(campaign.pk)
    lifecycle.prepare(campaign.pk)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
        if connection.vendor == "postgresql":
            cursor.execute("CHECKPOINT")  # else that of the preparation falls into somebody's measurement


def ours(plan: Plan) -> dict[str, float]:
    """The product's own loop: claim, call, keep the answer, record, count. ``early`` and ``late`` are its memory in MB
    when a tenth was sent, and at the end.
    """
    from campaigns.models import Batch, Campaign
    from campaigns.sending import dispatch
    from campaigns.states import BatchStatus

    campaign, early = Campaign.objects.get(), 0.0
    pending = Batch.objects.filter(campaign=campaign, status=BatchStatus.PENDING)
    tenth = pending.count() * 9 // 10
    while dispatch.work(campaign.pk, 3600.0 if early else 0.5) == "slice":
        if not early and pending.count() <= tenth:
            early = measuring.resident()
    return {"rows": plan.rows, "early": early, "late": measuring.resident()}


def exchange(plan: Plan) -> int:
    """The HTTP exchange and the JSON of both sides alone."""
    from campaigns.models import Campaign
    from providers import http, registry
    from providers.base import Recipient, SendJob

    campaign = Campaign.objects.select_related("line__account").get()
    provider = registry.provider_for(campaign.line.account)
    for start in range(0, plan.rows, plan.batch):
        recipients = [Recipient(i, f"+98935{i:07d}") for i in range(start, min(start + plan.batch, plan.rows))]
        job = SendJob(campaign.line.sender, recipients, campaign.sent_text)
        http.exchange(provider.build_send(job), connect_timeout=10, read_timeout=60).json()
    return plan.rows


def write_once(plan: Plan) -> int:
    """The finished rows, written once: COPY on PostgreSQL, executemany on SQLite."""
    from django.db import connection, transaction

    names = (
        "campaign_id, phone, batch_number, status, reason, provider_ref, provider_code, provider_text, cost, updated_at"
    )
    with transaction.atomic(), connection.cursor() as cursor:
        for start in range(0, plan.rows, BATCH):
            numbers = range(start, min(start + BATCH, plan.rows))
            if connection.vendor == "postgresql":
                lines = io.StringIO()
                for i in numbers:
                    lines.write(f"999\t{989350000000 + i}\t1\t40\t0\tw{i}\t1\t\t1000\t2026-01-01 00:00:00+00\n")
                with cursor.copy(f"COPY campaigns_message ({names}) FROM STDIN") as copy:
                    copy.write(lines.getvalue())
            else:
                marks = ", ".join(["%s"] * 10)
                values = [
                    (999, 989350000000 + i, 1, 40, 0, f"w{i}", "1", "", 1000, "2026-01-01 00:00:00") for i in numbers
                ]
                cursor.executemany(f"INSERT INTO campaigns_message ({names}) VALUES ({marks})", values)
    return plan.rows


def naive(plan: Plan) -> int:
    """``filter(status=pending)[:10000]``, ``requests``, ``bulk_update(batch_size=1000)``, until nothing is pending."""
    import requests

    from campaigns.models import Campaign, Message
    from campaigns.states import MessageStatus

    campaign = Campaign.objects.select_related("line__account").get()
    session = requests.Session()
    session.trust_env = False
    done = 0
    while done < plan.rows and (
        batch := list(Message.objects.filter(campaign=campaign, status=MessageStatus.PENDING)[: plan.batch])
    ):
        content = {"message": campaign.sent_text, "sender": "1", "receivers": [f"0{it.phone[3:]}" for it in batch]}
        answer = session.post(
            f"{campaign.line.account.base_url}/v2/sms/send",
            json=content,
            headers={"Authorization": "Bearer x"},
            timeout=60,
        )
        entries = {entry["receptor"]: entry for entry in answer.json()["entries"]}
        for message in batch:
            entry = entries[f"0{message.phone[3:]}"]
            message.status, message.provider_ref = MessageStatus.ACCEPTED, str(entry["messageid"])
            message.account_id, message.cost = campaign.line.account_id, entry["cost"]
        Message.objects.bulk_update(batch, ["status", "provider_ref", "account", "cost"], batch_size=1000)
        done += len(batch)
    return done


NAIVE, OURS, EXCHANGE, ONCE = "filter + bulk_update", "ours", "exchange alone", "written once"
WAYS: dict[str, Callable[[Plan], int | Mapping[str, float]]] = {
    EXCHANGE: exchange,
    ONCE: write_once,
    NAIVE: naive,
    OURS: ours,
}


def run(kind: str, way: str, plan: Plan, amount: int | None = None) -> dict[str, Any]:
    """One way on a database of its own, with the same campaign frozen in it; ``amount`` of its messages, or all."""
    sizes = ("--batch", str(plan.batch), "--table", str(plan.table))
    with measuring.database(kind) as environment, sandbox(environment, plan.port) as url:
        prepare = ("--step", "people", "--url", url, "--rows", str(plan.rows), *sizes)
        measuring.in_process(environment, "send_najva", *prepare)
        work = ("--step", way, "--rows", str(amount or plan.rows), *sizes)
        return measuring.in_process(environment, "send_najva", *work)


def a_batch(figures: Mapping[str, Any], size: int = BATCH) -> str:
    """Wall and CPU milliseconds for ``size`` messages."""
    share = 1000 * size / figures["rows"]
    return f"{share * figures['wall']:.0f} ms wall, {share * figures['cpu']:.0f} ms CPU"


def compare(kind: str, plan: Plan, naive_rows: int, rounds: int) -> None:
    """Every way, round after round."""
    amounts = {way: min(naive_rows, plan.rows) if way == NAIVE else plan.rows for way in WAYS}
    rows = [{way: run(kind, way, plan, amounts[way]) for way in WAYS} for _ in range(rounds)]
    figures = measuring.medians(rows)
    mine, slow = figures[OURS], figures[NAIVE]
    times = {name: (slow[name] / slow["rows"]) / (mine[name] / mine["rows"]) for name in ("wall", "cpu")}
    shares = {name: mine[name] / (figures[EXCHANGE][name] + figures[ONCE][name]) for name in ("wall", "cpu")}
    notes = [
        f"ours is {times['wall']:.1f} times as fast as filter + bulk_update ({times['cpu']:.1f} in CPU)",
        f"ours takes {shares['wall']:.2f} times the exchange and one write together ({shares['cpu']:.2f} in CPU)",
        f"{BATCH:,} messages: {a_batch(mine)}; of it the exchange {a_batch(figures[EXCHANGE])}",
        f"memory after a tenth {mine['early']:.0f} MB, at the end {mine['late']:.0f} MB",
    ]
    measuring.report(f"{kind}, {plan.rows:,} messages, median of {rounds}", figures, ONCE, notes)


def side_by_side(kind: str, rounds: int, plans: Mapping[str, Plan]) -> None:
    """Ours by two plans or more, round after round; each against the first."""
    rows = [{name: run(kind, OURS, plan) for name, plan in plans.items()} for _ in range(rounds)]
    figures = measuring.medians(rows)
    print(f"{kind}, median of {rounds}")
    first = next(iter(figures.values()))
    for name, it in figures.items():
        wall, cpu = ((it[each] / it["rows"]) / (first[each] / first["rows"]) for each in ("wall", "cpu"))
        print(
            f"  {name:28} {BATCH:,} messages: {a_batch(it)}   {wall:.2f}x wall {cpu:.2f}x CPU   {it['memory']:.0f} MB"
        )


def plans_of(options: argparse.Namespace) -> dict[str, Plan]:
    """What is to be held side by side; empty for the comparison with the floors."""
    if options.growth:
        return {f"{rows:,} messages": Plan(rows, options.batch, 0, options.port) for rows in GROWTH}
    if options.table:
        small, large = (Plan(SMALL, options.batch, table, options.port) for table in (0, options.table))
        return {f"a table of {SMALL:,}": small, f"a table of {SMALL + options.table:,}": large}
    if options.batch != BATCH:
        sizes = (BATCH, options.batch)
        return {f"{size:,} a request": Plan(options.rows, size, 0, options.port) for size in sizes}
    return {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--naive-rows", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=BATCH, help="recipients a request, held against 10,000")
    parser.add_argument("--table", type=int, default=0, help="messages of other campaigns; PostgreSQL")
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--database", choices=["postgres", "sqlite", "both"], default="both")
    parser.add_argument("--port", type=int, default=18950)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        step(options)
        return
    for kind in ("postgres", "sqlite") if options.database == "both" else (options.database,):
        if plans := plans_of(options):
            side_by_side(kind, options.rounds, plans)
        else:
            compare(kind, Plan(options.rows, port=options.port), options.naive_rows, options.rounds)


def step(options: argparse.Namespace) -> None:
    """One step in a process of its own."""
    import django

    django.setup()
    if options.step == "people":
        others(options.table)
        people(options.url, options.rows, options.batch)
        sys.stdout.write("{}\n")
    else:
        plan = Plan(options.rows, options.batch)
        measuring.measure(lambda: WAYS[options.step](plan))


if __name__ == "__main__":
    main()
