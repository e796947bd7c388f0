"""The breaker of an account: what opens it, and how a small probe closes it or opens it for longer."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from campaigns import ringing
from campaigns.models import Batch, Campaign
from campaigns.sending import dispatch
from campaigns.sending.claiming import Claim, Wait, claim
from campaigns.sending.recording import Ticket, record
from providers.answers import Outcome, SendAnswer
from providers.models import ProviderAccount
from providers.querysets import FAILURES, REFUSED, UNREACHABLE
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines

pytestmark = pytest.mark.django_db(transaction=True)


def account() -> ProviderAccount:
    return ProviderAccount.objects.get()


def patience() -> float:
    """Seconds from now to the next probe."""
    probe_at = account().probe_at
    assert probe_at is not None
    return (probe_at - timezone.now()).total_seconds()


def unanswered(sandbox: Sandbox, calls: int = 0) -> Campaign:
    """A campaign whose pilot came through, and whose further requests lose their answers."""
    campaign = builders.campaign_of(sandbox, 102)
    sandbox.faults.add("close_after_accept", "send", ordinals=range(2, 100), times=calls)
    dispatch.work(campaign.pk, 20)
    return campaign


def test_three_calls_in_a_row_that_come_to_nothing_stop_the_account(sandbox: Sandbox) -> None:
    campaign = unanswered(sandbox)
    assert builders.counts(campaign) == {"accepted": 2, "unknown": 10 * FAILURES, "pending": 70}
    assert (account().breaker, account().breaker_code, account().is_unreachable) == ("open", "connection_lost", True)
    assert UNREACHABLE.first - 5 < patience() <= UNREACHABLE.first
    assert dispatch.work(campaign.pk, 1) == "breaker"


def test_a_call_that_comes_through_forgives_those_before(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 102)
    sandbox.faults.add("close_after_accept", "send", ordinals=[2, 3, 5, 6])
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 62, "unknown": 40}
    assert (account().breaker, account().failures) == ("closed", 0)


def test_a_probe_is_small_and_closes_the_breaker(sandbox: Sandbox) -> None:
    campaign = unanswered(sandbox, calls=3)
    builders.time_passes()
    found = claim(campaign.pk, "me")
    assert isinstance(found, Claim)
    assert (found.batch.pending, account().breaker) == (2, "half_open")
    other = claim(campaign.pk, "you")
    assert isinstance(other, Wait)
    assert other.code == "breaker"
    dispatch.send(found)
    assert (account().breaker, account().probe_at, account().failures) == ("closed", None, 0)
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 72, "unknown": 30}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


def test_a_probe_in_vain_opens_it_for_longer_and_puts_few_in_doubt(sandbox: Sandbox) -> None:
    campaign = unanswered(sandbox)
    since = account().breaker_at
    for probes in (1, 2, 3):
        builders.time_passes()
        assert dispatch.work(campaign.pk, 5) == "breaker"
        assert (account().breaker, account().probes, account().breaker_at) == ("open", probes, since)
    assert builders.counts(campaign)["unknown"] == 10 * FAILURES + 3 * 2
    assert UNREACHABLE.limit - 5 < patience() <= UNREACHABLE.limit


def test_a_refused_account_is_tried_again_ever_more_rarely_and_goes_on_by_itself(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 32)
    sandbox.faults.add("no_credit", "send", ordinals=range(2, 5))
    builders.send_all(campaign)
    assert REFUSED.first - 5 < patience() <= REFUSED.first
    for probes in (1, 2):
        builders.time_passes()
        builders.send_all(campaign)
        assert (account().breaker, account().probes) == ("open", probes)
    assert REFUSED.first * 4 - 5 < patience() <= REFUSED.first * 4
    builders.time_passes()
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 32}
    assert account().breaker == "closed"


def test_what_is_refused_together_counts_as_one_refusal(sandbox: Sandbox) -> None:
    builders.campaign_of(sandbox, 2)
    accounts = ProviderAccount.objects
    accounts.open_breaker(account().pk, "418", "اعتبار کافی نیست")
    accounts.open_breaker(account().pk, "401", "")
    assert (account().breaker_code, account().probes) == ("418", 0)


def test_a_refusal_of_the_probe_is_the_reason_that_is_shown(sandbox: Sandbox) -> None:
    campaign = unanswered(sandbox, calls=3)
    builders.time_passes()
    sandbox.faults.add("bad_token", "send")
    builders.send_all(campaign)
    assert (account().breaker_code, account().is_unreachable) == ("401", False)


def test_a_call_to_slow_down_is_no_failure(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 32)
    sandbox.faults.add("429", "send", ordinals=range(2, 8))
    for _ in range(5):
        builders.send_all(campaign)
        builders.time_passes()
    assert (account().breaker, account().failures) == ("closed", 0)


def test_a_probe_of_which_nothing_was_asked_leaves_the_next_one_due(sandbox: Sandbox) -> None:
    campaign = unanswered(sandbox, calls=3)
    builders.time_passes()
    found = claim(campaign.pk, "me")
    assert isinstance(found, Claim)
    record(Ticket(found.batch.pk, "me", found.batch.attempt), SendAnswer(Outcome.RETRYABLE, code="lost_claim"))
    assert account().breaker == "open"
    assert patience() <= 0


def test_a_probe_whose_worker_died_is_followed_by_another(sandbox: Sandbox) -> None:
    campaign = unanswered(sandbox, calls=3)
    builders.time_passes()
    assert isinstance(claim(campaign.pk, "dead"), Claim)
    ProviderAccount.objects.update(probe_at=timezone.now() - dt.timedelta(seconds=1))
    assert isinstance(claim(campaign.pk, "me"), Claim)


def test_the_tick_rings_for_a_campaign_whose_probe_is_due(sandbox: Sandbox) -> None:
    campaign = unanswered(sandbox)
    assert ringing.sendable() == []
    builders.time_passes()
    assert ringing.sendable() == [campaign.pk]


def test_an_unreachable_provider_stops_a_group_too_and_its_key_leaves_nobody_in_doubt(sandbox: Sandbox) -> None:
    rule = builders.include(builders.phonebook(builders.contacts(6)))
    campaign = builders.running(lines.line("safir", sandbox), rule)
    sandbox.faults.add("500", "safir_send", times=30, taken=True)
    for _ in range(FAILURES):
        builders.send_all(campaign)
        Batch.objects.update(not_before=None)
        ProviderAccount.objects.update(next_request_at=None)
    assert account().breaker == "open"
    sandbox.faults.clear()
    for _ in range(3):
        builders.time_passes()
        builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 6}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


def test_a_probe_that_could_not_even_be_asked_closes_nothing(sandbox: Sandbox) -> None:
    line = builders.line(builders.account(sandbox), sender="")  # no request can be made with it
    campaign = builders.running(line, builders.include(builders.phonebook(builders.contacts(12))))
    ProviderAccount.objects.open_breaker(account().pk, "connection_lost", "", UNREACHABLE)
    builders.time_passes()
    builders.send_all(campaign)
    assert builders.refreshed(campaign).pause_code == "no_sender"
    assert account().breaker == "open"
    assert patience() <= 0


def test_what_was_still_under_way_does_not_change_why_an_account_is_stopped(sandbox: Sandbox) -> None:
    builders.campaign_of(sandbox, 2)
    accounts = ProviderAccount.objects
    accounts.open_breaker(account().pk, "401", "")
    for _ in range(FAILURES):
        accounts.failed(account().pk, "timeout")
    assert not account().is_unreachable
    accounts.close_breaker(account().pk)
    accounts.open_breaker(account().pk, "timeout", "", UNREACHABLE)
    accounts.succeeded(account())
    assert account().is_unreachable
