"""A group's record that comes after its lease, when another machine gave it up: what was not reached still goes."""

from __future__ import annotations

import pytest

from campaigns import lifecycle
from campaigns.models import Batch, Campaign, Message
from campaigns.sending import claiming, dispatch, reconcile
from campaigns.sending.recording import Ticket, record
from campaigns.states import BatchStatus, CampaignStatus
from providers.answers import Outcome, RecipientResult, SendAnswer
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines

pytestmark = pytest.mark.django_db(transaction=True)


def lost(campaign: Campaign) -> tuple[Ticket, list[int]]:
    """The last batch, claimed elsewhere and given up; the campaign finished over it."""
    dispatch.work(campaign.pk, 0.01)
    claimed = claiming.claim(campaign.pk, "somewhere/1/1/1")
    assert isinstance(claimed, claiming.Claim)
    Batch.objects.filter(pk=claimed.batch.pk).update(lease_until="2020-01-01T00:00:00Z")
    reconcile.expire_leases()
    lifecycle.finish(campaign.pk)
    return Ticket(claimed.batch.pk, "somewhere/1/1/1", 1), sorted(
        Message.objects.in_batch(claimed.batch).values_list("pk", flat=True)
    )


def test_who_was_not_reached_goes_out_after_all(sandbox: Sandbox) -> None:
    sandbox.behaviour.gosms_rate = lines.FAST
    over = lines.line("gosms", sandbox)
    campaign = builders.running(over, builders.include(builders.phonebook(builders.contacts(6))))
    ticket, keys = lost(campaign)
    assert builders.refreshed(campaign).status == CampaignStatus.COMPLETED_WITH_PROBLEMS
    results = [RecipientResult(keys[0], Outcome.ACCEPTED, "a" * 24)]
    results += [RecipientResult(key, Outcome.RETRYABLE, code="not_reached") for key in keys[1:]]
    record(ticket, SendAnswer(Outcome.ACCEPTED, results))
    assert builders.counts(campaign) == {"accepted": 3, "pending": 3}
    for _ in range(3):
        builders.send_all(campaign)  # every tick from now on
    assert builders.counts(campaign) == {"accepted": 6}


def test_recording_a_kept_answer_twice_counts_once(sandbox: Sandbox) -> None:
    """A worker that dies between the record and the removal of the file: the sweep records the same answer again."""
    campaign = builders.campaign_of(sandbox, 12)
    dispatch.work(campaign.pk, 0.01)
    sandbox.faults.add("partial", "send", share=0.3)
    dispatch.work(campaign.pk, 0.01)
    batch = Batch.objects.get(status=BatchStatus.UNKNOWN)
    assert batch.number == 1
    taken = batch.accepted
    assert 0 < taken < 10
    rows = Message.objects.in_batch(batch)
    results = [
        RecipientResult(m.pk, Outcome.ACCEPTED if m.provider_ref else Outcome.UNCLEAR, m.provider_ref or "")
        for m in rows
    ]
    record(Ticket(batch.pk, batch.owner, batch.attempt), SendAnswer(Outcome.ACCEPTED, results))
    batch.refresh_from_db()
    assert batch.accepted == taken
