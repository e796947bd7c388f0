"""What is unclear, settled by an operator's word: counted as sent, or sent again."""

from __future__ import annotations

import json
import os
import time

import pytest

from campaigns import lifecycle
from campaigns.models import AuditEntry, Campaign, Message
from campaigns.sending import answers
from campaigns.sending.claiming import Claim, claim
from campaigns.sending.recording import Ticket, record
from campaigns.states import CampaignStatus, Reason
from providers.answers import Outcome, RecipientResult, SendAnswer
from providers.base import HttpResponse
from providers.sandbox import Sandbox
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(sandbox: Sandbox) -> Campaign:
    """Two messages whose answer was lost; the provider took them."""
    sandbox.faults.add("close_after_accept", "send", times=1)
    campaign = builders.campaign_of(sandbox, 2)
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"unknown": 2}
    return builders.refreshed(campaign)


def test_counted_as_sent_they_are_accepted_and_nothing_goes_out(sandbox: Sandbox, campaign: Campaign) -> None:
    lifecycle.count_as_sent(campaign.pk)
    assert builders.counts(campaign) == {"accepted": 2}
    assert set(Message.objects.values_list("reason", flat=True)) == {Reason.BY_OPERATOR}
    assert builders.refreshed(campaign).status == CampaignStatus.COMPLETED
    assert max(sandbox.ledger.acceptances().values()) == 1


def test_sent_again_they_go_out_once_more(sandbox: Sandbox, campaign: Campaign) -> None:
    lifecycle.send_again(campaign.pk)
    assert builders.counts(campaign) == {"pending": 2}
    if builders.refreshed(campaign).status == CampaignStatus.PAUSED:
        lifecycle.resume(campaign.pk)
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 2}
    assert set(sandbox.ledger.acceptances().values()) == {2}


def test_a_second_word_finds_nothing_unclear(campaign: Campaign) -> None:
    lifecycle.count_as_sent(campaign.pk)
    for act in (lifecycle.count_as_sent, lifecycle.send_again):
        with pytest.raises(lifecycle.NotAllowed):
            act(campaign.pk)
    assert builders.counts(campaign) == {"accepted": 2}
    facts = {"messages": 2, "batches": [0], "cost": None}
    assert AuditEntry.objects.filter(action="counted_as_sent", facts=facts).count() == 1


def test_a_cancelled_campaign_sends_nothing_again(campaign: Campaign) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(status=CampaignStatus.CANCELLED)
    with pytest.raises(lifecycle.NotAllowed):
        lifecycle.send_again(campaign.pk)
    lifecycle.count_as_sent(campaign.pk)
    assert builders.counts(campaign) == {"accepted": 2}


def test_an_answer_to_the_first_attempt_is_not_taken_for_the_second(campaign: Campaign) -> None:
    old = campaign.batches.get()
    lifecycle.send_again(campaign.pk)
    Campaign.objects.filter(pk=campaign.pk).update(status=CampaignStatus.RUNNING)
    assert isinstance(claim(campaign.pk, "the second"), Claim)
    keys = Message.objects.values_list("pk", flat=True)
    late = SendAnswer(Outcome.ACCEPTED, [RecipientResult(key, Outcome.ACCEPTED, f"7{key}") for key in keys])
    assert not record(Ticket(old.pk, old.owner, old.attempt), late)
    assert builders.counts(campaign) == {"sending": 2}


def test_what_is_clear_stays_as_it_is(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 20, batch_size=10)
    sandbox.faults.add("close_after_accept", "send", ordinals=[2])
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 10, "unknown": 10}
    lifecycle.count_as_sent(campaign.pk)
    assert builders.counts(campaign) == {"accepted": 20}


def test_an_answer_that_waits_on_disk_comes_before_the_word(campaign: Campaign) -> None:
    batch = campaign.batches.get()
    keys = list(Message.objects.values_list("pk", "phone"))
    entries = [
        {"messageid": 700 + key, "status": 1, "statustext": "", "receptor": f"0{phone[3:]}", "cost": 10}
        for key, phone in keys
        if phone
    ]
    body = json.dumps({"return": {"status": 200, "message": ""}, "entries": entries}).encode()
    path = answers.keep(Ticket(batch.pk, batch.owner, batch.attempt), HttpResponse(200, body))
    os.utime(path, (time.time() - 60, time.time() - 60))
    with pytest.raises(lifecycle.NotAllowed):
        lifecycle.send_again(campaign.pk)
    assert builders.counts(campaign) == {"accepted": 2}
    assert not path.exists()
