"""What may be done with a campaign in each status, what the tick rings for, and how it ends."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from django_q.models import OrmQ
from pytest_django.fixtures import Settings

from campaigns import doorbell, drafting, lifecycle, ringing, scheduling, tasks
from campaigns.auditing import note
from campaigns.lifecycle import NotAllowed
from campaigns.models import AuditEntry, Batch, Campaign, Heartbeat
from campaigns.sending.claiming import Claim, claim
from campaigns.sending.recording import Ticket, record
from campaigns.states import BatchStatus, CampaignStatus
from contacts.models import ContactImport
from providers.answers import Outcome, SendAnswer
from providers.models import ProviderAccount
from providers.sandbox import Sandbox
from tests import builders
from tests.parallel import at_once

C = CampaignStatus
ACTIONS: dict[str, tuple[Any, set[CampaignStatus]]] = {
    "launch": (lifecycle.launch, {C.DRAFT}),
    "pause": (lifecycle.pause, {C.RUNNING}),
    "resume": (lifecycle.resume, {C.PAUSED}),
    "cancel": (
        lifecycle.cancel,
        {C.DRAFT, C.PENDING_APPROVAL, C.SCHEDULED, C.PREPARING, C.RUNNING, C.PAUSED},
    ),
}


@pytest.fixture
def campaign(db: None) -> Campaign:
    return builders.campaign_of(None, 22)


@pytest.fixture
def draft(db: None) -> Campaign:
    over = builders.line(builders.account())
    return builders.draft(over, builders.include(builders.phonebook(builders.contacts(3))))


def rung() -> list[str]:
    """The tasks in the queue, oldest first, without the one that counts what there is."""
    names = [str(queued.func()).rpartition(".")[2] for queued in OrmQ.objects.order_by("pk")]
    return [name for name in names if name != "tally"]


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("status", CampaignStatus)
def test_an_action_is_allowed_in_its_statuses_only(draft: Campaign, action: str, status: CampaignStatus) -> None:
    act, allowed = ACTIONS[action]
    Campaign.objects.filter(pk=draft.pk).update(status=status, audience=0)
    if status in allowed:
        act(draft.pk)
        assert builders.refreshed(draft).status != status
        assert AuditEntry.objects.filter(campaign=draft).exclude(action="created").count() == 1
    else:
        with pytest.raises(NotAllowed):
            act(draft.pk)
        assert builders.refreshed(draft).status == status


def test_who_did_it_is_written_down(draft: Campaign) -> None:
    user = get_user_model().objects.create_user("sara")
    lifecycle.launch(draft.pk, user)
    lifecycle.cancel(draft.pk, user)
    entries = AuditEntry.objects.filter(campaign=draft, actor=user).order_by("pk")
    assert list(entries.values_list("action", flat=True)) == ["launched", "cancelled"]


def test_a_launch_over_a_line_that_is_off_is_refused_in_words(draft: Campaign) -> None:
    ProviderAccount.objects.update(enabled=False)
    with pytest.raises(NotAllowed, match=r"\w+ \w+"):
        lifecycle.launch(draft.pk)
    assert builders.refreshed(draft).status == C.DRAFT


@pytest.mark.django_db(transaction=True)
def test_two_launches_at_once_launch_once() -> None:
    over = builders.line(builders.account())
    draft = builders.draft(over, builders.include(builders.phonebook(builders.contacts(3))))

    def launch() -> str:
        try:
            return str(lifecycle.launch(draft.pk))
        except NotAllowed:
            return "refused"

    assert sorted(at_once(launch, 4)) == ["preparing", "refused", "refused", "refused"]
    assert AuditEntry.objects.filter(action="launched").count() == 1
    assert rung() == ["prepare"]


@pytest.mark.django_db(transaction=True)
def test_a_scheduled_campaign_starts_at_its_time() -> None:
    over = builders.line(builders.account())
    soon = timezone.now() + dt.timedelta(hours=1)
    draft = builders.draft(over, builders.include(builders.phonebook(builders.contacts(3))), scheduled_at=soon)
    assert lifecycle.launch(draft.pk) == C.SCHEDULED
    scheduling.start_due()
    assert builders.refreshed(draft).status == C.SCHEDULED
    Campaign.objects.update(scheduled_at=timezone.now() - dt.timedelta(seconds=2))
    ringing.tick()
    assert builders.refreshed(draft).status == C.PREPARING
    tasks.prepare(draft.pk)
    assert builders.counts(draft) == {"pending": 3}


def test_a_time_in_the_past_starts_at_once(draft: Campaign) -> None:
    Campaign.objects.update(scheduled_at=timezone.now() - dt.timedelta(minutes=1))
    assert lifecycle.launch(draft.pk) == C.PREPARING


def test_a_pause_keeps_everything_and_a_resume_goes_on(sandbox: Sandbox, db: None) -> None:
    campaign = builders.campaign_of(sandbox, 22)
    lifecycle.pause(campaign.pk)
    assert builders.send_all(campaign) == "stopped"
    assert builders.counts(campaign) == {"pending": 22}
    lifecycle.resume(campaign.pk)
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 22}
    assert builders.refreshed(campaign).status == C.COMPLETED


def test_a_cancel_ends_what_is_pending(campaign: Campaign) -> None:
    lifecycle.cancel(campaign.pk)
    campaign = builders.refreshed(campaign)
    assert builders.counts(campaign) == {"cancelled": 22}
    assert campaign.status == C.CANCELLED
    assert campaign.finished_at is not None
    assert set(Batch.objects.values_list("status", flat=True)) == {BatchStatus.CANCELLED}


def test_a_cancel_before_the_freeze_sends_to_nobody(draft: Campaign) -> None:
    lifecycle.launch(draft.pk)
    lifecycle.cancel(draft.pk)
    assert not lifecycle.prepare(draft.pk)
    assert builders.counts(draft) == {}


def test_a_cancel_leaves_what_is_in_flight_to_its_answer(sandbox: Sandbox, db: None) -> None:
    campaign = builders.campaign_of(sandbox, 22)
    found = claim(campaign.pk, "me")
    assert isinstance(found, Claim)
    lifecycle.cancel(campaign.pk)
    assert builders.counts(campaign) == {"sending": 2, "cancelled": 20}
    from campaigns.sending import dispatch

    dispatch.send(found)
    lifecycle.finish(campaign.pk)
    campaign = builders.refreshed(campaign)
    assert builders.counts(campaign) == {"accepted": 2, "cancelled": 20}
    assert campaign.status == C.CANCELLED
    assert campaign.finished_at is not None


@pytest.mark.django_db(transaction=True)
def test_a_call_in_flight_does_not_make_the_cancel_spin(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 22)
    assert isinstance(claim(campaign.pk, "me"), Claim)
    OrmQ.objects.all().delete()
    lifecycle.cancel(campaign.pk)
    tasks.clear_pending(campaign.pk)
    assert rung() == []


@pytest.mark.django_db(transaction=True)
def test_what_comes_back_to_a_cancelled_campaign_is_cancelled_by_the_tick() -> None:
    campaign = builders.campaign_of(None, 2)
    found = claim(campaign.pk, "me")
    assert isinstance(found, Claim)
    lifecycle.cancel(campaign.pk)
    record(Ticket(found.batch.pk, "me", 1), SendAnswer(Outcome.RETRYABLE, code="429"))
    OrmQ.objects.all().delete()
    ringing.tick()
    assert rung() == ["clear_pending"]
    tasks.clear_pending(campaign.pk)
    assert builders.counts(campaign) == {"cancelled": 2}


@pytest.mark.django_db(transaction=True)
def test_the_tick_rings_for_what_can_be_sent() -> None:
    campaign = builders.campaign_of(None, 2)
    OrmQ.objects.all().delete()
    ringing.tick()
    assert rung() == ["pump"]
    OrmQ.objects.all().delete()
    ProviderAccount.objects.open_breaker(campaign.line.account_id, "401", "")
    ringing.tick()
    assert rung() == []


@pytest.mark.django_db
def test_the_heart_beats_when_a_tick_was_run_and_put_away(settings: Settings) -> None:
    settings.WORKER_HEART = "here-1"
    ringing.tick()
    ringing.acknowledged(None, {"func": "campaigns.tasks.pump", "success": True})
    ringing.acknowledged(None, {"func": ringing.TICK, "success": False})
    assert not Heartbeat.objects.exists()
    ringing.acknowledged(None, {"func": ringing.TICK, "success": True})
    assert Heartbeat.objects.filter(name="here-1").exists()


@pytest.mark.django_db(transaction=True)
def test_one_campaigns_trouble_stops_neither_the_others_nor_the_tick(caplog: pytest.LogCaptureFixture) -> None:
    campaign = builders.campaign_of(None, 2)
    Batch.objects.update(status=BatchStatus.SENDING, owner="x", lease_until=timezone.now() - dt.timedelta(hours=1))
    ProviderAccount.objects.update(slug="gone")
    ringing.tick()
    assert rung()[-1:] == ["pump"]
    assert "_expire failed (UnknownProvider)" in caplog.text
    assert builders.refreshed(campaign).status == C.RUNNING


@pytest.mark.django_db(transaction=True)
def test_a_pump_sends_finishes_and_may_run_twice(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 22)
    at_once(lambda: tasks.pump(campaign.pk), 3)
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    tasks.pump(campaign.pk)
    assert builders.counts(campaign) == {"accepted": 22}
    assert builders.refreshed(campaign).status == C.COMPLETED


@pytest.mark.django_db(transaction=True)
def test_a_pump_rings_again_when_its_slice_ends(settings: Any) -> None:
    settings.SEND_SLICE = 0.0
    campaign = builders.campaign_of(None, 2)
    OrmQ.objects.all().delete()
    tasks.pump(campaign.pk)
    assert rung() == ["pump"]


@pytest.mark.django_db(transaction=True)
def test_nothing_is_rung_for_what_was_rolled_back() -> None:
    from django.db import transaction

    with transaction.atomic():
        doorbell.ring("pump", 1)
        transaction.set_rollback(True)
    assert rung() == []
    doorbell.ring("pump", 1)
    assert rung() == ["pump"]


@pytest.mark.django_db(transaction=True)
def test_queued_tasks_that_a_new_secret_key_makes_unreadable_are_rung_for_again() -> None:
    builders.campaign_of(None, 2)
    OrmQ.objects.update(payload="signed with another key")
    unreadable = list(OrmQ.objects.values_list("pk", flat=True))
    ringing.tick()
    OrmQ.objects.filter(pk__in=unreadable).delete()
    assert unreadable
    assert rung() == ["pump"]


def test_a_completed_campaign_is_not_completed_twice(sandbox: Sandbox, db: None) -> None:
    campaign = builders.campaign_of(sandbox, 2)
    builders.send_all(campaign)
    ended = builders.refreshed(campaign).finished_at
    lifecycle.finish(campaign.pk)
    assert builders.refreshed(campaign).finished_at == ended


@pytest.mark.django_db
def test_what_was_done_to_a_draft_is_known_after_it_is_deleted() -> None:
    draft = builders.draft(
        builders.line(builders.account()), builders.include(builders.phonebook(builders.contacts(1)))
    )
    note("revised", draft.pk)
    kept = list(AuditEntry.objects.values_list("action", flat=True))
    drafting.discard(draft.pk)
    assert set(kept) < set(AuditEntry.objects.values_list("action", flat=True))


@pytest.mark.django_db
def test_an_upload_whose_columns_nobody_confirms_is_thrown_away_after_a_week(tmp_path: Path) -> None:
    old, fresh = (ContactImport.objects.create(filename=name, path=str(tmp_path / name)) for name in ("old", "fresh"))
    ContactImport.objects.filter(pk=old.pk).update(created_at=timezone.now() - dt.timedelta(days=8))
    ringing.tick()
    assert ContactImport.objects.get(pk=old.pk).status == ContactImport.Status.CANCELLED
    assert ContactImport.objects.get(pk=fresh.pk).status == ContactImport.Status.UPLOADED
