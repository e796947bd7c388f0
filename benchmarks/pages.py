"""How long every page takes while a campaign goes out, with many messages in the table.

    .venv/bin/python -m benchmarks.pages --rows 10000000

A phonebook of ``--rows`` / 10 contacts, a twentieth of them suppressed, drafts for them, and ten campaigns that went to
them, with batches of 1,000, counters, timelines and a report each, beside 5,000 small ones. The last one is being sent
meanwhile, by the product and to the sandbox, each in a process of its own. Every page, and every part that a page
fetches when it is there, is asked for through Django, its queries timed one by one; the floors are the page of an empty
form and ``SELECT 1``, in the same process and connection. It fails where a query reads one of the large tables from end
to end: only a part may. PostgreSQL only.
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
from benchmarks.addresses import FLOOR, Address, addresses
from benchmarks.populating import build
from benchmarks.send_najva import sandbox

TARGET = 100.0  # milliseconds a page
PLANS = 5
FEW = 10_000  # rows; a table of fewer is best read from end to end


class Query(NamedTuple):
    """One statement of a page, as it ran."""

    sql: str
    params: Any
    seconds: float


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


class Round(NamedTuple):
    """One answer: its statements, and the seconds of wall and CPU that it took, the database's share among them."""

    queries: list[Query]
    wall: float
    cpu: float


def look(repeats: int) -> None:
    """Ask for every page again and again; prints the figures as JSON."""
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.test import Client

    settings.ALLOWED_HOSTS = ["testserver"]
    client = Client()
    client.force_login(get_user_model().objects.get())
    figures: dict[str, Any] = {}
    scans: dict[str, str] = {}
    floor: list[Query] = []
    for name, address in addresses().items():
        rounds = []
        for _ in range(repeats + 1):
            rounds.append(answered(client, address))
            bare(floor)
        plans = {query.sql: plan_of(query) for query in rounds[-1].queries if query.sql.lstrip().startswith("SELECT")}
        figures[name] = summary(rounds, {sql: plan.milliseconds for sql, plan in plans.items()})
        figures[name]["part"] = address.part
        scans |= {
            f"{plan.reads} by {sql[:300]}": name for sql, plan in plans.items() if plan.reads and not address.part
        }
    figures["SELECT 1"] = 1000 * statistics.median(query.seconds for query in floor)
    print(json.dumps({"pages": figures, "scans": scans}))


def answered(client: Any, address: Address) -> Round:
    """Ask for a page or a part once."""
    from django.db import connection

    connection.ensure_connection()
    backend = connection.connection.info.backend_pid
    found: list[Query] = []
    headers = {"HX-Request": "true"} if address.part else {}
    ask = client.get if address.form is None else client.post
    began, cpu = time.perf_counter(), measuring.cpu(backend)
    with timed(found):
        answer = ask(address.path, address.form, headers=headers)
    round_ = Round(found, time.perf_counter() - began, measuring.cpu(backend) - cpu)
    assert answer.status_code == 200, (address, answer.status_code)
    return round_


def bare(found: list[Query]) -> None:
    """The least that a statement takes here."""
    from django.db import connection

    with timed(found), connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def summary(rounds: list[Round], server: dict[str, float]) -> dict[str, Any]:
    """In milliseconds: the first answer and the median of the others, the mean CPU (the kernel counts the server's in
    hundredths of a second), the queries together as the client sees them, and what the slowest takes the server,
    planning included.
    """
    slowest = max(server, key=lambda sql: server[sql], default="")
    later = rounds[1:]
    return {
        "first": 1000 * rounds[0].wall,
        "wall": 1000 * statistics.median(each.wall for each in later),
        "cpu": 1000 * statistics.mean(each.cpu for each in later),
        "queries": statistics.median(len(each.queries) for each in later),
        "sql": statistics.median(1000 * sum(query.seconds for query in each.queries) for each in later),
        "slowest": server.get(slowest, 0.0),
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
            reads = ", ".join(sorted({table for table, rows in scanned(plan) if rows > FEW}))
    return Plan(statistics.median(times), reads)


def scanned(plan: str) -> Iterator[tuple[str, float]]:
    """The tables that a plan reads without an index, and how many rows of them: a limit may end it early."""
    for scan in re.split(r"(?=Seq Scan on )", plan)[1:]:
        told = re.match(r"Seq Scan on (\w+).*actual rows=([0-9.]+) loops=(\d+)", scan)
        if told is None:  # never executed
            continue
        removed = re.findall(r"Rows Removed by Filter: (\d+)", scan.partition("->")[0])
        yield told[1], (float(told[2]) + sum(float(each) for each in removed)) * int(told[3])


def send(seconds: float) -> None:
    """Send the running campaign as a worker does."""
    from campaigns.models import Campaign
    from campaigns.sending import dispatch

    dispatch.work(Campaign.objects.get(status="running").pk, seconds)


def measure(rows: int, port: int, quiet: bool, repeats: int) -> bool:
    """Build, send and look; whether no large table was read from end to end."""
    with measuring.database("postgres") as environment, sandbox(environment, port) as url:
        measuring.manage(environment, "collectstatic", "--no-input", "--verbosity", "0")
        began = time.monotonic()
        measuring.in_process(environment, "pages", "--step", "build", "--url", url, "--rows", str(rows))
        print(f"{rows:,} messages, built in {time.monotonic() - began:.0f} s", flush=True)
        command = [sys.executable, "-m", "benchmarks.pages", "--step", "send"]
        sender = None if quiet else subprocess.Popen(command, env=environment, cwd=measuring.ROOT)
        found = measuring.in_process(environment, "pages", "--step", "look", "--repeats", str(repeats))
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
    print(f"  SELECT 1: {pages.pop('SELECT 1'):.2f} ms")
    print(f"  {'':44} {'first':>7} {'wall':>7} {'CPU':>7} {'ratio':>6}  queries, their ms, the slowest")
    floor = pages[FLOOR]["wall"]
    for name, it in pages.items():
        mark = "" if it["wall"] <= TARGET else "  a part" if it["part"] else "  ABOVE THE TARGET"
        print(
            f"  {name:44} {it['first']:7.1f} {it['wall']:7.1f} {it['cpu']:7.1f} {it['wall'] / floor:5.1f}x  "
            f"{it['queries']:3.0f} {it['sql']:7.2f} {it['slowest']:6.2f} {' '.join(it['statement'].split())[:70]}{mark}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--port", type=int, default=18952)
    parser.add_argument("--quiet", action="store_true", help="nothing is sent meanwhile")
    parser.add_argument("--repeats", type=int, default=15, help="answers of each page, beside the first")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.step:
        sys.exit(0 if measure(options.rows, options.port, options.quiet, options.repeats) else 1)
    import django

    django.setup()
    if options.step == "build":
        build(options.url, options.rows)
        sys.stdout.write("{}\n")
    elif options.step == "send":
        send(3600.0)
    else:
        look(options.repeats)


if __name__ == "__main__":
    main()
