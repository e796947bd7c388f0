"""What an unclear request came to, asked of the provider: over real sockets."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from campaigns import lifecycle
from campaigns.delivery import polling
from campaigns.models import AudienceRule, Batch, Bulk, Campaign, Message
from campaigns.sending import lookup
from campaigns.states import BatchStatus, CampaignStatus, MessageStatus, Reason
from contacts.models import Phonebook
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines

pytestmark = pytest.mark.django_db(transaction=True)
BOOK = AudienceRule(kind=AudienceRule.Kind.PROVIDER, params={"phonebooks": ["123654"], "start": 1, "size": 20})


@pytest.fixture
def sandbox(sandbox: Sandbox) -> Sandbox:
    sandbox.behaviour.gosms_rate = lines.FAST
    return sandbox


def phones_campaign(sandbox: Sandbox, size: int = 12) -> Campaign:
    over = lines.line("gosms", sandbox)
    campaign = builders.running(over, builders.include(builders.phonebook(builders.contacts(size))))
    builders.send_all(campaign)
    return campaign


def kept_campaign(sandbox: Sandbox) -> Campaign:
    campaign = builders.running(lines.line("ippanel", sandbox), BOOK)
    builders.send_all(campaign)
    return campaign


def poll() -> None:
    """What the tick does when the time of the unclear batches' polls has come."""
    unclear = Batch.objects.filter(status=BatchStatus.UNKNOWN)
    assert not unclear.filter(poll_at=None).exists()
    unclear.update(poll_at=timezone.now() - dt.timedelta(seconds=1))
    for pk in polling.due():
        polling.poll(pk)


@pytest.mark.parametrize("offset", ["pages", "rows"])
def test_a_message_that_was_taken_is_found_by_its_number(sandbox: Sandbox, offset: str) -> None:
    sandbox.behaviour.gosms_offset = offset
    sandbox.faults.add("close_after_accept", "gosms_send", ordinals=[4])
    campaign = phones_campaign(sandbox)
    assert builders.counts(campaign) == {"accepted": 11, "unknown": 1}
    unclear = Message.objects.get(status=MessageStatus.UNKNOWN)
    poll()
    assert builders.counts(campaign) == {"accepted": 12}
    unclear.refresh_from_db()
    assert unclear.provider_ref is not None
    assert not Batch.objects.filter(status=BatchStatus.UNKNOWN).exists()


def test_one_that_is_proven_absent_twice_goes_out_after_all(sandbox: Sandbox) -> None:
    sandbox.faults.add("500", "gosms_send", ordinals=[4], taken=False)
    campaign = phones_campaign(sandbox)
    assert builders.counts(campaign) == {"accepted": 11, "unknown": 1}
    poll()
    assert Message.objects.get(status=MessageStatus.UNKNOWN).reason == Reason.NOT_LISTED
    poll()
    assert builders.counts(campaign) == {"accepted": 11, "pending": 1}
    assert builders.refreshed(campaign).status == CampaignStatus.RUNNING
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 12}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


def test_a_look_up_that_fails_settles_nothing(sandbox: Sandbox) -> None:
    sandbox.faults.add("close_after_accept", "gosms_send", ordinals=[4])
    campaign = phones_campaign(sandbox)
    sandbox.faults.add("html", "gosms_list")
    poll()
    poll()
    assert builders.counts(campaign) == {"accepted": 11, "unknown": 1}


def test_an_earlier_message_with_the_same_text_is_not_taken_for_it(sandbox: Sandbox) -> None:
    first = phones_campaign(sandbox, 3)
    assert builders.counts(first) == {"accepted": 3}
    again = builders.running(first.line, builders.include(Phonebook.objects.get()))
    sandbox.faults.add("500", "gosms_send", ordinals=[1], taken=False)
    builders.send_all(again)
    assert builders.counts(again)["unknown"] == 1
    poll()
    assert builders.counts(again)["unknown"] == 1
    assert Message.objects.get(status=MessageStatus.UNKNOWN).reason == Reason.NOT_LISTED


def test_two_that_could_be_it_leave_the_word_to_the_operator(sandbox: Sandbox) -> None:
    sandbox.faults.add("close_after_accept", "gosms_send", ordinals=[4])
    campaign = phones_campaign(sandbox)
    unclear = Message.objects.get(status=MessageStatus.UNKNOWN)
    [taken] = [it for it in sandbox.ledger.taken if f"+{it.phones[0]}" == unclear.phone]
    sandbox.ledger.take(taken.phones, taken.texts, provider="gosms", sender=taken.sender, token=taken.token)
    poll()
    assert builders.counts(campaign) == {"accepted": 11, "unknown": 1}


def test_a_bulk_whose_answer_was_lost_is_found(sandbox: Sandbox) -> None:
    sandbox.faults.add("close_after_accept", "ippanel_send", times=1)
    campaign = kept_campaign(sandbox)
    assert builders.counts(campaign) == {"unknown": 20}
    poll()
    assert builders.counts(campaign) == {"accepted": 20}
    assert Bulk.objects.get().provider_ref == str(sandbox.ledger.taken[0].first_id)


def test_a_bulk_of_another_campaign_is_not_taken_for_it(sandbox: Sandbox) -> None:
    first = kept_campaign(sandbox)
    assert builders.counts(first) == {"accepted": 20}
    again = builders.running(first.line, AudienceRule(kind=BOOK.kind, params=BOOK.params))
    builders.send_all(again)
    assert builders.counts(again) == {"unknown": 20}
    poll()
    assert builders.counts(again) == {"unknown": 20}


def test_the_operators_word_comes_before_a_look_that_is_under_way(sandbox: Sandbox) -> None:
    sandbox.faults.add("close_after_accept", "gosms_send", ordinals=[4])
    campaign = phones_campaign(sandbox)
    batch = Batch.objects.get(status=BatchStatus.UNKNOWN)
    lifecycle.count_as_sent(campaign.pk)
    assert lookup.look(batch.pk) == 0
    assert builders.counts(campaign) == {"accepted": 12}
