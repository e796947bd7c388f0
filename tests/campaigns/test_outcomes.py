"""Every outcome of a call, over a real socket: what becomes of messages, batch, campaign and account."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pytest_django.fixtures import Settings

from campaigns import reporting
from campaigns.models import AuditEntry, Batch, Campaign, Message
from campaigns.sending import answers
from campaigns.states import BatchStatus, CampaignStatus, MessageStatus, Reason
from contacts.models import Contact, Suppression
from providers import pacing
from providers.models import ProviderAccount
from providers.sandbox import Sandbox
from tests import builders

DOUBTFUL = ["timeout", "close_after_accept", "reset", "cut", "500", "html", "truncated", "empty", "redirect", "refuse"]
pytestmark = pytest.mark.django_db


def sent(sandbox: Sandbox, kind: str, call: int = 2, size: int = 12, **fault: Any) -> Campaign:
    """A campaign of a pilot of 2 and batches of 10, sent with a fault in one of its calls."""
    sandbox.faults.add(kind, "send", ordinals=[call], **fault)
    campaign = builders.campaign_of(sandbox, size)
    builders.send_all(campaign)
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    assert not list(answers.spool.files())
    return builders.refreshed(campaign)


def batch(campaign: Campaign, number: int = 1) -> Batch:
    return Batch.objects.get(campaign=campaign, number=number)


@pytest.mark.parametrize("kind", DOUBTFUL)
def test_what_may_have_been_sent_is_unclear_and_not_sent_again(sandbox: Sandbox, kind: str) -> None:
    campaign = sent(sandbox, kind, size=22)
    assert builders.counts(campaign) == {"accepted": 12, "unknown": 10}
    assert batch(campaign).status == BatchStatus.UNKNOWN
    assert campaign.status == CampaignStatus.COMPLETED_WITH_PROBLEMS
    assert set(Message.objects.in_batch(batch(campaign)).values_list("reason", flat=True)) == {Reason.LOST_ANSWER}
    assert sandbox.ledger.counters["calls_send"] == 3


@pytest.mark.parametrize("kind", ["close_after_accept", "500"])
def test_an_unclear_pilot_pauses_the_campaign(sandbox: Sandbox, kind: str) -> None:
    campaign = sent(sandbox, kind, call=1)
    assert builders.counts(campaign) == {"pending": 10, "unknown": 2}
    assert (campaign.status, campaign.pause_code) == (CampaignStatus.PAUSED, "pilot_unclear")
    assert sandbox.ledger.counters["calls_send"] == 1


def test_being_asked_to_slow_down_delays_and_loses_nothing(sandbox: Sandbox) -> None:
    campaign = sent(sandbox, "429", size=32, times=1)
    assert builders.counts(campaign) == {"accepted": 32}
    assert sandbox.ledger.counters["calls_send"] == 5
    assert batch(campaign).attempt == 2
    times = [taken.at for taken in sandbox.ledger.taken]
    assert times[1] - times[0] > 0.9  # the other batches don't ask to be refused too


def test_a_long_delay_ends_the_workers_slice(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 32)
    pacing.hold(campaign.line.account_id, 30)
    assert builders.send_all(campaign) == "pace"
    assert sandbox.ledger.counters["calls_send"] == 0


def test_a_provider_that_cannot_be_reached_leaves_everything_pending() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        account = builders.account()
        account.base_url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        account.save()
        campaign = builders.running(builders.line(account), builders.include(builders.phonebook(builders.contacts(3))))
        builders.send_all(campaign)
    assert builders.counts(campaign) == {"pending": 3}
    assert (batch(campaign, 0).attempt, batch(campaign, 0).code) == (1, "connection_refused")


def test_a_provider_that_stays_away_for_days_does_not_overflow_the_backoff() -> None:
    campaign = builders.campaign_of(None, 1)
    Batch.objects.update(attempt=5_000)
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"pending": 1}


@pytest.mark.parametrize(("kind", "code"), [("bad_token", "401"), ("no_credit", "418")])
def test_a_refused_account_stops_and_its_messages_stay_pending(sandbox: Sandbox, kind: str, code: str) -> None:
    campaign = sent(sandbox, kind, size=32)
    account = ProviderAccount.objects.get()
    assert builders.counts(campaign) == {"pending": 30, "accepted": 2}
    assert (account.breaker, account.breaker_code) == ("open", code)
    assert account.breaker_text
    assert campaign.status == CampaignStatus.RUNNING
    assert sandbox.ledger.counters["calls_send"] == 2
    ProviderAccount.objects.close_breaker(account.pk)
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 32}


def test_a_refused_request_fails_its_batch_and_pauses_the_campaign(sandbox: Sandbox) -> None:
    campaign = sent(sandbox, "bad_request", size=22)
    assert builders.counts(campaign) == {"pending": 10, "accepted": 2, "failed": 10}
    assert (batch(campaign).status, batch(campaign).code) == (BatchStatus.FAILED, "400")
    assert (campaign.status, campaign.pause_code) == (CampaignStatus.PAUSED, "400")
    assert campaign.pause_text
    assert AuditEntry.objects.filter(action="paused_by_provider", campaign=campaign).count() == 1


def test_who_is_missing_from_the_answer_is_unclear(sandbox: Sandbox) -> None:
    campaign = sent(sandbox, "partial", share=0.5)
    assert builders.counts(campaign) == {"accepted": 7, "unknown": 5}
    assert batch(campaign).anomalies == {"missing_recipient": 5}
    unclear = Message.objects.of(campaign).filter(status=MessageStatus.UNKNOWN)
    assert set(unclear.values_list("reason", flat=True)) == {Reason.NO_ENTRY}


def test_a_stranger_in_the_answer_is_noted_and_believed_nothing(sandbox: Sandbox) -> None:
    campaign = sent(sandbox, "foreign")
    assert builders.counts(campaign) == {"accepted": 11, "unknown": 1}
    assert batch(campaign).anomalies["foreign_recipient"] == 1


def test_an_id_for_two_recipients_settles_one_of_them(sandbox: Sandbox) -> None:
    campaign = sent(sandbox, "duplicate_ids")
    assert builders.counts(campaign) == {"accepted": 11, "unknown": 1}
    assert batch(campaign).anomalies["repeated_ref"] == 1


def test_answers_are_matched_by_number_in_any_order(sandbox: Sandbox) -> None:
    campaign = sent(sandbox, "shuffled")
    assert builders.counts(campaign) == {"accepted": 12}
    for message in Message.objects.of(campaign):
        found = sandbox.ledger.find(int(message.provider_ref or 0))
        assert found is not None
        assert f"+{found[0].phones[found[1]]}" == message.phone


@pytest.mark.parametrize(
    ("status", "becomes", "cost"),
    [(6, "failed", 1000), (10, "delivered", 1000), (13, "cancelled", 1000), (14, "blocked", 0), (100, "unknown", None)],
)
def test_an_answer_may_carry_a_status_already(sandbox: Sandbox, status: int, becomes: str, cost: int | None) -> None:
    campaign = sent(sandbox, "entry_status", status=status)
    assert builders.counts(campaign) == {"accepted": 11, becomes: 1}
    one = Message.objects.of(campaign).get(status=MessageStatus[becomes.upper()])
    assert (one.provider_code, one.cost) == (str(status), cost)
    blocked = Suppression.objects.filter(phone=one.phone, scope="advertising", reason="blocked")
    assert blocked.exists() == (becomes == "blocked")


def test_an_unknown_word_is_kept_and_counts_as_accepted(sandbox: Sandbox) -> None:
    campaign = sent(sandbox, "entry_status", status=77)
    assert builders.counts(campaign) == {"accepted": 12}
    assert batch(campaign).anomalies == {"unknown_status": 1}
    assert Message.objects.of(campaign).filter(provider_code="77").count() == 1


def test_ids_of_earlier_messages_are_not_taken_over(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 2)
    account = campaign.line.account
    first_id = sandbox.ledger._next_id
    other = builders.running(campaign.line, builders.include(builders.phonebook(builders.contacts(1, 50), "other")))
    Message.objects.of(other).update(status=MessageStatus.ACCEPTED)
    builders.known_by(str(first_id), Message.objects.of(other).get(), account)
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 2}
    assert batch(campaign, 0).anomalies == {"known_ref": 1}
    assert Message.objects.get(provider_ref=str(first_id)).campaign_id == other.pk


def test_a_cost_beyond_the_column_does_not_lose_the_answer(sandbox: Sandbox) -> None:
    sandbox.behaviour.price = 10**12
    campaign = builders.campaign_of(sandbox, 2)
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 2}
    assert set(Message.objects.values_list("cost", flat=True)) == {None}


def test_cost_and_reference_come_with_the_answer(sandbox: Sandbox) -> None:
    campaign = sent(sandbox, "slow", seconds=0.1)
    assert reporting.accounting(campaign).cost == 12_000
    assert batch(campaign).poll_at is not None
    assert not Message.objects.of(campaign).filter(provider_ref=None).exists()


def test_personal_texts_reach_their_own_recipients(sandbox: Sandbox) -> None:
    people = builders.contacts(3, first_name="رضا") + builders.contacts(2, 3)
    over = builders.line(builders.account(sandbox), kind="advertising", window_start="00:00", window_end="00:00")
    over.refresh_from_db()
    campaign = builders.running(over, builders.include(builders.phonebook(people)), text="سلام {first_name|دوست}")
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 5}
    assert builders.texts_to(sandbox, builders.phone(0)) == ["سلام رضا\nلغو11"]
    assert builders.texts_to(sandbox, builders.phone(4)) == ["سلام دوست\nلغو11"]
    assert not sandbox.ledger.departures


def test_whom_the_provider_cannot_reach_is_skipped_alone(sandbox: Sandbox) -> None:
    people = builders.contacts(3)
    Contact.objects.create(phone="+4915112345678")
    people.append(Contact.objects.get(phone="+4915112345678"))
    campaign = builders.running(
        builders.line(builders.account(sandbox)), builders.include(builders.phonebook(people)), text="{first_name|س}"
    )
    Message.objects.of(campaign).filter(phone=builders.phone(2)).update(text=" ")
    Message.objects.of(campaign).filter(phone=builders.phone(1)).update(phone=None)
    Suppression.objects.create(phone=builders.phone(0))
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"skipped": 4}
    assert builders.refreshed(campaign).status == CampaignStatus.COMPLETED
    reasons = set(Message.objects.of(campaign).values_list("reason", flat=True))
    assert reasons == {Reason.SUPPRESSED, Reason.EMPTY_TEXT, Reason.INVALID_FOR_PROVIDER}
    assert sandbox.ledger.counters["calls_p2p"] == 0


def test_a_request_that_cannot_be_built_was_not_sent() -> None:
    campaign = builders.campaign_of(None, 2)
    ProviderAccount.objects.update(base_url="http://")
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"failed": 2}


def test_credentials_that_do_not_open_stop_the_account(sandbox: Sandbox, settings: Settings) -> None:
    campaign = builders.campaign_of(sandbox, 2)
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"pending": 2}
    assert ProviderAccount.objects.get().breaker == "open"
