"""How many webhook events a second are stored: ours, a bare WSGI application's, and a stock Django view's.

    .venv/bin/python -m benchmarks.webhooks
    .venv/bin/python -m benchmarks.webhooks --spool 100000

All three run under the same gunicorn with the Procfile's flags; ours is ``project.wsgi``. A load generator in a process
of its own keeps 16 connections full. The ways take turns, three rounds; the table is emptied before each. CPU is that
of gunicorn with its workers, and of the whole database server.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from honcho.environ import parse_procfile

from benchmarks import measuring

APPLICATIONS = {
    "bare WSGI": "benchmarks.bare_webhook",
    "stock Django": "benchmarks.stock_webhook",
    "ours": "project.wsgi",
}
TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def server(application: str, environment: Mapping[str, str], port: int) -> Iterator[int]:
    """An application under the Procfile's gunicorn, on a port; yields the id of gunicorn's first process."""
    command = parse_procfile((measuring.ROOT / "Procfile").read_text()).processes["web"]
    command = command.replace("project.wsgi", application).replace("gunicorn", f"{sys.executable} -m gunicorn")
    environment = {**environment, "WEB_PORT": str(port)}
    process = subprocess.Popen(["sh", "-c", command], env=environment, cwd=measuring.ROOT)
    try:
        _await(port)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _await(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the server did not start")


def cpu(first: int) -> float:
    """CPU seconds of a process, of its children, and of those that have ended."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        own = int(stat.parent.name) == first
        if own or int(fields[1]) == first:
            total += int(fields[11]) + int(fields[12]) + own * (int(fields[13]) + int(fields[14]))
    return total / TICKS


def prepare() -> None:
    """An account whose address the load generator calls; prints its path."""
    import django

    django.setup()
    from providers.models import ProviderAccount
    from providers.secrets import encrypt

    account = ProviderAccount.objects.create(
        name="benchmark", slug="najva", base_url="http://127.0.0.1:9", credentials=encrypt({"api_token": "x"})
    )
    print(json.dumps({"path": f"/{account.webhook_path}"}))


def round_of(port: int, path: str, seconds: float, connections: int, pids: Mapping[str, int]) -> dict[str, Any]:
    """One measured round of a server, its connections to the database warmed up."""
    command = [sys.executable, "-m", "benchmarks.flooding", "--port", str(port), "--path", path]
    command += ["--connections", str(connections)]
    subprocess.run([*command, "--seconds", "2"], check=True, cwd=measuring.ROOT, stdout=subprocess.DEVNULL)
    before = {name: cpu(pid) for name, pid in pids.items()}
    answer = subprocess.run(
        [*command, "--seconds", str(seconds)], check=True, cwd=measuring.ROOT, stdout=subprocess.PIPE
    )
    figures: dict[str, Any] = json.loads(answer.stdout)
    events = max(1, figures["events"])
    for name, pid in pids.items():
        figures[name] = 1e6 * (cpu(pid) - before[name]) / events
    return figures | {"rate": figures["events"] / figures["wall"], "load": 1e6 * figures["cpu"] / events}


def compare(rounds: int, seconds: float, connections: int, port: int) -> None:
    """All ways in turn; the medians and their ratios."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in APPLICATIONS}
    with measuring.database("postgres") as environment, ExitStack() as stack:
        environment = {**environment, "ALLOWED_HOSTS": "127.0.0.1"}
        path = measuring.in_process(environment, "webhooks", "--prepare")["path"]
        url = environment["DATABASE_URL"]
        with psycopg.connect(url, autocommit=True) as connection:
            backend = connection.info.backend_pid
            postmaster = int(Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1])
            pids = {
                name: stack.enter_context(server(application, environment, port + place))
                for place, (name, application) in enumerate(APPLICATIONS.items())
            }
            for _ in range(rounds):
                for place, name in enumerate(APPLICATIONS):
                    connection.execute("TRUNCATE campaigns_deliveryevent")
                    called = path if name == "ours" else "/webhooks/"
                    ids = {"app": pids[name], "database": postmaster}
                    found[name].append(round_of(port + place, called, seconds, connections, ids))
                    _check(connection, name, found[name][-1])
    report(f"PostgreSQL, {connections} connections, {rounds} rounds of {seconds:g} s", found)


def spool(calls: int) -> None:
    """What the spool does in an outage: calls a second onto disk from 16 threads, and back into the database."""
    import django

    django.setup()
    from concurrent.futures import ThreadPoolExecutor

    from campaigns.delivery import webhooks
    from providers.base import WebhookCall
    from providers.models import ProviderAccount

    account = ProviderAccount.objects.get()

    def write(ref: int) -> int:
        call = WebhookCall("POST", {}, "application/x-www-form-urlencoded", b"messageid=%d&status=10" % ref)
        return webhooks.store_on_disk(account.pk, account.webhook_token, call).status

    began = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        kept = sum(status == 200 for status in pool.map(write, range(calls)))
    written, cpu_before = time.monotonic(), time.process_time()
    listed = len(webhooks.spool.names())
    looked = time.monotonic()
    swept = webhooks.sweep(3600.0)
    figures = {"kept": kept, "listed": listed, "swept": swept, "write": calls / (written - began)}
    times = {"names": looked - written, "sweep": swept / (time.monotonic() - looked)}
    print(json.dumps(figures | times | {"cpu": (time.process_time() - cpu_before) / calls}))


def outage(calls: int) -> None:
    """The spool's figures, on a database of its own."""
    with measuring.database("postgres") as environment:
        measuring.in_process(environment, "webhooks", "--prepare")
        it = measuring.in_process(environment, "webhooks", "--spool-step", str(calls))
    print(
        f"spool, {it['kept']:,} calls: {it['write']:,.0f} a second onto disk; {1000 * it['names']:.0f} ms to list them;"
        f" {it['sweep']:,.0f} a second swept, {1e6 * it['cpu']:.0f} µs CPU of the sweeper each"
    )


def _check(connection: psycopg.Connection[Any], name: str, figures: Mapping[str, Any]) -> None:
    row = connection.execute("SELECT count(*) FROM campaigns_deliveryevent").fetchone()
    if row is None or row[0] < figures["events"]:
        raise RuntimeError(f"{name} has acknowledged {figures['events']} events and stored {row}")


def report(title: str, found: Mapping[str, list[dict[str, Any]]]) -> None:
    """Print the median of each figure, and the ratios of each round's rates."""
    print(title)
    for name, rounds in found.items():
        middle = {key: statistics.median(each[key] for each in rounds) for key in ("rate", "p50", "p99", "slowest")}
        spent = {key: statistics.median(each[key] for each in rounds) for key in ("app", "database", "load")}
        print(
            f"  {name:14} {middle['rate']:7.0f} events/s   p50 {middle['p50']:6.1f} ms   p99 {middle['p99']:6.1f} ms"
            f"   slowest {middle['slowest']:6.0f} ms   CPU an event: app {spent['app']:5.0f}"
            f" + database {spent['database']:5.0f} µs   (caller {spent['load']:.0f} µs)"
        )
        if others := [each["others"] for each in rounds if each["others"]]:
            print(f"    not acknowledged: {others}")
    for other in ("bare WSGI", "stock Django"):
        ratios = sorted(mine["rate"] / its["rate"] for mine, its in zip(found["ours"], found[other], strict=True))
        listed = ", ".join(f"{each:.2f}" for each in ratios)
        print(f"  ours is {statistics.median(ratios):.2f} times {other} ({listed})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--port", type=int, default=18960)
    parser.add_argument("--spool", type=int, metavar="CALLS", help="the spool in an outage instead")
    parser.add_argument("--spool-step", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.prepare:
        prepare()
    elif options.spool_step:
        spool(options.spool_step)
    elif options.spool:
        outage(options.spool)
    else:
        compare(options.rounds, options.seconds, options.connections, options.port)


if __name__ == "__main__":
    main()
