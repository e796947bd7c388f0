"""A worker that is killed while it fetches a provider's numbers: another one goes on after the last committed page."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from django_q.models import OrmQ

from campaigns import ringing
from contacts import mirroring
from contacts.models import Mirroring, ProviderNumber
from providers.sandbox import running_sandbox
from tests.contacts.mirrors import customers, keeping

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


def killed(run: Mirroring, environment: dict[str, str], pages: int, point: str) -> None:
    command = [sys.executable, "-m", "tests.contacts.killed_mirror", str(run.pk), str(pages), point]
    ended = subprocess.run(command, env=environment, check=False, capture_output=True, timeout=60)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    run.refresh_from_db()


@pytest.mark.parametrize("point", ["before", "after", "between"])
@pytest.mark.parametrize("pages", [1, 5])
def test_a_mirroring_goes_on_after_the_last_committed_page(
    process_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, pages: int, point: str
) -> None:
    monkeypatch.setattr("providers.backends.ippanel.MAX_PER_PAGE", 100)
    with running_sandbox() as sandbox:
        account = keeping(sandbox)
        run = mirroring.start(account, phonebook=customers(account), in_background=False)
        killed(run, process_environment, pages, point)
        assert (run.status, run.page, run.counts["numbers"]) == ("running", pages, pages * 100)
        assert ProviderNumber.objects.count() == pages * 100
        assert not Mirroring.objects.stalled()  # its lease still runs
        Mirroring.objects.update(lease_until=None)  # as if it had run out
        asked = sandbox.ledger.counters["calls_ippanel_numbers"]
        assert mirroring.run(run.pk)
        assert sandbox.ledger.counters["calls_ippanel_numbers"] - asked == 13 - pages
    run.refresh_from_db()
    assert (run.status, run.counts) == ("completed", {"numbers": 1_250, "numbers_new": 1_250})
    assert ProviderNumber.objects.count() == 1_250


def test_the_tick_rings_for_what_nobody_goes_on_with() -> None:
    run = mirroring.start(keeping(), in_background=False)
    ringing.tick()
    assert [task.task["args"] for task in OrmQ.objects.all() if "mirroring" in task.task["func"]] == [(run.pk,)]
