"""Every move of both state machines, the allowed and the forbidden, and the one function that writes a status."""

from __future__ import annotations

import itertools

import pytest

from campaigns.models import Campaign, Message, StatusCount, TimelinePoint
from campaigns.querysets import Move, StaleMove
from campaigns.states import (
    CAMPAIGN_MOVES,
    FINAL,
    MESSAGE_MOVES,
    STATUS_OF_REPORT,
    CampaignStatus,
    MessageStatus,
    Reason,
)
from providers.answers import Report
from tests import builders

PAIRS = list(itertools.product(CampaignStatus, CampaignStatus))
RANK = {MessageStatus.PENDING: 0, MessageStatus.UNKNOWN: 1, MessageStatus.ACCEPTED: 2, MessageStatus.SENT: 3}
S = MessageStatus


@pytest.mark.django_db
@pytest.mark.parametrize(("old", "new"), PAIRS, ids=lambda status: status.value)
def test_a_campaign_moves_only_along_its_table(old: CampaignStatus, new: CampaignStatus) -> None:
    campaign = builders.draft(builders.line(builders.account()), builders.include(builders.phonebook([])))
    Campaign.objects.filter(pk=campaign.pk).update(status=old, audience=0)
    moved = Campaign.objects.move(campaign.pk, new)
    assert moved == (new in CAMPAIGN_MOVES[old])
    assert builders.refreshed(campaign).status == (new if moved else old)


def test_what_has_ended_for_good_never_moves_again() -> None:
    assert not CAMPAIGN_MOVES[CampaignStatus.CANCELLED]
    assert not CAMPAIGN_MOVES[CampaignStatus.EXPIRED]
    assert not FINAL & MESSAGE_MOVES.keys()


def test_a_message_moves_forward_but_for_what_is_unclear() -> None:
    back = [
        (old, new)
        for old, news in MESSAGE_MOVES.items()
        for new in news
        if RANK.get(new, 9) <= RANK[old] and (old, new) != (S.UNKNOWN, S.PENDING)
    ]
    assert not back


@pytest.mark.parametrize("report", Report)
def test_every_report_has_a_status_or_changes_none(report: Report) -> None:
    known = report in STATUS_OF_REPORT
    assert known != (report in (Report.FORGOTTEN, Report.UNRECOGNISED))


@pytest.fixture
def campaign() -> Campaign:
    return builders.campaign_of(None, 4)


def first(campaign: Campaign, number: int = 1) -> list[int]:
    return list(Message.objects.of(campaign).order_by("pk").values_list("pk", flat=True)[:number])


def move(campaign: Campaign, ids: list[int], new: MessageStatus, old: MessageStatus = S.PENDING, **facts: int) -> None:
    Message.objects.move([Move(pk, new, **facts) for pk in ids], campaign_id=campaign.pk, old=old)  # type: ignore[arg-type]


@pytest.mark.django_db
@pytest.mark.parametrize(("old", "new"), list(itertools.product(MESSAGE_MOVES, S)), ids=lambda status: status.name)
def test_a_message_moves_only_along_its_table(campaign: Campaign, old: MessageStatus, new: MessageStatus) -> None:
    ids = first(campaign)
    Message.objects.filter(pk__in=ids).update(status=old)
    if new in MESSAGE_MOVES[old]:
        move(campaign, ids, new, old)
        assert Message.objects.get(pk=ids[0]).status == new
    else:
        with pytest.raises(ValueError, match="no move from"):
            move(campaign, ids, new, old)


@pytest.mark.django_db
def test_a_move_keeps_counters_and_cost(campaign: Campaign) -> None:
    move(campaign, first(campaign, 3), S.ACCEPTED, cost=900)
    assert builders.counts(campaign) == {"pending": 1, "accepted": 3}
    assert StatusCount.objects.get(campaign=campaign, status=S.ACCEPTED).cost == 2700
    assert TimelinePoint.objects.get(campaign=campaign, status=S.ACCEPTED).messages == 3


@pytest.mark.django_db
def test_a_refund_takes_the_cost_back(campaign: Campaign) -> None:
    ids = first(campaign, 2)
    move(campaign, ids, S.ACCEPTED, cost=900)
    move(campaign, ids[:1], S.BLOCKED, S.ACCEPTED, cost=0, old_cost=900)
    move(campaign, ids[1:], S.DELIVERED, S.ACCEPTED, old_cost=900)
    assert builders.counts(campaign) == {"pending": 2, "delivered": 1, "blocked": 1}
    costs = dict(StatusCount.objects.filter(campaign=campaign).values_list("status", "cost"))
    assert (costs[S.ACCEPTED], costs[S.DELIVERED], costs[S.BLOCKED]) == (0, 900, 0)


@pytest.mark.django_db
def test_a_stale_picture_moves_nothing(campaign: Campaign) -> None:
    from django.db import transaction

    ids = first(campaign, 2)
    move(campaign, ids[:1], S.ACCEPTED)
    with pytest.raises(StaleMove), transaction.atomic():
        move(campaign, ids, S.UNKNOWN)
    assert builders.counts(campaign) == {"pending": 3, "accepted": 1}


@pytest.mark.django_db
def test_another_campaigns_message_does_not_move(campaign: Campaign) -> None:
    from django.db import transaction

    other = builders.running(campaign.line, builders.include(builders.phonebook(builders.contacts(1, 50), "other")))
    with pytest.raises(StaleMove), transaction.atomic():
        move(campaign, first(other), S.ACCEPTED)
    assert builders.counts(other) == {"pending": 1}


@pytest.mark.django_db
def test_moving_a_batch_says_how_many_moved(campaign: Campaign) -> None:
    batch = campaign.batches.get(number=1)
    moved = Message.objects.move_batch(batch, old=S.PENDING, new=S.CANCELLED, reason=Reason.BY_OPERATOR)
    assert moved == 2
    assert Message.objects.move_batch(batch, old=S.PENDING, new=S.CANCELLED) == 0
    assert builders.counts(campaign)["cancelled"] == 2


@pytest.mark.django_db
def test_a_reference_and_a_cost_that_are_not_given_stay(campaign: Campaign) -> None:
    (key,) = first(campaign)
    Message.objects.move([Move(key, S.ACCEPTED, 0, "77", cost=5)], campaign_id=campaign.pk, old=S.PENDING)
    move(campaign, [key], S.SENT, S.ACCEPTED, old_cost=5)
    message = Message.objects.get(pk=key)
    assert (message.provider_ref, message.cost, message.status) == ("77", 5, S.SENT)
