"""A group begins no request so late that its lease could end before the answer."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.db import connection

from campaigns.checks import a_task_outlives_its_slice, the_lease_outlives_every_call
from campaigns.models import Batch
from campaigns.sending import dispatch, reconcile
from providers.models import ProviderAccount
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines

pytestmark = pytest.mark.django_db(transaction=True)


def test_nobody_is_sent_twice_by_a_live_group_whose_lease_ended(sandbox: Sandbox, settings: Any) -> None:
    settings.SEND_SLICE, settings.SEND_LEASE, settings.SEND_PILOT_SIZE, settings.SEND_DOUBT = 1.0, 3.5, 1, 1
    assert not the_lease_outlives_every_call(None)
    assert not a_task_outlives_its_slice(None)
    sandbox.behaviour.gosms_rate = lines.FAST
    over = lines.line("gosms", sandbox, of=lines.account("gosms", sandbox, batch_size=14))
    ProviderAccount.objects.update(requests_per_second=40)
    campaign = builders.running(over, builders.include(builders.phonebook(builders.contacts(15))))
    dispatch.work(campaign.pk, 0.01)  # the pilot
    sandbox.behaviour.latency = 0.4  # below the read timeout of 0.5: nothing is unclear

    def live() -> None:
        try:
            dispatch.work(campaign.pk, 0.01)
        finally:
            connection.close()

    worker = threading.Thread(target=live)
    worker.start()
    begun = time.monotonic()
    while Batch.objects.in_flight().filter(number=1).exists() or time.monotonic() - begun < 0.5:
        if reconcile.expire_leases():  # another worker's tick
            break
        time.sleep(0.05)
    held = time.monotonic() - begun
    time.sleep(0.1)
    Batch.objects.update(not_before=None)  # its backoff is 2 s; a live group at the real times goes on for minutes
    dispatch.work(campaign.pk, 0.01)  # another worker takes what is pending
    worker.join()
    assert builders.wrongs(sandbox, campaign)["twice"] == set(), f"given up {held:.1f} s after the claim"


@pytest.mark.parametrize("slug", ["gosms", "safir"])
def test_no_request_begins_after_the_slice_of_its_group(sandbox: Sandbox, settings: Any, slug: str) -> None:
    settings.SEND_SLICE, settings.SEND_PILOT_SIZE, settings.SEND_THREADS = 1.0, 1, 4
    sandbox.behaviour.gosms_rate = lines.FAST
    over = lines.line(slug, sandbox, of=lines.account(slug, sandbox, batch_size=60))
    ProviderAccount.objects.update(requests_per_second=60)
    campaign = builders.running(over, builders.include(builders.phonebook(builders.contacts(61))))
    dispatch.work(campaign.pk, 0.01)
    sandbox.behaviour.latency = 0.4
    begun = time.monotonic()
    dispatch.work(campaign.pk, 0.01)
    longest = settings.SEND_SLICE + 0.4
    assert time.monotonic() - begun < longest + 2.0  # of a busy machine; sent to the end it would take six
