"""A bulk that waits at the provider for its time: a cancel reaches it, and nothing goes out before its time."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import replace

import pytest
from cryptography.fernet import Fernet
from django.test import override_settings
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import OrmQ

from campaigns import lifecycle, ringing, tasks
from campaigns.delivery import bulks, polling
from campaigns.models import AudienceRule, Batch, Bulk, Campaign
from campaigns.sending import claiming, dispatch
from campaigns.states import BatchStatus, CampaignStatus
from providers.models import SenderLine
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines, screens

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def over(sandbox: Sandbox) -> SenderLine:
    sandbox.behaviour.sent_after = sandbox.behaviour.final_after = 0.0
    return lines.line("ippanel", sandbox)


def rule() -> AudienceRule:
    return AudienceRule(kind=AudienceRule.Kind.PROVIDER, params={"phonebooks": ["123654"], "size": 20})


def tomorrow(over: SenderLine) -> Campaign:
    """A running campaign whose time, tomorrow, the provider keeps; nothing has gone out yet."""
    at = timezone.now() + dt.timedelta(days=1)
    return builders.running(over, rule(), scheduled_at=at, provider_keeps_time=True)


def run_the_queue(times: int = 1) -> None:
    """Tick, and run the tasks that it and others have rung for; then all bulks are due."""
    for _ in range(2 * times):
        ringing.tick()
        for queued in list(OrmQ.objects.all()):
            task = queued.task
            queued.delete()
            import_string(task["func"])(*task["args"])
        Bulk.objects.filter(poll_at__isnull=False).update(poll_at=timezone.now() - dt.timedelta(seconds=1))


def poll() -> None:
    """Poll every unclear batch as if its time had come."""
    unclear = Batch.objects.filter(status=BatchStatus.UNKNOWN)
    unclear.update(poll_at=timezone.now() - dt.timedelta(seconds=1))
    for pk in polling.due():
        tasks.poll(pk)


def is_cancelled_there(sandbox: Sandbox) -> bool:
    [taken] = sandbox.ledger.taken
    return "cancelled" in taken.facts


def test_a_scheduled_bulk_is_cancelled_at_the_provider(sandbox: Sandbox, over: SenderLine) -> None:
    campaign = tomorrow(over)
    builders.send_all(campaign)
    lifecycle.cancel(campaign.pk)
    run_the_queue()
    assert is_cancelled_there(sandbox)
    assert Bulk.objects.get().cancel_answer == "accepted"
    assert builders.counts(campaign) == {"cancelled": 20}


def test_a_cancel_during_the_call_reaches_the_bulk_that_it_makes(sandbox: Sandbox, over: SenderLine) -> None:
    campaign = tomorrow(over)
    claimed = claiming.claim(campaign.pk, "somewhere/1/1/1")
    assert isinstance(claimed, claiming.Claim)
    lifecycle.cancel(campaign.pk)
    dispatch.send(claimed)
    lifecycle.finish(campaign.pk)
    run_the_queue(2)
    assert is_cancelled_there(sandbox)


def test_a_cancel_whose_call_failed_is_made_again(sandbox: Sandbox, over: SenderLine) -> None:
    campaign = tomorrow(over)
    builders.send_all(campaign)
    Bulk.objects.update(poll_round=bulks.SETTLED)  # it would be left alone until its time
    sandbox.faults.add("500", "ippanel_cancel", times=1, taken=False)
    lifecycle.cancel(campaign.pk)
    run_the_queue()
    next_look = Bulk.objects.get().poll_at
    assert next_look is None or next_look < timezone.now() + dt.timedelta(hours=1)
    run_the_queue(2)
    assert is_cancelled_there(sandbox)


def test_a_cancel_whose_task_was_lost_is_made_by_the_tick(sandbox: Sandbox, over: SenderLine) -> None:
    campaign = tomorrow(over)
    builders.send_all(campaign)
    Bulk.objects.update(poll_at=timezone.now() + dt.timedelta(days=1))
    lifecycle.cancel(campaign.pk)
    OrmQ.objects.all().delete()
    run_the_queue()
    assert is_cancelled_there(sandbox)


def test_a_cancel_that_the_provider_refuses_is_not_asked_for_again(sandbox: Sandbox, over: SenderLine) -> None:
    sandbox.behaviour.bulk_ends = 1
    campaign = builders.running(over, rule())
    builders.send_all(campaign)
    lifecycle.cancel(campaign.pk)
    run_the_queue(3)
    assert Bulk.objects.get().cancel_answer == "400-2"
    assert sandbox.ledger.counters["calls_ippanel_cancel"] == 1
    [notice] = screens.owner().get(f"/campaigns/{campaign.pk}/").context["bulk_notices"]
    assert (notice.level, notice.code) == ("warning", "400-2")
    sandbox.behaviour.bulk_ends = 6
    run_the_queue()
    assert builders.counts(campaign) == {"delivered": 20}


def test_a_key_that_is_lost_for_a_while_loses_no_bulk(
    sandbox: Sandbox, over: SenderLine, caplog: pytest.LogCaptureFixture
) -> None:
    campaign = builders.running(over, rule())
    builders.send_all(campaign)
    Bulk.objects.update(poll_at=timezone.now() - dt.timedelta(seconds=1))
    with override_settings(FIELD_ENCRYPTION_KEYS=[Fernet.generate_key().decode()]):
        bulks.follow(Bulk.objects.get().pk)
    assert "a look at a bulk failed (UndecryptableSecret)" in caplog.text
    run_the_queue(3)
    assert builders.counts(campaign) == {"delivered": 20}


def test_a_campaign_that_is_all_with_the_provider_cannot_be_paused(over: SenderLine) -> None:
    campaign = tomorrow(over)
    builders.send_all(campaign)
    with pytest.raises(lifecycle.NotAllowed):
        lifecycle.pause(campaign.pk)
    assert builders.refreshed(campaign).status == CampaignStatus.RUNNING
    assert screens.owner().get(f"/campaigns/{campaign.pk}/").context["controls"].keys() & {"pause", "cancel"} == {
        "cancel"
    }


def test_a_campaign_that_has_not_gone_out_can_be_paused(sandbox: Sandbox, over: SenderLine) -> None:
    campaign = tomorrow(over)
    lifecycle.pause(campaign.pk)
    builders.send_all(campaign)
    assert not sandbox.ledger.taken


def claimed_just_in_time(over: SenderLine) -> claiming.Claim:
    """A claim a moment before the campaign's time comes too near to be left to the provider."""
    campaign = tomorrow(over)
    at = timezone.now() + claiming.SCHEDULED_AHEAD + dt.timedelta(seconds=0.4)
    Campaign.objects.filter(pk=campaign.pk).update(scheduled_at=at)
    claimed = claiming.claim(campaign.pk, "somewhere/1/1/1")
    assert isinstance(claimed, claiming.Claim)
    return claimed


def test_a_claim_just_in_time_does_not_go_out_at_once(sandbox: Sandbox, over: SenderLine) -> None:
    claimed = claimed_just_in_time(over)
    time.sleep(0.5)
    dispatch.send(claimed)
    [taken] = sandbox.ledger.taken
    assert taken.facts["due"] > time.time()
    assert builders.counts(claimed.campaign) == {"accepted": 20}


def test_a_call_that_comes_too_late_for_its_time_is_not_made(sandbox: Sandbox, over: SenderLine) -> None:
    claimed = claimed_just_in_time(over)
    dispatch.send(replace(claimed, send_time=timezone.now() + claiming.SOONEST))
    assert not sandbox.ledger.taken
    assert builders.counts(claimed.campaign) == {"pending": 20}


def test_a_time_that_comes_too_near_is_kept_here(over: SenderLine) -> None:
    campaign = tomorrow(over)
    at = timezone.now() + claiming.SCHEDULED_AHEAD - dt.timedelta(seconds=1)
    Campaign.objects.filter(pk=campaign.pk).update(scheduled_at=at)
    assert claiming.claim(campaign.pk, "somewhere/1/1/1") == claiming.Wait("too_late_to_schedule")


def found_again(sandbox: Sandbox, over: SenderLine) -> Campaign:
    """A campaign that was finished over a lost answer, until its bulk was looked up."""
    sandbox.faults.add("close_after_accept", "ippanel_send", times=1)
    campaign = tomorrow(over)
    builders.send_all(campaign)
    assert builders.refreshed(campaign).status == CampaignStatus.COMPLETED_WITH_PROBLEMS
    poll()
    assert builders.counts(campaign) == {"accepted": 20}
    return builders.refreshed(campaign)


def test_a_campaign_whose_bulk_was_found_again_is_running(sandbox: Sandbox, over: SenderLine) -> None:
    campaign = found_again(sandbox, over)
    assert bulks.under_way(campaign.pk)
    assert (campaign.status, campaign.finished_at) == (CampaignStatus.RUNNING, None)


def test_a_bulk_that_was_found_again_can_be_cancelled(sandbox: Sandbox, over: SenderLine) -> None:
    campaign = found_again(sandbox, over)
    lifecycle.cancel(campaign.pk)
    run_the_queue()
    assert is_cancelled_there(sandbox)


def test_a_campaign_whose_unclear_messages_were_all_found_is_completed(sandbox: Sandbox) -> None:
    sandbox.behaviour.gosms_rate = lines.FAST
    sandbox.faults.add("close_after_accept", "gosms_send", ordinals=[4])
    line = lines.line("gosms", sandbox)
    campaign = builders.running(line, builders.include(builders.phonebook(builders.contacts(12))))
    builders.send_all(campaign)
    assert builders.refreshed(campaign).status == CampaignStatus.COMPLETED_WITH_PROBLEMS
    poll()
    assert builders.counts(campaign) == {"accepted": 12}
    assert builders.refreshed(campaign).status == CampaignStatus.COMPLETED


def test_a_launch_in_time_is_not_sent_back_by_the_freeze_a_moment_later(over: SenderLine) -> None:
    at = timezone.now() + dt.timedelta(minutes=10, seconds=0.5)
    campaign = builders.draft(over, rule(), scheduled_at=at, provider_keeps_time=True)
    lifecycle.launch(campaign.pk)
    time.sleep(0.6)
    lifecycle.prepare(campaign.pk)
    assert builders.refreshed(campaign).status == CampaignStatus.RUNNING
