"""The claim: one worker a batch, exactly while the campaign runs, in its window, at the account's pace."""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter

import pytest
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Batch, Campaign
from campaigns.sending import dispatch
from campaigns.sending.claiming import Claim, Wait, claim
from campaigns.states import BatchStatus, CampaignStatus
from providers import pacing
from providers.models import ProviderAccount, SenderLine
from providers.sandbox import Sandbox
from tests import builders
from tests.parallel import at_once


@pytest.fixture
def campaign(db: None) -> Campaign:
    return builders.campaign_of(None, 22)


def code(campaign: Campaign) -> str:
    """Why nothing may go out now."""
    found = claim(campaign.pk, "somebody")
    assert isinstance(found, Wait), found
    return found.code


def settle_pilot(campaign: Campaign) -> None:
    Batch.objects.filter(campaign=campaign, number=0).update(status=BatchStatus.DONE, pending=0)


def test_a_claim_holds_the_batch_for_one_owner(campaign: Campaign) -> None:
    found = claim(campaign.pk, "me")
    assert isinstance(found, Claim)
    batch = Batch.objects.get(pk=found.batch.pk)
    assert (batch.status, batch.owner, batch.attempt, batch.number) == (BatchStatus.SENDING, "me", 1, 0)
    assert batch.lease_until is not None
    assert batch.lease_until > timezone.now()
    assert builders.counts(campaign) == {"pending": 20, "sending": 2}


def test_the_pilot_goes_first_and_alone(campaign: Campaign) -> None:
    assert isinstance(claim(campaign.pk, "me"), Claim)
    assert code(campaign) == "pilot"
    Batch.objects.filter(campaign=campaign, number=0).update(status=BatchStatus.PENDING, not_before=None)
    found = claim(campaign.pk, "me")
    assert isinstance(found, Claim)
    assert found.batch.number == 0


def test_no_more_calls_are_in_flight_than_the_setting_says(campaign: Campaign) -> None:
    settle_pilot(campaign)
    assert isinstance(claim(campaign.pk, "a"), Claim)
    assert isinstance(claim(campaign.pk, "b"), Claim)
    assert code(campaign) == "busy"


@pytest.mark.parametrize("status", [status for status in CampaignStatus if status != CampaignStatus.RUNNING])
def test_only_a_running_campaign_sends(campaign: Campaign, status: CampaignStatus) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(status=status)
    assert code(campaign) == "stopped"
    assert builders.counts(campaign) == {"pending": 22}


def test_nothing_goes_out_while_the_breaker_is_open(campaign: Campaign) -> None:
    ProviderAccount.objects.open_breaker(campaign.line.account_id, "418", "")
    assert code(campaign) == "breaker"
    ProviderAccount.objects.close_breaker(campaign.line.account_id)
    assert isinstance(claim(campaign.pk, "me"), Claim)


@pytest.mark.parametrize("what", [SenderLine, ProviderAccount])
def test_nothing_goes_out_over_what_is_switched_off(
    campaign: Campaign, what: type[SenderLine | ProviderAccount]
) -> None:
    what.objects.update(enabled=False)
    assert code(campaign) == "disabled"


def test_nothing_goes_out_outside_the_window(campaign: Campaign) -> None:
    now = timezone.localtime()
    ends = [(now + dt.timedelta(hours=hours)).time() for hours in (1, 2)]
    SenderLine.objects.update(kind="advertising", window_start=ends[0], window_end=ends[1])
    assert code(campaign) == "window"
    SenderLine.objects.update(kind="service")
    assert isinstance(claim(campaign.pk, "me"), Claim)


def test_a_batch_that_backs_off_waits(campaign: Campaign) -> None:
    Batch.objects.filter(campaign=campaign).update(not_before=timezone.now() + dt.timedelta(minutes=1))
    assert code(campaign) == "backoff"
    Batch.objects.filter(campaign=campaign).update(not_before=timezone.now() - dt.timedelta(seconds=1))
    assert isinstance(claim(campaign.pk, "me"), Claim)


def test_a_hold_stops_the_whole_account(campaign: Campaign) -> None:
    pacing.hold(campaign.line.account_id, 30)
    pacing.hold(campaign.line.account_id, 1)
    found = claim(campaign.pk, "me")
    assert isinstance(found, Wait)
    assert found.code == "pace"
    assert found.seconds == pytest.approx(30, abs=20)


def test_with_every_batch_settled_there_is_nothing(campaign: Campaign) -> None:
    Batch.objects.filter(campaign=campaign).update(status=BatchStatus.DONE)
    assert code(campaign) == "nothing"


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_never_get_the_same_batch(settings: object) -> None:
    settings.SEND_CONCURRENCY = 100  # type: ignore[attr-defined]
    campaign = builders.campaign_of(None, 122)
    settle_pilot(campaign)
    found = at_once(lambda: [claim(campaign.pk, "me") for _ in range(4)], 4)
    numbers = Counter(each.batch.number for row in found for each in row if isinstance(each, Claim))
    assert numbers == dict.fromkeys(range(1, 13), 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("stop", [lifecycle.pause, lifecycle.cancel])
def test_no_claim_overtakes_a_pause_or_a_cancel(settings: object, stop: object) -> None:
    settings.SEND_CONCURRENCY = 10_000  # type: ignore[attr-defined]
    campaign = builders.campaign_of(None, 400, batch_size=1)
    Batch.objects.filter(campaign=campaign, number=0).update(status=BatchStatus.DONE, pending=0)
    claimed = Batch.objects.filter(campaign=campaign, status=BatchStatus.SENDING)

    def work() -> int:
        return sum(isinstance(claim(campaign.pk, "me"), Claim) for _ in range(60))

    def end() -> int:
        while not claimed.exists():
            time.sleep(0.01)
        stop(campaign.pk)  # type: ignore[operator]
        return claimed.count()

    at_the_end, *won = at_once(end, 1, work, 3)
    assert 0 < at_the_end == claimed.count() == sum(won)


@pytest.mark.django_db(transaction=True)
def test_the_pace_is_kept_across_workers(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 200)
    ProviderAccount.objects.update(requests_per_second=20.0)
    at_once(lambda: dispatch.work(campaign.pk, 0.6), 2)
    times = [taken.at for taken in sandbox.ledger.taken]
    assert builders.counts(campaign)["accepted"] == sum(len(taken.phones) for taken in sandbox.ledger.taken)
    assert len(times) >= 5
    assert (len(times) - 1) / (times[-1] - times[0]) < 20.0 * 1.25
