"""What becomes of batches whose worker did not come back, and of answers that the database did not hear."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import time

import pytest
from django.db import OperationalError
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Batch, Campaign, Message
from campaigns.querysets import Move
from campaigns.sending import answers, dispatch, owners, reconcile
from campaigns.sending.claiming import Claim, claim
from campaigns.sending.recording import Ticket, record
from campaigns.states import BatchStatus, CampaignStatus, MessageStatus, Reason
from providers.answers import Outcome, RecipientResult, SendAnswer
from providers.models import ProviderAccount
from providers.sandbox import Sandbox
from tests import builders
from tests.outage import outage
from tests.parallel import at_once

S = MessageStatus


def claimed(campaign: Campaign, owner: str = "elsewhere") -> tuple[Claim, Ticket]:
    found = claim(campaign.pk, owner)
    assert isinstance(found, Claim), found
    return found, Ticket(found.batch.pk, found.batch.owner, found.batch.attempt)


def expire(ticket: Ticket) -> None:
    Batch.objects.filter(pk=ticket.batch_id).update(lease_until=timezone.now() - dt.timedelta(seconds=5))
    for campaign_id in reconcile.expire_leases():
        lifecycle.finish(campaign_id)


def all_accepted(found: Claim) -> SendAnswer:
    keys = Message.objects.in_batch(found.batch).order_by("pk").values_list("pk", flat=True)
    return SendAnswer(
        Outcome.ACCEPTED, [RecipientResult(key, Outcome.ACCEPTED, f"9{key}", code="1", cost=10) for key in keys]
    )


def age_answers() -> None:
    """Make the files of the spool older than a worker could still be about to record."""
    for path in answers.spool.files():
        os.utime(path, (time.time() - 60, time.time() - 60))


@pytest.fixture
def campaign(sandbox: Sandbox) -> Campaign:
    return builders.campaign_of(sandbox, 2)


@pytest.mark.django_db
def test_an_expired_lease_leaves_its_messages_unclear(campaign: Campaign) -> None:
    _found, ticket = claimed(campaign)
    assert reconcile.expire_leases() == []
    expire(ticket)
    assert builders.counts(campaign) == {"unknown": 2}
    assert set(Message.objects.values_list("reason", flat=True)) == {Reason.WORKER_DIED}
    assert builders.refreshed(campaign).status == CampaignStatus.COMPLETED_WITH_PROBLEMS


@pytest.mark.django_db
def test_a_lost_pilot_pauses_what_still_waits(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 12)
    expire(claimed(campaign)[1])
    campaign = builders.refreshed(campaign)
    assert (campaign.status, campaign.pause_code) == (CampaignStatus.PAUSED, "pilot_unclear")
    assert builders.counts(campaign) == {"pending": 10, "unknown": 2}


@pytest.mark.django_db
def test_a_late_answer_settles_what_a_lost_lease_left_unclear(campaign: Campaign) -> None:
    found, ticket = claimed(campaign)
    expire(ticket)
    assert record(ticket, all_accepted(found))
    lifecycle.finish(campaign.pk)
    assert builders.counts(campaign) == {"accepted": 2}
    assert builders.refreshed(campaign).status == CampaignStatus.COMPLETED


@pytest.mark.django_db
def test_a_late_refusal_for_now_sends_the_messages_after_all(sandbox: Sandbox, campaign: Campaign) -> None:
    _found, ticket = claimed(campaign)
    expire(ticket)
    assert record(ticket, SendAnswer(Outcome.RETRYABLE, code="429", retry_after=0.01))
    assert builders.counts(campaign) == {"pending": 2}
    time.sleep(0.02)
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 2}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


@pytest.mark.django_db
def test_a_late_refusal_for_now_in_a_cancelled_campaign_is_cancelled(campaign: Campaign) -> None:
    _found, ticket = claimed(campaign)
    lifecycle.cancel(campaign.pk)
    expire(ticket)
    record(ticket, SendAnswer(Outcome.RETRYABLE, code="429"))
    assert lifecycle.unfinished() == [campaign.pk]
    assert lifecycle.clear_pending(campaign.pk, 5)
    assert builders.counts(campaign) == {"cancelled": 2}


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"owner": "another"}, {"attempt": 7}, {"status": BatchStatus.DONE}])
def test_an_answer_that_belongs_to_no_open_attempt_changes_nothing(campaign: Campaign, change: dict[str, str]) -> None:
    found, ticket = claimed(campaign)
    answer = all_accepted(found)
    Batch.objects.filter(pk=ticket.batch_id).update(**change)
    assert not record(ticket, answer)
    assert not Message.objects.exclude(status=S.PENDING).exists()


@pytest.mark.django_db
def test_an_answer_is_recorded_once(campaign: Campaign) -> None:
    found, ticket = claimed(campaign)
    answer = all_accepted(found)
    assert record(ticket, answer)
    assert not record(ticket, answer)
    assert builders.counts(campaign) == {"accepted": 2}


@pytest.mark.django_db
def test_a_message_settled_meanwhile_does_not_cost_the_others_their_answer(campaign: Campaign) -> None:
    found, ticket = claimed(campaign)
    answer = all_accepted(found)
    move = Move(answer.results[0].key, S.SKIPPED)
    Message.objects.move([move], campaign_id=campaign.pk, old=S.PENDING, counted_as=S.SENDING)
    assert record(ticket, answer)
    assert builders.counts(campaign) == {"accepted": 1, "skipped": 1}


@pytest.mark.django_db
def test_a_worker_that_lost_its_claim_sends_nothing(sandbox: Sandbox, campaign: Campaign) -> None:
    found, ticket = claimed(campaign)
    expire(ticket)
    dispatch.send(found)
    assert sandbox.ledger.counters["calls_send"] == 0
    assert builders.counts(campaign) == {"pending": 2}


@pytest.mark.django_db
def test_a_dead_process_loses_its_batches_before_the_lease_ends(campaign: Campaign) -> None:
    process = subprocess.Popen(["sleep", "60"])
    owner = f"{owners.place()}/{process.pid}/{owners._started(process.pid)}/1"
    claimed(campaign, owner)
    assert reconcile.expire_leases() == []
    process.kill()
    process.wait()
    assert reconcile.expire_leases() == [campaign.pk]
    assert builders.counts(campaign) == {"unknown": 2}


@pytest.mark.parametrize("owner", ["", "elsewhere", "host/boot/ns/disk/1/2/3"])
def test_a_process_that_cannot_be_seen_is_not_taken_for_dead(owner: str) -> None:
    assert not owners.is_gone(owner)


def test_a_process_that_lives_is_not_taken_for_dead() -> None:
    assert not owners.is_gone(owners.this_process())


@pytest.mark.django_db
def test_a_batch_that_was_claimed_anew_is_not_given_up_over_an_old_picture(campaign: Campaign) -> None:
    _found, ticket = claimed(campaign)
    assert reconcile._give_up(ticket._replace(attempt=ticket.attempt - 1), set()) is None
    assert builders.counts(campaign) == {"sending": 2}


@pytest.mark.django_db(transaction=True)
def test_an_answer_outlives_a_database_outage(sandbox: Sandbox, campaign: Campaign) -> None:
    with outage(lambda sql: bool(sandbox.ledger.taken)), pytest.raises(OperationalError):
        dispatch.work(campaign.pk, 5)
    assert len(list(answers.spool.files())) == 1
    assert builders.counts(campaign) == {"sending": 2}
    assert reconcile.sweep_answers() == 0  # a worker may be about to record it
    age_answers()
    assert reconcile.sweep_answers() == 1
    assert builders.counts(campaign) == {"accepted": 2}
    assert not list(answers.spool.files())


@pytest.mark.django_db(transaction=True)
def test_an_answer_on_disk_is_better_than_a_doubt(sandbox: Sandbox, campaign: Campaign) -> None:
    with outage(lambda sql: bool(sandbox.ledger.taken)), pytest.raises(OperationalError):
        dispatch.work(campaign.pk, 5)
    batch = Batch.objects.get(campaign=campaign)
    expire(Ticket(batch.pk, batch.owner, batch.attempt))
    assert builders.counts(campaign) == {"sending": 2}
    age_answers()
    reconcile.sweep_answers()
    assert builders.counts(campaign) == {"accepted": 2}


@pytest.mark.django_db(transaction=True)
def test_an_answer_found_after_the_lease_settles_the_doubt(sandbox: Sandbox, campaign: Campaign) -> None:
    with outage(lambda sql: bool(sandbox.ledger.taken)), pytest.raises(OperationalError):
        dispatch.work(campaign.pk, 5)
    (path,) = answers.spool.files()
    hidden = path.replace(path.with_name(".elsewhere"))
    batch = Batch.objects.get(campaign=campaign)
    expire(Ticket(batch.pk, batch.owner, batch.attempt))
    assert builders.counts(campaign) == {"unknown": 2}
    hidden.replace(path)
    age_answers()
    assert reconcile.sweep_answers() == 1
    assert builders.counts(campaign) == {"accepted": 2}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("reachable", [True, False])
def test_an_outage_makes_no_doubt_where_certainly_nothing_was_sent(
    sandbox: Sandbox, campaign: Campaign, reachable: bool
) -> None:
    if not reachable:
        ProviderAccount.objects.update(base_url="http://127.0.0.1:9")
    seen: list[bool] = []

    def before_the_call(sql: str) -> bool:
        seen.append("contacts_suppression" in sql)
        return seen[-1] if reachable else any(seen[:-1]) and '"campaigns_batch"."owner"' in sql and "SELECT" in sql

    with outage(before_the_call), pytest.raises(OperationalError):
        dispatch.work(campaign.pk, 5)
    assert sandbox.ledger.counters["calls_send"] == 0
    age_answers()
    assert reconcile.sweep_answers() == 1
    assert builders.counts(campaign) == {"pending": 2}


@pytest.mark.django_db
def test_a_file_that_is_no_answer_is_set_aside(campaign: Campaign) -> None:
    for name, content in {"a": b"", "b": b"{}\n200\n{}", "c": b"[]\n200\n", "d": b"\xff\n1\n"}.items():
        answers.spool.write(content, name)
    _found, ticket = claimed(campaign)
    answers.keep_failure(ticket, "connection_refused")
    age_answers()
    assert reconcile.sweep_answers() == 1
    assert builders.counts(campaign) == {"pending": 2}
    assert not list(answers.spool.files())
    assert len(list(answers.spool.folder.iterdir())) == 4


@pytest.mark.django_db(transaction=True)
def test_two_sweepers_record_an_answer_once(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 40)
    with outage(lambda sql: bool(sandbox.ledger.taken)), pytest.raises(OperationalError):
        dispatch.work(campaign.pk, 5)
    age_answers()
    at_once(reconcile.sweep_answers, 4)
    assert builders.counts(campaign) == {"pending": 38, "accepted": 2}
