"""SIGKILL of real workers in the middle of a group of single requests, held against the provider's own ledger."""

from __future__ import annotations

import random
import signal

import pytest

from campaigns.models import Batch, Campaign, Message
from campaigns.sending import journals, reconcile
from campaigns.states import MessageStatus
from providers.models import ProviderAccount
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines
from tests.faults.conftest import Processes, until
from tests.faults.points import GROUP_POINTS, JOURNAL_POINTS, ONCE_A_BATCH, WRITES

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
SIZE, DOUBT = 32, 3


def campaign_over(slug: str, sandbox: Sandbox) -> Campaign:
    sandbox.behaviour.gosms_rate = lines.FAST
    over = lines.line(slug, sandbox)
    return builders.running(over, builders.include(builders.phonebook(builders.contacts(SIZE))))


def crash(processes: Processes, point: str, campaign: Campaign, call: int) -> None:
    """Let a worker send until it kills itself in this call."""
    processes.environment["SEND_DOUBT"] = str(DOUBT)
    worker = processes.start("-m", "tests.faults.worker", point, call * WRITES.get(point, 1), campaign.pk)
    assert worker.wait(30) == -signal.SIGKILL


def recover(campaign: Campaign) -> None:
    """What the next ticks do until nothing is open: give up what is lost, and send what is pending."""
    until(lambda: reconcile.expire_leases() is not None and not Batch.objects.in_flight().exists(), 10)
    for _ in range(4):
        Batch.objects.update(not_before=None)
        ProviderAccount.objects.update(next_request_at=None)
        builders.send_all(campaign)


@pytest.mark.parametrize("point", GROUP_POINTS)
def test_with_a_key_a_kill_anywhere_leaves_nobody_in_doubt_and_nobody_twice(
    sandbox: Sandbox, processes: Processes, point: str
) -> None:
    campaign = campaign_over("safir", sandbox)
    crash(processes, point, campaign, 2 if point in ONCE_A_BATCH else 9)
    recover(campaign)
    assert builders.counts(campaign) == {"accepted": SIZE}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    assert len(sandbox.ledger.acceptances()) == SIZE


@pytest.mark.parametrize("point", [*GROUP_POINTS, *JOURNAL_POINTS])
def test_without_a_key_a_kill_leaves_few_in_doubt_and_nobody_twice(
    sandbox: Sandbox, processes: Processes, point: str
) -> None:
    campaign = campaign_over("gosms", sandbox)
    crash(processes, point, campaign, 2 if point in ONCE_A_BATCH else 9)
    recover(campaign)
    counts = builders.counts(campaign)
    assert counts.get("unknown", 0) <= DOUBT
    assert counts["accepted"] + counts.get("unknown", 0) == SIZE
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    assert not list(journals.spool.files())


@pytest.mark.slow
@pytest.mark.parametrize("slug", ["safir", "gosms"])
def test_kills_at_random_again_and_again_double_nothing(sandbox: Sandbox, processes: Processes, slug: str) -> None:
    campaign = campaign_over(slug, sandbox)
    dice = random.Random(1405)
    for _ in range(6):
        if not Batch.objects.filter(campaign=campaign, status__in=(10, 20)).exists():
            break
        point = dice.choice(["after_the_body", "after_the_headers", "after_the_answer", "before_the_body"])
        worker = processes.start("-m", "tests.faults.worker", point, dice.randrange(2, 9), campaign.pk)
        worker.wait(30)
        until(lambda: reconcile.expire_leases() is not None and not Batch.objects.in_flight().exists(), 10)
        Batch.objects.update(not_before=None)
    recover(campaign)
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    doubtful = Message.objects.filter(campaign=campaign, status=MessageStatus.UNKNOWN).count()
    assert doubtful == 0 if slug == "safir" else doubtful <= 6 * DOUBT + DOUBT
    assert sum(builders.counts(campaign).values()) == SIZE
