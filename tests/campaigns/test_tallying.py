"""A campaign's messages by account, operator, reason and code: counted from the rows, and when."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest
from django.db.models import F, Sum
from django.utils import timezone
from django_q.models import OrmQ
from hypothesis import given
from hypothesis import strategies as st

from campaigns import pruning, ringing, tallying, tasks
from campaigns.delivery import applying, events
from campaigns.models import Batch, Bulk, Campaign, DeliveryEvent, Message, Tally, TimelinePoint
from campaigns.states import CampaignStatus, MessageStatus, Reason
from contacts import phones
from contacts.models import Operator
from providers.answers import Report, StatusReport
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns.screens import campaign_in

pytestmark = pytest.mark.django_db
PREFIXES = ("910", "919", "990", "996", "997", "901", "905", "930", "934", "935", "941", "940", "920", "998")


def tallied(campaign: Campaign) -> Counter[tuple[int, int, int, str]]:
    """Messages by operator, status, reason and code, as the tally has them."""
    rows = Tally.objects.filter(campaign=campaign)
    return Counter({row[:4]: row[4] for row in rows.values_list("operator", "status", "reason", "code", "messages")})


def hours_pass(hours: int = 1) -> None:
    """Let the tallies, and what moved before them, be so much older."""
    ago = dt.timedelta(hours=hours)
    Campaign.objects.update(tallied_at=F("tallied_at") - ago, tally_at=timezone.now() - ago)
    TimelinePoint.objects.update(at=F("at") - ago)


def test_the_operators_of_the_tally_are_those_of_the_numbers() -> None:
    numbers = [f"+98{prefix}{n:07d}" for n, prefix in enumerate(PREFIXES)] + ["+447700900123"]
    campaign = campaign_in(CampaignStatus.RUNNING, len(numbers) + 1)
    rows = list(Message.objects.of(campaign).order_by("pk"))
    for row, number in zip(rows, [*numbers, None], strict=True):
        Message.objects.filter(pk=row.pk).update(phone=number)
    assert tallying.tally(campaign.pk)
    found = Counter({operator: n for (operator, *_rest), n in tallied(campaign).items()})
    assert found == Counter([*(phones.operator_of(number) for number in numbers), phones.UNKNOWN])


@given(st.lists(st.tuples(st.sampled_from(MessageStatus), st.sampled_from(Reason), st.sampled_from(["", "4", "x"]))))
def test_a_tally_is_the_sum_of_the_rows(drawn: list[tuple[MessageStatus, Reason, str]]) -> None:
    campaign = campaign_in(CampaignStatus.RUNNING, 12)
    for row, (status, reason, code) in zip(Message.objects.of(campaign), drawn, strict=False):
        facts = {"status": status, "reason": reason, "provider_code": code, "cost": row.pk, "refunded": 3}
        Message.objects.filter(pk=row.pk).update(**facts)
    assert tallying.tally(campaign.pk)
    of, sums = Tally.objects.filter(campaign=campaign), ("cost", "refunded")
    rows = Message.objects.of(campaign).aggregate(**{name: Sum(name, default=0) for name in sums})
    assert of.aggregate(**{name: Sum(name) for name in sums}) == rows
    by_status = Counter(Message.objects.of(campaign).values_list("status", flat=True))
    assert Counter({row["status"]: row["n"] for row in of.values("status").annotate(n=Sum("messages"))}) == by_status
    assert not of.filter(status=MessageStatus.DELIVERED).exclude(code="").exists()


def test_what_has_not_moved_is_not_counted_again() -> None:
    campaign = campaign_in(CampaignStatus.RUNNING)
    assert tallying.tally(campaign.pk)
    assert not tallying.tally(campaign.pk)  # just done
    hours_pass()
    assert not tallying.tally(campaign.pk)  # nothing has moved
    hours_pass()
    TimelinePoint.objects.create(campaign=campaign, at=timezone.now(), status=MessageStatus.SENT, messages=1)
    assert tallying.tally(campaign.pk)


def test_two_at_once_do_not_count_alike_and_a_dead_one_is_followed() -> None:
    campaign = campaign_in(CampaignStatus.RUNNING)
    Campaign.objects.update(tally_lease=timezone.now() + tallying.LEASE)
    assert tallying.due() == []
    assert not tallying.tally(campaign.pk)
    Campaign.objects.update(tally_lease=timezone.now() - dt.timedelta(seconds=1))
    assert tallying.due() == [campaign.pk]
    assert tallying.tally(campaign.pk)
    assert Tally.objects.filter(campaign=campaign).count() == 1


def test_a_count_that_lost_its_lease_writes_nothing() -> None:
    campaign = campaign_in(CampaignStatus.RUNNING)
    begun = timezone.now()
    Campaign.objects.update(tally_lease=begun + tallying.LEASE)
    rows = list(tallying._count(campaign))
    Campaign.objects.update(tally_lease=begun + 2 * tallying.LEASE)  # somebody else's by now
    assert not tallying._replace(campaign, begun, rows)
    assert not Tally.objects.exists()


def test_an_ended_campaign_is_looked_at_ever_more_rarely() -> None:
    campaign = campaign_in(CampaignStatus.RUNNING)
    ended = timezone.now() - dt.timedelta(hours=8)
    Campaign.objects.filter(pk=campaign.pk).update(status=CampaignStatus.COMPLETED, finished_at=ended)
    tallying.tally(campaign.pk)
    campaign.refresh_from_db()
    assert campaign.tally_at is not None
    assert campaign.tally_at - timezone.now() > dt.timedelta(minutes=110)


@pytest.mark.django_db(transaction=True)
def test_the_tick_rings_for_a_tally_until_it_is_done() -> None:
    campaign = campaign_in(CampaignStatus.RUNNING)
    OrmQ.objects.all().delete()
    ringing.tick()
    rung = [each.task for each in OrmQ.objects.all()]
    assert ("campaigns.tasks.tally", (campaign.pk,)) in [(task["func"], task["args"]) for task in rung]
    tasks.tally(campaign.pk)
    assert tallying.due() == []


def test_recipients_that_only_the_provider_knows_are_tallied_by_its_figures() -> None:
    campaign = campaign_in(CampaignStatus.RUNNING)
    Message.objects.of(campaign).delete()
    Batch.objects.filter(campaign=campaign).exclude(number=0).delete()
    batch = Batch.objects.get(campaign=campaign)
    Batch.objects.update(unlisted=5, unlisted_status=MessageStatus.ACCEPTED, attempt=1)
    tallying.tally(campaign.pk)
    assert tallied(campaign) == {(Operator.UNKNOWN, MessageStatus.ACCEPTED, 0, ""): 5}
    hours_pass()
    counts = {"delivered.mci": 2, "failed.other": 3, "rcpts_count": 5}
    Bulk.objects.create(batch=batch, provider_ref="1", counts=counts)
    Campaign.objects.update(tallied_at=None)
    tallying.tally(campaign.pk)
    told = {(Operator.MCI, MessageStatus.DELIVERED, 0, ""): 2, (Operator.OTHER, MessageStatus.UNDELIVERED, 0, ""): 3}
    assert tallied(campaign) == told


def test_what_was_given_back_is_in_the_tally(sandbox: Sandbox) -> None:
    sandbox.behaviour.price = 900
    campaign = builders.campaign_of(sandbox, 12)
    builders.send_all(campaign)
    refs = [str(ref) for ref in Message.objects.of(builders.refreshed(campaign)).values_list("provider_ref", flat=True)]
    reports = [StatusReport(ref, Report.BLOCKED, "14") for ref in refs[:2]]
    events.store(campaign.line.account_id, reports, DeliveryEvent.Source.WEBHOOK)
    applying.apply()
    tallying.tally(campaign.pk)
    sums = Tally.objects.filter(campaign=campaign).aggregate(cost=Sum("cost"), refunded=Sum("refunded"))
    assert sums == {"cost": 10 * 900, "refunded": 2 * 900}


def test_a_campaign_is_tallied_before_its_recipients_are_removed() -> None:
    campaign = campaign_in(CampaignStatus.COMPLETED)
    Campaign.objects.update(finished_at=timezone.now() - dt.timedelta(days=90))
    pruning.prune(60)
    campaign.refresh_from_db()
    assert campaign.pruned_at
    assert sum(tallied(campaign).values()) == 3
    Campaign.objects.update(tallied_at=None)
    assert not tallying.tally(campaign.pk)
    assert sum(tallied(campaign).values()) == 3
