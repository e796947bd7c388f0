"""A look-up ends in time, keeps what it found until then, and speaks of the attempt that it was begun for alone."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from campaigns import lifecycle
from campaigns.delivery import polling
from campaigns.models import Batch, Campaign, Message, ProviderRef
from campaigns.sending import kept, lookup
from campaigns.states import BatchStatus, CampaignStatus, MessageStatus, Reason
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sandbox(sandbox: Sandbox) -> Sandbox:
    sandbox.behaviour.gosms_rate = lines.FAST
    return sandbox


def unclear(sandbox: Sandbox, size: int, *, taken: bool) -> Batch:
    """A batch of GoSMS, unclear as a whole; the provider has all of its messages, or none."""
    over = lines.line("gosms", sandbox)
    campaign = builders.running(over, builders.include(builders.phonebook(builders.contacts(size))))
    if taken:
        builders.send_all(campaign)
    Message.objects.of(campaign).update(status=MessageStatus.UNKNOWN, provider_ref=None, reason=Reason.LOST_ANSWER)
    ProviderRef.objects.all().delete()
    campaign.counts.all().delete()
    campaign.counts.create(status=MessageStatus.UNKNOWN, messages=size)
    facts = {"attempt": 1, "unclear": 1, "claimed_at": timezone.now(), "poll_at": timezone.now()}
    Batch.objects.update(status=BatchStatus.UNKNOWN, pending=0, **facts)
    Batch.objects.filter(number=1).update(unclear=size - 2)
    Batch.objects.filter(number=0).update(unclear=2)
    Campaign.objects.update(status=CampaignStatus.COMPLETED_WITH_PROBLEMS)
    return Batch.objects.get(number=1)


def test_a_slow_list_ends_the_look_in_time_and_what_was_found_stays(sandbox: Sandbox) -> None:
    batch = unclear(sandbox, 12, taken=True)
    sandbox.faults.add("slow", "gosms_list", seconds=0.3)
    begun = time.monotonic()
    found = lookup.look(batch.pk, begun + 1.0)
    assert time.monotonic() - begun < 5  # ten of them would take three seconds at least, on any machine
    assert 0 < found < 10
    assert sandbox.ledger.counters["calls_gosms_list"] < 10


def test_a_poll_hands_its_own_end_on_to_the_look(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = unclear(sandbox, 12, taken=True)
    monkeypatch.setattr(polling, "LONGEST", 0.0)
    polling.poll(batch.pk)
    assert sandbox.ledger.counters["calls_gosms_list"] == 0
    assert builders.counts(batch.campaign) == {"unknown": 12}


def test_polls_and_looks_end_well_before_their_task() -> None:
    call = kept.PATIENCE * 3  # to connect, and twice a silence
    assert lookup.LONGEST < polling.LONGEST
    assert polling.LONGEST + call < settings.Q_CLUSTER["timeout"]


def test_a_list_that_breaks_off_keeps_what_was_found_before(sandbox: Sandbox) -> None:
    batch = unclear(sandbox, 12, taken=True)
    sandbox.faults.add("close_after_accept", "gosms_list", ordinals=[5])
    assert lookup.look(batch.pk) == 4


def test_a_list_that_was_read_before_it_went_out_again_proves_nothing(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator sent it again during the look, and that answer was lost, too: a third message must not follow."""
    batch = unclear(sandbox, 3, taken=False)
    assert lookup.look(batch.pk) == 0
    assert set(batch.messages().values_list("reason", flat=True)) == {Reason.NOT_LISTED}
    ask = kept.ask

    def and_meanwhile(request: Any) -> Any:
        answer = ask(request)
        monkeypatch.setattr(kept, "ask", ask)
        lifecycle.send_again(batch.campaign_id, batch=1)
        sandbox.faults.add("close_after_accept", "gosms_send", times=1)
        builders.send_all(batch.campaign)
        batch.messages().update(reason=Reason.NOT_LISTED)
        return answer

    monkeypatch.setattr(kept, "ask", and_meanwhile)
    assert lookup.look(batch.pk) == 0
    assert builders.counts(batch.campaign) == {"unknown": 3}
    assert max(sandbox.ledger.acceptances().values()) == 1


def test_what_was_not_asked_about_this_time_comes_first_the_next_time(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "MOST", 4)
    batch = unclear(sandbox, 12, taken=True)
    for _round in range(3):
        Batch.objects.filter(pk=batch.pk, poll_at__isnull=False).update(poll_at=timezone.now() - dt.timedelta(1))
        polling.poll(batch.pk)
    assert builders.counts(batch.campaign) == {"unknown": 2, "accepted": 10}
