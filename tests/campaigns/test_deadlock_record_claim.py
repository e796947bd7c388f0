"""PostgreSQL: the record of a group that was cut short (rows back) and has people off Bale takes counters (and the
account, and the day's count) before the campaign; a claim takes the campaign before them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from campaigns.models import Batch, Message
from campaigns.sending import claiming, dispatch
from campaigns.sending.recording import Ticket, record
from providers.answers import Outcome, RecipientResult, SendAnswer
from providers.models import ProviderAccount
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines

pytestmark = pytest.mark.django_db(transaction=True)


def watched(work: Callable[[], Any], sql: str, reached: threading.Event, goes_on: threading.Event | None) -> Any:
    """Do the work; after its first statement with ``sql`` tell so, and wait for the other (a scheduler, no mock)."""

    def execute(go_on: Any, statement: str, params: Any, many: bool, context: Any) -> Any:
        found = go_on(statement, params, many, context)
        if sql in statement and not reached.is_set():
            reached.set()
            if goes_on:
                goes_on.wait(3)
        return found

    try:
        with connection.execute_wrapper(execute):
            return work()
    except Exception as error:  # noqa: BLE001
        return error
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("first", "stop"),
    [
        ("INSERT INTO campaigns_statuscount", None),
        ('UPDATE "providers_provideraccount"', SendAnswer(Outcome.RETRYABLE, code="3")),
    ],
    ids=["counters", "account"],
)
def test_a_cut_group_with_people_off_bale_and_a_claim(first: str, stop: SendAnswer | None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer")
    bale, sms = lines.line("safir"), lines.line("najva")
    ProviderAccount.objects.filter(pk=bale.account_id).update(batch_size=4)
    rule = builders.include(builders.phonebook(builders.contacts(14)))
    campaign = builders.running(bale, rule, fallback_line=sms)
    Batch.objects.filter(number=0).update(status=40)  # the pilot is done
    claimed = claiming.claim(campaign.pk, "somewhere/1/1/1")
    assert isinstance(claimed, claiming.Claim)
    keys = sorted(Message.objects.in_batch(claimed.batch).values_list("pk", flat=True))
    results = [RecipientResult(keys[0], Outcome.REJECTED, code="17", off_channel=True)]
    results += [RecipientResult(key, Outcome.RETRYABLE, code="not_reached") for key in keys[1:]]
    ticket = Ticket(claimed.batch.pk, "somewhere/1/1/1", 1)
    answer = SendAnswer(Outcome.ACCEPTED, results, stop=stop)
    counted, held = threading.Event(), threading.Event()

    def other() -> Any:
        counted.wait(5)
        return claiming.claim(campaign.pk, "somewhere/2/2/2")

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(watched, lambda: record(ticket, answer), first, counted, held)
        two = pool.submit(watched, other, 'FROM "campaigns_campaign"', held, None)
        found = [one.result(20), two.result(20)]
    assert not [each for each in found if isinstance(each, Exception)], found


def test_natural_two_workers_on_a_fallback_campaign(sandbox: Sandbox, settings: Any) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer")
    sandbox.behaviour.not_on_bale = 0.5
    settings.SEND_SLICE = 0.01
    settings.SEND_CONCURRENCY = 4
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "workers": 5}
    bale, sms = lines.line("safir", sandbox), lines.line("najva", sandbox)
    ProviderAccount.objects.filter(pk=bale.account_id).update(batch_size=20)
    rule = builders.include(builders.phonebook(builders.contacts(1500)))
    campaign = builders.running(bale, rule, fallback_line=sms)
    errors: list[str] = []

    def run() -> None:
        try:
            for _ in range(60):
                try:
                    dispatch.work(campaign.pk, 0.5)
                except Exception as error:  # noqa: BLE001
                    errors.append(str(error).splitlines()[0])
                    connection.close()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: run(), range(4)))
    stuck = Batch.objects.filter(status=20).count()
    assert not errors, (len(errors), errors[:3], "left in flight until the lease", stuck)
    assert not stuck, stuck
