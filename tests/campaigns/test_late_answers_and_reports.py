"""A report that came before its message's id was known settles the message as soon as the id is."""

from __future__ import annotations

import datetime as dt
import os
import time

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from campaigns.delivery import applying
from campaigns.models import Batch, Campaign, DeliveryEvent, Message
from campaigns.sending import answers, dispatch, lookup, reconcile
from campaigns.states import MessageStatus
from providers.sandbox import Sandbox
from providers.sandbox.gosms import object_id
from tests import builders
from tests.campaigns import lines
from tests.outage import outage

pytestmark = pytest.mark.django_db(transaction=True)


def wait_in_vain() -> None:
    """Let the events wait for so long that they are tried once an hour."""
    now = timezone.now()
    DeliveryEvent.objects.update(received_at=now - dt.timedelta(hours=4), retry_at=now - dt.timedelta(seconds=1))
    assert applying.apply() == set()
    assert DeliveryEvent.objects.filter(retry_at__gt=timezone.now() + dt.timedelta(minutes=50)).exists()


def report(client: Client, campaign: Campaign, **parameters: int | str) -> None:
    """The provider calls the account's webhook."""
    assert client.get(f"/{campaign.line.account.webhook_path}", parameters).status_code == 200


def record_from_disk() -> None:
    for path in answers.spool.files():
        os.utime(path, (time.time() - 60, time.time() - 60))
    assert reconcile.sweep_answers() == 1


@pytest.mark.parametrize("given_up", [False, True])
def test_a_report_before_an_answer_that_lay_on_disk_counts_at_once(
    client: Client, sandbox: Sandbox, given_up: bool
) -> None:
    campaign = builders.campaign_of(sandbox, 2)
    with outage(lambda sql: bool(sandbox.ledger.taken)), pytest.raises(OperationalError):
        dispatch.work(campaign.pk, 5)
    for place in range(2):
        report(client, campaign, messageid=sandbox.ledger.taken[0].first_id + place, status=10)
    wait_in_vain()
    Batch.objects.update(claimed_at=timezone.now() - dt.timedelta(minutes=10))
    if given_up:
        [path] = answers.spool.files()
        hidden = path.replace(path.with_name(".elsewhere"))
        Batch.objects.update(lease_until=timezone.now() - dt.timedelta(seconds=1))
        reconcile.expire_leases()
        assert builders.counts(campaign) == {"unknown": 2}
        hidden.replace(path)
    record_from_disk()
    applying.apply()
    assert builders.counts(campaign) == {"delivered": 2}


def test_a_report_before_a_look_up_that_finds_its_message_counts_at_once(client: Client, sandbox: Sandbox) -> None:
    sandbox.behaviour.gosms_rate = lines.FAST
    sandbox.faults.add("close_after_accept", "gosms_send", ordinals=[1])
    over = lines.line("gosms", sandbox)
    campaign = builders.running(over, builders.include(builders.phonebook(builders.contacts(1))))
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"unknown": 1}
    report(client, campaign, id=object_id(sandbox.ledger.taken[0].first_id), status=4)
    wait_in_vain()
    assert lookup.look(Batch.objects.get().pk) == 1
    applying.apply()
    assert builders.counts(campaign) == {"delivered": 1}


def test_a_report_of_an_id_that_nobody_learns_settles_nothing(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.add("close_after_accept", "send", times=1)
    campaign = builders.campaign_of(sandbox, 2)
    builders.send_all(campaign)
    report(client, campaign, messageid=sandbox.ledger.taken[0].first_id, status=10)
    applying.apply()
    assert builders.counts(campaign) == {"unknown": 2}
    assert Message.objects.filter(status=MessageStatus.UNKNOWN, provider_ref=None).count() == 2
    assert DeliveryEvent.objects.get().result == DeliveryEvent.Result.WAITING
