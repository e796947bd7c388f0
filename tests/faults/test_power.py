"""The current fails: everything that runs is killed at once, and started again."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from campaigns.delivery import applying, webhooks
from campaigns.models import Batch, Message
from campaigns.states import MessageStatus
from providers.models import ProviderAccount
from providers.sandbox import Sandbox
from tests import builders
from tests.faults.conftest import Processes, until
from tests.faults.web import Web, post

pytestmark = [
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.timeout(360),
    pytest.mark.django_db(transaction=True),
]
PEOPLE = 202  # a pilot of two and twenty requests, two at a time
EVENTS, CALLERS = 800, 4


class Lines:
    """Providers that call once and never again; ``told`` are the ids of the reports that they saw acknowledged."""

    def __init__(self, web: Web, account: ProviderAccount) -> None:
        self.web, self.path = web, f"/{account.webhook_path}"
        self.told: list[str] = []
        self.open = threading.Event()
        self.open.set()

    def report(self, refs: Sequence[str]) -> None:
        """Report each message as delivered, once. While the site is known to be down nobody calls."""
        for ref in refs:
            self.open.wait(60)
            body = json.dumps({"messageid": int(ref), "status": 10}).encode()
            try:
                status = post(self.web.port, self.path, {"Content-Type": "application/json"}, body)
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)  # this one is lost; the rest is for the times when somebody listens
                continue
            assert status == 200
            self.told.append(ref)

    def kill_and_restart(self) -> None:
        self.web.kill()
        self.open.clear()
        self.web.start()
        self.open.set()


def test_whoever_saw_a_report_acknowledged_finds_it_applied_though_the_site_was_killed(
    sandbox: Sandbox, web: Web
) -> None:
    campaign = builders.campaign_of(sandbox, EVENTS, 1_000)
    builders.send_all(campaign)
    refs = [str(ref) for ref in Message.objects.of(campaign).values_list("provider_ref", flat=True)]
    lines = Lines(web, campaign.line.account)
    with ThreadPoolExecutor(CALLERS) as pool:
        calls = [pool.submit(lines.report, refs[place::CALLERS]) for place in range(CALLERS)]
        for share in (0.25, 0.5):
            until(lambda: len(lines.told) > share * EVENTS, 60)  # noqa: B023
            lines.kill_and_restart()
        for call in calls:
            call.result(60)
    webhooks.sweep()
    applying.apply(30)
    delivered = Message.objects.of(campaign).filter(status=MessageStatus.DELIVERED)
    assert set(lines.told) <= set(delivered.values_list("provider_ref", flat=True))
    assert len(lines.told) > 0.5 * EVENTS


def test_a_campaign_whose_every_process_is_killed_at_once_goes_on_when_they_are_back(
    sandbox: Sandbox, web: Web, processes: Processes
) -> None:
    sandbox.faults.add("slow", "send", seconds=0.2)
    campaign = builders.campaign_of(sandbox, PEOPLE)
    services = [processes.start("manage.py", "worker") for _ in range(2)]
    until(lambda: len(sandbox.ledger.taken) >= 5, 90)
    processes.kill_all([web.process, *services])
    in_flight = Batch.objects.in_flight().count()
    assert sum(builders.counts(campaign).values()) == PEOPLE
    web.start()
    processes.start("manage.py", "worker")
    until(lambda: builders.refreshed(campaign).finished_at, 180)
    counts = builders.counts(campaign)
    assert counts.keys() <= {"accepted", "unknown"}
    assert counts.get("unknown", 0) <= 10 * in_flight <= 20
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
