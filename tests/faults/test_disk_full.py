"""The disk is full: of the SQLite file, of the spool, or of both. It stops, doubles nothing, and goes on with room."""

from __future__ import annotations

import contextlib
import os
import resource
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django.db import Error, connection
from django.test import Client

from campaigns.delivery import webhooks
from campaigns.models import Batch, Campaign, DeliveryEvent
from campaigns.sending import answers, dispatch, reconcile
from providers.models import ProviderAccount
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns.test_journal_disk_full import no_room
from tests.faults.conftest import Processes, until
from tests.outage import outage

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180), pytest.mark.django_db(transaction=True)]
PEOPLE = 62
SPOOLS = 2_000  # bytes in which an answer fits


def recover(campaign: Campaign) -> None:
    """What the ticks do when there is room again, a lease later."""
    for path in answers.spool.files():
        os.utime(path, (time.time() - 60, time.time() - 60))
    reconcile.sweep_answers()
    Batch.objects.in_flight().update(lease_until="2020-01-01T00:00:00Z")
    reconcile.expire_leases()
    Batch.objects.update(not_before=None)
    ProviderAccount.objects.update(next_request_at=None)
    builders.send_all(campaign)


@pytest.mark.parametrize("pages", [0, 1, 4, 9, 14, 20, 27, 35, 44, 60])
def test_a_full_sqlite_file_loses_nothing_and_doubles_nothing(
    sandbox: Sandbox, processes: Processes, pages: int
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL has a disk of its own")
    campaign = builders.campaign_of(sandbox, PEOPLE)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the log of changes begins anew, and may grow by so many
    limit = pages * 4_200
    with no_room(limit), contextlib.suppress(Error):
        dispatch.work(campaign.pk, 2)
    taken = len(sandbox.ledger.acceptances())
    assert taken < PEOPLE or pages > 40
    recover(campaign)
    counts = builders.counts(campaign)
    assert counts.pop("accepted") + counts.pop("unknown", 0) == PEOPLE
    assert not counts
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    if limit > SPOOLS:
        assert builders.counts(campaign) == {"accepted": PEOPLE}  # the answer was on disk


def test_with_neither_a_database_nor_a_spool_the_answer_of_one_batch_is_in_doubt_and_no_other_goes_out(
    sandbox: Sandbox, processes: Processes
) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("without a disk it claims nothing in the first place")
    campaign = builders.campaign_of(sandbox, PEOPLE)
    with outage(lambda sql: len(sandbox.ledger.taken) > 0), no_room(0), contextlib.suppress(Error, OSError):
        dispatch.work(campaign.pk, 5)
    assert len(sandbox.ledger.acceptances()) == 2
    recover(campaign)
    assert builders.counts(campaign)["unknown"] == 2
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


@pytest.mark.parametrize(("database", "room", "status"), [(True, False, 200), (False, True, 200), (False, False, 503)])
def test_a_webhook_is_refused_only_where_neither_the_database_nor_the_disk_takes_it(
    client: Client, processes: Processes, database: bool, room: bool, status: int
) -> None:
    account = builders.account()
    if database and connection.vendor == "sqlite":
        pytest.skip("SQLite's file is on the full disk, too")
    with contextlib.ExitStack() as stack:
        if not database:
            stack.enter_context(outage())
        if not room:
            stack.enter_context(no_room(0))
        answer = client.get(f"/{account.webhook_path}?messageid=7&status=10")
    assert answer.status_code == status
    webhooks.sweep()
    assert DeliveryEvent.objects.count() == int(status == 200)
    assert not list(webhooks.spool.files())


class SmallDisk:
    """A place for a SQLite file that can be filled: a small tmpfs; without the right to mount, a limit of file size."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder, self.size = folder, size
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        self.is_mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0

    def fill(self, processes: list[psutil.Process]) -> None:
        if self.is_mounted:
            with contextlib.suppress(OSError), (self.folder / "filler").open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
        else:
            self._limit(processes, 0)

    def free(self, processes: list[psutil.Process]) -> None:
        if self.is_mounted:
            (self.folder / "filler").unlink()
        else:
            self._limit(processes, resource.RLIM_INFINITY)

    def _limit(self, processes: list[psutil.Process], size: int) -> None:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.rlimit(psutil.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def close(self) -> None:
        if self.is_mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)


@pytest.fixture
def disk(processes: Processes) -> Iterator[SmallDisk]:
    with tempfile.TemporaryDirectory(prefix="chapar-disk-") as folder:
        disk = SmallDisk(Path(folder), 16 << 20)
        yield disk
        for process in processes.started:
            processes.kill(process)
        disk.close()


@pytest.mark.slow
def test_a_worker_on_a_full_disk_stops_says_so_and_goes_on_by_itself_with_room(
    disk: SmallDisk, sandbox: Sandbox, processes: Processes, tmp_path: Path
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL has a disk of its own")
    campaign = builders.campaign_of(sandbox, 302)
    ProviderAccount.objects.update(requests_per_second=5)
    place = disk.folder / "db.sqlite3"
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(place)])
    processes.environment["DATABASE_URL"] = f"sqlite:///{place}"
    with (tmp_path / "said").open("wb") as processes.log:
        worker = processes.start("manage.py", "worker")
        until(lambda: len(sandbox.ledger.taken) >= 5, 60)
        disk.fill([psutil.Process(worker.pid), *processes.family(worker)])
        until(lambda: "database or disk is full" in said(tmp_path) or "OperationalError" in said(tmp_path), 30)
        time.sleep(2.0)
        stopped_at = len(sandbox.ledger.taken)
        time.sleep(2.0)
        assert len(sandbox.ledger.taken) == stopped_at < 31
        disk.free([psutil.Process(worker.pid), *processes.family(worker)])
        until(lambda: len(sandbox.ledger.taken) == 31, 90)
        until(lambda: status_of(place, campaign) == "completed", 60)
    assert set(sandbox.ledger.acceptances().values()) == {1}
    assert len(sandbox.ledger.acceptances()) == 302


def said(folder: Path) -> str:
    return (folder / "said").read_text()


def status_of(place: Path, campaign: Campaign) -> str:
    session = sqlite3.connect(place, timeout=30)
    try:
        found = session.execute("SELECT status FROM campaigns_campaign WHERE id = ?", [campaign.pk]).fetchone()
        return str(found[0])
    finally:
        session.close()
