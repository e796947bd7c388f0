"""Each attempt at a batch has the whole plan of polls: who goes out days later is asked about as often."""

from __future__ import annotations

import pytest
from django.utils import timezone

from campaigns.delivery import applying, polling
from campaigns.models import Batch
from campaigns.sending import dispatch
from providers.models import ProviderAccount
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines

pytestmark = pytest.mark.django_db(transaction=True)


def poll_round(batch: Batch) -> None:
    Batch.objects.filter(pk=batch.pk, poll_at__isnull=False).update(poll_at=timezone.now())
    polling.poll(batch.pk)
    applying.apply()


def test_messages_of_a_later_attempt_are_asked_about_by_the_whole_plan(sandbox: Sandbox, settings: object) -> None:
    settings.SEND_DOUBT = 1  # type: ignore[attr-defined]
    sandbox.behaviour.gosms_rate = lines.FAST
    sandbox.behaviour.sent_after = sandbox.behaviour.final_after = 0.0
    over = lines.line("gosms", sandbox)
    campaign = builders.running(over, builders.include(builders.phonebook(builders.contacts(10))))
    dispatch.work(campaign.pk, 0.01)
    sandbox.behaviour.final_after = 3600.0
    sandbox.faults.add("no_credit", "gosms_send", ordinals=[4])
    assert dispatch.work(campaign.pk, 5) == "breaker"  # three of eight went out
    batch = Batch.objects.get(number=1)
    for _ in polling.PLAN:  # three days, until somebody pays
        poll_round(batch)
    ProviderAccount.objects.close_breaker(over.account_id)
    builders.send_all(campaign)
    poll_round(batch)  # after a minute none of them is final yet
    sandbox.behaviour.final_after = 0.0
    poll_round(batch)
    assert Batch.objects.get(pk=batch.pk).poll_at is not None or builders.counts(campaign).get("delivered", 0) >= 8
