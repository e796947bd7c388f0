"""Each worker service has a heart: a queue of its own for its ticks, a name that it keeps, a row that tells its age."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.models import OrmQ
from django_q.tasks import async_task
from pytest_django.fixtures import Settings

from campaigns import hearts, ringing
from campaigns.models import Heartbeat

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _spool(settings: Settings, tmp_path: Path) -> None:
    settings.SPOOL_DIR = tmp_path


def heart(name: str, seconds: float = 0) -> Heartbeat:
    """A heart that beat so long ago."""
    return Heartbeat.objects.create(name=name, beat_at=timezone.now() - dt.timedelta(seconds=seconds))


def taken() -> str:
    """The queue of the task that a cluster takes next."""
    found = get_broker().dequeue()
    key: str = OrmQ.objects.get(pk=found[0][0]).key if found else ""
    return key


def test_a_tick_stamps_the_heart_of_its_own_cluster_alone(settings: Settings) -> None:
    other = heart("b", 30)
    settings.WORKER_HEART = "a"
    ringing.acknowledged(None, {"func": ringing.TICK, "success": True})
    assert [each.name for each in hearts.hearts() if each.age < dt.timedelta(seconds=20)] == ["a"]
    assert Heartbeat.objects.get(name="b").beat_at == other.beat_at


def test_a_tick_outside_a_cluster_stamps_nothing() -> None:
    ringing.tick()
    ringing.acknowledged(None, {"func": ringing.TICK, "success": True})
    assert not Heartbeat.objects.exists()


def test_a_cluster_takes_its_own_ticks_before_any_backlog_and_never_anothers(settings: Settings) -> None:
    for cluster in ("b", None, None, "a"):
        async_task("campaigns.tasks.tick", cluster=cluster)
    settings.WORKER_HEART = "a"
    assert [taken() for _ in range(4)] == ["a", "chapar", "chapar", ""]
    settings.WORKER_HEART = "b"
    assert taken() == "b"


def test_two_services_of_one_disk_never_have_the_same_name() -> None:
    first, second = hearts.Name(), hearts.Name()
    assert str(first) != str(second)


def test_a_service_takes_the_name_of_one_that_was_killed_here() -> None:
    killed, alive = hearts.Name(), hearts.Name()
    assert killed._descriptor is not None
    os.close(killed._descriptor)  # as the kernel does
    assert str(hearts.Name()) == str(killed) != str(alive)


def test_a_name_that_was_given_back_leaves_nothing(settings: Settings) -> None:
    name = hearts.Name()
    name.give_back()
    assert not list((Path(settings.SPOOL_DIR) / "hearts").iterdir())


def test_a_disk_that_takes_no_names_still_lets_a_service_have_one(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.SPOOL_DIR = tmp_path / "file"
    assert str(hearts.Name()) != str(hearts.Name())


def test_a_service_that_was_gone_for_a_day_is_forgotten_with_its_queue() -> None:
    heart("gone", 90_000)
    heart("silent", 80_000)
    for name in ("gone", "silent"):
        async_task("campaigns.tasks.tick", cluster=name)
    ringing.tick()
    assert [each.name for each in hearts.hearts()] == ["silent"]
    assert list(OrmQ.objects.values_list("key", flat=True)) == ["silent"]


def test_health_needs_one_heart_that_beats_and_counts_the_silent(client: Client) -> None:
    assert client.get("/health/").status_code == 503
    heart("host-1", 100)
    answer = client.get("/health/")
    assert (answer.status_code, answer.json()["worker"], answer.json()["silent"]) == (503, False, 1)
    heart("host-2", 5)
    answer = client.get("/health/")
    assert answer.status_code == 200
    assert answer.json() == {"database": True, "worker": True, "beating": 1, "silent": 1}


def test_health_names_the_workers_to_staff_alone(client: Client, admin_client: Client) -> None:
    heart("host-1", 5)
    assert 4 <= admin_client.get("/health/").json()["hearts"]["host-1"] < 60
    client.force_login(User.objects.create_user("clerk"))
    assert "host-1" not in client.get("/health/").content.decode()


def test_the_dashboard_tells_that_no_worker_runs(admin_client: Client) -> None:
    heart("host-1", 100)
    assert 'id="no-worker"' in admin_client.get("/").content.decode()


def test_the_dashboard_tells_that_one_of_several_is_silent(admin_client: Client) -> None:
    heart("host-1", 5)
    quiet = admin_client.get("/").content.decode()
    assert "no-worker" not in quiet
    assert "silent-workers" not in quiet
    heart("host-2", 300)
    page = admin_client.get("/").content.decode()
    assert 'id="silent-workers"' in page
    assert "host-2" in page
    assert "host-1" not in page
