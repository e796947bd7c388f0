"""PostgreSQL: a cancel and a group's record both take the gathering batch and the counters, in one order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from campaigns import lifecycle
from campaigns.models import Batch, Campaign, Message
from campaigns.sending import claiming, dispatch
from campaigns.sending.recording import Ticket, record
from providers.answers import Outcome, RecipientResult, SendAnswer
from providers.models import ProviderAccount, SenderLine
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines

pytestmark = pytest.mark.django_db(transaction=True)


def watched(work: Callable[[], Any], sql: str, reached: threading.Event, goes_on: threading.Event) -> Any:
    """Do the work; after its first statement with ``sql`` tell so, and wait for the other."""

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


def off_bale(campaign: Campaign, owner: str) -> tuple[Ticket, SendAnswer]:
    claimed = claiming.claim(campaign.pk, owner)
    assert isinstance(claimed, claiming.Claim)
    keys = Message.objects.in_batch(claimed.batch).values_list("pk", flat=True)
    results = [RecipientResult(key, Outcome.REJECTED, code="17", off_channel=True) for key in keys]
    return Ticket(claimed.batch.pk, owner, claimed.batch.attempt), SendAnswer(Outcome.ACCEPTED, results)


def test_a_cancel_and_the_record_of_the_group_that_was_out() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer")
    bale, sms = lines.line("safir"), lines.line("najva")
    ProviderAccount.objects.filter(pk=bale.account_id).update(batch_size=4)
    campaign = builders.running(bale, builders.include(builders.phonebook(builders.contacts(10))), fallback_line=sms)
    record(*off_bale(campaign, "somewhere/1/1/1"))  # the pilot's two gather
    ticket, answer = off_bale(campaign, "somewhere/1/1/1")
    Batch.objects.filter(number=2).update(status=60)  # the cancel has come as far as the gathering batch
    Campaign.objects.filter(pk=campaign.pk).update(status="cancelled")
    cancelling, placing = threading.Event(), threading.Event()

    def other() -> Any:
        cancelling.wait(5)
        return watched(lambda: record(ticket, answer), "INSERT INTO campaigns_statuscount", placing, placing)

    with ThreadPoolExecutor(2) as pool:
        cancel = lambda: lifecycle.cancel_pending(campaign.pk, 5)  # noqa: E731
        one = pool.submit(watched, cancel, 'UPDATE "campaigns_message"', cancelling, placing)
        two = pool.submit(other)
        found = [one.result(20), two.result(20)]
    assert not [each for each in found if isinstance(each, Exception)], found


def test_refusals_of_a_night_gather_for_the_morning(sandbox: Sandbox, settings: Any) -> None:
    """The SMS line's window is closed, Bale's is not: what gathers must not be cut every twenty seconds."""
    sandbox.behaviour.not_on_bale = 1.0
    settings.SEND_FALLBACK_GATHER = 0.0
    bale, sms = lines.line("safir", sandbox), lines.line("najva", sandbox)
    ProviderAccount.objects.filter(pk=bale.account_id).update(batch_size=4)
    rule = builders.include(builders.phonebook(builders.contacts(42)))
    campaign = builders.running(bale, rule, fallback_line=sms)
    SenderLine.objects.filter(pk=sms.pk).update(enabled=False)  # as its window does
    dispatch.work(campaign.pk, 10)
    assert Batch.objects.filter(campaign=campaign, line=sms).count() == 1
