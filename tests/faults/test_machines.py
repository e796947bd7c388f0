"""Machines with a disk of their own each on one database: one dies, one stops for a while, one comes back late.

A disk holds what only its machine knows: answers and journals. Whoever gives up a batch of another machine cannot see
them, so the batch becomes unclear, and the machine settles it when it is back.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from django.db.models.functions import Now
from pytest_django.fixtures import Settings

from campaigns.models import Batch, Campaign, Heartbeat
from campaigns.sending import dispatch, reconcile
from campaigns.states import BatchStatus
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines
from tests.faults.conftest import Processes, until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240), pytest.mark.django_db(transaction=True)]
Machine = Callable[..., Processes]
DOUBT = 3


def end_leases() -> None:
    """Let the leases of what is in flight end, as the database's clock does after minutes."""
    Batch.objects.in_flight().update(lease_until=Now())
    reconcile.expire_leases()


def be(settings: Settings, folder: Path) -> None:
    """Let this process be the machine with this VAR_DIR."""
    settings.SPOOL_DIR = folder / "spool"


def tick(machine: Processes) -> None:
    """One tick of a machine's own; what lies in its spool is old enough to be nobody's any more."""
    for path in Path(machine.environment["VAR_DIR"]).glob("spool/answers/*"):
        os.utime(path, (time.time() - 60, time.time() - 60))
    assert machine.start("manage.py", "tick").wait(60) == 0


def group(sandbox: Sandbox, size: int = 32) -> Campaign:
    """A campaign over GoSMS: requests of one recipient, without a key, in a journal."""
    sandbox.behaviour.gosms_rate = lines.FAST
    return builders.running(lines.line("gosms", sandbox), builders.include(builders.phonebook(builders.contacts(size))))


def assert_all_but_few_were_sent(campaign: Campaign, sandbox: Sandbox, size: int, doubt: int) -> None:
    for _ in range(4):
        Batch.objects.update(not_before=None)
        builders.send_all(campaign)
    counts = builders.counts(campaign)
    assert counts.get("unknown", 0) <= doubt
    assert counts["accepted"] + counts.get("unknown", 0) == size
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


@pytest.mark.slow
def test_what_a_machine_leaves_that_dies_in_mid_send_goes_out_from_another(sandbox: Sandbox, machine: Machine) -> None:
    sandbox.faults.add("slow", "send", seconds=0.4)
    short = {"SEND_LEASE": 5, "SEND_READ_TIMEOUT": 1, "SEND_SLICE": 1, "SEND_CONCURRENCY": 4}
    # Neither takes all four calls that a campaign may have under way, so both come to have some.
    one, other = machine("one", Q_WORKERS=2, **short), machine("other", Q_WORKERS=2, **short)
    both = [each.start("manage.py", "worker") for each in (one, other)]
    until(lambda: Heartbeat.objects.count() == 2, 60)
    campaign = builders.campaign_of(sandbox, 402)
    owners = Batch.objects.exclude(owner="").values_list("owner", flat=True)
    until(lambda: len({owner.split("/")[3] for owner in owners.all()}) == 2, 60)  # a disk each
    one.kill(both[0])
    lost = Batch.objects.in_flight().count()
    until(lambda: builders.refreshed(campaign).finished_at is not None, 90)
    assert builders.counts(campaign).get("unknown", 0) <= 10 * lost <= 40
    assert builders.counts(campaign).keys() <= {"accepted", "unknown"}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


def test_an_answer_on_a_dead_machines_disk_is_recorded_when_it_is_back(
    sandbox: Sandbox, machine: Machine, settings: Settings, tmp_path: Path
) -> None:
    campaign, one = builders.campaign_of(sandbox, 32), machine("one")
    worker = one.start("-m", "tests.faults.worker", "after_the_spool", 2, campaign.pk)
    assert worker.wait(60) == -signal.SIGKILL
    be(settings, tmp_path / "other")
    reconcile.sweep_answers()
    assert reconcile.expire_leases() == []  # its process is gone, but its disk may know more
    end_leases()
    assert builders.counts(campaign) == {"accepted": 2, "unknown": 10, "pending": 20}
    tick(one)
    assert builders.counts(campaign) == {"accepted": 12, "pending": 20}
    assert_all_but_few_were_sent(campaign, sandbox, 32, doubt=0)


@pytest.mark.parametrize("is_given_up", [False, True])
def test_a_group_is_settled_by_the_journal_of_its_own_machine(
    sandbox: Sandbox, machine: Machine, settings: Settings, tmp_path: Path, is_given_up: bool
) -> None:
    campaign, one = group(sandbox), machine("one", SEND_DOUBT=DOUBT)
    worker = one.start("-m", "tests.faults.worker", "after_the_journal", 9, campaign.pk)
    assert worker.wait(60) == -signal.SIGKILL
    be(settings, tmp_path / "other")
    reconcile.expire_leases()
    assert Batch.objects.in_flight().count() == 1  # without the journal nobody may say that nothing was sent
    if is_given_up:
        end_leases()
        assert builders.counts(campaign)["unknown"] == 10
    tick(one)
    assert not Batch.objects.in_flight().exists()
    assert not list((tmp_path / "one" / "spool" / "journals").iterdir())
    assert_all_but_few_were_sent(campaign, sandbox, 32, DOUBT)


def test_a_request_that_outlasts_its_lease_is_sent_by_nobody_else_and_its_late_answer_counts(
    sandbox: Sandbox, machine: Machine, settings: Settings, tmp_path: Path
) -> None:
    campaign = builders.campaign_of(sandbox, 12)
    dispatch.work(campaign.pk, 0.01)  # the pilot
    sandbox.faults.add("slow", "send", seconds=8.0, times=1)
    slow = machine("slow", SEND_LEASE=0.8, SEND_READ_TIMEOUT=30)
    worker = slow.start("-m", "tests.faults.worker", "none", 1, campaign.pk)
    be(settings, tmp_path / "other")
    until(lambda: reconcile.expire_leases() == [campaign.pk])
    assert builders.counts(campaign) == {"accepted": 2, "unknown": 10}
    assert builders.send_all(campaign) == "nothing"
    assert worker.wait(60) == 0
    assert builders.counts(campaign) == {"accepted": 12}
    assert len(sandbox.ledger.acceptances()) == 12
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


def test_a_worker_that_was_stopped_past_its_lease_records_its_answer_and_nothing_else(
    sandbox: Sandbox, machine: Machine, settings: Settings, tmp_path: Path
) -> None:
    campaign = builders.campaign_of(sandbox, 32)
    dispatch.work(campaign.pk, 0.01)
    sandbox.faults.add("slow", "send", seconds=1.0, times=1)
    worker = machine("one").start("-m", "tests.faults.worker", "none", 1, campaign.pk)
    until(lambda: len(sandbox.ledger.taken) == 2)
    worker.send_signal(signal.SIGSTOP)
    be(settings, tmp_path / "other")
    end_leases()
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 22, "unknown": 10}
    worker.send_signal(signal.SIGCONT)
    assert worker.wait(60) == 0
    assert builders.counts(campaign) == {"accepted": 32}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


def test_a_group_that_was_stopped_begins_nothing_once_another_may_have_sent_it(
    sandbox: Sandbox, machine: Machine, settings: Settings, tmp_path: Path
) -> None:
    """The worst moment: a recipient has its thread and its turn, and the journal does not know of it yet."""
    campaign, one = group(sandbox), machine("one", SEND_DOUBT=DOUBT, SEND_SLICE=1)
    worker = one.start("-m", "tests.faults.worker", "stopped_before_the_begin", 9, campaign.pk)
    until(lambda: psutil.Process(worker.pid).status() == psutil.STATUS_STOPPED)
    time.sleep(1.5)  # past its slice; the lease is longer still
    be(settings, tmp_path / "one")
    end_leases()
    assert_all_but_few_were_sent(campaign, sandbox, 32, DOUBT)
    worker.send_signal(signal.SIGCONT)
    assert worker.wait(60) == 0
    assert_all_but_few_were_sent(campaign, sandbox, 32, DOUBT)
    assert not Batch.objects.filter(status=BatchStatus.PENDING).exists()


@pytest.mark.slow
def test_a_hung_cluster_is_replaced_beside_one_that_beats(machine: Machine) -> None:
    one, other = machine("one"), machine("other")
    watch = one.start("-m", "tests.faults.watch")
    until(Heartbeat.objects.exists, 60)
    name = Heartbeat.objects.get().name
    healthy = other.start("-m", "tests.faults.watch")
    until(lambda: Heartbeat.objects.count() == 2, 60)
    hung = one.family(watch)
    family = {each.pid for each in other.family(healthy)}
    for process in hung:
        process.suspend()
    beat = Heartbeat.objects.get(name=name).beat_at
    until(lambda: not any(each.is_running() for each in hung), 60)
    until(lambda: Heartbeat.objects.get(name=name).beat_at > beat, 60)
    assert {each.pid for each in other.family(healthy)} == family
