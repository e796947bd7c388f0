"""What goes over each line, held against what the counters and batches say."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.cache import cache
from django.utils import timezone

from campaigns import traffic
from campaigns.models import Batch, Campaign, StatusCount, Tally
from campaigns.states import BatchStatus, CampaignStatus, MessageStatus
from campaigns.traffic import Outcome, Traffic
from contacts.models import Operator
from providers.models import SenderLine
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines
from tests.campaigns.screens import campaign_in

pytestmark = pytest.mark.django_db


def of(*asked: SenderLine) -> list[Traffic]:
    found = traffic.by_line(SenderLine.objects.select_related("account").order_by("pk"))
    return [found[line.pk] for line in asked]


def test_a_campaign_that_went_out_is_in_the_traffic_of_its_line(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 25)
    builders.send_all(campaign)
    found = of(campaign.line)[0]
    assert (found.today, found.week.taken) == (25, 25)
    assert found.rate > 0


def test_a_rate_is_of_the_last_minutes_and_today_of_the_day(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 25)
    builders.send_all(campaign)
    long_ago = timezone.now() - dt.timedelta(minutes=10)
    Batch.objects.update(settled_at=long_ago)
    assert of(campaign.line)[0].rate == 0
    Batch.objects.update(claimed_at=traffic.midnight() - dt.timedelta(minutes=1))
    assert of(campaign.line)[0].today == 0


def counted(campaign: Campaign, **numbers: int) -> None:
    for name, messages in numbers.items():
        fields = {"messages": messages, "cost": 10 * messages}
        StatusCount.objects.update_or_create(campaign=campaign, status=MessageStatus[name], defaults=fields)


def test_the_share_is_that_of_the_messages_that_the_provider_took() -> None:
    campaign = campaign_in(CampaignStatus.COMPLETED)
    counted(campaign, PENDING=0, ACCEPTED=10, DELIVERED=80, UNDELIVERED=10, FAILED=100)
    found = of(campaign.line)[0]
    assert (found.share, found.week.cost) == (0.8, 2_000)
    cache.clear()
    Campaign.objects.update(started_at=timezone.now() - dt.timedelta(days=8))
    assert of(campaign.line)[0].share is None


def two_ways() -> tuple[Campaign, SenderLine, SenderLine]:
    """A campaign that went by Bale first and then by SMS, tallied."""
    bale, sms = lines.line("safir"), builders.line(builders.account(name="SMS"))
    campaign = builders.running(bale, builders.include(builders.phonebook(builders.contacts(3))), fallback_line=sms)
    Batch.objects.filter(campaign=campaign).update(status=BatchStatus.DONE, pending=0)
    for line, status, messages in ((bale, "ACCEPTED", 30), (sms, "DELIVERED", 9), (sms, "UNDELIVERED", 1)):
        Tally.objects.create(
            campaign=campaign,
            account=line.account,
            operator=Operator.MCI,
            status=MessageStatus[status],
            messages=messages,
            cost=messages,
        )
    return campaign, bale, sms


def test_of_a_campaign_with_two_lines_each_has_its_own_part() -> None:
    campaign, bale, sms = two_ways()
    counted(campaign, ACCEPTED=30, DELIVERED=9, UNDELIVERED=1)
    Campaign.objects.update(tallied_at=timezone.now())
    first, second = of(bale, sms)
    assert (first.week, first.share) == (Outcome(30, 0, 30), None)
    assert (second.week, second.share) == (Outcome(10, 9, 10), 0.9)


def test_before_it_is_tallied_all_of_it_stands_with_its_first_line() -> None:
    campaign, bale, sms = two_ways()
    counted(campaign, PENDING=0, ACCEPTED=30, DELIVERED=9, UNDELIVERED=1)
    first, second = of(bale, sms)
    assert (first.week.taken, second.week.taken) == (40, 0)


def test_together_counts_a_share_only_of_lines_that_tell() -> None:
    told = Traffic(5, 60.0, Outcome(10, 9, 100))
    silent = Traffic(7, 30.0, Outcome(1_000, 0, 50), tells=False)
    found = traffic.together([told, silent])
    assert (found.today, found.rate, found.share, found.week.cost) == (12, 90.0, 0.9, 150)
    assert traffic.together([silent]).share is None
