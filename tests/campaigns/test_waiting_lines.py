"""A line that has to wait leaves no trace in a claim that another line of the campaign makes."""

from __future__ import annotations

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from campaigns.models import Batch, Campaign
from campaigns.sending.claiming import PILOT, Claim, Wait, claim
from campaigns.states import BatchStatus
from providers.models import DailyCount, ProviderAccount, SenderLine
from tests import builders
from tests.campaigns import lines

pytestmark = pytest.mark.django_db(transaction=True)


def half_over(first: SenderLine, second: SenderLine, start: int = 0) -> Campaign:
    """A campaign with a batch on each of its lines: of three, one is done and one has been handed over."""
    book = builders.phonebook(builders.contacts(22, start), f"book {start}")
    campaign = builders.running(first, builders.include(book), failover_line=second)
    Batch.objects.filter(campaign=campaign, number=PILOT).update(status=BatchStatus.DONE)
    Batch.objects.filter(campaign=campaign, number=2).update(line=second)
    return campaign


def test_the_probe_of_a_line_without_room_today_is_not_taken() -> None:
    first = builders.line(builders.account(batch_size=10), daily_cap=100)
    campaign = half_over(first, lines.line("gosms"))
    DailyCount.objects.create(line=first, day=timezone.localdate(), messages=100)
    ProviderAccount.objects.filter(pk=first.account_id).update(breaker="open", probe_at=Now())
    found = claim(campaign.pk, "me")
    assert isinstance(found, Claim)
    assert found.batch.number == 2
    assert ProviderAccount.objects.get(pk=first.account_id).breaker == "open"


def test_no_batch_is_handed_over_to_a_line_that_has_to_wait() -> None:
    first, second = builders.line(builders.account(batch_size=10)), lines.line("gosms", daily_cap=1000)
    bale = lines.line("safir")
    campaign = half_over(first, second)
    Batch.objects.filter(campaign=campaign, number=2).update(line=bale)
    Campaign.objects.filter(pk=campaign.pk).update(fallback_line=bale)
    DailyCount.objects.create(line=second, day=timezone.localdate(), messages=1000)
    ProviderAccount.objects.filter(pk=first.account_id).update(enabled=False)
    found = claim(campaign.pk, "me")
    assert isinstance(found, Claim)
    assert (found.batch.number, Batch.objects.get(campaign=campaign, number=1).line) == (2, first)


def test_two_campaigns_that_stand_in_for_each_other_wait_without_a_deadlock() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer")
    first, second = (builders.line(builders.account(name=name, batch_size=10)) for name in ("first", "second"))
    campaigns = [half_over(first, second), half_over(second, first, 30)]
    soon = timezone.now() + dt.timedelta(hours=1)
    ProviderAccount.objects.update(next_request_at=soon)
    meeting = threading.Barrier(2)

    def one(campaign: Campaign) -> Any:
        met = False

        def execute(go_on: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            nonlocal met
            found = go_on(sql, params, many, context)
            if not met and 'FROM "providers_provideraccount"' in sql and "FOR NO KEY UPDATE" in sql:
                met = True
                meeting.wait(10)
            return found

        try:
            with connection.execute_wrapper(execute):
                return claim(campaign.pk, f"worker of {campaign.pk}")
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(one, campaigns))
    assert [wait.code for wait in found if isinstance(wait, Wait)] == ["pace", "pace"]
