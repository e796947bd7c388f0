"""When a campaign will have gone out: windows, holidays, caps and paces along the way."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from campaigns import forecast, lifecycle
from campaigns.models import Batch, Campaign
from campaigns.states import BatchStatus, CampaignStatus
from providers.models import DailyCount, Holiday, ProviderAccount, SenderLine
from tests import builders
from tests.campaigns import lines
from tests.campaigns.screens import owner

pytestmark = pytest.mark.django_db


def draft(hours: tuple[int, int] = (8, 20), day: int = 2, **fields: Any) -> Campaign:
    """A campaign on an advertising line, to begin in some days at ten in the morning, Tehran; two messages a second."""
    fields |= {"window_start": dt.time(hours[0]), "window_end": dt.time(hours[1])}
    line = builders.line(builders.account(), kind="advertising", **fields)
    at = (timezone.localtime() + dt.timedelta(days=day)).replace(hour=10, minute=0, second=0, microsecond=0)
    return Campaign(line=line, text="سلام", scheduled_at=at, messages_per_minute=120)


def told(campaign: Campaign, left: int) -> tuple[int, str] | None:
    """Days after its beginning, and the time."""
    found = forecast.ends_at(campaign, left)
    assert campaign.scheduled_at is not None
    return None if found is None else ((found.date() - campaign.scheduled_at.date()).days, f"{found:%H:%M}")


@pytest.mark.parametrize(
    ("left", "end"),
    [(7_200, (0, "11:00")), (72_000, (0, "20:00")), (72_120, (1, "08:01")), (72_000 + 86_400 + 7_200, (2, "09:00"))],
)
def test_it_goes_on_with_the_window_of_the_next_day(left: int, end: tuple[int, str]) -> None:
    assert told(draft(), left) == end


def test_a_window_over_midnight_is_one_stretch() -> None:
    assert told(draft((20, 6)), 2 * 3600 * 5) == (1, "01:00")


def test_a_holiday_is_left_out() -> None:
    campaign = draft()
    assert campaign.scheduled_at is not None
    Holiday.objects.create(day=campaign.scheduled_at.date() + dt.timedelta(days=1))
    assert told(campaign, 72_120) == (2, "08:01")
    campaign.line.rests_on_holidays = False
    assert told(campaign, 72_120) == (1, "08:01")


def test_a_daily_cap_spreads_it_over_days() -> None:
    campaign = draft(daily_cap=7_200)
    assert campaign.scheduled_at is not None
    DailyCount.objects.create(line=campaign.line, day=campaign.scheduled_at.date(), messages=3_600)
    assert told(campaign, 3_600 + 7_200 + 120) == (2, "08:01")


def test_a_line_that_rests_for_ever_ends_never() -> None:
    campaign = draft()
    today = timezone.localdate()
    Holiday.objects.bulk_create(Holiday(day=today + dt.timedelta(days=n)) for n in range(90))
    assert told(campaign, 10) is None


def test_without_a_pace_it_is_told_from_what_was_seen() -> None:
    campaign = builders.campaign_of(None, 102)
    assert forecast.ends_at(campaign, 100) is None
    now = timezone.now()
    for number in (1, 2):
        Batch.objects.filter(campaign=campaign, number=number).update(
            status=BatchStatus.DONE, pending=0, claimed_at=now - dt.timedelta(seconds=20), settled_at=now
        )
    assert forecast.seen_rate(campaign) == pytest.approx(1.0)
    found = forecast.ends_at(campaign, 80)
    assert found is not None
    assert 75 < (found - now).total_seconds() < 90


def test_the_page_looks_at_the_batches_for_its_rate_once() -> None:
    campaign = builders.campaign_of(None, 102)
    seen = timezone.now() - dt.timedelta(seconds=20)
    done = Batch.objects.filter(campaign=campaign, number=1)
    done.update(status=BatchStatus.DONE, pending=0, claimed_at=seen, settled_at=timezone.now())
    with CaptureQueriesContext(connection) as captured:
        answer = owner().get(f"/campaigns/{campaign.pk}/live/")
    assert answer.context["rate"]
    assert answer.context["ends_at"]
    assert len([it for it in captured if 'MAX("campaigns_batch"."settled_at")' in it["sql"]]) == 1


def test_a_night_between_two_batches_is_no_slow_pace() -> None:
    campaign = builders.campaign_of(None, 102)
    now = timezone.now()
    for number, ago in ((1, 10 * 3600), (2, 10)):
        claimed = now - dt.timedelta(seconds=ago)
        done = {"claimed_at": claimed, "settled_at": claimed + dt.timedelta(seconds=10)}
        Batch.objects.filter(campaign=campaign, number=number).update(status=BatchStatus.DONE, pending=0, **done)
    assert forecast.seen_rate(campaign) == pytest.approx(1.0)


def test_a_draft_is_told_by_the_last_large_campaign_of_its_account() -> None:
    former = builders.campaign_of(None, 102)
    now = timezone.now()
    Batch.objects.filter(campaign=former, number=1).update(claimed_at=now - dt.timedelta(seconds=10), settled_at=now)
    sent = Batch.objects.get(campaign=former, number=1).size
    Campaign.objects.filter(pk=former.pk).update(audience=forecast.FEWEST, started_at=now)
    following = Campaign(line=former.line, text="سلام")
    assert forecast.planned_rate(following) == pytest.approx(sent / 10)
    assert forecast.planned_rate(Campaign(line=former.line, messages_per_minute=60)) == pytest.approx(1.0)
    for unfit in ({"audience": forecast.FEWEST - 1}, {"messages_per_minute": 6}, {"started_at": None}):
        shown = {"audience": forecast.FEWEST, "messages_per_minute": None, "started_at": now}
        Campaign.objects.filter(pk=former.pk).update(**shown | unfit)
        assert forecast.planned_rate(following) is None
    other = builders.line(builders.account(name="other"))
    assert forecast.planned_rate(Campaign(line=other)) is None


def test_single_requests_go_at_the_pace_of_their_account() -> None:
    line = lines.line("gosms", of=lines.account("gosms", requests_per_second=5))
    rule = builders.include(builders.phonebook(builders.contacts(1)))
    assert forecast.planned_rate(builders.draft(line, rule)) == 5


def test_what_somebody_has_to_put_in_order_has_no_end() -> None:
    campaign = builders.campaign_of(None, 12, messages_per_minute=60)
    assert forecast.ends_at(campaign, 12) is not None
    ProviderAccount.objects.open_breaker(campaign.line.account_id, "401", "")
    assert forecast.ends_at(builders.refreshed(campaign), 12) is None
    ProviderAccount.objects.close_breaker(campaign.line.account_id)
    lifecycle.pause(campaign.pk)
    assert builders.refreshed(campaign).status == CampaignStatus.PAUSED
    assert forecast.ends_at(builders.refreshed(campaign), 12) is None


def test_a_closed_window_is_waited_for() -> None:
    campaign = builders.campaign_of(None, 12, messages_per_minute=60)
    local = timezone.localtime()
    opens = (local + dt.timedelta(hours=2)).replace(second=0, microsecond=0)
    window = {"window_start": opens.time(), "window_end": (opens + dt.timedelta(hours=1)).time()}
    SenderLine.objects.update(kind="advertising", **window)
    found = forecast.ends_at(builders.refreshed(campaign), 12)
    assert found is not None
    assert found.replace(microsecond=0) == opens + dt.timedelta(seconds=12)


def test_a_cap_is_looked_up_once_however_many_days_it_takes(django_assert_max_num_queries: Any) -> None:
    campaign = draft(daily_cap=100)
    with django_assert_max_num_queries(6):
        assert told(campaign, 5_000) == (49, "08:00")
