"""A worker that is killed in the middle of a bulk action: another one goes on, and no contact is counted twice."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from campaigns import ringing
from contacts import bulk
from contacts.models import BulkAction, Membership, Phonebook
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


@pytest.fixture
def action(monkeypatch: pytest.MonkeyPatch) -> BulkAction:
    """1,000 contacts that are to go into a phonebook, by the worker; fifty of them are in it."""
    monkeypatch.setattr(bulk.running, "AT_ONCE", 0)
    book = builders.phonebook(builders.contacts(1_000)[:50])
    return bulk.start(BulkAction.Kind.ADD, {"filter": {}}, {"phonebook": book.pk})


def killed(action: BulkAction, environment: dict[str, str], slices: int, point: str) -> None:
    command = [sys.executable, "-m", "tests.contacts.killed_bulk", str(action.pk), str(slices), point]
    ended = subprocess.run(command, env=environment, check=False, capture_output=True, timeout=60)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


@pytest.mark.parametrize("point", ["before", "after", "between"])
@pytest.mark.parametrize("slices", [1, 5])
def test_an_action_goes_on_after_the_last_committed_contact(
    action: BulkAction, process_environment: dict[str, str], slices: int, point: str
) -> None:
    killed(action, process_environment, slices, point)
    action.refresh_from_db()
    assert (action.done, action.changed) == (slices * 100, slices * 100 - 50)
    assert not BulkAction.objects.stalled()  # its lease still runs
    BulkAction.objects.update(lease_until=None)  # as if it had run out
    assert bulk.run(action.pk)
    action.refresh_from_db()
    assert (action.status, action.total, action.done, action.changed) == ("completed", 1_000, 1_000, 950)
    assert Membership.objects.count() == Phonebook.objects.get().size == 1_000


def test_the_tick_rings_for_an_action_that_nobody_holds(action: BulkAction) -> None:
    from django_q.models import OrmQ

    OrmQ.objects.all().delete()
    ringing._act()
    assert [task.func() for task in OrmQ.objects.all()] == ["contacts.tasks.run_bulk_action"]
