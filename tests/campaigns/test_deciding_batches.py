"""A word on one unclear batch, or on all: what it settles, what it leaves alone, and when it comes too late."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone, translation

from campaigns import lifecycle, unclear
from campaigns.models import AuditEntry, Batch, Campaign
from campaigns.states import BatchStatus, CampaignStatus
from providers.models import Tariff
from providers.sandbox import Sandbox
from tests import builders
from tests.parallel import at_once

pytestmark = pytest.mark.django_db
WORDS = {"sent": lifecycle.count_as_sent, "again": lifecycle.send_again}


def two_lost(sandbox: Sandbox) -> Campaign:
    """A pilot of 2 and three batches of 10; the answers to batches 1 and 2 were lost, and their messages taken."""
    sandbox.faults.add("close_after_accept", "send", ordinals=[2, 3])
    campaign = builders.campaign_of(sandbox, 32)
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 12, "unknown": 20}
    return builders.refreshed(campaign)


@pytest.fixture
def campaign(sandbox: Sandbox) -> Campaign:
    return two_lost(sandbox)


def seen(campaign: Campaign, number: int | None = None) -> str:
    return unclear.picture(campaign.pk, number).seen


def test_one_batch_counts_as_sent_and_the_other_stays_unclear(campaign: Campaign) -> None:
    assert lifecycle.count_as_sent(campaign.pk, batch=2) == 10
    assert builders.counts(campaign) == {"accepted": 22, "unknown": 10}
    assert list(campaign.batches.unclear().values_list("number", flat=True)) == [1]
    assert builders.refreshed(campaign).status == CampaignStatus.COMPLETED_WITH_PROBLEMS
    lifecycle.count_as_sent(campaign.pk, batch=1)
    assert builders.refreshed(campaign).status == CampaignStatus.COMPLETED


def test_one_batch_goes_out_again_and_nobody_else_gets_a_second_message(sandbox: Sandbox, campaign: Campaign) -> None:
    assert lifecycle.send_again(campaign.pk, batch=1) == 10
    assert builders.counts(campaign) == {"accepted": 12, "unknown": 10, "pending": 10}
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 22, "unknown": 10}
    twice = [phone for phone, times in sandbox.ledger.acceptances().items() if times > 1]
    assert len(twice) == 10
    assert {f"+{phone}" for phone in twice} == set(
        Batch.objects.get(number=1).messages().values_list("phone", flat=True)
    )


@pytest.mark.parametrize("word", WORDS)
def test_a_decision_leaves_who_what_how_many_and_how_much(campaign: Campaign, word: str) -> None:
    person = User.objects.create_user("modir")
    for operator, rial in ((0, 1_000), (1, 1_200)):
        Tariff.objects.create(line=campaign.line, operator=operator, rial_per_part=rial)
    WORDS[word](campaign.pk, person, 2)
    WORDS[word](campaign.pk, person)
    entries = AuditEntry.objects.filter(action={"sent": "counted_as_sent", "again": "sent_again"}[word]).order_by("pk")
    assert [entry.actor for entry in entries] == [person, person]
    cost = [10_000, 12_000]
    assert [entry.facts for entry in entries] == [
        {"messages": 10, "batches": [number], "cost": cost} for number in (2, 1)
    ]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(
    ("number", "why"),
    [(0, "not unclear any more"), (2, "not unclear any more"), (99, "no request"), (2**40, "no request")],
)
def test_a_batch_that_is_not_unclear_is_left_alone(campaign: Campaign, word: str, number: int, why: str) -> None:
    lifecycle.count_as_sent(campaign.pk, batch=2)
    before = list(Batch.objects.order_by("pk").values())
    with pytest.raises(lifecycle.NotAllowed, match=why), translation.override("en"):
        WORDS[word](campaign.pk, batch=number)
    assert list(Batch.objects.order_by("pk").values()) == before
    assert AuditEntry.objects.filter(action__in=["counted_as_sent", "sent_again"]).count() == 1


@pytest.mark.parametrize("word", WORDS)
def test_a_word_on_an_old_picture_changes_nothing(campaign: Campaign, word: str) -> None:
    """Two tabs: in one of them a batch was decided, so the other shows more than there is."""
    old = seen(campaign)
    lifecycle.count_as_sent(campaign.pk, batch=1)
    with pytest.raises(lifecycle.NotAllowed):
        WORDS[word](campaign.pk, seen=old)
    assert builders.counts(campaign) == {"accepted": 22, "unknown": 10}
    assert WORDS[word](campaign.pk, seen=seen(campaign)) == 10


def test_what_went_out_again_and_is_unclear_anew_is_not_sent_a_third_time(sandbox: Sandbox, campaign: Campaign) -> None:
    """The back button: the form of before is sent once more, and everything looks as it did."""
    old = seen(campaign, 1)
    lifecycle.send_again(campaign.pk, batch=1, seen=old)
    sandbox.faults.add("close_after_accept", "send", ordinals=[1])
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 12, "unknown": 20}
    with pytest.raises(lifecycle.NotAllowed):
        lifecycle.send_again(campaign.pk, batch=1, seen=old)
    assert max(sandbox.ledger.acceptances().values()) == 2


def test_what_is_with_the_provider_this_moment_is_not_decided(campaign: Campaign) -> None:
    Batch.objects.filter(number=1).update(status=BatchStatus.SENDING, owner="w", lease_until="2030-01-01T00:00Z")
    with pytest.raises(lifecycle.NotAllowed):
        lifecycle.count_as_sent(campaign.pk, batch=1)
    assert lifecycle.count_as_sent(campaign.pk) == 10
    assert list(campaign.batches.unclear().values_list("number", flat=True)) == [1]


def test_what_would_expire_at_once_is_not_sent_again(campaign: Campaign) -> None:
    Campaign.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    with pytest.raises(lifecycle.NotAllowed):
        lifecycle.send_again(campaign.pk)
    assert builders.counts(campaign) == {"accepted": 12, "unknown": 20}
    assert lifecycle.count_as_sent(campaign.pk) == 20


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("word", WORDS)
def test_a_double_click_decides_once(sandbox: Sandbox, word: str) -> None:
    campaign = two_lost(sandbox)
    picture = seen(campaign)

    def click() -> int:
        try:
            return WORDS[word](campaign.pk, seen=picture)
        except lifecycle.NotAllowed:
            return 0

    assert sorted(at_once(click, 4)) == [0, 0, 0, 20]
    assert AuditEntry.objects.filter(action__in=["counted_as_sent", "sent_again"]).count() == 1
    assert builders.counts(campaign) == ({"accepted": 32} if word == "sent" else {"accepted": 12, "pending": 20})


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_is_being_settled_this_moment_is_left_to_it(sandbox: Sandbox) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("one writer at a time: the word waits for the other to be done")
    campaign = two_lost(sandbox)

    def decide() -> str:
        try:
            return str(lifecycle.count_as_sent(campaign.pk, batch=1))
        except lifecycle.NotAllowed as refused:
            return str(refused)

    with transaction.atomic():
        Batch.objects.select_for_update().get(campaign=campaign, number=1)
        [said] = at_once(decide, 1)
    assert not said.isdigit()
    assert builders.counts(campaign) == {"accepted": 12, "unknown": 20}


@pytest.mark.parametrize("word", ["count-as-sent", "send-again"])
def test_the_command_takes_the_number_that_the_page_shows(campaign: Campaign, word: str, capsys: Any) -> None:
    call_command("campaign", word, str(campaign.pk), "--batch", "2", "--json")
    assert json.loads(capsys.readouterr().out)["messages"] == 10
    assert list(campaign.batches.unclear().values_list("number", flat=True)) == [2]
    for number in ("2", "0", "77"):
        with pytest.raises(CommandError):
            call_command("campaign", word, str(campaign.pk), "--batch", number)


def test_the_command_asks_for_the_line_where_two_have_the_number(campaign: Campaign) -> None:
    other = builders.line(campaign.line.account, "90000999")
    Batch.objects.filter(number=2).update(number=Batch.FALLBACK_FROM + 1, line=other)
    with pytest.raises(CommandError, match="--line"):
        call_command("campaign", "count-as-sent", str(campaign.pk), "--batch", "2")
    call_command("campaign", "count-as-sent", str(campaign.pk), "--batch", "2", "--line", campaign.line.sender)
    assert list(campaign.batches.unclear().values_list("number", flat=True)) == [Batch.FALLBACK_FROM + 1]
