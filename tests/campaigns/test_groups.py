"""Groups of single requests: Safir and GoSMS through the engine, over real sockets."""

from __future__ import annotations

import datetime as dt
import os
import threading
import time

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone
from pytest_django.fixtures import Settings

from campaigns import lifecycle
from campaigns.delivery import applying, polling
from campaigns.models import Batch, Campaign, Message
from campaigns.sending import claiming, dispatch, journals, reconcile
from campaigns.sending.recording import Ticket
from campaigns.states import BatchStatus, CampaignStatus, MessageStatus, Reason
from providers.models import DailyCount, ProviderAccount
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines
from tests.campaigns.lines import FAST

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sandbox(sandbox: Sandbox) -> Sandbox:
    sandbox.behaviour.gosms_rate = FAST
    return sandbox


def campaign_over(slug: str, sandbox: Sandbox | None, size: int, **fields: object) -> Campaign:
    over = lines.line(slug, sandbox)
    return builders.running(over, builders.include(builders.phonebook(builders.contacts(size))), **fields)


def work_apart(campaign_id: int) -> None:
    """Send in a thread of its own, and close its connection after."""
    try:
        dispatch.work(campaign_id, 8)
    finally:
        connection.close()


def facts_of(sandbox: Sandbox, number: int) -> dict[str, object]:
    [taken] = [each for each in sandbox.ledger.taken if each.phones[0] == builders.FIRST + number]
    return dict(taken.facts)


@pytest.mark.parametrize("slug", ["safir", "gosms"])
def test_everybody_gets_one_message_in_a_request_of_their_own(sandbox: Sandbox, slug: str) -> None:
    campaign = campaign_over(slug, sandbox, 35)
    assert builders.send_all(campaign) == "nothing"
    assert builders.counts(campaign) == {"accepted": 35}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    assert sandbox.ledger.departures == {}
    assert builders.refreshed(campaign).status == CampaignStatus.COMPLETED


@pytest.mark.parametrize("slug", ["safir", "gosms"])
def test_personal_texts_reach_their_own_people(sandbox: Sandbox, slug: str) -> None:
    people = builders.contacts(3)
    for place, contact in enumerate(people):
        contact.first_name = f"نام{place}"
        contact.save()
    rule = builders.include(builders.phonebook(people))
    campaign = builders.running(lines.line(slug, sandbox), rule, text="سلام {first_name}")
    builders.send_all(campaign)
    assert [builders.texts_to(sandbox, builders.phone(n)) for n in range(3)] == [[f"سلام نام{n}"] for n in range(3)]


def test_copy_button_and_secrecy_go_along(sandbox: Sandbox) -> None:
    campaign = campaign_over("safir", sandbox, 1, copy_text="PAIZ40", is_secure=True)
    builders.send_all(campaign)
    facts = facts_of(sandbox, 0)
    assert (facts["copy_text"], facts["secure"]) == ("PAIZ40", True)


def test_a_refused_account_stops_the_group_and_leaves_the_rest_pending(sandbox: Sandbox) -> None:
    campaign = campaign_over("safir", sandbox, 30)
    sandbox.faults.add("no_credit", "safir_send", ordinals=[5])
    assert dispatch.work(campaign.pk, 5) == "breaker"
    account = ProviderAccount.objects.get()
    assert (account.breaker, account.breaker_code) == ("open", "20")
    counts = builders.counts(campaign)
    assert counts["pending"] + counts["accepted"] == 30
    assert counts["pending"] >= 1


def test_a_refused_request_costs_one_message_and_pauses(sandbox: Sandbox) -> None:
    campaign = campaign_over("gosms", sandbox, 30)
    sandbox.faults.add("bad_request", "gosms_send", times=1)
    dispatch.work(campaign.pk, 5)
    counts = builders.counts(campaign)
    assert counts["failed"] == 1
    assert builders.refreshed(campaign).status == CampaignStatus.PAUSED
    assert builders.refreshed(campaign).pause_code == "2002"
    lifecycle.resume(campaign.pk)
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"failed": 1, "accepted": 29}


def test_a_call_to_slow_down_loses_nobody_and_lowers_the_pace(sandbox: Sandbox) -> None:
    campaign = campaign_over("safir", sandbox, 20)
    sandbox.faults.add("429", "safir_send", times=1)
    builders.send_all(campaign)
    account = ProviderAccount.objects.get()
    assert account.slowed_to is not None
    assert account.slowed_to < FAST
    time.sleep(1.1)
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 20}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


def test_an_unclear_answer_with_a_key_is_asked_again_with_the_same_one(sandbox: Sandbox) -> None:
    campaign = campaign_over("safir", sandbox, 12)
    sandbox.faults.add("close_after_accept", "safir_send", times=2)
    for _ in range(4):
        builders.send_all(campaign, 3)
        Batch.objects.update(not_before=None)
    assert builders.counts(campaign) == {"accepted": 12}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    assert sandbox.ledger.counters["replays"] == 2


def test_an_unclear_answer_without_a_key_is_never_asked_again(sandbox: Sandbox) -> None:
    campaign = campaign_over("gosms", sandbox, 12)
    sandbox.faults.add("close_after_accept", "gosms_send", ordinals=[4])
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 11, "unknown": 1}
    assert builders.wrongs(sandbox, campaign)["twice"] == set()
    unclear = Message.objects.get(status=MessageStatus.UNKNOWN)
    assert unclear.reason == Reason.LOST_ANSWER
    lifecycle.count_as_sent(campaign.pk)
    assert builders.counts(campaign) == {"accepted": 12}


def test_a_group_stops_after_a_few_doubts(sandbox: Sandbox, settings: Settings) -> None:
    settings.SEND_DOUBT = 1
    campaign = campaign_over("gosms", sandbox, 30)
    Campaign.objects.filter(pk=campaign.pk).update(status="running")
    sandbox.faults.add("close_after_accept", "gosms_send")
    dispatch.work(campaign.pk, 0.01)
    assert builders.counts(campaign)["unknown"] <= 3


def test_a_pause_ends_a_group_within_a_second(sandbox: Sandbox) -> None:
    campaign = campaign_over("safir", sandbox, 100)
    ProviderAccount.objects.update(requests_per_second=20)
    worker = threading.Thread(target=work_apart, args=(campaign.pk,))
    worker.start()
    time.sleep(1.5)
    lifecycle.pause(campaign.pk)
    paused = time.monotonic()
    worker.join()
    assert time.monotonic() - paused < 1.5
    counts = builders.counts(campaign)
    assert counts["accepted"] + counts["pending"] == 100
    assert counts["pending"] > 0


def test_a_dead_worker_leaves_only_what_had_begun_in_doubt(sandbox: Sandbox) -> None:
    campaign = campaign_over("gosms", sandbox, 12)
    claimed = claiming.claim(campaign.pk, "somewhere/1/1/1")
    assert isinstance(claimed, claiming.Claim)
    keys = sorted(Message.objects.in_batch(claimed.batch).values_list("pk", flat=True))
    ticket = Ticket(claimed.batch.pk, claimed.batch.owner, claimed.batch.attempt)
    journal = journals.Journal(ticket)
    journal.begun(keys[0])
    os.close(journal._file)
    Batch.objects.filter(pk=claimed.batch.pk).update(lease_until="2020-01-01T00:00:00Z")
    reconcile.expire_leases()
    counts = builders.counts(campaign)
    assert counts == {"unknown": 1, "pending": 11}
    assert journals.read(ticket) is None


def test_a_dead_worker_with_a_key_leaves_no_doubt(sandbox: Sandbox) -> None:
    campaign = campaign_over("safir", sandbox, 12)
    claimed = claiming.claim(campaign.pk, "somewhere/1/1/1")
    assert isinstance(claimed, claiming.Claim)
    Batch.objects.filter(pk=claimed.batch.pk).update(lease_until="2020-01-01T00:00:00Z")
    reconcile.expire_leases()
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 12}
    assert not Batch.objects.exclude(status=BatchStatus.DONE).exists()


def test_a_daily_cap_ends_the_day_and_the_next_one_goes_on(sandbox: Sandbox) -> None:
    over = lines.line("gosms", sandbox, daily_cap=20)
    campaign = builders.running(over, builders.include(builders.phonebook(builders.contacts(35))))
    assert builders.send_all(campaign) == "cap"
    assert builders.counts(campaign) == {"accepted": 20, "pending": 15}
    DailyCount.objects.update(day=F("day") - dt.timedelta(days=1))
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 35}


def test_statuses_of_single_messages_are_asked_for_within_the_rate(sandbox: Sandbox) -> None:
    campaign = campaign_over("gosms", sandbox, 8)
    builders.send_all(campaign)
    sandbox.behaviour.sent_after = sandbox.behaviour.final_after = 0.0
    sandbox.behaviour.gosms_rate = 10.0
    ProviderAccount.objects.update(requests_per_second=10)
    Batch.objects.update(poll_at=timezone.now() - dt.timedelta(seconds=1))
    for pk in polling.due():
        polling.poll(pk)
    applying.apply()
    assert builders.counts(campaign) == {"delivered": 8}
    assert sandbox.ledger.counters["refused_429"] == 0


def test_a_pilot_of_nothing_but_doubt_holds_up_the_rest(sandbox: Sandbox) -> None:
    campaign = campaign_over("gosms", sandbox, 12)
    sandbox.faults.add("close_after_accept", "gosms_send", times=2)
    dispatch.work(campaign.pk, 3)
    assert (builders.refreshed(campaign).status, builders.refreshed(campaign).pause_code) == ("paused", "pilot_unclear")
    assert builders.counts(campaign) == {"unknown": 2, "pending": 10}
