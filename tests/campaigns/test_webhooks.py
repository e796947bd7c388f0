"""Webhooks in front of Django's handler: who may call, how calls are stored together, what a slow database does."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.delivery import taking, webhooks
from campaigns.models import DeliveryEvent
from providers.base import MalformedWebhook
from providers.models import ProviderAccount
from tests import builders
from tests.campaigns import calls
from tests.faults.conftest import until
from tests.outage import outage
from tests.parallel import at_once


@pytest.fixture(autouse=True)
def _no_sweeper(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread beside the test; ``tests/faults`` has real servers."""
    monkeypatch.setattr(webhooks.Sweeper, "begin", lambda self: None)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> taking.Desk:
    monkeypatch.setattr(taking, "desk", taking.Desk())
    return taking.desk


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "call", "expected"),
    [
        ("", {"body": b"messageid=1&status=10"}, (200, {"stored": 1})),
        ("", {"method": "GET", "QUERY_STRING": "messageid=1&status=10"}, (200, {"stored": 1})),
        ("", {"body": b"messageid=1"}, (400, {"error": "malformed"})),
        ("", {"body": b"messageid=1&status=1", "CONTENT_LENGTH": "21"}, (400, {"error": "malformed"})),
        ("", {"CONTENT_LENGTH": "nine"}, (400, {"error": "bad_length"})),
        ("", {"method": "PUT", "body": b"messageid=1&status=10"}, (405, {"error": "method"})),
        ("", {"body": b" " * 65_537}, (413, {"error": "too_large"})),
        ("/webhooks/1/wrong/", {"body": b"messageid=1&status=10"}, (404, {"error": "unknown"})),
        ("/webhooks/999999999999999999/x/", {}, (404, {"error": "unknown"})),
        ("/webhooks/1/\xc3\xa9/", {}, (404, {"error": "unknown"})),
        ("/webhooks/1/a/b/", {}, (299, {})),
        ("/webhooks/9999999999999999999/x/", {}, (299, {})),
        ("/health/", {"method": "GET"}, (299, {})),
    ],
)
def test_the_short_path_answers_webhooks_and_nothing_else(
    path: str, call: dict[str, Any], expected: tuple[int, dict[str, Any]]
) -> None:
    account = builders.account()
    assert calls.called(path or f"/{account.webhook_path}", **call) == expected
    assert DeliveryEvent.objects.count() == ("stored" in expected[1])


@pytest.mark.django_db
def test_a_refusal_is_logged_without_the_token(caplog: pytest.LogCaptureFixture) -> None:
    account = builders.account()
    assert calls.called(f"/{account.webhook_path}", b"messageid=1")[0] == 400
    assert f"Account {account.pk}: a webhook was answered with 400 malformed" in caplog.text
    assert account.webhook_token not in caplog.text


@pytest.mark.django_db
def test_an_account_that_was_just_read_costs_no_query() -> None:
    account = builders.account()
    calls.reported(account, 1)
    with CaptureQueriesContext(connection) as queries:
        assert calls.reported(account, 2) == (200, {"stored": 1})
    assert [each["sql"].split()[0] for each in queries] == ["INSERT"]


@pytest.mark.django_db
def test_a_new_token_passes_at_once_and_the_old_one_no_longer_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "KNOWN_FOR", 0.5)
    account = builders.account()
    old, report = f"/{account.webhook_path}", b"messageid=3&status=10"
    assert calls.called(old, report)[0] == 200
    ProviderAccount.objects.update(webhook_token="another-token")
    assert calls.called(f"/webhooks/{account.pk}/another-token/", report)[0] == 200
    assert calls.called(old, report)[0] == 404
    ProviderAccount.objects.all().delete()
    until(lambda: calls.called(f"/webhooks/{account.pk}/another-token/", report)[0] == 404)


@pytest.mark.django_db(transaction=True)
def test_what_threads_bring_at_once_is_stored_in_few_statements(desk: taking.Desk) -> None:
    account = builders.account()
    refs = itertools.count(1)
    inserts: list[str] = []

    def slow(go_on: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "INSERT" in sql:
            inserts.append(sql)
            time.sleep(0.05)
        return go_on(sql, params, many, context)

    def bring() -> int:
        with connection.execute_wrapper(slow):
            return desk.take(account.pk, account.webhook_token, calls.call_about(next(refs)))

    assert at_once(bring, 8) == [1] * 8
    assert sorted(map(int, DeliveryEvent.objects.values_list("provider_ref", flat=True))) == list(range(1, 9))
    assert len(inserts) < 8


@pytest.mark.django_db(transaction=True)
def test_each_of_those_that_are_stored_together_gets_its_own_answer(desk: taking.Desk) -> None:
    account = builders.account()
    brought = itertools.cycle([("1", account.webhook_token), ("1", "forged"), ("none", account.webhook_token)])

    def bring() -> Any:
        ref, token = next(brought)
        try:
            return desk.take(account.pk, token, calls.call_about(ref))
        except (taking.UnknownToken, MalformedWebhook) as error:
            return type(error)

    answers = at_once(bring, 9)
    assert sorted(map(str, answers)) == sorted(map(str, [1, taking.UnknownToken, MalformedWebhook] * 3))
    assert DeliveryEvent.objects.count() == 3


@pytest.mark.django_db
def test_a_fault_of_ours_in_reading_one_call_loses_no_other(desk: taking.Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    account = builders.account()
    read = taking.reports
    monkeypatch.setattr(taking, "reports", lambda pk, token, call: read(pk, token, call) if token else 1 / 0)
    waiting = [taking.Brought(account.pk, token, calls.call_about(7)) for token in ("", account.webhook_token)]
    taking._store(waiting)
    assert isinstance(waiting[0].error, ZeroDivisionError)
    assert (waiting[1].stored, DeliveryEvent.objects.count()) == (1, 1)


@contextmanager
def locked_events() -> Iterator[None]:
    """Another connection holds the table of events, as the making of an index does."""
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        from django.db import transaction

        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("LOCK TABLE campaigns_deliveryevent IN SHARE MODE")
                held.set()
                done.wait(60)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(hold)
        assert held.wait(10)
        try:
            yield
        finally:
            done.set()


@pytest.fixture
def _postgres() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer and no locks of tables")


@pytest.mark.usefixtures("_postgres")
@pytest.mark.django_db(transaction=True)
def test_a_locked_table_holds_one_thread_and_the_other_calls_go_to_disk(desk: taking.Desk) -> None:
    account = builders.account()
    answers: list[dict[str, Any]] = []

    def call(ref: int) -> None:
        answers.append(calls.reported(account, ref)[1])
        connection.close()

    with ThreadPoolExecutor(8) as pool:
        with locked_events():
            for ref in range(20):
                pool.submit(call, ref)
            until(lambda: len(answers) == 19)
            assert answers == [{"spooled": 1}] * 19
        until(lambda: len(answers) == 20)
    webhooks.sweep()
    assert {int(ref) for ref in DeliveryEvent.objects.values_list("provider_ref", flat=True)} == set(range(20))


@pytest.mark.usefixtures("_postgres")
@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_server_has_cut_is_made_anew() -> None:
    account = builders.account()
    calls.reported(account, 1)
    pid = connection.connection.info.backend_pid

    def cut() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])

    at_once(cut, 1)
    assert calls.reported(account, 2) == (200, {"stored": 1})
    assert DeliveryEvent.objects.count() == 2


@pytest.mark.django_db
def test_what_is_refused_by_database_and_disk_is_not_acknowledged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    account = builders.account()
    monkeypatch.setattr(webhooks, "RESERVE", 1 << 62)  # no disk has as much
    with outage():
        assert calls.reported(account, 1) == (503, {"error": "not_stored"})
    assert "neither in the database nor on disk" in caplog.text
    assert not webhooks.spool.names()
    assert account.webhook_token not in caplog.text


@pytest.mark.django_db
def test_a_spool_is_swept_in_parts_and_one_bad_event_stops_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "SWEPT_AT_ONCE", 100)
    account = builders.account()
    with outage():
        for ref in range(1, 251):
            assert calls.reported(account, ref)[1] == {"spooled": 1}
    ProviderAccount.objects.filter(pk=account.pk).update(enabled=False)  # reports still come in
    with CaptureQueriesContext(connection) as queries:
        assert webhooks.sweep(0.0) == 100  # a slice is over after a part
        assert webhooks.sweep() == 150
    assert len([each for each in queries if each["sql"].lstrip().startswith("INSERT")]) == 3
    assert DeliveryEvent.objects.count() == 250
    assert not webhooks.spool.names()
