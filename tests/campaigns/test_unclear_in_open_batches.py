"""An unclear message whose batch waits or was cancelled is looked up and can be decided like any other."""

from __future__ import annotations

import pytest
from django.utils import timezone

from campaigns import lifecycle
from campaigns.delivery import polling
from campaigns.models import Batch, Campaign, Message
from campaigns.sending import dispatch
from campaigns.states import MessageStatus
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def campaign(sandbox: Sandbox, settings: object) -> Campaign:
    """Two sent by the pilot, then of ten one unclear, and the account's refusal of the next."""
    settings.SEND_DOUBT = 1  # type: ignore[attr-defined]
    sandbox.behaviour.gosms_rate = lines.FAST
    over = lines.line("gosms", sandbox)
    found = builders.running(over, builders.include(builders.phonebook(builders.contacts(12))))
    dispatch.work(found.pk, 0.01)
    sandbox.faults.add("close_after_accept", "gosms_send", ordinals=[1])
    sandbox.faults.add("no_credit", "gosms_send", ordinals=[2])
    assert dispatch.work(found.pk, 5) == "breaker"
    assert builders.counts(found) == {"accepted": 2, "unknown": 1, "pending": 9}
    sandbox.faults.clear()
    return found


def test_it_can_be_decided_while_the_rest_waits(campaign: Campaign) -> None:
    lifecycle.count_as_sent(campaign.pk)  # NotAllowed: Nothing is unclear any more.
    assert builders.counts(campaign) == {"accepted": 3, "pending": 9}


def test_it_can_be_decided_after_a_cancel(campaign: Campaign) -> None:
    lifecycle.cancel(campaign.pk)
    assert builders.counts(campaign) == {"accepted": 2, "unknown": 1, "cancelled": 9}
    lifecycle.count_as_sent(campaign.pk)
    assert builders.counts(campaign) == {"accepted": 3, "cancelled": 9}


def test_it_is_looked_up_while_the_rest_waits(campaign: Campaign) -> None:
    """The contract of GoSMS can tell, and the plan's polls go by unused."""
    unclear = Message.objects.get(status=MessageStatus.UNKNOWN)
    batch = Batch.objects.get(number=unclear.batch_number or 0)
    for _ in range(6):
        Batch.objects.filter(pk=batch.pk, poll_at__isnull=False).update(poll_at=timezone.now())
        polling.poll(batch.pk)
    assert builders.counts(campaign) == {"accepted": 3, "pending": 9}
