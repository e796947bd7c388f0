"""The ways in which django-q2 hangs for ever while its own status is green: noticed, ended, and nobody twice.

They are made, not mimed: a process dies with the lock of a queue in its hands. That lock is no database's, so they run
on the one that starts sooner. ``tests.faults.watch`` is the product's watch with less patience.
"""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ

from campaigns.models import Campaign, Heartbeat
from campaigns.watching import Watch
from providers.sandbox import Sandbox
from tests import builders
from tests.faults.anatomy import Cluster
from tests.faults.conftest import Processes, until

pytestmark = [
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.django_db(transaction=True),
]
PEOPLE = 102  # a pilot of two and ten requests
WORKERS = 3  # as many as the tests' processes have
START = 15.0  # seconds that a cluster may take to run its first tick on a busy machine


@pytest.fixture
def watch(processes: Processes) -> subprocess.Popen[bytes]:
    """A watch over a cluster whose heart beats."""
    if connection.vendor != "sqlite":
        pytest.skip("the queues that hang are not the database's")
    started = processes.start("-m", "tests.faults.watch")
    until(Heartbeat.objects.exists, 90)
    return started


@pytest.fixture
def campaign(sandbox: Sandbox, watch: subprocess.Popen[bytes]) -> Campaign:
    """One that is in the middle of its sending, three requests a second."""
    over = builders.line(builders.account(sandbox, batch_size=10, requests_per_second=3))
    campaign = builders.running(over, builders.include(builders.phonebook(builders.contacts(PEOPLE))))
    until(lambda: len(sandbox.ledger.taken) >= 3, 60)
    return campaign


def silence() -> float:
    """How long ago the heart beat last, in seconds."""
    return (timezone.now() - Heartbeat.objects.get().beat_at).total_seconds()


def assert_replaced_and_nobody_twice(cluster: Cluster, campaign: Campaign, sandbox: Sandbox) -> None:
    """The heart stopped, the whole cluster was ended for it, and another one goes on where it was."""
    until(lambda: silence() > 2.5, 60)
    assert not cluster.is_gone()
    until(cluster.is_gone, 60)
    until(lambda: builders.refreshed(campaign).finished_at, 90)
    until(lambda: silence() < 2.5, 60)
    counts = builders.counts(campaign)
    assert counts.keys() <= {"accepted", "unknown"}
    assert counts.get("unknown", 0) <= 10 * (WORKERS - 1)
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


def reads(process: psutil.Process) -> bool:
    """Whether a process waits in a pipe's read: of the workers that wait for a task, this one holds the lock."""
    return "pipe" in Path(f"/proc/{process.pid}/wchan").read_text()


def holders(workers: list[psutil.Process]) -> list[psutil.Process]:
    """The worker that holds the lock of the task queue; all, where the kernel does not tell: it is among them."""
    hidden = all(Path(f"/proc/{each.pid}/wchan").read_text() in ("", "0") for each in workers)
    return workers if hidden else [each for each in workers if reads(each)]


def test_an_idle_worker_that_dies_with_the_task_queue_in_its_hands(
    watch: subprocess.Popen[bytes], campaign: Campaign, sandbox: Sandbox
) -> None:
    cluster = Cluster(watch, WORKERS)
    until(lambda: holders(cluster.workers))
    for worker in holders(cluster.workers):
        worker.kill()
    assert_replaced_and_nobody_twice(cluster, campaign, sandbox)


def test_a_monitor_that_dies_with_the_result_queue_in_its_hands(
    watch: subprocess.Popen[bytes], campaign: Campaign, sandbox: Sandbox
) -> None:
    """Tasks still run then, but none leaves the queue: each would come back after ``retry``, for ever."""
    cluster = Cluster(watch, WORKERS)
    cluster.monitor.kill()
    assert_replaced_and_nobody_twice(cluster, campaign, sandbox)


def test_a_sentinel_that_is_stopped_and_cannot_replace_its_dead(
    watch: subprocess.Popen[bytes], campaign: Campaign, sandbox: Sandbox
) -> None:
    cluster = Cluster(watch, WORKERS)
    cluster.sentinel.suspend()
    for worker in cluster.workers:
        worker.kill()
    assert_replaced_and_nobody_twice(cluster, campaign, sandbox)


def test_a_sqlite_file_that_stays_locked_is_a_hang_and_no_outage() -> None:
    """A process that is stopped in the middle of its transaction must not keep the watch from ending it."""
    if connection.vendor != "sqlite":
        pytest.skip("elsewhere a lock stops nobody from reading the heart and ringing")
    watch = Watch()
    watch.deadline = deadline = time.monotonic() + 1_000
    connection.cursor().execute("PRAGMA busy_timeout = 100")
    with contextlib.closing(sqlite3.connect(settings.DATABASES["default"]["NAME"])) as another:
        another.execute("BEGIN IMMEDIATE")
        watch._look()
    assert watch.deadline == deadline
    assert not OrmQ.objects.exists()  # it could not ring


def test_the_product_notices_within_a_minute_and_runs_again_within_two() -> None:
    late = Watch.tick_every * 2  # a beat is seen late, and so is its staying away
    assert Watch.grace + late <= 60
    assert Watch.starting + Watch.grace + late <= 60
    assert Watch.grace + late + START <= 120
