"""PostgreSQL: the clock and a person at one campaign in the same moment."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from campaigns import lifecycle, scheduling
from campaigns.models import AuditEntry, Campaign
from campaigns.states import CampaignStatus as C
from tests import builders

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _several_writers() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer")


def due(**ago: float) -> Campaign:
    """A scheduled campaign whose time came so long ago."""
    rule = builders.include(builders.phonebook(builders.contacts(3)))
    at = timezone.now() + dt.timedelta(hours=1)
    draft = builders.draft(builders.line(builders.account()), rule, scheduled_at=at)
    lifecycle.launch(draft.pk)
    at = timezone.now() - dt.timedelta(**ago)
    Campaign.objects.filter(pk=draft.pk).update(scheduled_at=at, launched_at=at - dt.timedelta(hours=1))
    return draft


def taken_back_under(work: Callable[[], Any], campaign: Campaign) -> None:
    """Do the work while a person takes the campaign back: it has seen it scheduled, and waits for their commit."""
    begun = threading.Event()

    def watched() -> None:
        def execute(go_on: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            if sql.startswith('UPDATE "campaigns_campaign"'):
                begun.set()
            return go_on(sql, params, many, context)

        try:
            with connection.execute_wrapper(execute):
                work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            lifecycle.take_back(campaign.pk)
            clock = pool.submit(watched)
            assert begun.wait(10)
        clock.result(10)


@pytest.mark.parametrize("ago", [{"seconds": 1}, {"hours": 5}], ids=["in time", "late"])
def test_a_campaign_that_is_taken_back_as_its_time_comes_stays_a_draft(ago: dict[str, float]) -> None:
    campaign = due(**ago)
    taken_back_under(scheduling.start_due, campaign)
    found = builders.refreshed(campaign)
    assert (found.status, found.pause_code) == (C.DRAFT, "")
    assert not AuditEntry.objects.filter(action__in=["time_came", "held_late"]).exists()
