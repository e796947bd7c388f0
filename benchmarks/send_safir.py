"""How long it takes to send a campaign of single requests through Safir, and how exactly a pace is kept.

    .venv/bin/python -m benchmarks.send_safir --rows 10000 --database postgres
    .venv/bin/python -m benchmarks.send_safir --minute --database postgres

The provider is the sandbox in a process of its own, with 50 ms before every answer; two workers send. The floor is the
pace itself: rows / (requests a second). Beside our CPU a message stands that of a bare ``requests`` session, which
builds the same JSON and posts it from as many threads, and records nothing. ``--minute`` sends at 5 a second for a
minute and tells how many requests the sandbox took in it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Mapping
from typing import Any

from benchmarks import measuring
from benchmarks.freeze_audience import fill_phonebook
from benchmarks.send_najva import sandbox

WORKERS = 2
LATENCY = 0.05  # seconds
THREADS = 32
WARM_UP = 5.0  # seconds before the minute is counted
MINUTE = 60.0
GROWTH = (2_000, 10_000, 50_000)


def told(url: str, path: str, content: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What the sandbox answers to a question about itself."""
    body = None if content is None else json.dumps(content).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/_sandbox/{path}", body), timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def people(url: str, rows: int, pace: float) -> None:
    """A phonebook, and a campaign on it over Safir that is frozen and has not sent anything."""
    from campaigns import drafting, lifecycle
    from providers.models import ProviderAccount, SenderLine
    from providers.secrets import encrypt

    fill_phonebook(rows)
    account = ProviderAccount.objects.create(
        name="benchmark",
        slug="safir",
        base_url=url,
        requests_per_second=pace,
        credentials=encrypt({"api_access_key": "x"}),
    )
    line = SenderLine.objects.create(account=account, sender="1", channel="bale", kind=SenderLine.Kind.SERVICE)
    rules = drafting.phonebook_rules(["benchmark"])
    campaign = drafting.create(name="benchmark", line=line, text="سلام، سفارش شما آماده است.", rules=rules)
    lifecycle.launch(campaign.pk)
    lifecycle.prepare(campaign.pk)


def ours(seconds: float) -> int:
    """One worker's loop: claim a group, send it in the pace, record it; as often as the pump would be rung for."""
    from campaigns.models import Batch, Campaign
    from campaigns.sending import dispatch

    campaign = Campaign.objects.get()
    end = time.monotonic() + seconds
    while time.monotonic() < end and dispatch.work(campaign.pk, end - time.monotonic()) != "nothing":
        time.sleep(0.05)
    return int(Batch.objects.filter(campaign=campaign).count())


def bare(url: str, rows: int) -> int:
    """The same JSON from as many threads, each with a ``requests`` session; nothing is recorded."""
    import requests

    def post(numbers: range) -> None:
        session = requests.Session()
        session.trust_env = False
        for i in numbers:
            content = {
                "request_id": str(uuid.uuid4()),
                "bot_id": 1,
                "phone_number": f"98935{i:07d}",
                "message_data": {"message": {"text": "سلام، سفارش شما آماده است."}},
            }
            session.post(f"{url}/api/v3/send_message", json=content, headers={"api-access-key": "x"}, timeout=60).json()

    threads = [threading.Thread(target=post, args=(range(first, rows, THREADS),)) for first in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return rows


def together(environment: Mapping[str, str], seconds: float) -> dict[str, Any]:
    """Our workers side by side: the longest wall time, the CPU of both, the larger memory."""
    command = [sys.executable, "-m", "benchmarks.send_safir", "--step", "ours", "--seconds", str(seconds)]
    began = time.monotonic()
    workers = [
        subprocess.Popen(command, env=dict(environment), cwd=measuring.ROOT, stdout=subprocess.PIPE)
        for _ in range(WORKERS)
    ]
    outputs = [worker.communicate()[0] for worker in workers]
    assert not any(worker.returncode for worker in workers), "a worker failed"
    found = [json.loads(output.splitlines()[-1]) for output in outputs]
    return {
        "wall": max(each["wall"] for each in found),
        "whole": time.monotonic() - began,
        "cpu": sum(each["cpu"] for each in found),
        "memory": max(each["memory"] for each in found),
    }


def compare(kind: str, rows: int, pace: float, port: int, rounds: int) -> None:
    """The campaign at its pace, and the bare session without one; medians."""
    found = measuring.medians([one_round(kind, rows, pace, port) for _ in range(rounds)])
    figures, naked, ideal = found["ours"], found["bare"], rows / pace
    print(f"{kind}, {rows:,} Safir messages, {1000 * LATENCY:.0f} ms a request, {pace:g} a second, {WORKERS} workers")
    print(f"  ours {figures['wall']:.1f} s, the pace alone {ideal:.1f} s: {figures['wall'] / ideal:.2f}x")
    mine, floor = 1000 * figures["cpu"] / rows, 1000 * naked["cpu"] / naked["rows"]
    print(f"  CPU a message: ours {mine:.2f} ms, a bare requests session {floor:.2f} ms: {mine / floor:.2f}x")
    print(f"  memory of a worker {figures['memory']:.0f} MB")


def one_round(kind: str, rows: int, pace: float, port: int) -> dict[str, dict[str, Any]]:
    """Ours, then the bare session at the same sandbox; every recipient must have got it once."""
    with measuring.database(kind) as environment, sandbox(environment, port) as url:
        prepare = ("--step", "people", "--url", url, "--rows", str(rows), "--pace", str(pace))
        measuring.in_process(environment, "send_safir", *prepare)
        told(url, "settings", {"latency": LATENCY})
        figures = together(environment, 3600.0)
        ledger = told(url, "ledger")
        naked = measuring.in_process(environment, "send_safir", "--step", "bare", "--url", url, "--rows", "4000")
    assert ledger["messages"] == rows, ledger["messages"]
    assert not ledger["repeated"], "a recipient got it twice"
    assert not ledger["departures"], ledger["departures"]
    return {"ours": figures, "bare": naked}


def minute(kind: str, pace: float, port: int) -> None:
    """How many requests the sandbox takes in a minute in the middle of the sending."""
    with measuring.database(kind) as environment, sandbox(environment, port) as url:
        rows = int(pace * (MINUTE + 4 * WARM_UP))
        prepare = ("--step", "people", "--url", url, "--rows", str(rows), "--pace", str(pace))
        measuring.in_process(environment, "send_safir", *prepare)
        told(url, "settings", {"latency": LATENCY})
        workers = threading.Thread(target=together, args=(environment, MINUTE + 3 * WARM_UP))
        workers.start()
        while not told(url, "ledger")["messages"]:
            time.sleep(0.05)
        time.sleep(WARM_UP)
        first = told(url, "ledger")["by_request"][-1]["at"]
        time.sleep(MINUTE + 1)
        taken = [it["at"] for it in told(url, "ledger")["by_request"] if first < it["at"] <= first + MINUTE]
        expected = pace * MINUTE
        share = len(taken) / expected - 1
        workers.join()
        print(f"{kind}, a pace of {pace:g} a second, {WORKERS} workers: {len(taken)} in a minute, {share:+.1%}")


def step(options: argparse.Namespace) -> None:
    """One step in a process of its own."""
    import django

    django.setup()
    if options.step == "people":
        people(options.url, options.rows, options.pace)
        sys.stdout.write("{}\n")
    elif options.step == "ours":
        measuring.measure(lambda: ours(options.seconds))
    else:
        measuring.measure(lambda: bare(options.url, options.rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--pace", type=float, help="requests a second; 400, or 5 with --minute")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--growth", action="store_true", help="2,000, 10,000 and 50,000 messages")
    parser.add_argument("--minute", action="store_true", help="how exactly a slow pace is kept")
    parser.add_argument("--database", choices=["postgres", "sqlite", "both"], default="both")
    parser.add_argument("--port", type=int, default=18951)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=3600.0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        step(options)
        return
    for kind in ("postgres", "sqlite") if options.database == "both" else (options.database,):
        if options.minute:
            minute(kind, options.pace or 5.0, options.port)
        else:
            for rows in GROWTH if options.growth else (options.rows,):
                compare(kind, rows, options.pace or 400.0, options.port, options.rounds)


if __name__ == "__main__":
    main()
