"""The cap: nobody gets more than so many messages in so many days, over all campaigns."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from campaigns import lifecycle, pruning
from campaigns.models import Batch, Campaign, Message
from campaigns.sending import capping, owners
from campaigns.sending.claiming import Claim, claim
from campaigns.states import CampaignStatus, MessageStatus, Reason
from contacts.models import Phonebook
from providers.models import SenderLine
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns.test_plans import OTHERS, plans_during

WEEKLY: dict[str, Any] = {"cap_messages": 1, "cap_days": 7}


@pytest.fixture
def line(db: None) -> SenderLine:
    return builders.line(builders.account(batch_size=4))


@pytest.fixture
def book(line: SenderLine) -> Phonebook:
    return builders.phonebook(builders.contacts(6))


def skipped(campaign: Campaign) -> dict[str, int]:
    """How many are skipped, by reason."""
    rows = Message.objects.filter(campaign=campaign, status=MessageStatus.SKIPPED)
    reasons = list(rows.values_list("reason", flat=True))
    return {Reason(reason).name: reasons.count(reason) for reason in set(reasons)}


def test_who_will_get_one_already_is_skipped(line: SenderLine, book: Phonebook) -> None:
    builders.running(line, builders.include(book, size=2))
    second = builders.running(line, builders.include(book), **WEEKLY)
    assert builders.counts(second) == {"pending": 4, "skipped": 2}
    assert skipped(second) == {"CAPPED": 2}
    assert second.left_out["capped"] == 2


def test_a_cap_of_two_lets_the_second_one_through(line: SenderLine, book: Phonebook) -> None:
    builders.running(line, builders.include(book))
    two: dict[str, Any] = {"cap_messages": 2, "cap_days": 7}
    assert builders.counts(builders.running(line, builders.include(book), **two)) == {"pending": 6}
    assert builders.counts(builders.running(line, builders.include(book), **two)) == {"skipped": 6}


@pytest.mark.parametrize("status", ["FAILED", "SKIPPED", "CANCELLED", "EXPIRED"])
def test_what_never_went_out_does_not_count(line: SenderLine, book: Phonebook, status: str) -> None:
    first = builders.running(line, builders.include(book))
    Message.objects.of(first).update(status=MessageStatus[status])
    assert builders.counts(builders.running(line, builders.include(book), **WEEKLY)) == {"pending": 6}


def test_what_is_in_flight_of_a_cancelled_campaign_counts_and_what_waited_does_not(
    line: SenderLine, book: Phonebook
) -> None:
    first = builders.running(line, builders.include(book))
    claimed = claim(first.pk, owners.this_process())
    assert isinstance(claimed, Claim)
    lifecycle.cancel(first.pk)
    second = builders.running(line, builders.include(book), **WEEKLY)
    assert builders.counts(second) == {"pending": 4, "skipped": 2}


def test_what_went_out_before_those_days_does_not_count(line: SenderLine, book: Phonebook) -> None:
    first = builders.running(line, builders.include(book))
    long_ago = timezone.now() - dt.timedelta(days=8)
    Message.objects.of(first).update(status=MessageStatus.DELIVERED)
    Batch.objects.filter(campaign=first).update(status=40, pending=0, claimed_at=long_ago)
    Batch.objects.filter(campaign=first, number=0).update(claimed_at=timezone.now())
    Campaign.objects.filter(pk=first.pk).update(started_at=long_ago)
    second = builders.running(line, builders.include(book), **WEEKLY)
    assert builders.counts(second) == {"pending": 4, "skipped": 2}


def test_what_the_provider_kept_until_its_time_counts_from_then(line: SenderLine, book: Phonebook) -> None:
    first = builders.running(line, builders.include(book))
    Message.objects.of(first).update(status=MessageStatus.DELIVERED)
    long_ago, yesterday = (timezone.now() - dt.timedelta(days=days) for days in (20, 1))
    Batch.objects.filter(campaign=first).update(status=40, pending=0, claimed_at=long_ago)
    kept = {"provider_keeps_time": True, "scheduled_at": yesterday}
    Campaign.objects.filter(pk=first.pk).update(started_at=long_ago, **kept)
    second = builders.running(line, builders.include(book), **WEEKLY)
    assert builders.counts(second) == {"skipped": 6}


@pytest.mark.django_db
def test_a_campaign_frozen_afterwards_is_seen_at_the_claim(sandbox: Sandbox) -> None:
    line = builders.line(builders.account(sandbox, batch_size=10))
    book = builders.phonebook(builders.contacts(6))
    capped = builders.running(line, builders.include(book), **WEEKLY)
    plain = builders.running(line, builders.include(book, size=2))
    builders.send_all(plain)
    builders.send_all(capped)
    assert builders.counts(capped) == {"accepted": 4, "skipped": 2}
    assert skipped(capped) == {"CAPPED": 2}


@pytest.mark.django_db
def test_what_merely_waits_of_a_later_campaign_takes_nothing_away(sandbox: Sandbox) -> None:
    line = builders.line(builders.account(sandbox, batch_size=10))
    book = builders.phonebook(builders.contacts(6))
    capped = builders.running(line, builders.include(book), **WEEKLY)
    builders.running(line, builders.include(book))
    builders.send_all(capped)
    assert builders.counts(capped) == {"accepted": 6}


@pytest.mark.django_db(transaction=True)
def test_two_capped_campaigns_prepared_at_once_never_write_to_the_same_person() -> None:
    line = builders.line(builders.account())
    book = builders.phonebook(builders.contacts(300))
    drafts = [builders.draft(line, builders.include(book), **WEEKLY) for _ in range(3)]
    for draft in drafts:
        lifecycle.launch(draft.pk)

    def prepare(number: int) -> None:
        try:
            lifecycle.prepare(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=prepare, args=[draft.pk]) for draft in drafts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    waiting = Message.objects.filter(status=MessageStatus.PENDING)
    assert waiting.count() == waiting.values("phone").distinct().count() == 300


def test_no_message_that_a_cap_counts_may_have_been_removed() -> None:
    assert capping.MOST_DAYS <= pruning.SHORTEST


@pytest.mark.django_db(transaction=True)
def test_a_cap_reads_no_message_of_other_days(line: SenderLine, book: Phonebook) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("plans are PostgreSQL's")
    builders.running(line, builders.include(book, size=2))
    with connection.cursor() as cursor:
        cursor.execute(OTHERS)
        cursor.execute("ANALYZE")
    draft = builders.draft(line, builders.include(book), **WEEKLY)
    Campaign.objects.move(draft.pk, CampaignStatus.PREPARING)
    plans = plans_during(lambda: lifecycle.prepare(draft.pk))
    assert builders.counts(draft) == {"pending": 4, "skipped": 2}
    assert not [sql for sql, plan in plans.items() if "Seq Scan on campaigns_message" in plan]
