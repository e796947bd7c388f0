"""Bale first, SMS for the rest: over real sockets, the ledger of the sandbox against our rows."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from campaigns import checking, lifecycle
from campaigns.models import Attempt, Batch, Campaign, Message
from campaigns.sending import dispatch
from campaigns.states import CampaignStatus, MessageStatus, Reason
from contacts.models import Contact, Phonebook, Suppression
from providers.models import ProviderAccount, SenderLine
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def half(sandbox: Sandbox) -> Sandbox:
    """A sandbox where about half of the people are not on Bale."""
    sandbox.behaviour.not_on_bale = 0.5
    return sandbox


@pytest.fixture
def bale(half: Sandbox) -> SenderLine:
    return lines.line("safir", half)


@pytest.fixture
def sms(half: Sandbox) -> SenderLine:
    return lines.line("najva", half, kind="advertising", window_start=dt.time(0), window_end=dt.time(0))


def bale_first(bale: SenderLine, sms: SenderLine | None, size: int = 40, **fields: object) -> Campaign:
    rule = builders.include(builders.phonebook(builders.contacts(size)))
    return builders.running(bale, rule, fallback_line=sms, **fields)


def send(campaign: Campaign) -> None:
    """Send to the end, without waiting for refusals to gather."""
    for _ in range(4):
        builders.send_all(campaign)


def taken_by(sandbox: Sandbox, slug: str) -> set[int]:
    return {phone for taken in sandbox.ledger.taken if taken.provider == slug for phone in taken.phones}


def test_who_is_not_on_bale_gets_an_sms_and_nobody_gets_both(half: Sandbox, bale: SenderLine, sms: SenderLine) -> None:
    campaign = bale_first(bale, sms)
    send(campaign)
    assert builders.counts(campaign) == {"accepted": 40}
    assert builders.wrongs(half, campaign) == builders.ALL_WELL
    on_bale, by_sms = taken_by(half, "safir"), taken_by(half, "najva")
    assert len(on_bale) + len(by_sms) == 40
    assert on_bale
    assert by_sms
    assert builders.refreshed(campaign).status == CampaignStatus.COMPLETED


def test_the_first_try_is_kept_with_the_same_message(half: Sandbox, bale: SenderLine, sms: SenderLine) -> None:
    campaign = bale_first(bale, sms)
    send(campaign)
    rerouted = Message.objects.filter(account=sms.account)
    tries = Attempt.objects.filter(message_id__in=rerouted.values("pk"))
    assert tries.count() == rerouted.count() == len(taken_by(half, "najva"))
    assert {(each.code, each.line_id) for each in tries} == {("17", bale.pk)}
    assert set(rerouted.values_list("reason", flat=True)) == {Reason.NONE}


def test_the_refusals_gather_into_few_requests(half: Sandbox, bale: SenderLine, sms: SenderLine) -> None:
    ProviderAccount.objects.filter(pk=bale.account_id).update(batch_size=5)
    campaign = bale_first(bale, sms)
    send(campaign)
    requests = [taken for taken in half.ledger.taken if taken.provider == "najva"]
    assert len(requests) == 1


def test_a_full_fallback_batch_does_not_wait(half: Sandbox, bale: SenderLine, sms: SenderLine) -> None:
    ProviderAccount.objects.filter(pk=sms.account_id).update(batch_size=4)
    campaign = bale_first(bale, sms)
    dispatch.work(campaign.pk, 20)
    sizes = set(Batch.objects.filter(line=sms).values_list("size", flat=True))
    assert max(sizes) == 4
    waiting = Batch.objects.filter(line=sms, not_before__isnull=False)
    assert waiting.count() <= 1


def test_the_text_of_the_sms_has_its_lines_own_suffix(half: Sandbox, bale: SenderLine, sms: SenderLine) -> None:
    campaign = bale_first(bale, sms, text="سلام {first_name|دوست}")
    send(campaign)
    texts = {taken.provider: set(taken.texts) for taken in half.ledger.taken}
    assert texts == {"safir": {"سلام دوست"}, "najva": {"سلام دوست\nلغو11"}}


def test_contacts_remember_and_are_asked_again_after_ninety_days(
    half: Sandbox, bale: SenderLine, sms: SenderLine
) -> None:
    send(bale_first(bale, sms))
    absent = Contact.objects.filter(not_on_bale_since__isnull=False)
    assert absent.count() == len(taken_by(half, "najva"))
    long_ago = absent.order_by("pk")[0]
    Contact.objects.filter(pk=long_ago.pk).update(not_on_bale_since=timezone.now() - dt.timedelta(days=91))
    calls = half.ledger.counters["calls_safir_send"]
    again = builders.running(bale, builders.include(Phonebook.objects.get()), fallback_line=sms)
    send(again)
    assert half.ledger.counters["calls_safir_send"] - calls == 40 - absent.count() + 1
    assert builders.counts(again) == {"accepted": 40}


def test_no_batch_of_the_known_absent_outgrows_its_size_where_some_are_suppressed(
    bale: SenderLine, sms: SenderLine
) -> None:
    ProviderAccount.objects.filter(pk=sms.account_id).update(batch_size=4)
    sms.account.refresh_from_db()
    people = builders.contacts(16, not_on_bale_since=timezone.now())
    Suppression.objects.bulk_create(Suppression(phone=person.phone) for person in people[:5])
    books = [builders.phonebook(people[:10], "a"), builders.phonebook(people[10:], "b")]
    campaign = builders.running(bale, *map(builders.include, books), fallback_line=sms)
    assert builders.counts(campaign) == {"pending": 11, "skipped": 5}
    assert max(Batch.objects.filter(campaign=campaign).values_list("size", flat=True)) == 4


def test_without_a_fallback_they_are_asked_and_fail_with_their_reason(half: Sandbox, bale: SenderLine) -> None:
    campaign = bale_first(bale, None)
    send(campaign)
    failed = Message.objects.filter(status=MessageStatus.FAILED)
    assert failed.count() == 40 - len(taken_by(half, "safir"))
    assert set(failed.values_list("reason", "provider_code")) == {(Reason.OFF_CHANNEL, "17")}


def test_who_is_back_on_bale_is_no_longer_thought_absent(half: Sandbox, bale: SenderLine, sms: SenderLine) -> None:
    campaign = bale_first(bale, sms, size=6)
    Contact.objects.update(not_on_bale_since=timezone.now() - dt.timedelta(days=100))
    half.behaviour.not_on_bale = 0.0
    send(campaign)
    assert not Contact.objects.filter(not_on_bale_since__isnull=False).exists()


def test_an_open_breaker_of_one_line_does_not_stop_the_other(half: Sandbox, bale: SenderLine, sms: SenderLine) -> None:
    campaign = bale_first(bale, sms)
    dispatch.work(campaign.pk, 20)
    ProviderAccount.objects.filter(pk=bale.account_id).update(breaker="open")
    Batch.objects.filter(line=sms).update(not_before=None)
    builders.send_all(campaign)
    assert taken_by(half, "najva")


def test_only_what_was_provably_not_sent_falls_back(half: Sandbox, bale: SenderLine, sms: SenderLine) -> None:
    half.behaviour.not_on_bale = 0.0
    campaign = bale_first(bale, sms, size=10)
    half.faults.add("timeout", "safir_send", seconds=3)
    builders.send_all(campaign, 1)
    half.faults.clear()
    assert not Attempt.objects.exists()
    assert not Batch.objects.filter(line=sms).exists()


def test_a_cancelled_campaign_sends_no_fallback(half: Sandbox, bale: SenderLine, sms: SenderLine) -> None:
    campaign = bale_first(bale, sms)
    dispatch.work(campaign.pk, 20)
    lifecycle.cancel(campaign.pk)
    assert not taken_by(half, "najva")
    counts = builders.counts(campaign)
    assert counts["cancelled"] == 40 - len(taken_by(half, "safir"))


@pytest.mark.parametrize(("first", "second"), [("najva", "gosms"), ("safir", "safir"), ("safir", "ippanel")])
def test_only_lines_that_can_take_over_may(first: str, second: str) -> None:
    over = lines.line(first)
    other = over if first == second else lines.line(second)
    assert len(checking.fallback_problems(over, other, "سلام")) == 1
