"""A machine whose clock is an hour or a day wrong: leases, windows, days and due times go by the database's."""

from __future__ import annotations

import contextlib
import datetime as dt
import zoneinfo
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from campaigns import checks, hearts, lifecycle, ringing, scheduling
from campaigns.models import AudienceRule, Batch, Campaign
from campaigns.sending import claiming, reconcile
from campaigns.states import CampaignStatus
from providers import pacing
from providers.models import DailyCount, SenderLine
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines
from tests.faults.conftest import Processes, until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180), pytest.mark.django_db(transaction=True)]
HOUR, DAY = 3600, 86400
BOOK = AudienceRule(kind=AudienceRule.Kind.PROVIDER, params={"phonebooks": ["123654"], "start": 1, "size": 20})


@pytest.fixture(autouse=True)
def _a_clock_of_its_own() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no clock but this machine's")


@pytest.fixture(params=[HOUR, -HOUR, DAY], ids=["an hour fast", "an hour slow", "a day fast"])
def skewed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """From now on the clock of this process is wrong."""
    right = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: right() + dt.timedelta(seconds=request.param))
    return int(request.param)


def truth() -> dt.datetime:
    """The time as everybody else has it."""
    return dt.datetime.now(dt.UTC)


def scheduled(in_seconds: float) -> Campaign:
    campaign = builders.draft(
        builders.line(builders.account()), builders.include(builders.phonebook(builders.contacts(2)))
    )
    at = truth() + dt.timedelta(seconds=in_seconds)
    Campaign.objects.filter(pk=campaign.pk).update(scheduled_at=at)
    return campaign


def window_around(moment: dt.datetime) -> dict[str, Any]:
    local = timezone.localtime(moment)
    quarter = dt.timedelta(minutes=15)
    return {"kind": "advertising", "window_start": (local - quarter).time(), "window_end": (local + quarter).time()}


def test_nothing_begins_early_and_nothing_late(skewed: int) -> None:
    early = scheduled(1800)
    due = builders.draft(early.line, builders.include(builders.phonebook([], "b")))
    Campaign.objects.filter(pk=due.pk).update(scheduled_at=truth() - dt.timedelta(seconds=1))
    Campaign.objects.filter(pk=due.pk).update(status=CampaignStatus.SCHEDULED, launched_at=truth())
    Campaign.objects.filter(pk=early.pk).update(status=CampaignStatus.SCHEDULED, launched_at=truth())
    scheduling.start_due()
    assert builders.refreshed(early).status == CampaignStatus.SCHEDULED
    assert builders.refreshed(due).status == CampaignStatus.PREPARING


def test_a_launch_never_begins_before_the_time_as_the_database_has_it(skewed: int) -> None:
    campaign = scheduled(1800)
    with contextlib.suppress(lifecycle.NotAllowed):  # a fast clock takes the time for past, and asks for another
        lifecycle.launch(campaign.pk)
    assert builders.refreshed(campaign).status in (CampaignStatus.SCHEDULED, CampaignStatus.DRAFT)


def test_a_window_is_open_and_closed_by_the_databases_clock(skewed: int, sandbox: Sandbox) -> None:
    over = builders.line(builders.account(sandbox), **window_around(truth()))
    campaign = builders.running(over, builders.include(builders.phonebook(builders.contacts(2))))
    assert claiming.obstacles(campaign) == []
    assert ringing.sendable() == [campaign.pk]
    shut = window_around(truth() + dt.timedelta(seconds=skewed if skewed < DAY else 2 * HOUR))
    SenderLine.objects.filter(pk=over.pk).update(**shut)
    assert claiming.claim(campaign.pk, "here") == claiming.Wait("window")
    assert ringing.sendable() == []


def test_no_lease_is_taken_early(skewed: int, sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 2)
    assert isinstance(claiming.claim(campaign.pk, "elsewhere"), claiming.Claim)
    assert reconcile.expire_leases() == []
    Batch.objects.update(lease_until=truth() - dt.timedelta(seconds=1))
    assert reconcile.expire_leases() == [campaign.pk]


def test_a_time_that_the_provider_keeps_is_handed_over_or_waited_for(skewed: int, sandbox: Sandbox) -> None:
    campaign = builders.running(lines.line("ippanel", sandbox), BOOK)
    Campaign.objects.filter(pk=campaign.pk).update(
        provider_keeps_time=True, scheduled_at=truth() + dt.timedelta(minutes=30)
    )
    claimed = claiming.claim(campaign.pk, "here")
    assert isinstance(claimed, claiming.Claim)
    assert claimed.send_time is not None


def test_a_daily_cap_counts_the_databases_day(skewed: int) -> None:
    over = builders.line(builders.account(), daily_cap=10)
    with transaction.atomic():
        assert pacing.reserve_today(over, 10)
    assert DailyCount.objects.get().day == timezone.localdate(truth())
    assert not pacing.has_room_today(over, 1)


def test_health_is_no_matter_of_the_workers_clock(skewed: int, client: Client, settings: Settings) -> None:
    settings.WORKER_HEART = "worker"
    hearts.beat()
    assert client.get("/health/").status_code == 200


@pytest.mark.slow
def test_three_workers_with_wrong_clocks_send_a_scheduled_campaign_once_and_at_its_time(
    sandbox: Sandbox, processes: Processes
) -> None:
    held = builders.campaign_of(sandbox, 2)
    assert isinstance(claiming.claim(held.pk, "elsewhere"), claiming.Claim)
    book = builders.phonebook(builders.contacts(22, start=100), "later")
    campaign = builders.draft(builders.line(held.line.account, sender="2"), builders.include(book))
    due = truth() + dt.timedelta(seconds=12)
    Campaign.objects.filter(pk=campaign.pk).update(
        status=CampaignStatus.SCHEDULED, scheduled_at=due, launched_at=truth()
    )
    for seconds in (HOUR, -HOUR, DAY):
        processes.environment["CLOCK_SKEW"] = str(seconds)
        processes.start("tests/faults/skewed.py", "worker")
    until(lambda: builders.refreshed(campaign).status == CampaignStatus.COMPLETED, 120)
    assert min(taken.at for taken in sandbox.ledger.taken) >= due.timestamp()
    assert set(sandbox.ledger.acceptances().values()) == {1}
    assert builders.counts(campaign) == {"accepted": 22}
    assert builders.counts(held) == {"sending": 2}


def test_iran_has_no_summer_time() -> None:
    summer = dt.datetime(2026, 7, 15, tzinfo=zoneinfo.ZoneInfo("Asia/Tehran"))
    assert summer.utcoffset() == dt.timedelta(hours=3, minutes=30)
    assert checks.the_time_zone_is_up_to_date(None) == []


def test_a_machine_that_still_has_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    old = dt.timezone(dt.timedelta(hours=4, minutes=30))
    monkeypatch.setattr("zoneinfo.ZoneInfo", lambda name: old)
    assert [problem.id for problem in checks.the_time_zone_is_up_to_date(None)] == ["campaigns.E003"]
