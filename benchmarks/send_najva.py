"""How long it takes to send and record a campaign: ours, its floors, and the ORM's ``filter`` with ``bulk_update``.

    .venv/bin/python -m benchmarks.send_najva --rows 1000000 --database postgres

The provider is the sandbox in a process of its own, 10,000 recipients a request. Two floors: the HTTP exchange and its
JSON alone, and the finished rows written once into an empty table of the same indexes. The ORM's way runs on
``--naive-rows`` and is scaled up.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import measuring
from benchmarks.freeze_audience import fill_phonebook

BATCH = 10_000


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


def people(url: str, rows: int) -> None:
    """A phonebook, and a campaign on it that is frozen and has not sent anything."""
    from django.db import connection

    from campaigns import drafting, lifecycle
    from providers.models import ProviderAccount, SenderLine
    from providers.secrets import encrypt

    fill_phonebook(rows)
    account = ProviderAccount.objects.create(
        name="benchmark", slug="najva", base_url=url, batch_size=BATCH, credentials=encrypt({"api_token": "x"})
    )
    line = SenderLine.objects.create(account=account, sender="1", kind=SenderLine.Kind.SERVICE)
    rules = drafting.phonebook_rules(["benchmark"])
    campaign = drafting.create(name="benchmark", line=line, text="سلام، سفارش شما آماده است.", rules=rules)
    lifecycle.launch(campaign.pk)
    lifecycle.prepare(campaign.pk)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def ours(rows: int) -> int:
    """The product's own loop: claim, call, keep the answer, record, count."""
    from campaigns.models import Campaign
    from campaigns.sending import dispatch

    campaign = Campaign.objects.get()
    while dispatch.work(campaign.pk, 3600.0) == "slice":
        pass
    return rows


def exchange(rows: int) -> int:
    """The HTTP exchange and the JSON of both sides alone."""
    from campaigns.models import Campaign
    from providers import http, registry
    from providers.base import Recipient, SendJob

    campaign = Campaign.objects.select_related("line__account").get()
    provider = registry.provider_for(campaign.line.account)
    for start in range(0, rows, BATCH):
        recipients = [Recipient(i, f"+98935{i:07d}") for i in range(start, min(start + BATCH, rows))]
        job = SendJob(campaign.line.sender, recipients, campaign.sent_text)
        response = http.exchange(provider.build_send(job), connect_timeout=10, read_timeout=60)
        json.loads(response.body)
    return rows


def write_once(rows: int) -> int:
    """The finished rows, written once: COPY on PostgreSQL, executemany on SQLite."""
    from django.db import connection, transaction

    names = (
        "campaign_id, phone, batch_number, status, reason, provider_ref, provider_code, provider_text, cost, updated_at"
    )
    with transaction.atomic(), connection.cursor() as cursor:
        for start in range(0, rows, BATCH):
            numbers = range(start, min(start + BATCH, rows))
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
    return rows


def naive(rows: int) -> int:
    """``filter(status=pending)[:10000]``, ``requests``, ``bulk_update(batch_size=1000)``, until nothing is pending."""
    import requests

    from campaigns.models import Campaign, Message
    from campaigns.states import MessageStatus

    campaign = Campaign.objects.select_related("line__account").get()
    session = requests.Session()
    session.trust_env = False
    done = 0
    while done < rows and (
        batch := list(Message.objects.filter(campaign=campaign, status=MessageStatus.PENDING)[:BATCH])
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


WAYS = {"exchange alone": exchange, "written once": write_once, "filter + bulk_update": naive, "ours": ours}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--naive-rows", type=int, default=30_000)
    parser.add_argument("--database", choices=["postgres", "sqlite", "both"], default="both")
    parser.add_argument("--port", type=int, default=18950)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        step(options.step, options.url, options.rows)
        return
    for kind in ("postgres", "sqlite") if options.database == "both" else (options.database,):
        compare(kind, options.rows, min(options.naive_rows, options.rows), options.port)


def compare(kind: str, rows: int, naive_rows: int, port: int) -> None:
    """Every way on a database of its own, with the same campaign frozen in it."""
    figures = {}
    for way in WAYS:
        with measuring.database(kind) as environment, sandbox(environment, port) as url:
            amount = str(naive_rows if way == "filter + bulk_update" else rows)
            measuring.in_process(environment, "send_najva", "--step", "people", "--url", url, "--rows", str(rows))
            figures[way] = measuring.in_process(environment, "send_najva", "--step", way, "--rows", amount)
    ratio = (figures["filter + bulk_update"]["wall"] / naive_rows) / (figures["ours"]["wall"] / rows)
    floor = figures["exchange alone"]["wall"] + figures["written once"]["wall"]
    batches = -(-rows // BATCH)
    share = figures["ours"]["wall"] / floor
    notes = [
        f"ours is {ratio:.1f} times as fast as filter + bulk_update",
        f"ours takes {share:.2f} times the exchange and one write together",
        f"CPU a batch of {BATCH:,}: {1000 * figures['ours']['cpu'] / batches:.0f} ms",
    ]
    measuring.report(f"{kind}, {rows:,} messages", figures, "written once", notes)


def step(name: str, url: str, rows: int) -> None:
    """One step in a process of its own."""
    import django

    django.setup()
    if name == "people":
        people(url, rows)
        sys.stdout.write("{}\n")
    else:
        measuring.measure(lambda: WAYS[name](rows))


if __name__ == "__main__":
    main()
