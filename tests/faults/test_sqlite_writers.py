"""SQLite with everybody writing at once: nobody is told that the database is locked."""

from __future__ import annotations

import http.client
import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection

from campaigns.delivery import webhooks
from campaigns.models import DeliveryEvent
from campaigns.states import CampaignStatus
from providers.models import ProviderAccount
from providers.sandbox import Sandbox
from tests import builders
from tests.faults.conftest import Processes, until
from tests.providers.servers import free_port

pytestmark = [
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.django_db(transaction=True),
]
REPORTS, CALLERS = 1_600, 8


def answers_health(port: int) -> bool:
    caller = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        caller.request("GET", "/health/")
        return caller.getresponse().status in (200, 503)
    except OSError:
        return False
    finally:
        caller.close()


def report(port: int, account: ProviderAccount, numbers: range) -> list[int]:
    """Report on messages as the provider's webhook calls do; the statuses of the answers."""
    caller = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    found = []
    for number in numbers:
        caller.request("GET", f"/{account.webhook_path}?messageid={number}&status=10")
        answer = caller.getresponse()
        answer.read()
        found.append(answer.status)
    caller.close()
    return found


def test_web_worker_and_commands_write_together_and_nothing_is_locked(
    sandbox: Sandbox, processes: Processes, tmp_path: Path
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL has a lock for each row")
    campaign = builders.campaign_of(sandbox, 302)
    port = free_port()
    with (tmp_path / "said").open("wb") as processes.log:
        processes.start("-m", "gunicorn", "project.wsgi", "-k", "gthread", "--threads", 8, "-b", f"127.0.0.1:{port}")
        processes.start("manage.py", "worker")
        until(lambda: answers_health(port), 60)
        with ThreadPoolExecutor(CALLERS) as pool:
            share = REPORTS // CALLERS
            numbers = [range(1 + n * share, 1 + (n + 1) * share) for n in range(CALLERS)]
            calls = [pool.submit(report, port, campaign.line.account, each) for each in numbers]
            commands = [
                processes.start("manage.py", "campaign", action, campaign.pk).wait(60)
                for action in ("pause", "resume", "pause", "resume")
            ]
            statuses = list(itertools.chain.from_iterable(call.result() for call in calls))
        until(lambda: builders.refreshed(campaign).status == CampaignStatus.COMPLETED, 90)
    assert set(statuses) == {200}
    assert DeliveryEvent.objects.filter(source="webhook").count() >= REPORTS
    assert not list(webhooks.spool.files())  # a report that met a lock would have gone there
    assert "locked" not in (tmp_path / "said").read_text()
    assert commands == [0] * 4 or sandbox.ledger.counters["messages"] == 302  # it may have been over before the last
    assert set(sandbox.ledger.acceptances().values()) == {1}
    builders.counts(campaign)
