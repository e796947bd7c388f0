"""PostgreSQL: a look-up takes the counters and then the campaign; the operator's "send again" the other way round."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from campaigns import lifecycle
from campaigns.models import Batch, Message
from campaigns.sending import lookup
from campaigns.states import CampaignStatus, MessageStatus, Reason
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines

pytestmark = pytest.mark.django_db(transaction=True)


def watched(work: Callable[[], Any], sql: str, reached: threading.Event, goes_on: threading.Event) -> Any:
    def execute(go_on: Any, statement: str, params: Any, many: bool, context: Any) -> Any:
        found = go_on(statement, params, many, context)
        if sql in statement and not reached.is_set():
            reached.set()
            goes_on.wait(3)
        return found

    try:
        with connection.execute_wrapper(execute):
            return work()
    except Exception as error:  # noqa: BLE001
        return error
    finally:
        connection.close()


def test_a_look_up_and_send_again(sandbox: Sandbox) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer")
    sandbox.behaviour.gosms_rate = lines.FAST
    over = lines.line("gosms", sandbox, of=lines.account("gosms", sandbox, batch_size=4))
    sandbox.faults.add("500", "gosms_send", ordinals=[4, 9], taken=False)
    campaign = builders.running(over, builders.include(builders.phonebook(builders.contacts(14))))
    builders.send_all(campaign)
    assert builders.refreshed(campaign).status == CampaignStatus.COMPLETED_WITH_PROBLEMS
    assert Batch.objects.filter(status=30).count() == 2
    Message.objects.filter(status=MessageStatus.UNKNOWN).update(reason=Reason.NOT_LISTED)  # absent once already
    batch = Batch.objects.filter(status=30).first()
    assert batch is not None
    counted, held = threading.Event(), threading.Event()

    def other() -> Any:
        counted.wait(5)
        return watched(lambda: lifecycle.send_again(campaign.pk), 'FROM "campaigns_campaign"', held, held)

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(watched, lambda: lookup.look(batch.pk), "INSERT INTO campaigns_statuscount", counted, held)
        found = [pool.submit(other).result(20), one.result(20)]
    assert not [each for each in found if isinstance(each, Exception)], found
