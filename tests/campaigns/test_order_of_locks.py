"""PostgreSQL: whoever records, claims, cancels or looks up takes rows in one order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from campaigns import lifecycle
from campaigns.models import Batch, Campaign, Message
from campaigns.sending import claiming, dispatch, lookup
from campaigns.sending.recording import Ticket, record
from campaigns.states import BatchStatus, CampaignStatus, MessageStatus, Reason
from providers.answers import Outcome, RecipientResult, SendAnswer
from providers.models import ProviderAccount
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _several_writers() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer")


def watched(work: Callable[[], Any], sql: str, reached: threading.Event, goes_on: threading.Event | None) -> Any:
    """Do the work; after its first statement with ``sql`` tell so, and wait for the other; returns what it raises."""

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


def off_bale(campaign: Campaign, owner: str) -> tuple[Ticket, SendAnswer]:
    claimed = claiming.claim(campaign.pk, owner)
    assert isinstance(claimed, claiming.Claim)
    keys = Message.objects.in_batch(claimed.batch).values_list("pk", flat=True)
    results = [RecipientResult(key, Outcome.REJECTED, code="17", off_channel=True) for key in keys]
    return Ticket(claimed.batch.pk, owner, claimed.batch.attempt), SendAnswer(Outcome.ACCEPTED, results)


@pytest.mark.parametrize(
    ("first", "stop"),
    [
        ("INSERT INTO campaigns_statuscount", None),
        ('UPDATE "providers_provideraccount"', SendAnswer(Outcome.RETRYABLE, code="3")),
    ],
    ids=["counters", "account"],
)
def test_a_cut_group_with_people_off_bale_and_a_claim(first: str, stop: SendAnswer | None) -> None:
    bale, sms = lines.line("safir"), lines.line("najva")
    ProviderAccount.objects.filter(pk=bale.account_id).update(batch_size=4)
    rule = builders.include(builders.phonebook(builders.contacts(14)))
    campaign = builders.running(bale, rule, fallback_line=sms)
    Batch.objects.filter(number=claiming.PILOT).update(status=BatchStatus.DONE)  # the pilot is done
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


def test_four_workers_on_a_campaign_with_a_fallback(sandbox: Sandbox, settings: Any) -> None:
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
    stuck = Batch.objects.filter(status=BatchStatus.SENDING).count()
    assert not errors, (len(errors), errors[:3], "left in flight until the lease", stuck)
    assert not stuck, stuck
    assert builders.wrongs(sandbox, campaign)["twice"] == set()


def test_a_look_up_and_send_again(sandbox: Sandbox) -> None:
    sandbox.behaviour.gosms_rate = lines.FAST
    over = lines.line("gosms", sandbox, of=lines.account("gosms", sandbox, batch_size=4))
    sandbox.faults.add("500", "gosms_send", ordinals=[4, 9], taken=False)
    campaign = builders.running(over, builders.include(builders.phonebook(builders.contacts(14))))
    builders.send_all(campaign)
    assert builders.refreshed(campaign).status == CampaignStatus.COMPLETED_WITH_PROBLEMS
    assert Batch.objects.filter(status=BatchStatus.UNKNOWN).count() == 2
    Message.objects.filter(status=MessageStatus.UNKNOWN).update(reason=Reason.NOT_LISTED)  # absent once already
    batch = Batch.objects.filter(status=BatchStatus.UNKNOWN).first()
    assert batch is not None
    counted, held = threading.Event(), threading.Event()

    def other() -> Any:
        counted.wait(5)
        return watched(lambda: lifecycle.send_again(campaign.pk), 'FROM "campaigns_campaign"', held, held)

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(watched, lambda: lookup.look(batch.pk), "INSERT INTO campaigns_statuscount", counted, held)
        found = [pool.submit(other).result(20), one.result(20)]
    assert not [each for each in found if isinstance(each, Exception)], found


def test_a_cancel_and_the_record_of_the_group_that_was_out() -> None:
    bale, sms = lines.line("safir"), lines.line("najva")
    ProviderAccount.objects.filter(pk=bale.account_id).update(batch_size=4)
    campaign = builders.running(bale, builders.include(builders.phonebook(builders.contacts(10))), fallback_line=sms)
    record(*off_bale(campaign, "somewhere/1/1/1"))  # the pilot's two gather
    ticket, answer = off_bale(campaign, "somewhere/1/1/1")
    Batch.objects.filter(number=2).update(
        status=BatchStatus.CANCELLED
    )  # the cancel has come as far as the gathering batch
    Campaign.objects.filter(pk=campaign.pk).update(status="cancelled")
    cancelling, placing = threading.Event(), threading.Event()

    def other() -> Any:
        cancelling.wait(5)
        return watched(lambda: record(ticket, answer), "INSERT INTO campaigns_statuscount", placing, placing)

    with ThreadPoolExecutor(2) as pool:
        cancel = lambda: lifecycle.clear_pending(campaign.pk, 5)  # noqa: E731
        one = pool.submit(watched, cancel, 'UPDATE "campaigns_message"', cancelling, placing)
        two = pool.submit(other)
        found = [one.result(20), two.result(20)]
    assert not [each for each in found if isinstance(each, Exception)], found
