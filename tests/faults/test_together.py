"""Several at once on one campaign: workers, launches, pumps; and a word of the operator in the middle of it."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from campaigns import lifecycle
from campaigns.models import AuditEntry, Batch, Campaign, Message
from campaigns.states import CampaignStatus
from providers.sandbox import Sandbox
from tests import builders
from tests.faults.conftest import Processes, until
from tests.faults.nursery import Nursery
from tests.faults.web import Web
from tests.parallel import at_once

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180), pytest.mark.django_db(transaction=True)]
WORKERS, BATCH, PEOPLE = 4, 10, 402  # a pilot of two and forty requests


@pytest.fixture
def nursery(processes: Processes) -> Iterator[Nursery]:
    """Workers whose number is not limited by that of a cluster's, with a lease that is shorter than their patience."""
    many = {"SEND_CONCURRENCY": "100", "Q_WORKERS": "100"}
    with Nursery(processes.environment | many | {"SEND_LEASE": "2", "SEND_READ_TIMEOUT": "30"}) as nursery:
        yield nursery


@pytest.fixture
def campaign(sandbox: Sandbox) -> Campaign:
    """A tenth of a second a request."""
    sandbox.faults.add("slow", "send", seconds=0.1)
    return builders.campaign_of(sandbox, PEOPLE, BATCH)


def let_out(nursery: Nursery, campaign: Campaign, workers: int = WORKERS) -> None:
    for _ in range(workers):
        nursery.fork(campaign=campaign.pk)


def in_mid_send(sandbox: Sandbox) -> None:
    until(lambda: len(sandbox.ledger.taken) >= 8, 60)


def claims(campaign: Campaign) -> dict[int, int]:
    """How often each batch was claimed."""
    return dict(Batch.objects.filter(campaign=campaign).values_list("number", "attempt"))


def assert_all_sent_once(campaign: Campaign, sandbox: Sandbox) -> None:
    assert builders.counts(campaign) == {"accepted": PEOPLE}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    assert len(sandbox.ledger.acceptances()) == PEOPLE


@pytest.mark.parametrize("workers", [4, 8])
def test_workers_that_send_one_campaign_at_once_share_it(
    sandbox: Sandbox, nursery: Nursery, campaign: Campaign, workers: int
) -> None:
    let_out(nursery, campaign, workers)
    assert {end.status for end in nursery.wait()} == {0}
    assert_all_sent_once(campaign, sandbox)
    assert set(claims(campaign).values()) == {1}
    owners = set(Batch.objects.filter(campaign=campaign).values_list("owner", flat=True))
    assert len(owners) == workers


def test_two_tabs_and_a_double_click_launch_once(sandbox: Sandbox, web: Web, processes: Processes) -> None:
    over = builders.line(builders.account(sandbox, batch_size=BATCH))
    draft = builders.draft(over, builders.include(builders.phonebook(builders.contacts(PEOPLE))))
    tabs = [web.tab(), web.tab()] * 2  # each is clicked twice
    assert at_once(lambda: tabs.pop().press(draft, "launch"), 4) == [302] * 4
    assert AuditEntry.objects.filter(action="launched").count() == 1
    assert sorted(at_once(lambda: lifecycle.prepare(draft.pk), 8)) == [False] * 7 + [True]
    campaign = builders.refreshed(draft)
    assert (campaign.status, campaign.audience) == (CampaignStatus.RUNNING, PEOPLE)
    assert Message.objects.count() == PEOPLE
    builders.send_all(campaign)
    assert_all_sent_once(campaign, sandbox)


@pytest.mark.parametrize("word", ["pause", "cancel"])
def test_after_the_operators_word_no_claim_is_made_and_only_calls_in_flight_leave(
    sandbox: Sandbox, nursery: Nursery, campaign: Campaign, word: str
) -> None:
    let_out(nursery, campaign)
    in_mid_send(sandbox)
    getattr(lifecycle, word)(campaign.pk)
    returned, claimed = time.time(), claims(campaign)
    nursery.wait()
    time.sleep(1.0)
    assert claims(campaign) == claimed  # not one, let alone after a second
    assert sum(len(taken.phones) for taken in sandbox.ledger.taken if taken.at > returned) <= WORKERS * BATCH
    counts = builders.counts(campaign)
    assert counts.keys() == {"accepted", "pending" if word == "pause" else "cancelled"}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


def test_a_paused_campaign_goes_on_exactly_where_it_was_however_often(sandbox: Sandbox, nursery: Nursery) -> None:
    campaign = builders.campaign_of(sandbox, PEOPLE, 2)
    for goal in range(10, 130, 30):
        let_out(nursery, campaign)
        until(lambda: len(sandbox.ledger.taken) >= goal, 60)  # noqa: B023
        lifecycle.pause(campaign.pk)
        claimed = claims(campaign)
        nursery.wait()
        assert claims(campaign) == claimed
        lifecycle.resume(campaign.pk)
    let_out(nursery, campaign)
    nursery.wait()
    assert_all_sent_once(campaign, sandbox)
    assert set(claims(campaign).values()) == {1}


def test_a_worker_that_wakes_after_its_lease_doubles_nobody_and_settles_its_doubt(
    sandbox: Sandbox, nursery: Nursery, campaign: Campaign
) -> None:
    sandbox.faults.clear()
    sandbox.faults.add("slow", "send", seconds=1.5)
    sleeper = nursery.fork(campaign=campaign.pk)
    until(lambda: len(sandbox.ledger.taken) == 2, 60)  # it waits for the answer, and holds no lock
    nursery.strike(sleeper, signal.SIGSTOP)
    sandbox.faults.clear()
    let_out(nursery, campaign, 2)
    until(lambda: builders.counts(campaign).keys() <= {"accepted", "unknown"}, 60)
    doubt = builders.counts(campaign).get("unknown", 0)
    nursery.strike(sleeper, signal.SIGCONT)
    nursery.wait()
    assert doubt == BATCH
    assert_all_sent_once(campaign, sandbox)
