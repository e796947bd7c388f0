"""Bale first, SMS for the rest: what goes wrong at the edges."""

from __future__ import annotations

import datetime as dt
import os
from typing import Any

import pytest
from django.utils import timezone

from campaigns import lifecycle
from campaigns.delivery import applying, polling
from campaigns.models import AudienceRule, Batch, Campaign, Message
from campaigns.sending import claiming, dispatch, journals, reconcile
from campaigns.sending.recording import Ticket
from campaigns.states import CampaignStatus, MessageStatus
from contacts.models import Contact, Suppression
from providers.models import DailyCount, ProviderAccount, SenderLine
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines

pytestmark = pytest.mark.django_db(transaction=True)


def book(size: int) -> Any:
    return builders.include(builders.phonebook(builders.contacts(size)))


def send(campaign: Campaign, times: int = 4) -> None:
    for _ in range(times):
        builders.send_all(campaign)


def test_the_report_of_an_sms_finds_a_message_that_was_once_unclear_on_bale(sandbox: Sandbox) -> None:
    """It was marked as Bale's account's when it became unclear, and keeps that account when it goes out by SMS."""
    sandbox.behaviour.not_on_bale = 1.0
    sandbox.behaviour.sent_after = sandbox.behaviour.final_after = 0.0
    bale, sms = lines.line("safir", sandbox), lines.line("najva", sandbox)
    campaign = builders.running(bale, book(2), fallback_line=sms)
    sandbox.faults.add("empty", "safir_send", taken=False)
    for _ in range(10):  # the key is tried eight times
        dispatch.work(campaign.pk, 1)
        builders.time_passes()
    assert builders.counts(campaign) == {"unknown": 2}
    sandbox.faults.clear()
    lifecycle.finish(campaign.pk)
    lifecycle.send_again(campaign.pk)
    send(campaign)
    assert builders.counts(campaign) == {"accepted": 2}
    Batch.objects.filter(line=sms).update(poll_at=timezone.now() - dt.timedelta(seconds=1))
    for pk in polling.due():
        polling.poll(pk)
    applying.apply()
    assert set(Message.objects.values_list("account", flat=True)) == {sms.account_id}
    assert builders.counts(campaign) == {"delivered": 2}


def test_a_personal_text_that_its_suffix_makes_too_long_costs_one_recipient(sandbox: Sandbox) -> None:
    sandbox.behaviour.not_on_bale = 1.0
    sandbox.behaviour.gosms_rate = lines.FAST
    bale = lines.line("safir", sandbox)
    always = dt.time(0)
    sms = lines.line("gosms", sandbox, kind="advertising", window_start=always, window_end=always)
    people = builders.contacts(4)
    Contact.objects.filter(pk=people[1].pk).update(first_name="ن" * 100)
    rule = builders.include(builders.phonebook(people))
    campaign = builders.running(bale, rule, text="م" * 195 + " {first_name|دوست}", fallback_line=sms)
    send(campaign)
    found = builders.refreshed(campaign)
    assert (found.status, found.pause_code) != (CampaignStatus.PAUSED, "2002")
    assert builders.counts(campaign).get("accepted") == 3


def test_a_cap_that_was_lowered_does_not_hold_a_batch_for_ever(sandbox: Sandbox) -> None:
    over = lines.line("gosms", sandbox, of=lines.account("gosms", sandbox, batch_size=100), daily_cap=200)
    campaign = builders.running(over, book(30))
    SenderLine.objects.update(daily_cap=10)
    for _ in range(5):  # days
        builders.send_all(campaign)
        DailyCount.objects.all().delete()
    assert builders.counts(campaign).get("accepted", 0) > 20


def test_a_kept_audience_above_the_cap_is_said_before(sandbox: Sandbox) -> None:
    """One request cannot be cut to fit: it waits for a day that never comes."""
    over = lines.line("ippanel", sandbox, daily_cap=10)
    rule = AudienceRule(kind=AudienceRule.Kind.PROVIDER, params={"phonebooks": ["123654"], "start": 1, "size": 20})
    campaign = builders.draft(over, rule)
    lifecycle.launch(campaign.pk)
    lifecycle.prepare(campaign.pk)
    campaign = builders.refreshed(campaign)
    assert (campaign.status, campaign.pause_code) == (CampaignStatus.DRAFT, "above_the_cap")


def test_known_absent_people_do_not_thin_out_the_batches(sandbox: Sandbox) -> None:
    """Places are counted over both lines: one absent in fifty makes as many requests as if all were absent."""
    bale, sms = lines.line("safir", sandbox), lines.line("najva", sandbox)
    people = builders.contacts(5000)
    absent = [each.pk for each in people[49::50]]
    Contact.objects.filter(pk__in=absent).update(not_on_bale_since=timezone.now())
    campaign = builders.running(bale, builders.include(builders.phonebook(people)), fallback_line=sms)
    requests = Batch.objects.filter(campaign=campaign, line=sms)
    assert (len(absent), requests.count()) == (100, 1)


def test_a_campaign_whose_first_people_are_absent_still_has_a_pilot(sandbox: Sandbox) -> None:
    bale, sms = lines.line("safir", sandbox), lines.line("najva", sandbox)
    people = builders.contacts(50)
    Contact.objects.filter(pk__in=[each.pk for each in people[:10]]).update(not_on_bale_since=timezone.now())
    campaign = builders.running(bale, builders.include(builders.phonebook(people)), fallback_line=sms)
    assert Batch.objects.filter(campaign=campaign, number=claiming.PILOT).exists()


def test_a_cancel_while_a_group_is_out_leaves_nothing_open(sandbox: Sandbox) -> None:
    sandbox.behaviour.not_on_bale = 1.0
    bale, sms = lines.line("safir", sandbox), lines.line("najva", sandbox)
    campaign = builders.running(bale, book(6), fallback_line=sms)
    claimed = claiming.claim(campaign.pk, "somewhere/1/1/1")
    assert isinstance(claimed, claiming.Claim)
    lifecycle.cancel(campaign.pk)
    Campaign.objects.filter(pk=campaign.pk).update(status="running")  # the group did not look yet
    dispatch.send(claimed)
    Campaign.objects.filter(pk=campaign.pk).update(status="cancelled")
    assert lifecycle.unfinished() == [campaign.pk]
    lifecycle.clear_pending(campaign.pk, 5)
    assert builders.counts(campaign) == {"cancelled": 6}
    assert builders.refreshed(campaign).finished_at is not None


def test_who_is_suppressed_on_the_sms_line_alone_gets_no_sms(sandbox: Sandbox) -> None:
    sandbox.behaviour.not_on_bale = 1.0
    bale, sms = lines.line("safir", sandbox), lines.line("najva", sandbox)
    rule = book(4)
    Suppression.objects.create(phone=builders.phone(1), scope=Suppression.Scope.LINE, line=sms, reason="manual")
    campaign = builders.running(bale, rule, fallback_line=sms)
    send(campaign)
    assert builders.counts(campaign) == {"accepted": 3, "skipped": 1}


def test_who_was_erased_meanwhile_is_skipped_on_the_fallback(sandbox: Sandbox) -> None:
    sandbox.behaviour.not_on_bale = 1.0
    bale, sms = lines.line("safir", sandbox), lines.line("najva", sandbox)
    campaign = builders.running(bale, book(4), fallback_line=sms)
    dispatch.work(campaign.pk, 5)
    Message.objects.filter(pk=Message.objects.order_by("pk")[0].pk).update(phone=None, contact=None)
    Batch.objects.update(not_before=None)
    send(campaign)
    assert builders.counts(campaign) == {"accepted": 3, "skipped": 1}


def test_people_in_two_rules_go_out_once(sandbox: Sandbox) -> None:
    sandbox.behaviour.not_on_bale = 0.5
    bale, sms = lines.line("safir", sandbox), lines.line("najva", sandbox)
    people = builders.contacts(30)
    Contact.objects.filter(pk__in=[each.pk for each in people[5:12]]).update(not_on_bale_since=timezone.now())
    rules = [
        builders.include(builders.phonebook(people[:20], "a")),
        builders.include(builders.phonebook(people[8:], "b")),
    ]
    campaign = builders.running(bale, *rules, fallback_line=sms)
    send(campaign)
    assert builders.counts(campaign) == {"accepted": 30}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


def test_an_erased_row_of_a_group_in_flight_is_not_lost_from_the_counters(sandbox: Sandbox) -> None:
    """Erased between the claim's look and the record: the answer has no result for it where a journal is read."""
    campaign = builders.running(lines.line("gosms", sandbox), book(3))
    claimed = claiming.claim(campaign.pk, "somewhere/1/1/1")
    assert isinstance(claimed, claiming.Claim)
    key = Message.objects.in_batch(claimed.batch).order_by("pk").values_list("pk", flat=True)[0]
    journal = journals.Journal(Ticket(claimed.batch.pk, "somewhere/1/1/1", 1))
    journal.begun(key)
    os.close(journal._file)
    Message.objects.in_batch(claimed.batch).update(phone=None)
    Batch.objects.filter(pk=claimed.batch.pk).update(lease_until="2020-01-01T00:00:00Z")
    reconcile.expire_leases()
    assert builders.counts(campaign)  # balanced, and the counters match
    assert Message.objects.get(pk=key).status == MessageStatus.UNKNOWN


def test_refusals_of_a_night_gather_for_the_morning(sandbox: Sandbox, settings: Any) -> None:
    """The SMS line's window is closed, Bale's is not: what gathers must not be cut every twenty seconds."""
    sandbox.behaviour.not_on_bale = 1.0
    settings.SEND_FALLBACK_GATHER = 0.0
    bale, sms = lines.line("safir", sandbox), lines.line("najva", sandbox)
    ProviderAccount.objects.filter(pk=bale.account_id).update(batch_size=4)
    rule = builders.include(builders.phonebook(builders.contacts(42)))
    campaign = builders.running(bale, rule, fallback_line=sms)
    SenderLine.objects.filter(pk=sms.pk).update(enabled=False)  # as its window does
    dispatch.work(campaign.pk, 10)
    assert Batch.objects.filter(campaign=campaign, line=sms).count() == 1
