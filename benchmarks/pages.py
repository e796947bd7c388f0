"""How long every page takes while a campaign goes out, with many messages in the table.

    .venv/bin/python -m benchmarks.pages --rows 10000000

A phonebook of ``--rows`` / 10 contacts, a draft for them, and ten campaigns that went to them, with batches of 1,000,
counters, timelines and a report each. The last one is being sent meanwhile, by the product and to the sandbox, each in
a process of its own. Every page is asked for through Django, its queries timed one by one; the floors are the page of
an empty form and ``SELECT 1``, in the same process and connection. It fails where a query reads one of the large
tables from end to end. PostgreSQL only.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from benchmarks import measuring
from benchmarks.freeze_audience import fill_phonebook
from benchmarks.send_najva import sandbox

CAMPAIGNS = 10
BATCH = 1_000
DRAFT = "سلام {first_name|مشتری}، حراج پاییز آغاز شد."
REPEATS = 15
TARGET = 100.0  # milliseconds a page
PLANS = 5
FEW = 3_000  # rows; a table of fewer is best read from end to end
MESSAGES = """
    INSERT INTO campaigns_message (campaign_id, contact_id, phone, batch_number, status, reason, account_id,
                                   provider_ref, provider_code, provider_text, cost, updated_at)
    SELECT %(campaign)s, c.id, c.phone, (c.place - 1) / %(batch)s, s.status, 0,
           CASE WHEN s.status > 10 THEN %(account)s END,
           CASE WHEN s.status > 10 THEN CAST(1000000000 * CAST(%(campaign)s AS bigint) + c.id AS text) END,
           '', '', CASE WHEN s.status > 10 THEN 1000 END, now()
    FROM (SELECT id, phone, row_number() OVER (ORDER BY id) AS place FROM contacts_contact ORDER BY id) AS c,
         LATERAL (SELECT CASE WHEN %(sending)s AND c.place > %(rows)s / 10 THEN 10 WHEN c.id %% 50 = 0 THEN 61
                              WHEN c.id %% 10 = 0 THEN 50 ELSE 60 END AS status) AS s
"""
BATCHES = """
    INSERT INTO campaigns_batch (campaign_id, line_id, number, status, first_message_id, last_message_id, size, pending,
                                 accepted, unlisted, unlisted_status, owner, attempt, repeats, doubts, code, words,
                                 anomalies, poll_round, claimed_at, settled_at)
    SELECT campaign_id, %s, batch_number, CASE WHEN min(status) = 10 THEN 10 ELSE 40 END, min(id), max(id), count(*),
           CASE WHEN min(status) = 10 THEN count(*) ELSE 0 END, CASE WHEN min(status) = 10 THEN 0 ELSE count(*) END,
           0, 10, 'w', 1, 0, 0, '', '', '{}', 0, now() - interval '2 hours' + batch_number * interval '1 second',
           now() - interval '2 hours' + (batch_number + 1) * interval '1 second'
    FROM campaigns_message GROUP BY campaign_id, batch_number
"""
COUNTS = """
    INSERT INTO campaigns_statuscount (campaign_id, status, messages, cost)
    SELECT campaign_id, status, count(*), COALESCE(sum(cost), 0) FROM campaigns_message GROUP BY 1, 2
"""
POINTS = """
    INSERT INTO campaigns_timelinepoint (campaign_id, at, status, messages)
    SELECT c.id, date_trunc('minute', now()) - (10 - c.id) * interval '16 hours' - m * interval '1 minute', s, 1000
    FROM campaigns_campaign AS c, generate_series(1, 240) AS m, unnest(ARRAY[40, 50, 60, 61]) AS s
"""
EVENTS = """
    INSERT INTO campaigns_deliveryevent (account_id, provider_ref, report, code, words, source, received_at, result,
                                         tries)
    SELECT account_id, provider_ref, 'delivered', '10', '', 'webhook', now(), 1, 1
    FROM campaigns_message WHERE provider_ref IS NOT NULL
"""
ENDS = """
    UPDATE campaigns_campaign AS c SET audience = m.n, first_message_id = m.first, last_message_id = m.last
    FROM (SELECT campaign_id, count(*) AS n, min(id) AS first, max(id) AS last FROM campaigns_message GROUP BY 1) AS m
    WHERE m.campaign_id = c.id
"""


def build(url: str, rows: int) -> None:
    """Everything that the pages read; the last campaign has sent a tenth."""
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.utils import timezone

    from campaigns import drafting
    from campaigns.models import Campaign
    from providers.models import ProviderAccount, SenderLine
    from providers.secrets import encrypt

    get_user_model().objects.create_superuser("benchmark")
    fill_phonebook(rows // CAMPAIGNS)
    account = ProviderAccount.objects.create(
        name="benchmark", slug="najva", base_url=url, credentials=encrypt({"api_token": "x"})
    )
    line = SenderLine.objects.create(account=account, sender="1", kind=SenderLine.Kind.SERVICE)
    drafting.create(name="draft", line=line, text=DRAFT, rules=drafting.phonebook_rules(["benchmark"]))
    with connection.cursor() as cursor:
        for number in range(CAMPAIGNS):
            last = number == CAMPAIGNS - 1
            facts: dict[str, Any] = {"status": "running" if last else "completed", "started_at": timezone.now()}
            facts |= {"audience": rows // CAMPAIGNS, "first_message_id": 0, "last_message_id": 0}
            campaign = Campaign.objects.create(name=f"{number}", line=line, text="سلام", sent_text="سلام", **facts)
            values = {"campaign": campaign.pk, "account": account.pk, "batch": BATCH}
            cursor.execute(MESSAGES, values | {"sending": last, "rows": rows // CAMPAIGNS})
        cursor.execute(BATCHES, [line.pk])
        for statement in (COUNTS, POINTS, EVENTS, ENDS, "VACUUM ANALYZE", "CHECKPOINT"):
            cursor.execute(statement)


class Query(NamedTuple):
    """One statement of a page, as it ran."""

    sql: str
    params: Any
    seconds: float


# What needs no number of a row; the first is the floor.
ADDRESSES = (
    "/contacts/new/", "/", "/campaigns/", "/campaigns/?status=completed", "/campaigns/new/", "/contacts/",
    "/contacts/?q=0912", "/contacts/actions/", "/phonebooks/", "/imports/", "/imports/new/", "/categories/",
    "/suppressions/", "/segments/", "/segments/new/", "/texts/", "/messages/", "/messages/?status=failed", "/exports/",
    "/approvals/", "/people/", "/accounts/", "/accounts/new/", "/accounts/holidays/", "/admin/",
    "/admin/campaigns/campaign/", "/admin/campaigns/message/", "/admin/campaigns/batch/",
    "/admin/campaigns/deliveryevent/", "/admin/campaigns/auditentry/", "/admin/contacts/contact/",
    "/admin/contacts/membership/", "/admin/contacts/phonebook/", "/admin/auth/user/",
)  # fmt: skip


def pages() -> dict[str, str]:
    """The addresses that are timed, by what they are."""
    from campaigns.models import Campaign, Message
    from contacts.models import Contact, Phonebook
    from providers.models import SenderLine

    campaign = Campaign.objects.latest("pk")
    first, last = int(campaign.first_message_id or 0), int(campaign.last_message_id or 0)
    at, draft = f"/campaigns/{campaign.pk}/", f"/campaigns/{Campaign.objects.get(status='draft').pk}/"
    done = f"/campaigns/{Campaign.objects.filter(status='completed').latest('pk').pk}/"
    phone = str(Message.objects.values_list("phone", flat=True).get(pk=(first + last) // 2))
    contact, line = Contact.objects.latest("pk"), SenderLine.objects.get()
    return {address: address for address in ADDRESSES} | {
        "campaign": at,
        "campaign, completed": done,
        "campaign, live part": f"{at}live/",
        "recipients, middle": f"{at}?after={(first + last) // 2}",
        "recipients, end": f"{at}?before={last}",
        "recipients, delivered": f"{at}?status=delivered",
        "recipients, pending, end": f"{at}?status=pending&before={last}",
        "recipients, a number": f"{at}?q=0{phone[3:]}",
        "left out": f"{at}left-out/",
        "composer, audience": f"{draft}edit/audience/",
        "composer, text": f"{draft}edit/text/",
        "composer, sending": f"{draft}edit/sending/",
        "review": draft,
        "message": f"/messages/{first}/",
        "messages, a number": f"/messages/?q=0{phone[3:]}",
        "contact": contact.get_absolute_url(),
        "phonebook": Phonebook.objects.get().get_absolute_url(),
        "account": line.account.get_absolute_url(),
        "line": f"{line.account.get_absolute_url()}lines/{line.pk}/",
        "admin, a contact": f"/admin/contacts/contact/{contact.pk}/change/",
        "admin, a campaign": f"/admin/campaigns/campaign/{campaign.pk}/change/",
        "admin, a message": f"/admin/campaigns/message/{first}/change/",
        "admin, delete a phonebook": f"/admin/contacts/phonebook/{Phonebook.objects.get().pk}/delete/",
    }


@contextmanager
def timed(found: list[Query]) -> Iterator[None]:
    """Note each statement that runs inside."""
    from django.db import connection

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            found.append(Query(sql, params, time.perf_counter() - began))

    with connection.execute_wrapper(note):
        yield


def look() -> None:
    """Ask for every page again and again; prints the figures as JSON."""
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.test import Client

    settings.ALLOWED_HOSTS = ["testserver"]
    client = Client()
    client.force_login(get_user_model().objects.get())
    figures: dict[str, Any] = {}
    scans: dict[str, str] = {}
    floor: list[Query] = []
    for name, address in pages().items():
        rounds: list[list[Query]] = []
        walls = []
        for _ in range(REPEATS + 1):
            found: list[Query] = []
            began = time.perf_counter()
            with timed(found):
                answer = client.get(address)
            walls.append(time.perf_counter() - began)
            assert answer.status_code == 200, (address, answer.status_code)
            rounds.append(found)
            with timed(floor), connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        plans = {query.sql: plan_of(query) for query in rounds[-1] if query.sql.lstrip().startswith("SELECT")}
        figures[name] = summary(rounds[1:], walls[1:], {sql: plan.milliseconds for sql, plan in plans.items()})
        scans |= {f"{plan.reads} by {sql[:300]}": name for sql, plan in plans.items() if plan.reads}
    figures["SELECT 1"] = 1000 * statistics.median(query.seconds for query in floor)
    print(json.dumps({"pages": figures, "scans": scans}))


def summary(rounds: list[list[Query]], walls: list[float], server: dict[str, float]) -> dict[str, Any]:
    """Medians over the rounds, in milliseconds: the page, its queries together as the client sees them, and what the
    slowest takes the server, planning included.
    """
    slowest = max(server, key=lambda sql: server[sql])
    return {
        "wall": 1000 * statistics.median(walls),
        "queries": statistics.median(len(queries) for queries in rounds),
        "sql": statistics.median(1000 * sum(query.seconds for query in queries) for queries in rounds),
        "slowest": server[slowest],
        "statement": slowest,
    }


class Plan(NamedTuple):
    """What a query takes the server, in milliseconds, and the large tables that it reads from end to end."""

    milliseconds: float
    reads: str


def plan_of(query: Query) -> Plan:
    """The plan of a query as it runs, the median of some."""
    from django.db import connection

    times, reads = [], ""
    with connection.cursor() as cursor:
        for _ in range(PLANS):
            cursor.execute("EXPLAIN (ANALYZE, TIMING OFF) " + query.sql, query.params)
            plan = "\n".join(row[0] for row in cursor.fetchall())
            times.append(sum(float(each) for each in re.findall(r"(?:Planning|Execution) Time: ([0-9.]+)", plan)))
            tables = re.findall(r"Seq Scan on (\w+)", plan)
            cursor.execute("SELECT relname FROM pg_class WHERE relname = ANY(%s) AND reltuples > %s", [tables, FEW])
            reads = ", ".join(row[0] for row in cursor.fetchall())
    return Plan(statistics.median(times), reads)


def send(seconds: float) -> None:
    """Send the running campaign as a worker does."""
    from campaigns.models import Campaign
    from campaigns.sending import dispatch

    dispatch.work(Campaign.objects.latest("pk").pk, seconds)


def measure(rows: int, port: int, quiet: bool) -> bool:
    """Build, send and look; whether no large table was read from end to end."""
    with measuring.database("postgres") as environment, sandbox(environment, port) as url:
        measuring.manage(environment, "collectstatic", "--no-input", "--verbosity", "0")
        began = time.monotonic()
        measuring.in_process(environment, "pages", "--step", "build", "--url", url, "--rows", str(rows))
        print(f"{rows:,} messages, built in {time.monotonic() - began:.0f} s", flush=True)
        command = [sys.executable, "-m", "benchmarks.pages", "--step", "send"]
        sender = None if quiet else subprocess.Popen(command, env=environment, cwd=measuring.ROOT)
        found = measuring.in_process(environment, "pages", "--step", "look")
        if sender:
            was_sending = sender.poll() is None
            sender.terminate()
            sender.wait()
            print("  a campaign was being sent " + ("all the time" if was_sending else "at first"))
    report(found["pages"])
    for statement, page in found["scans"].items():
        print(f"  {page}: READS A WHOLE TABLE, {statement}")
    return not found["scans"]


def report(pages: dict[str, Any]) -> None:
    """Each page, its ratio to the empty form's, and its slowest query."""
    print(f"  {'SELECT 1':40} {pages.pop('SELECT 1'):6.2f} ms")
    floor = pages[ADDRESSES[0]]["wall"]
    for name, it in pages.items():
        mark = "  ABOVE THE TARGET" if it["wall"] > TARGET else ""
        print(
            f"  {name:40} {it['wall']:6.1f} ms {it['wall'] / floor:5.1f}x, {it['queries']:.0f} queries"
            f" {it['sql']:6.2f} ms, the slowest {it['slowest']:5.2f} ms of the server:"
            f" {' '.join(it['statement'].split())[:90]}{mark}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--port", type=int, default=18952)
    parser.add_argument("--quiet", action="store_true", help="nothing is sent meanwhile")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.step:
        sys.exit(0 if measure(options.rows, options.port, options.quiet) else 1)
    import django

    django.setup()
    if options.step == "build":
        build(options.url, options.rows)
        sys.stdout.write("{}\n")
    elif options.step == "send":
        send(3600.0)
    else:
        look()


if __name__ == "__main__":
    main()
