"""The task queue is a doorbell: what is in it may vanish, come twice, come in any order, or kill whoever takes it."""

from __future__ import annotations

import datetime as dt
import random
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ, Schedule
from django_q.tasks import async_task

from campaigns import ringing
from campaigns.models import Campaign
from campaigns.states import CampaignStatus
from providers.sandbox import Sandbox
from tests import builders
from tests.faults.conftest import Processes, until

pytestmark = [
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.timeout(360),
    pytest.mark.django_db(transaction=True),
]
PEOPLE = 152  # a pilot of two and fifteen requests


def launched(sandbox: Sandbox, pace: float = 5.0) -> Campaign:
    """A campaign that is to be prepared and sent by whoever hears the bell, some requests a second."""
    over = builders.line(builders.account(sandbox, batch_size=10, requests_per_second=pace))
    return builders.draft(over, builders.include(builders.phonebook(builders.contacts(PEOPLE))))


def launch(campaign: Campaign, processes: Processes) -> None:
    """By the command, so that its task is in the queue under the key of the processes."""
    assert processes.start("manage.py", "campaign", "launch", campaign.pk).wait(60) == 0


def assert_sent_once(campaign: Campaign, sandbox: Sandbox) -> None:
    until(lambda: builders.refreshed(campaign).status == CampaignStatus.COMPLETED, 150)
    assert builders.counts(campaign) == {"accepted": PEOPLE}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    assert len(sandbox.ledger.acceptances()) == PEOPLE


def test_every_task_that_is_queued_may_vanish_again_and_again(sandbox: Sandbox, processes: Processes) -> None:
    campaign = launched(sandbox)
    launch(campaign, processes)
    vanished = OrmQ.objects.all().delete()[0]
    processes.start("-m", "tests.faults.watch")
    until(lambda: len(sandbox.ledger.taken) >= 3, 60)
    end = time.monotonic() + 3
    while time.monotonic() < end:
        vanished += OrmQ.objects.all().delete()[0]
        time.sleep(0.05)
    assert vanished > 1
    assert_sent_once(campaign, sandbox)


def test_tasks_may_come_twice_and_in_any_order(sandbox: Sandbox, processes: Processes) -> None:
    campaign = launched(sandbox)
    launch(campaign, processes)
    dice, copied = random.Random(1405), 0
    processes.start("-m", "tests.faults.watch")
    while not Campaign.objects.filter(pk=campaign.pk, finished_at__isnull=False).exists():
        tasks = list(OrmQ.objects.values_list("key", "payload"))[:3] * 2
        dice.shuffle(tasks)
        OrmQ.objects.bulk_create([OrmQ(key=key, payload=payload, lock=timezone.now()) for key, payload in tasks])
        copied += len(tasks)
        time.sleep(0.3)
    assert copied > 5
    assert_sent_once(campaign, sandbox)


def test_a_new_secret_key_drops_the_tasks_and_nothing_else(sandbox: Sandbox, processes: Processes) -> None:
    campaign = launched(sandbox, pace=50)
    launch(campaign, processes)
    [task] = OrmQ.objects.all()
    processes.environment["SECRET_KEY"] = "another-one-that-signed-none-of-the-tasks-in-the-queue"
    processes.start("-m", "tests.faults.watch")
    assert_sent_once(campaign, sandbox)
    assert not OrmQ.objects.filter(pk=task.pk).exists()


def test_a_task_that_kills_its_process_and_a_schedule_that_cannot_be_read_stop_nothing(
    sandbox: Sandbox, processes: Processes, tmp_path: Path
) -> None:
    log = tmp_path / "poisoned"
    processes.environment["POISONED"] = str(log)
    campaign = launched(sandbox, pace=3)
    due = timezone.now() - dt.timedelta(hours=1)
    schedule = Schedule.objects.create(func="campaigns.tasks.tick", args="(((", next_run=due, repeats=-1)
    launch(campaign, processes)
    async_task("tests.faults.poison.die")
    poison = OrmQ.objects.latest("pk")
    processes.start("-m", "tests.faults.watch")
    for times in (1, 2, 3):  # after ``retry`` it would come back by itself
        until(lambda: log.exists() and len(log.read_text().splitlines()) == times, 60)  # noqa: B023
        OrmQ.objects.filter(pk=poison.pk).update(lock=timezone.now())
    assert_sent_once(campaign, sandbox)
    schedule.refresh_from_db()
    assert (schedule.next_run, schedule.task, Conf.SCHEDULER) == (due, None, False)


def test_a_task_whose_process_died_is_not_tried_for_ever() -> None:
    taken_long_ago = timezone.now() + dt.timedelta(seconds=Conf.RETRY - 2 * settings.Q_CLUSTER["timeout"] - 1)
    taken_lately = timezone.now() + dt.timedelta(seconds=Conf.RETRY)
    lost, held = (OrmQ.objects.create(key="chapar", payload="x", lock=at) for at in (taken_long_ago, taken_lately))
    waiting = OrmQ.objects.create(key="another", payload="x", lock=timezone.now())
    ringing.tick()
    assert set(OrmQ.objects.filter(pk__in=[lost.pk, held.pk, waiting.pk])) == {held, waiting}
