"""PostgreSQL is stopped, killed and started again while a real worker prepares, sends, records and applies reports."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from django.db import connection

from campaigns import lifecycle
from campaigns.delivery import events
from campaigns.models import Campaign, DeliveryEvent, Message
from campaigns.sending import answers
from campaigns.states import CampaignStatus, MessageStatus
from providers.answers import Report, StatusReport
from providers.sandbox import Sandbox
from tests import builders
from tests.faults.cluster import Cluster, cluster_of_its_own
from tests.faults.conftest import Processes, until

pytestmark = [
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.django_db(transaction=True),
]
PEOPLE = 202  # a pilot of 2 and 20 requests of 10
TEXT = "متن محرمانه"
STALL = 30.0  # seconds after which it must go on again


@pytest.fixture
def cluster(processes: Processes, tmp_path: Path) -> Iterator[Cluster]:
    """A server of the test's own, which the processes are on; what they say is kept."""
    if connection.vendor != "postgresql":
        pytest.skip("it is PostgreSQL that is stopped")
    with cluster_of_its_own() as cluster, (tmp_path / "said").open("wb") as log:
        processes.environment["DATABASE_URL"] = cluster.url()
        processes.log = log
        yield cluster


@pytest.fixture
def campaign(cluster: Cluster, sandbox: Sandbox, processes: Processes) -> Campaign:
    """Launched and still to be prepared, with a worker that begins."""
    over = builders.line(builders.account(sandbox, batch_size=10, requests_per_second=4))
    campaign = builders.draft(over, builders.include(builders.phonebook(builders.contacts(PEOPLE))), text=TEXT)
    lifecycle.launch(campaign.pk)
    connection.close()
    processes.start("manage.py", "worker")
    return campaign


def goes_on(campaign: Campaign, sandbox: Sandbox, before: int) -> bool:
    return sandbox.ledger.counters["messages"] > before or is_completed(campaign)


def is_completed(campaign: Campaign) -> bool:
    return builders.refreshed(campaign).status == CampaignStatus.COMPLETED


def delivered_so_far(campaign: Campaign) -> None:
    """The provider's reports of what it has, as its webhook would bring them."""
    refs = Message.objects.filter(campaign=campaign, status=MessageStatus.ACCEPTED).values_list(
        "provider_ref", flat=True
    )
    reports = [StatusReport(str(ref), Report.DELIVERED, "10", "") for ref in refs]
    events.store(campaign.line.account_id, reports, DeliveryEvent.Source.WEBHOOK)


def assert_nothing_was_betrayed(said: Path) -> None:
    """I9: whatever was logged, it is no number, no text and no key."""
    log = said.read_text()
    assert "OperationalError" in log  # what went wrong is there
    assert "killed and started anew" not in log  # and the cluster bore it; one that only begins may end by itself
    for secret in (builders.TOKEN, TEXT, builders.phone(0)[1:9], f"0{builders.phone(0)[3:9]}"):
        assert secret not in log


def test_a_campaign_survives_stops_and_crashes_of_its_database(
    campaign: Campaign, cluster: Cluster, sandbox: Sandbox, processes: Processes, tmp_path: Path
) -> None:
    for mode, down in (("fast", 0.0), ("immediate", 1.0)):
        time.sleep(2.0)  # the first one meets the worker when it begins
        cluster.stop(mode)
        time.sleep(down)
        before = sandbox.ledger.counters["messages"]
        cluster.start()
        until(partial(goes_on, campaign, sandbox, before), STALL)
        delivered_so_far(campaign)
        connection.close()
    until(lambda: is_completed(campaign), 90)
    assert set(builders.counts(campaign)) <= {"accepted", "delivered"}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    assert len(sandbox.ledger.acceptances()) == PEOPLE
    assert processes.started[0].poll() is None
    assert_nothing_was_betrayed(tmp_path / "said")


def test_what_the_provider_answers_while_the_database_is_down_is_recorded_when_it_is_back(
    campaign: Campaign, cluster: Cluster, sandbox: Sandbox, processes: Processes, tmp_path: Path
) -> None:
    until(lambda: sandbox.ledger.counters["messages"] >= 12, 60)
    sandbox.behaviour.latency = 1.0
    before = sandbox.ledger.counters["messages"]
    until(lambda: sandbox.ledger.counters["messages"] > before, 20)
    cluster.stop("immediate")  # a request has been taken, and its answer is on the way
    until(lambda: list(answers.spool.files()), 20)
    sandbox.behaviour.latency = 0.0
    time.sleep(2.0)
    cluster.start()
    until(lambda: is_completed(campaign), 90)
    assert builders.counts(campaign) == {"accepted": PEOPLE}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    assert_nothing_was_betrayed(tmp_path / "said")
