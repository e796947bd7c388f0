"""More schedulers than needed, tasks that are lost, tasks that run again and again: nothing of it changes anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from django_q.models import Failure, OrmQ, Success

from campaigns import lifecycle
from campaigns.doorbell import ring
from campaigns.models import Campaign, Heartbeat
from campaigns.states import CampaignStatus
from providers.sandbox import Sandbox
from tests import builders
from tests.faults.brokers import running_redis
from tests.faults.conftest import Processes, until

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(240), pytest.mark.django_db(transaction=True)]
PEOPLE = 202  # a pilot of 2 and 20 requests of 10


class Doorbell(NamedTuple):
    """A broker: what a process must know of it, and how it loses all that is in it."""

    environment: dict[str, str]
    lose: Callable[[], object]


@pytest.fixture(params=["database", "redis"])
def doorbell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Doorbell]:
    with ExitStack() as stack:
        if request.param == "database":
            yield Doorbell({}, lambda: OrmQ.objects.all().delete())
        else:
            server = stack.enter_context(running_redis(tmp_path))
            yield Doorbell({"BROKER_URL": server.url}, server.client.flushall)


@pytest.fixture
def campaign(sandbox: Sandbox) -> Campaign:
    """A draft of which four requests a second may go out."""
    over = builders.line(builders.account(sandbox, batch_size=10, requests_per_second=4))
    return builders.draft(over, builders.include(builders.phonebook(builders.contacts(PEOPLE))))


def has_taken(sandbox: Sandbox, number: int) -> bool:
    return sandbox.ledger.counters["messages"] >= number


def test_two_watches_a_timer_and_lost_tasks_send_everything_once(
    doorbell: Doorbell, campaign: Campaign, sandbox: Sandbox, machine: Callable[..., Processes]
) -> None:
    sandbox.faults.add("slow", "send", seconds=0.5)
    one = machine("one", **doorbell.environment)
    for _ in range(2):
        one.start("manage.py", "worker")
    until(lambda: Heartbeat.objects.count() == 2, 60)
    lifecycle.launch(campaign.pk)
    for _ in range(8):
        ring("prepare", campaign.pk)
        ring("pump", campaign.pk)
    for sent in (20, 60, 100):
        until(partial(has_taken, sandbox, sent), 60)
        doorbell.lose()
        one.start("manage.py", "tick")  # the timer's
    until(lambda: builders.refreshed(campaign).status == CampaignStatus.COMPLETED, 120)
    assert builders.counts(campaign) == {"accepted": PEOPLE}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    assert sandbox.ledger.counters["messages"] == PEOPLE
    assert (Success.objects.count(), Failure.objects.count()) == (0, 0)
