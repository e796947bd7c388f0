"""Redis as the doorbell: with it a campaign goes out, and when it dies in the middle nobody gets a message twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django_q.models import OrmQ

from campaigns.models import Campaign
from campaigns.states import CampaignStatus
from providers.models import ProviderAccount
from providers.sandbox import Sandbox
from tests import builders
from tests.faults.brokers import RedisServer, running_redis
from tests.faults.conftest import Processes, until

pytestmark = [
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.django_db(transaction=True),
]
PEOPLE = 202  # a pilot of 2 and 20 requests of 10


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(tmp_path) as server:
        yield server


@pytest.fixture
def campaign(sandbox: Sandbox, broker: RedisServer, processes: Processes) -> Campaign:
    """Launched by the command, so that the first ring goes through Redis; ten requests a second."""
    processes.environment["BROKER_URL"] = broker.url
    over = builders.line(builders.account(sandbox, batch_size=10, requests_per_second=10))
    campaign = builders.draft(over, builders.include(builders.phonebook(builders.contacts(PEOPLE))))
    assert processes.start("manage.py", "campaign", "launch", campaign.pk).wait(60) == 0
    return campaign


def is_completed(campaign: Campaign) -> bool:
    return builders.refreshed(campaign).status == CampaignStatus.COMPLETED


def is_silent(sandbox: Sandbox) -> bool:
    """Whether nothing is sent for longer than a slice: nobody rings any more."""
    before = sandbox.ledger.counters["messages"]
    time.sleep(3)
    return sandbox.ledger.counters["messages"] == before


def assert_sent_once(campaign: Campaign, sandbox: Sandbox) -> None:
    assert builders.counts(campaign) == {"accepted": PEOPLE}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    assert len(sandbox.ledger.acceptances()) == PEOPLE


def test_a_campaign_goes_out_with_redis_as_its_broker(
    campaign: Campaign, sandbox: Sandbox, broker: RedisServer, processes: Processes
) -> None:
    assert broker.pushes() == 1
    processes.start("manage.py", "worker")
    until(lambda: is_completed(campaign), 90)
    assert_sent_once(campaign, sandbox)
    assert broker.pushes() > 1
    assert not OrmQ.objects.exists()


def test_a_campaign_goes_on_after_its_broker_was_killed_with_everything_in_it(
    campaign: Campaign, sandbox: Sandbox, broker: RedisServer, processes: Processes
) -> None:
    ProviderAccount.objects.update(requests_per_second=2)
    processes.start("manage.py", "worker")
    until(lambda: sandbox.ledger.counters["messages"] >= 40, 90)
    broker.kill()
    until(lambda: is_silent(sandbox), 30)
    assert not is_completed(campaign)
    broker.start()
    ProviderAccount.objects.update(requests_per_second=10)
    until(lambda: is_completed(campaign), 150)
    assert_sent_once(campaign, sandbox)
