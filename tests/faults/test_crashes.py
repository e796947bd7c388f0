"""SIGKILL of real workers at every point of a send, held against the provider's own ledger."""

from __future__ import annotations

import os
import signal
import time

import pytest

from campaigns import lifecycle
from campaigns.models import Batch, Campaign, Heartbeat
from campaigns.sending import answers, dispatch, reconcile
from campaigns.sending.recording import Ticket, record
from campaigns.states import CampaignStatus
from providers.answers import Outcome, SendAnswer
from providers.sandbox import Sandbox
from tests import builders
from tests.faults.conftest import Processes, until
from tests.faults.points import WRITES

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
ALL_SENT = {"accepted": 32}
IN_DOUBT = {"accepted": 22, "unknown": 10}
# After which crash how many of the batch in flight stay in doubt, and whether the provider had taken them.
POINTS = {
    "before_the_claim_commits": (ALL_SENT, 32),
    "after_the_claim": (IN_DOUBT, 22),
    "before_the_body": (IN_DOUBT, 22),
    "after_the_body": (IN_DOUBT, 32),
    "after_the_headers": (IN_DOUBT, 32),
    "after_the_answer": (IN_DOUBT, 32),
    "after_the_spool": (ALL_SENT, 32),
    "in_the_record": (ALL_SENT, 32),
    "after_the_record": (ALL_SENT, 32),
}


def crash(processes: Processes, point: str, campaign: Campaign, call: int = 2) -> None:
    """Let a worker send until it kills itself in this call."""
    worker = processes.start("-m", "tests.faults.worker", point, call * WRITES.get(point, 1), campaign.pk)
    assert worker.wait(30) == -signal.SIGKILL


def recover() -> None:
    """What the next tick does: record what is on disk, give up what is lost."""
    for path in answers.spool.files():
        os.utime(path, (time.time() - 60, time.time() - 60))
    reconcile.sweep_answers()
    until(lambda: reconcile.expire_leases() is not None and not Batch.objects.in_flight().exists(), 10)


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_killed_anywhere_doubles_nothing_and_loses_nothing(
    sandbox: Sandbox, processes: Processes, point: str
) -> None:
    counts, taken = POINTS[point]
    campaign = builders.campaign_of(sandbox, 32)
    crash(processes, point, campaign)
    assert sum(builders.counts(campaign).values()) == 32
    recover()
    builders.send_all(campaign)
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    assert builders.counts(campaign) == counts
    assert len(sandbox.ledger.acceptances()) == taken
    assert not list(answers.spool.files())


@pytest.mark.parametrize("point", ["after_the_claim", "after_the_answer"])
def test_a_killed_pilot_pauses_and_goes_on_at_a_word(sandbox: Sandbox, processes: Processes, point: str) -> None:
    campaign = builders.campaign_of(sandbox, 32)
    crash(processes, point, campaign, call=1)
    recover()
    assert builders.refreshed(campaign).status == CampaignStatus.PAUSED
    lifecycle.resume(campaign.pk)
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 30, "unknown": 2}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


@pytest.mark.parametrize("point", ["after_the_body", "after_the_headers", "after_the_answer"])
def test_the_control_that_sends_again_when_in_doubt_sends_twice(
    sandbox: Sandbox, processes: Processes, point: str
) -> None:
    """The same harness must catch an engine that is wrong, or it would catch nothing."""
    campaign = builders.campaign_of(sandbox, 32)
    crash(processes, point, campaign)
    for batch in Batch.objects.in_flight():
        doubt_taken_for_safe = SendAnswer(Outcome.RETRYABLE, code="worker_died", retry_after=0.001)
        record(Ticket(batch.pk, batch.owner, batch.attempt), doubt_taken_for_safe)
    builders.send_all(campaign)
    assert len(builders.wrongs(sandbox, campaign)["twice"]) == 10


def test_two_workers_at_once_share_a_campaign(sandbox: Sandbox, processes: Processes) -> None:
    sandbox.faults.add("slow", "send", seconds=0.05)
    campaign = builders.campaign_of(sandbox, 402)
    both = [processes.start("-m", "tests.faults.worker", "none", 1, campaign.pk) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 402}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


def test_two_launches_at_once_launch_once(sandbox: Sandbox, processes: Processes) -> None:
    over = builders.line(builders.account(sandbox))
    draft = builders.draft(over, builders.include(builders.phonebook(builders.contacts(3))))
    both = [processes.start("manage.py", "campaign", "launch", draft.pk, "--json") for _ in range(2)]
    assert sorted(process.wait(60) for process in both) == [0, 1]
    assert builders.refreshed(draft).status == CampaignStatus.PREPARING


def test_the_worker_killed_in_mid_send_goes_on_where_it_was(sandbox: Sandbox, processes: Processes) -> None:
    sandbox.faults.add("slow", "send", seconds=0.2)
    campaign = builders.campaign_of(sandbox, 202)
    worker = processes.start("manage.py", "worker")
    until(lambda: len(sandbox.ledger.taken) >= 4, 60)
    processes.kill(worker)
    in_flight = list(Batch.objects.in_flight())
    assert builders.counts(campaign)["pending"]
    processes.start("manage.py", "worker")
    until(lambda: builders.refreshed(campaign).finished_at is not None, 60)
    counts = builders.counts(campaign)
    assert counts.keys() <= {"accepted", "unknown"}
    assert counts.get("unknown", 0) <= 10 * len(in_flight) <= 20
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


def test_a_cluster_that_hangs_is_killed_and_started_anew(processes: Processes) -> None:
    watch = processes.start("-m", "tests.faults.watch")
    until(Heartbeat.objects.exists, 90)
    hung = processes.family(watch)
    for process in hung:
        process.suspend()
    beat = Heartbeat.objects.get().beat_at
    until(lambda: Heartbeat.objects.get().beat_at > beat and not any(each.is_running() for each in hung), 90)
    assert watch.poll() is None
    assert not {each.pid for each in processes.family(watch)} & {each.pid for each in hung}


def test_the_worker_ends_its_call_before_it_stops(sandbox: Sandbox, processes: Processes) -> None:
    sandbox.faults.add("slow", "send", seconds=1.0)
    campaign = builders.campaign_of(sandbox, 102)
    worker = processes.start("manage.py", "worker")
    until(lambda: len(sandbox.ledger.taken) >= 2, 60)
    worker.terminate()
    assert worker.wait(60) == 0
    counts = builders.counts(campaign)
    assert counts.keys() == {"accepted", "pending"}
    assert len(sandbox.ledger.acceptances()) == counts["accepted"]
    assert dispatch.work(campaign.pk, 0) == "slice"
