"""What the clock does to a campaign: late starts ask, ends expire, scheduled ones can be taken back."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from campaigns import lifecycle, ringing, scheduling, tasks
from campaigns.drafting import InvalidDraft
from campaigns.lifecycle import NotAllowed
from campaigns.models import AuditEntry, Batch, Campaign, Message
from campaigns.sending.claiming import Claim, Wait, claim
from campaigns.sending.recording import Ticket, record
from campaigns.states import CampaignStatus as C
from campaigns.states import Reason
from providers.answers import Outcome, SendAnswer
from providers.models import SenderLine
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines

pytestmark = pytest.mark.django_db(transaction=True)


def scheduled(**fields: Any) -> Campaign:
    """A launched campaign whose time is in an hour."""
    at = timezone.now() + dt.timedelta(hours=1)
    rule = builders.include(builders.phonebook(builders.contacts(3)))
    draft = builders.draft(builders.line(builders.account()), rule, scheduled_at=at, **fields)
    lifecycle.launch(draft.pk)
    return builders.refreshed(draft)


def late_by(campaign: Campaign, **ago: float) -> None:
    """Let its time, and its launch before, lie so far back."""
    at = timezone.now() - dt.timedelta(**ago)
    Campaign.objects.filter(pk=campaign.pk).update(scheduled_at=at, launched_at=at - dt.timedelta(hours=1))


def standing(campaign: Campaign) -> tuple[str, str]:
    found = builders.refreshed(campaign)
    return found.status, found.pause_code


def actions() -> set[str]:
    return set(AuditEntry.objects.values_list("action", flat=True))


def test_within_the_limit_it_starts(settings: Settings) -> None:
    campaign = scheduled()
    late_by(campaign, seconds=settings.SCHEDULE_LATENESS - 60)
    ringing.tick()
    assert standing(campaign) == (C.PREPARING, "")


def test_beyond_the_limit_it_asks_once_instead_of_sending(settings: Settings) -> None:
    campaign = scheduled()
    late_by(campaign, seconds=settings.SCHEDULE_LATENESS + 60)
    for _ in range(2):
        ringing.tick()
    assert standing(campaign) == (C.SCHEDULED, Campaign.LATE)
    assert AuditEntry.objects.filter(action="held_late").count() == 1


def test_a_campaign_that_was_being_prepared_when_the_worker_went_away_asks_too() -> None:
    campaign = scheduled()
    Campaign.objects.move(campaign.pk, C.PREPARING)
    late_by(campaign, hours=5)
    tasks.prepare(campaign.pk)
    assert standing(campaign) == (C.SCHEDULED, Campaign.LATE)
    assert not Message.objects.exists()


def test_one_launched_for_at_once_asks_when_nobody_was_there_for_hours() -> None:
    draft = builders.draft(
        builders.line(builders.account()), builders.include(builders.phonebook(builders.contacts(3)))
    )
    lifecycle.launch(draft.pk)
    Campaign.objects.update(launched_at=timezone.now() - dt.timedelta(hours=2))
    tasks.prepare(draft.pk)
    assert standing(draft) == (C.SCHEDULED, Campaign.LATE)


def test_a_word_starts_it_and_a_second_click_does_nothing() -> None:
    campaign = scheduled()
    late_by(campaign, hours=2)
    ringing.tick()
    assert lifecycle.launch(campaign.pk) == C.PREPARING
    with pytest.raises(NotAllowed):
        lifecycle.launch(campaign.pk)
    tasks.prepare(campaign.pk)
    assert standing(campaign) == (C.RUNNING, "")
    assert {"held_late", "started_late"} <= actions()


def test_one_that_is_not_late_cannot_be_launched_again() -> None:
    with pytest.raises(NotAllowed):
        lifecycle.launch(scheduled().pk)


def test_it_can_be_taken_back_and_launched_anew() -> None:
    campaign = scheduled()
    lifecycle.take_back(campaign.pk)
    assert standing(campaign) == (C.DRAFT, "")
    with pytest.raises(NotAllowed):
        lifecycle.take_back(campaign.pk)
    assert lifecycle.launch(campaign.pk) == C.SCHEDULED


def test_a_running_campaign_cannot_be_taken_back(sandbox: Sandbox) -> None:
    with pytest.raises(NotAllowed):
        lifecycle.take_back(builders.campaign_of(sandbox, 3).pk)


def ended(campaign: Campaign) -> None:
    """Its time is over now."""
    Campaign.objects.filter(pk=campaign.pk).update(expires_at=timezone.now() - dt.timedelta(seconds=1))


def test_what_is_pending_at_the_end_expires_and_what_is_out_stays(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 32)
    found = claim(campaign.pk, "me")
    assert isinstance(found, Claim)
    ended(campaign)
    refused = claim(campaign.pk, "you")
    assert isinstance(refused, Wait)
    assert refused.code == "expired"
    ringing.tick()
    tasks.clear_pending(campaign.pk)
    assert builders.refreshed(campaign).status == C.EXPIRED
    assert builders.counts(campaign) == {"sending": 2, "expired": 30}
    reasons = set(Message.objects.filter(batch_number__gt=0).values_list("reason", flat=True))
    assert reasons == {Reason.NOT_IN_TIME}


def test_what_comes_back_after_the_end_expires_too(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 32)
    found = claim(campaign.pk, "me")
    assert isinstance(found, Claim)
    ended(campaign)
    scheduling.expire_due()
    record(Ticket(found.batch.pk, "me", 1), SendAnswer(Outcome.RETRYABLE, code="connection_refused"))
    assert lifecycle.unfinished() == [campaign.pk]
    tasks.clear_pending(campaign.pk)
    assert builders.counts(campaign) == {"expired": 32}
    assert builders.refreshed(campaign).finished_at is not None


def test_a_paused_campaign_ends_at_its_time(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 32)
    lifecycle.pause(campaign.pk)
    ended(campaign)
    scheduling.expire_due()
    with pytest.raises(NotAllowed):
        lifecycle.resume(campaign.pk)


def test_a_campaign_of_which_nothing_is_pending_completes_as_ever(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 12)
    builders.send_all(campaign)
    Campaign.objects.update(status=C.RUNNING)
    ended(campaign)
    scheduling.expire_due()
    assert builders.refreshed(campaign).status == C.RUNNING
    assert "expired" not in actions()


def test_one_that_never_began_expires_without_recipients() -> None:
    campaign = scheduled()
    ended(campaign)
    ringing.tick()
    found = builders.refreshed(campaign)
    assert (found.status, found.audience) == (C.EXPIRED, None)
    assert found.finished_at is not None


@pytest.mark.parametrize("minutes", [-5, 30])
def test_an_end_before_the_beginning_is_refused(minutes: int) -> None:
    now = timezone.now()
    with pytest.raises(InvalidDraft):
        builders.draft(
            builders.line(builders.account()),
            builders.include(builders.phonebook(builders.contacts(1))),
            scheduled_at=now + dt.timedelta(hours=1),
            expires_at=now + dt.timedelta(minutes=minutes),
        )


def test_an_end_before_the_window_opens_is_refused() -> None:
    local = timezone.localtime()
    opens = (local + dt.timedelta(hours=3)).time()
    line = builders.line(builders.account(), kind="advertising", window_start=opens, window_end=local.time())
    rule = builders.include(builders.phonebook(builders.contacts(1)))
    with pytest.raises(InvalidDraft):
        builders.draft(line, rule, expires_at=timezone.now() + dt.timedelta(hours=2))
    assert builders.draft(line, rule, expires_at=timezone.now() + dt.timedelta(hours=4)).pk


def test_what_may_have_been_sent_with_its_key_is_unclear_and_not_expired(sandbox: Sandbox) -> None:
    rule = builders.include(builders.phonebook(builders.contacts(6)))
    campaign = builders.running(lines.line("safir", sandbox), rule)
    sandbox.faults.add("500", "safir_send", times=30, taken=True)
    builders.send_all(campaign)
    lifecycle.cancel(campaign.pk)
    assert builders.counts(campaign) == {"unknown": 2, "cancelled": 4}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    lifecycle.count_as_sent(campaign.pk)
    assert builders.counts(campaign) == {"accepted": 2, "cancelled": 4}


def test_a_batch_that_was_cut_expires_whole(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 32, messages_per_minute=4)
    SenderLine.objects.update(daily_cap=None)
    ended(campaign)
    scheduling.expire_due()
    assert lifecycle.clear_pending(campaign.pk, 5)
    assert builders.counts(campaign) == {"expired": 32}
    assert not Batch.objects.filter(campaign=campaign, pending__gt=0).exists()
