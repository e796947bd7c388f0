"""A backup taken in the midst of a campaign is restored: a real worker on it sends nothing a second time."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from campaigns import ringing
from campaigns.models import Campaign
from campaigns.sending import claiming, dispatch
from providers.sandbox import Sandbox
from tests import builders
from tests.faults.cluster import Cluster, cluster_of_its_own, run
from tests.faults.conftest import ROOT, Processes, until

pytestmark = [
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.django_db(transaction=True),
]
PEOPLE, SENT = 62, 22  # a pilot of 2 and 6 requests of 10, of which the backup knows the pilot and 2


class Copy:
    """A database made of a backup: its address, and a look into it that disturbs nobody."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, sql: str) -> Any:
        """The first value of the answer, None without one; a statement that changes is committed."""
        if self.url.startswith("sqlite"):
            session: Any = sqlite3.connect(self.url.removeprefix("sqlite:///"), timeout=30)
        else:
            session = psycopg.connect(self.url)
        try:
            cursor = session.execute(sql)
            row = cursor.fetchone() if cursor.description else None
            session.commit()
            return row[0] if row else None
        finally:
            session.close()


@pytest.fixture
def cluster() -> Iterator[Cluster | None]:
    """On PostgreSQL a server of the test's own; SQLite's file is one already."""
    if connection.vendor != "postgresql":
        yield None
        return
    with cluster_of_its_own() as cluster:
        yield cluster


def backed_up(cluster: Cluster | None, folder: Path) -> Path:
    backup = folder / "backup"
    if cluster:
        run("pg_dump", "-Fc", "-f", backup, cluster.url())
    else:
        with sqlite3.connect(backup) as target:
            source = sqlite3.connect(connection.settings_dict["NAME"])
            source.backup(target)
            source.close()
        target.close()
    return backup


def restored(backup: Path, cluster: Cluster | None) -> Copy:
    if cluster is None:
        place = backup.with_name("restored.sqlite3")
        shutil.copy(backup, place)
        return Copy(f"sqlite:///{place}")
    run("createdb", "-h", cluster.folder, "-U", "postgres", "restored")
    run("pg_restore", "--no-owner", "-d", cluster.url("restored"), backup)
    return Copy(cluster.url("restored"))


@pytest.fixture
def campaign(cluster: Cluster | None, sandbox: Sandbox, processes: Processes) -> Campaign:
    """Sent in part: the pilot and two batches."""
    campaign = builders.campaign_of(sandbox, PEOPLE)
    for _ in range(3):
        claimed = claiming.claim(campaign.pk, "here")
        assert isinstance(claimed, claiming.Claim)
        dispatch.send(claimed)
    ringing.tick()
    assert len(sandbox.ledger.acceptances()) == SENT
    return campaign


@pytest.fixture
def copy(campaign: Campaign, cluster: Cluster | None, processes: Processes, tmp_path: Path) -> Copy:
    """Restored from a backup that was taken in the midst; the campaign went on to its end after it."""
    backup = backed_up(cluster, tmp_path)
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": PEOPLE}
    copy = restored(backup, cluster)
    processes.environment["DATABASE_URL"] = copy.url
    return copy


def command(processes: Processes, *words: object) -> dict[str, Any]:
    """What a command of ours says, as JSON."""
    line = [sys.executable, "manage.py", *map(str, words), "--json"]
    said = subprocess.run(line, cwd=ROOT, env=processes.environment, check=True, stdout=subprocess.PIPE).stdout
    found: dict[str, Any] = json.loads(said)
    return found


def ticks(copy: Copy, seconds: float = 2.0) -> None:
    """Let the worker run for a while after its first tick on the copy."""
    beat = copy.ask("SELECT max(beat_at) FROM campaigns_heartbeat")
    until(lambda: copy.ask("SELECT max(beat_at) FROM campaigns_heartbeat") != beat, 60)
    time.sleep(seconds)


def test_a_worker_on_a_restored_backup_sends_nothing_until_somebody_decides_and_nothing_twice_after(
    copy: Copy, campaign: Campaign, sandbox: Sandbox, processes: Processes
) -> None:
    processes.start("manage.py", "worker")
    ticks(copy)
    assert copy.ask("SELECT doubt FROM campaigns_witness") in ("database", "behind")
    assert len(sandbox.ledger.taken) == 7
    stakes = command(processes, "confirm_restore", "--sent-meanwhile")
    assert stakes == {"running": 1, "not_started": 0, "messages": PEOPLE - SENT}
    ticks(copy)
    audit = command(processes, "campaign", "audit", campaign.pk)
    assert (audit["accepted"], audit["unknown"], audit["balanced"], audit["counters_match"]) == (22, 40, True, True)
    assert command(processes, "campaign", "show", campaign.pk)["status"] == "paused"
    assert set(sandbox.ledger.acceptances().values()) == {1}


def test_without_the_witness_the_same_worker_sends_the_rest_a_second_time(
    copy: Copy, sandbox: Sandbox, processes: Processes, settings: Settings
) -> None:
    Path(settings.WITNESS_FILE).unlink()
    copy.ask("UPDATE campaigns_witness SET identity = '{}'")
    processes.start("manage.py", "worker")
    until(lambda: len(sandbox.ledger.taken) == 11, 60)
    assert sorted(sandbox.ledger.acceptances().values()) == [1] * SENT + [2] * (PEOPLE - SENT)


def test_a_server_that_was_set_back_or_failed_over_is_noticed_by_its_timeline(
    campaign: Campaign, cluster: Cluster | None, sandbox: Sandbox, processes: Processes, settings: Settings
) -> None:
    if cluster is None:
        pytest.skip("SQLite has no timeline; its copies are noticed by the count")
    Path(settings.WITNESS_FILE).unlink()  # another machine took over
    connection.close()
    cluster.promote()
    assert builders.send_all(campaign) == "restored"
    ringing.tick()
    assert Copy(cluster.url()).ask("SELECT doubt FROM campaigns_witness") == "timeline"
    assert len(sandbox.ledger.acceptances()) == SENT


def test_a_crash_of_the_server_is_no_restore(campaign: Campaign, cluster: Cluster | None, sandbox: Sandbox) -> None:
    if cluster is None:
        pytest.skip("SQLite has no server that could crash")
    connection.close()
    cluster.stop("immediate")
    cluster.start()
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": PEOPLE}
