"""Reports that are lost, late, repeated, out of order or ahead of the answer: held against what the provider knows."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from campaigns.delivery import applying, polling, webhooks
from campaigns.models import Batch, Campaign, DeliveryEvent, Message
from campaigns.states import MessageStatus
from providers.sandbox import Sandbox
from providers.sandbox.ledger import fate
from tests import builders
from tests.faults.conftest import until

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE = 40
FATES = {10: MessageStatus.DELIVERED, 11: MessageStatus.UNDELIVERED, 14: MessageStatus.BLOCKED}
PAST = dt.timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _patient(settings: Settings, _quick_engine: None) -> None:
    """A busy machine makes no request unclear."""
    settings.SEND_READ_TIMEOUT = 30.0


def sent(sandbox: Sandbox, live_server: LiveServer) -> Campaign:
    """A campaign whose provider has made every call to our webhook that it makes."""
    sandbox.behaviour.sent_after, sandbox.behaviour.final_after = 0.05, 0.1
    sandbox.behaviour.shares = {"11": 0.2, "14": 0.1}
    campaign = builders.campaign_of(sandbox, PEOPLE)
    sandbox.behaviour.webhook = f"{live_server.url}/{campaign.line.account.webhook_path}"
    builders.send_all(campaign)
    calls = ("webhooks_taken", "webhooks_lost")
    until(lambda: sum(sandbox.ledger.counters[name] for name in calls) >= 2 * PEOPLE)
    until(lambda: sandbox.webhooks.waiting == 0)
    return campaign


def apply() -> None:
    webhooks.sweep()  # on a busy machine some calls go to disk
    DeliveryEvent.objects.filter(result=0).update(retry_at=timezone.now() - PAST)
    applying.apply()


def poll() -> None:
    Batch.objects.filter(poll_at__isnull=False).update(poll_at=timezone.now() - PAST)
    for batch_id in polling.due():
        polling.poll(batch_id)
    apply()


def differences(sandbox: Sandbox, campaign: Campaign) -> int:
    """How many messages stand elsewhere than at the provider; the accounting must add up."""
    assert sum(builders.counts(campaign).values()) == PEOPLE
    rows = Message.objects.of(campaign).values_list("phone", "status")
    return sum(status != FATES[fate(int(str(phone)), sandbox.behaviour)] for phone, status in rows)


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_two_polls_make_good_what_webhooks_lost(sandbox: Sandbox, live_server: LiveServer, share: float) -> None:
    sandbox.faults.add("lost", rate=share)
    campaign = sent(sandbox, live_server)
    apply()
    assert differences(sandbox, campaign) > 0
    poll()
    poll()
    assert differences(sandbox, campaign) == 0


def test_webhooks_in_any_order_and_repeated_come_to_the_providers_truth(
    sandbox: Sandbox, live_server: LiveServer
) -> None:
    sandbox.faults.add("disordered")
    sandbox.faults.add("repeated", rate=0.5)
    sandbox.faults.add("late", rate=0.3, seconds=0.3)
    campaign = sent(sandbox, live_server)

    def settled() -> bool:
        apply()
        return differences(sandbox, campaign) == 0

    until(settled)
    assert not DeliveryEvent.objects.filter(result__in=[3, 4]).exists()


def test_webhooks_after_the_poll_change_nothing(sandbox: Sandbox, live_server: LiveServer) -> None:
    campaign = sent(sandbox, live_server)
    webhooks.sweep()
    late = list(DeliveryEvent.objects.values_list("pk", flat=True))
    DeliveryEvent.objects.filter(pk__in=late).update(retry_at=timezone.now() + dt.timedelta(hours=48))
    Batch.objects.filter(poll_at__isnull=False).update(poll_at=timezone.now() - PAST)
    for batch_id in polling.due():
        polling.poll(batch_id)
    DeliveryEvent.objects.exclude(pk__in=late).update(retry_at=timezone.now() - PAST)
    applying.apply()
    assert differences(sandbox, campaign) == 0
    apply()
    assert differences(sandbox, campaign) == 0
    results = set(DeliveryEvent.objects.filter(pk__in=late).values_list("result", flat=True))
    assert results == {DeliveryEvent.Result.STALE}


def test_webhooks_ahead_of_the_answer_are_applied_once_it_is_recorded(
    sandbox: Sandbox, live_server: LiveServer
) -> None:
    sandbox.faults.add("before_answer")
    campaign = sent(sandbox, live_server)
    webhooks.sweep()
    assert DeliveryEvent.objects.exists()
    applying.apply()
    waiting = DeliveryEvent.objects.filter(result=0).values_list("retry_at", flat=True)
    assert all(at and at < timezone.now() + dt.timedelta(seconds=5) for at in waiting)
    apply()
    assert differences(sandbox, campaign) == 0
