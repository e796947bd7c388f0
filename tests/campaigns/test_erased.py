"""Who is erased stays in the figures of campaigns, without a number, and gets nothing more."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from campaigns import lifecycle
from campaigns.models import AudienceRule, Campaign, DeliveryEvent, LeftOut, Message
from campaigns.sending import claiming, dispatch, jobs
from campaigns.sending.recording import Ticket
from campaigns.states import CampaignStatus, MessageStatus
from contacts import erasing
from contacts.models import Contact
from providers import http, registry
from providers.sandbox import Sandbox
from tests import builders

pytestmark = pytest.mark.django_db(transaction=True)


def erase(*numbers: int) -> None:
    phones = [builders.phone(number) for number in numbers]
    assert erasing.erase(list(Contact.objects.filter(phone__in=phones).values_list("pk", flat=True))) == len(numbers)


def claimed_batch(campaign: Campaign) -> claiming.Claim:
    claimed = claiming.claim(campaign.pk, "somewhere/1/1/1")
    assert isinstance(claimed, claiming.Claim)
    return claimed


def test_a_sent_message_stays_without_its_person(sandbox: Sandbox) -> None:
    over = builders.line(builders.account(sandbox))
    book = builders.phonebook(builders.contacts(3, first_name="Sara"))
    campaign = builders.running(over, builders.include(book), text="سلام {first_name}")
    builders.send_all(campaign)
    message = Message.objects.get(phone=builders.phone(1))
    Message.objects.filter(pk=message.pk).update(provider_text="9120000001 is fine")
    DeliveryEvent.objects.create(
        account=over.account,
        provider_ref=str(message.provider_ref),
        report="delivered",
        code="1",
        words="to 9120000001",
        received_at=message.updated_at,
    )
    erase(1)
    message.refresh_from_db()
    assert (message.phone, message.contact_id, message.text, message.provider_text) == (None, None, None, "")
    assert DeliveryEvent.objects.get().words == ""
    assert builders.counts(campaign) == {"accepted": 3}


def test_who_is_erased_while_a_campaign_runs_is_skipped_and_the_others_are_sent(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 35)
    dispatch.send(claimed_batch(campaign))
    assert builders.counts(campaign) == {"accepted": 2, "pending": 33}
    erase(0, 30, 34)
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 33, "skipped": 2}
    assert builders.refreshed(campaign).status == CampaignStatus.COMPLETED
    assert sandbox.ledger.acceptances().keys().isdisjoint({int(builders.phone(30)), int(builders.phone(34))})
    reported = Message.objects.of(builders.refreshed(campaign)).filter(status=MessageStatus.SKIPPED)
    assert set(reported.values_list("provider_code", flat=True)) == {"erased"}


def test_a_batch_of_nobody_but_erased_ends_as_any_other(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 3)
    erase(0, 1, 2)
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"skipped": 3}
    assert builders.refreshed(campaign).status == CampaignStatus.COMPLETED
    assert not sandbox.ledger.acceptances()


def test_who_is_erased_while_the_request_is_out_keeps_what_it_came_to(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 2)
    claimed = claimed_batch(campaign)
    provider = registry.provider_for(claimed.account)
    job = jobs.prepare(claimed, provider)
    assert job is not None
    response = http.exchange(provider.build_send(job), connect_timeout=5, read_timeout=30, fresh_connection=True)
    erase(1)
    batch = claimed.batch
    dispatch.settle(Ticket(batch.pk, batch.owner, batch.attempt), provider, job, response)
    assert builders.counts(campaign) == {"accepted": 2}
    assert Message.objects.filter(phone=None, status=MessageStatus.ACCEPTED).count() == 1


def test_a_claimed_batch_sends_to_nobody_who_is_erased_before_the_last_look(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 2)
    claimed = claimed_batch(campaign)
    erase(1)
    dispatch.send(claimed)
    assert builders.counts(campaign) == {"accepted": 1, "skipped": 1}
    assert int(builders.phone(1)) not in sandbox.ledger.acceptances()


def test_drafts_forget_the_number_and_no_rule_widens() -> None:
    over = builders.line(builders.account())
    book = builders.phonebook(builders.contacts(3))
    pasted = AudienceRule(kind="numbers", params={"numbers": [builders.phone(0), builders.phone(1)]})
    only = builders.include(book, numbers=[builders.phone(0)])
    campaign = builders.draft(over, pasted, only)
    erase(0)
    assert [rule.params for rule in campaign.rules.all()] == [{"numbers": [builders.phone(1)]}]


def test_who_was_left_out_is_forgotten() -> None:
    campaign = builders.campaign_of(None, 2)
    for number in (0, 1):
        LeftOut.objects.create(campaign=campaign, phone=builders.phone(number), rule=campaign.rules.get())
    erase(0)
    assert list(LeftOut.objects.values_list("phone", flat=True)) == [builders.phone(1)]


def test_an_erasure_waits_for_a_freeze_that_would_put_the_number_back() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    over = builders.line(builders.account())
    campaign = builders.draft(over, builders.include(builders.phonebook(builders.contacts(3))))
    lifecycle.launch(campaign.pk)
    eraser = threading.Thread(target=_erase_first)
    with transaction.atomic():
        Campaign.objects.select_for_update().get(pk=campaign.pk)
        eraser.start()
        assert lifecycle.prepare(campaign.pk)
        eraser.join(1.0)
        assert eraser.is_alive()
    eraser.join(30)
    assert builders.counts(campaign) == {"pending": 3}
    assert Message.objects.filter(phone=builders.phone(0)).count() == 0


def _erase_first() -> None:
    try:
        erase(0)
    finally:
        connection.close()
