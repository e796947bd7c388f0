"""A deployment in the midst of a campaign: each worker is restarted in its turn, and ``migrate`` runs between."""

from __future__ import annotations

import itertools
import signal
import subprocess
import time

import pytest
from django.db import connection

from campaigns.states import CampaignStatus
from providers.models import ProviderAccount
from providers.sandbox import Sandbox
from tests import builders
from tests.faults.conftest import Processes, until

pytestmark = [
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.django_db(transaction=True),
]
PEOPLE = 402  # a pilot of 2 and 40 requests of 10
STALL = 10.0


def restarted(processes: Processes, worker: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    """A new worker, once the old one has finished what it was at."""
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    return processes.start("manage.py", "worker")


def test_two_workers_are_restarted_and_the_tables_migrated_while_a_campaign_goes_out(
    sandbox: Sandbox, processes: Processes
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("there is one worker on SQLite")
    processes.environment["PGOPTIONS"] = "-c lock_timeout=5s"  # as the operations manual says
    campaign = builders.campaign_of(sandbox, PEOPLE)
    ProviderAccount.objects.update(requests_per_second=1)
    connection.close()
    workers = [processes.start("manage.py", "worker") for _ in range(2)]
    until(lambda: len(sandbox.ledger.taken) >= 3, 60)
    restart = 0.0
    for worker in workers:
        begun = time.monotonic()
        migrating = processes.start("manage.py", "migrate", "-v", "0")
        restarted(processes, worker)
        restart = max(restart, time.monotonic() - begun)
        assert migrating.wait(60) == 0
    assert len(sandbox.ledger.taken) < 41  # it is still going out
    ProviderAccount.objects.update(requests_per_second=20)
    until(lambda: builders.refreshed(campaign).status == CampaignStatus.COMPLETED, 90)
    moments = [taken.at for taken in sandbox.ledger.taken]
    assert max(later - at for at, later in itertools.pairwise(moments)) < STALL + restart
    assert builders.counts(campaign) == {"accepted": PEOPLE}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
