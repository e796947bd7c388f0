"""What the queue costs a campaign: how many tasks a million messages take, and the time between two slices of work.

    .venv/bin/python -m benchmarks.queue --rows 1000000

The product's own worker (``manage.py worker``) sends the campaign through the sandbox, one request at a time. A trigger
keeps a copy of every task that is queued. Between the batches of one slice lies a claim; between two slices, the end of
a task, its ringing and the start of the next: what such a pause takes longer than the median pause is the queue's.
PostgreSQL only: SQLite has no place to count from beside the worker.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from itertools import pairwise
from typing import Any

from benchmarks import measuring
from benchmarks.send_najva import sandbox

PAUSE = 0.05  # seconds longer than the median: no claim takes that, unless the machine is busy
TRIGGER = """
    CREATE TABLE benchmark_task (payload text);
    CREATE FUNCTION benchmark_note() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO benchmark_task VALUES (NEW.payload); RETURN NEW; END $$;
    CREATE TRIGGER benchmark_note AFTER INSERT ON django_q_ormq FOR EACH ROW EXECUTE FUNCTION benchmark_note();
"""


def watch_tasks() -> None:
    """Let every task that is queued be noted."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(TRIGGER)


def has_ended() -> bool:
    """Whether the campaign is completed."""
    from campaigns.models import Campaign

    return Campaign.objects.filter(status__startswith="completed").exists()


def figures() -> dict[str, Any]:
    """The tasks by name, and how the sender's time divides, in seconds."""
    from django.db import connection
    from django_q.signing import SignedPackage

    from campaigns.models import Batch

    with connection.cursor() as cursor:
        cursor.execute("SELECT payload FROM benchmark_task")
        tasks = Counter(SignedPackage.loads(payload)["func"].rpartition(".")[2] for (payload,) in cursor.fetchall())
    rows = Batch.objects.order_by("claimed_at").values_list("claimed_at", "settled_at")
    spans = [(claimed, settled) for claimed, settled in rows if claimed and settled]
    pauses = [(after[0] - before[1]).total_seconds() for before, after in pairwise(spans)]
    usual = statistics.median(pauses)
    lost = sum(max(0.0, pause - usual) for pause in pauses if pause - usual > PAUSE)
    whole = (spans[-1][1] - spans[0][0]).total_seconds()
    return {"tasks": tasks, "batches": len(spans), "whole": whole, "lost": lost, "usual": usual}


def compare(rows: int, batch: int, port: int) -> None:
    """One campaign through the worker."""
    with measuring.database("postgres") as environment, sandbox(environment, port) as url:
        environment |= {"SEND_CONCURRENCY": "1"}
        sizes = ("--url", url, "--rows", str(rows), "--batch", str(batch))
        measuring.in_process(environment, "send_najva", "--step", "people", *sizes)
        measuring.in_process(environment, "queue", "--step", "watch")
        worker = subprocess.Popen([sys.executable, "manage.py", "worker"], env=environment, cwd=measuring.ROOT)
        try:
            while not measuring.in_process(environment, "queue", "--step", "ended")["ended"]:
                assert worker.poll() is None, "the worker has ended"
                time.sleep(2)
        finally:
            worker.terminate()
            worker.wait()
        found = measuring.in_process(environment, "queue", "--step", "figures")
    tasks = found["tasks"]
    pumps = tasks.get("pump", 0)
    print(f"postgres, {rows:,} messages, {found['batches']:,} batches of {batch:,}, in {found['whole']:.1f} s")
    print(f"  tasks that send: {pumps}; of all kinds: {sum(tasks.values())} {tasks}")
    share = found["lost"] / found["whole"]
    print(f"  the queue's time: {found['lost']:.2f} s, {share:.2%}; from batch to batch {found['usual']:.4f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=1_000)
    parser.add_argument("--port", type=int, default=18953)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.step:
        compare(options.rows, options.batch, options.port)
        return
    import django

    django.setup()
    if options.step == "watch":
        watch_tasks()
        sys.stdout.write("{}\n")
    elif options.step == "ended":
        sys.stdout.write(json.dumps({"ended": has_ended()}) + "\n")
    else:
        sys.stdout.write(json.dumps(figures()) + "\n")


if __name__ == "__main__":
    main()
