"""Whether a worker that sends on and on grows: its open files, its memory, and the rows and files that it leaves.

    .venv/bin/python -m benchmarks.soak --seconds 60

One campaign after another goes out to the sandbox, with a worker of its own. The first third of the time is for warming
up; the rest is compared half by half. Ends with 1 where something grew.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import measuring
from benchmarks.send_najva import sandbox

AUDIENCE = 2_000
BATCH = 100
EVERY = 1.0  # seconds between two looks
FILES_MORE = 8  # open files that two looks may differ by
MEMORY_MORE = 1.10
QUEUED = 200  # tasks that may wait


def look(worker: subprocess.Popen[bytes], spool: Path) -> dict[str, float]:
    """What the worker and its cluster hold at this moment."""
    import psutil
    from django_q.models import Failure, OrmQ, Success

    files = memory = 0.0
    for process in [psutil.Process(worker.pid), *psutil.Process(worker.pid).children(recursive=True)]:
        try:
            files += process.num_fds()
            memory += process.memory_info().rss / 2**20
        except psutil.NoSuchProcess:
            continue
    left = sum(path.is_file() for path in spool.rglob("*"))
    rows = {"queued": OrmQ.objects.count(), "finished": Success.objects.count(), "failed": Failure.objects.count()}
    return {"files": files, "memory": memory, "spooled": left, **rows}


def run(seconds: float, url: str) -> dict[str, Any]:
    """Send for ``seconds``; the most of each figure in the second and in the last third, and what was sent."""
    from django.conf import settings

    from campaigns import drafting, lifecycle
    from campaigns.models import Campaign, StatusCount
    from campaigns.states import LIVE, MessageStatus
    from contacts.models import Contact, Membership, Phonebook
    from providers.models import ProviderAccount, SenderLine
    from providers.secrets import encrypt

    book = Phonebook.objects.create(name="benchmark")
    people = Contact.objects.bulk_create(Contact(phone=f"+98912{n:07d}") for n in range(AUDIENCE))
    Membership.objects.bulk_create(Membership(phonebook=book, contact=contact) for contact in people)
    account = ProviderAccount.objects.create(
        name="benchmark", slug="najva", base_url=url, batch_size=BATCH, credentials=encrypt({"api_token": "x"})
    )
    line = SenderLine.objects.create(account=account, sender="1", kind=SenderLine.Kind.SERVICE)
    worker = subprocess.Popen([sys.executable, "manage.py", "worker"], cwd=measuring.ROOT)
    looks, began = [], time.monotonic()
    try:
        while time.monotonic() - began < seconds:
            if Campaign.objects.filter(status__in=LIVE).count() < 2:
                rules = drafting.phonebook_rules(["benchmark"])
                lifecycle.launch(drafting.create(name="soak", line=line, text="سلام", rules=rules).pk)
            looks.append(look(worker, Path(settings.SPOOL_DIR)))
            time.sleep(EVERY)
    finally:
        worker.terminate()
        worker.wait()
    third = len(looks) // 3
    most = [
        {key: max(each[key] for each in part) for key in part[0]}
        for part in (looks[third : 2 * third], looks[2 * third :])
    ]
    sent = StatusCount.objects.filter(status__gte=MessageStatus.ACCEPTED).values_list("messages", flat=True)
    return {"before": most[0], "after": most[1], "sent": sum(sent)}


def grown(before: dict[str, float], after: dict[str, float]) -> list[str]:
    """The figures that grew, or that are not what they should be."""
    found = []
    if after["files"] > before["files"] + FILES_MORE:
        found.append("open files")
    if after["memory"] > before["memory"] * MEMORY_MORE:
        found.append("memory")
    if after["queued"] > QUEUED or after["finished"] or after["spooled"] > before["spooled"] + QUEUED:
        found.append("rows or files")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--database", choices=["postgres", "sqlite"], default="postgres")
    parser.add_argument("--port", type=int, default=18960)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        import django

        django.setup()
        print(json.dumps(run(options.seconds, options.url)))
        return
    with measuring.database(options.database) as environment, sandbox(environment, options.port) as url:
        arguments = ("--step", "run", "--seconds", str(options.seconds), "--url", url)
        figures = measuring.in_process(environment, "soak", *arguments)
    print(f"{options.database}, {options.seconds:.0f} s, {figures['sent']:,} messages sent")
    for key, number in figures["before"].items():
        print(f"  {key:10} {number:8.0f} then {figures['after'][key]:8.0f} at most")
    if found := grown(figures["before"], figures["after"]):
        sys.exit(f"grew: {', '.join(found)}")


if __name__ == "__main__":
    main()
