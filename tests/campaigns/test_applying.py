"""Applying reports: any order and repetition comes to one outcome; what is tried again when; and on what plan."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.delivery import applying, events
from campaigns.delivery.events import Reported
from campaigns.models import Campaign, DeliveryEvent, Message, StatusCount, TimelinePoint
from campaigns.querysets import Move
from campaigns.states import MESSAGE_MOVES, RANK, STATUS_OF_REPORT, MessageStatus, Reason
from providers.answers import Report, StatusReport
from tests import builders

Result = DeliveryEvent.Result
PEOPLE = 4


def accepted(people: int = PEOPLE) -> Campaign:
    """A campaign whose messages the provider has taken as ``ref-0``, ``ref-1`` …, at 500 rial each."""
    campaign = builders.campaign_of(None, people)
    ids = Message.objects.of(campaign).order_by("pk").values_list("pk", flat=True)
    moves = [Move(pk, MessageStatus.ACCEPTED, provider_ref=f"ref-{i}", cost=500) for i, pk in enumerate(ids)]
    Message.objects.move(moves, campaign_id=campaign.pk, old=MessageStatus.PENDING, account_id=campaign.line.account_id)
    return campaign


def come_in(campaign: Campaign, *reports: StatusReport, at: dt.datetime | None = None) -> None:
    events.store_all([Reported(campaign.line.account_id, reports, at)], DeliveryEvent.Source.WEBHOOK)
    due = timezone.now() - dt.timedelta(seconds=1)  # SQLite's clock counts milliseconds
    DeliveryEvent.objects.filter(result=Result.WAITING, tries=0).update(retry_at=due)


def expected(reports: list[tuple[int, Report, int | None]]) -> tuple[dict[int, tuple[int, int]], list[int]]:
    """By message its status and cost, and the result of each event: one by one, as the state machine says."""
    stand = {person: (int(MessageStatus.ACCEPTED), 500) for person in range(PEOPLE)}
    results = []
    for person, report, cost in reports:
        status, had = stand.get(person, (0, 0))
        new = STATUS_OF_REPORT.get(report)
        if person not in stand:
            results.append(Result.WAITING)
        elif new is None:
            results.append(Result.UNRECOGNISED)
        elif new in MESSAGE_MOVES.get(MessageStatus(status), ()):
            results.append(Result.APPLIED)
            stand[person] = (int(new), 0 if new is MessageStatus.BLOCKED else had if cost is None else cost)
        else:
            results.append(Result.STALE)
    return stand, [int(result) for result in results]


COSTLESS = (Report.ACCEPTED, Report.SENT)  # of reports that are taken together the furthest tells the cost
REPORTS = st.tuples(st.integers(0, PEOPLE), st.sampled_from(Report), st.sampled_from([None, 0, 700])).map(
    lambda drawn: drawn if drawn[1] not in COSTLESS else (*drawn[:2], None)
)


@contextmanager
def undone() -> Iterator[None]:
    """What happens within leaves nothing in the database."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.django_db
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(parts=st.lists(st.lists(REPORTS, max_size=8), min_size=1, max_size=3))
@undone()
def test_reports_in_any_order_come_to_what_the_state_machine_says(parts: list[Any]) -> None:
    campaign = accepted()
    for part in parts:
        come_in(campaign, *[StatusReport(f"ref-{person}", report, "1", "", cost) for person, report, cost in part])
        applying.apply()
    stand, results = expected([each for part in parts for each in part])
    rows = Message.objects.of(campaign).order_by("pk").values_list("status", "cost")
    assert dict(enumerate(rows)) == stand
    assert list(DeliveryEvent.objects.order_by("pk").values_list("result", flat=True)) == results
    builders.counts(campaign)  # which also holds the counters against the rows
    assert sum(StatusCount.objects.values_list("cost", flat=True)) == sum(cost for _, cost in stand.values())


def test_a_report_moves_a_message_exactly_where_its_status_ranks_higher() -> None:
    for old in MessageStatus:
        for new in STATUS_OF_REPORT.values():
            assert (new in MESSAGE_MOVES.get(old, ())) == (RANK[new] > RANK[old]), (old, new)


@pytest.mark.django_db
def test_a_report_brings_its_code_its_words_its_cost_and_its_minute() -> None:
    campaign = accepted()
    come_in(campaign, StatusReport("ref-1", Report.UNDELIVERED, "11", "absent \x1f subscriber", 320))
    assert applying.apply() == {campaign.pk}
    message = Message.objects.get(provider_ref="ref-1")
    assert (message.status, message.reason) == (MessageStatus.UNDELIVERED, Reason.REPORTED)
    assert (message.provider_code, message.provider_text, message.cost) == ("11", "absent \x1f subscriber", 320)
    assert TimelinePoint.objects.get(status=MessageStatus.UNDELIVERED).messages == 1
    assert dict(StatusCount.objects.filter(messages__gt=0).values_list("status", "cost")) == {40: 1500, 61: 320}


@pytest.mark.django_db
def test_a_flag_never_hides_why_a_message_moved() -> None:
    campaign = accepted()
    come_in(campaign, StatusReport("ref-0", Report.UNDELIVERED, "11"), StatusReport("ref-0", Report.FORGOTTEN, "100"))
    come_in(campaign, *[StatusReport("ref-1", Report.FORGOTTEN, "100")] * 2)
    applying.apply()
    reasons = Message.objects.of(campaign).order_by("pk").values_list("reason", flat=True)
    assert list(reasons) == [Reason.REPORTED, Reason.FORGOTTEN, Reason.NONE, Reason.NONE]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("age", "waits"),
    [
        (dt.timedelta(0), dt.timedelta(seconds=4)),
        (dt.timedelta(seconds=190), dt.timedelta(seconds=4)),
        (dt.timedelta(hours=4), dt.timedelta(hours=1)),
        (dt.timedelta(days=29), dt.timedelta(days=1)),
        (dt.timedelta(days=31), None),
    ],
)
def test_what_matches_nothing_is_tried_ever_more_rarely(age: dt.timedelta, waits: dt.timedelta | None) -> None:
    campaign, begun = accepted(), timezone.now()
    come_in(campaign, StatusReport("of-nobody", Report.DELIVERED, "10"), at=timezone.now() - age)
    applying.apply()
    event = DeliveryEvent.objects.get()
    if waits is None:
        assert (event.result, event.retry_at) == (Result.UNMATCHED, None)
        return
    assert (event.result, event.tries) == (Result.WAITING, 1)
    assert event.retry_at is not None
    slack = dt.timedelta(seconds=30 if age else 1)
    assert begun - slack < event.retry_at - waits < timezone.now() + slack


@pytest.mark.django_db(transaction=True)
def test_a_large_table_is_not_read_through() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("the set-based way is PostgreSQL's")
    campaign = accepted()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO campaigns_message (campaign_id, batch_number, status, reason, account_id, provider_ref,"
            " provider_code, provider_text, updated_at)"
            " SELECT %s, 1, 40, 0, %s, 'many-' || n, '', '', now() FROM generate_series(1, 30000) AS n",
            [campaign.pk, campaign.line.account_id],
        )
        cursor.execute(
            "INSERT INTO campaigns_providerref (account_id, ref, message_id)"
            " SELECT account_id, provider_ref, id FROM campaigns_message WHERE provider_ref LIKE 'many-%%'",
            [],
        )
        refs = random.Random(1405).sample(range(1, 30_001), 5_000)
        come_in(campaign, *[StatusReport(f"many-{n}", Report.SENT, "4") for n in refs])
        cursor.execute("ANALYZE campaigns_message, campaigns_providerref, campaigns_deliveryevent")
        with transaction.atomic():
            before = _scans(cursor)
            applying.apply()
            after = _scans(cursor)
    assert Message.objects.filter(status=MessageStatus.SENT).count() == 5_000
    for table in ("campaigns_message", "campaigns_providerref", "campaigns_deliveryevent"):
        assert after[table] == before[table], table


def _scans(cursor: Any) -> dict[str, int]:
    """How often this session has read each table from end to end."""
    cursor.execute("SELECT relname, seq_scan FROM pg_stat_xact_user_tables")
    return dict(cursor.fetchall())
