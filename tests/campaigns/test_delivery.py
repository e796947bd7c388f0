"""What comes back: webhooks in every form, stored before applied, forward only; and polls for what was lost."""

from __future__ import annotations

import datetime as dt
import json
import time
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from gunicorn.config import Config  # type: ignore[import-untyped]
from gunicorn.http.parser import RequestParser  # type: ignore[import-untyped]

from campaigns import lifecycle, tasks
from campaigns.delivery import applying, events, polling, webhooks
from campaigns.models import Batch, Campaign, DeliveryEvent, Message, StatusCount
from campaigns.sending import dispatch
from campaigns.sending.claiming import Claim, claim
from campaigns.states import CampaignStatus, MessageStatus, Reason
from contacts.models import Suppression
from providers.answers import Report, StatusReport
from providers.models import ProviderAccount
from providers.sandbox import Sandbox
from tests import builders
from tests.outage import outage
from tests.parallel import at_once

Result = DeliveryEvent.Result
CODES = {"sent": "4", "failed": "6", "delivered": "10", "undelivered": "11", "cancelled": "13", "blocked": "14"}


@pytest.fixture
def campaign(sandbox: Sandbox, db: None) -> Campaign:
    """Twelve messages that the provider has accepted."""
    sandbox.behaviour.price = 500
    campaign = builders.campaign_of(sandbox, 12)
    builders.send_all(campaign)
    return campaign


def refs(campaign: Campaign) -> list[str]:
    rows = Message.objects.of(campaign).exclude(provider_ref=None).order_by("pk")
    return [str(ref) for ref in rows.values_list("provider_ref", flat=True)]


def path(**change: Any) -> str:
    account = ProviderAccount.objects.get()
    values = {"pk": account.pk, "token": account.webhook_token, **change}
    return f"/webhooks/{values['pk']}/{values['token']}/"


def report(ref: str, *words: str) -> None:
    """The provider calls with these statuses, in this order."""
    account = ProviderAccount.objects.get()
    reports = [StatusReport(ref, Report(word), CODES.get(word, "1")) for word in words]
    events.store(account.pk, reports, DeliveryEvent.Source.WEBHOOK)


def apply() -> None:
    DeliveryEvent.objects.update(retry_at=timezone.now() - dt.timedelta(seconds=1))
    applying.apply()


FORMS: dict[str, dict[str, Any]] = {
    "GET": {"method": "GET", "QUERY_STRING": "messageid={ref}&status=10"},
    "query of a POST": {"QUERY_STRING": "messageid={ref}&status=10"},
    "form": {"data": "messageid={ref}&status=10", "content_type": "application/x-www-form-urlencoded"},
    "JSON": {"data": '{"messageid": {ref}, "status": 10}', "content_type": "application/json"},
    "JSON of texts": {"data": '{"messageid": "{ref}", "status": "10"}', "content_type": "application/json"},
    "trailing comma": {"data": '{\n"messageid": {ref},\n"status": 10,\n}', "content_type": "application/json"},
    "JSON called text": {"data": '{"messageid": {ref}, "status": 10}', "content_type": "text/plain"},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_webhook_is_read_in_every_form(client: Client, campaign: Campaign, form: str) -> None:
    ref = refs(campaign)[0]
    call = {key: value.replace("{ref}", ref) for key, value in FORMS[form].items()}
    response = client.generic(call.pop("method", "POST"), path(), **call)
    assert (response.status_code, response.json()) == (200, {"stored": 1})
    apply()
    assert builders.counts(campaign) == {"accepted": 11, "delivered": 1}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("", ""),
        ("{", "application/json"),
        ("[]", "application/json"),
        ("null", "application/json"),
        ('{"messageid": 1}', "application/json"),
        ('{"status": 1}', "application/json"),
        ('{"messageid": [1], "status": {}}', "application/json"),
        ("messageid=1&messageid=2&status=4", "application/x-www-form-urlencoded"),
        ("\x00\x01", "application/octet-stream"),
        ("[" * 50_000, "application/json"),
    ],
)
def test_a_webhook_that_cannot_be_read_gets_400(client: Client, body: str, content_type: str, db: None) -> None:
    builders.account()
    response = client.generic("POST", path(), body, content_type=content_type)
    assert (response.status_code, response.json()) == (400, {"error": "malformed"})
    assert not DeliveryEvent.objects.exists()


@pytest.mark.parametrize("change", [{"token": "wrong"}, {"token": "x" * 400}, {"pk": 99}, {"pk": 10**30}])
def test_an_address_of_nobody_gets_404(client: Client, change: dict[str, Any], db: None) -> None:
    builders.account()
    assert client.post(path(**change), "messageid=1&status=4", "application/x-www-form-urlencoded").status_code == 404
    assert client.get(path(token="é")).status_code == 404


def test_too_large_a_body_gets_413(client: Client, db: None) -> None:
    builders.account()
    assert client.generic("POST", path(), b" " * 65_537, content_type="application/json").status_code == 413
    assert client.generic("POST", path(), b"{}", CONTENT_LENGTH="nine").status_code == 400


def called(body: bytes, header: str, length: str = "") -> HttpResponse:
    """What a call gets whose body the production server reads as this header says."""
    head = f"POST / HTTP/1.1\r\nHost: a\r\n{header}\r\n\r\n".encode()
    read = next(RequestParser(Config(), iter([head + body]), ("127.0.0.1", 1))).body
    facts = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": length}
    request = WSGIRequest({**facts, "wsgi.input": read, "wsgi.input_terminated": True})
    account = ProviderAccount.objects.get()
    return webhooks.webhook(request, account.pk, account.webhook_token)


def test_a_body_in_chunks_is_read(db: None) -> None:
    builders.account()
    chunked = "Transfer-Encoding: chunked"
    assert called(b"d\r\nmessageid=80&\r\n9\r\nstatus=10\r\n0\r\n\r\n", chunked).status_code == 200
    assert DeliveryEvent.objects.get().report == "delivered"
    assert called(b"11000\r\n" + b" " * 0x11000 + b"\r\n0\r\n\r\n", chunked).status_code == 413
    assert called(b"ZZ\r\n{}\r\n", chunked).status_code == 400


def test_half_a_body_is_no_report(db: None) -> None:
    builders.account()
    assert called(b"messageid=80&status=1", "Content-Length: 22", "22").status_code == 400
    assert not DeliveryEvent.objects.exists()


def test_only_get_and_post_are_webhooks(client: Client, db: None) -> None:
    builders.account()
    assert client.put(path(), b"{}").status_code == 405


def test_an_id_of_nobody_is_stored_and_kept_for_later(client: Client, db: None) -> None:
    builders.account()
    assert client.get(path() + "?messageid=424242&status=10").status_code == 200
    apply()
    event = DeliveryEvent.objects.get()
    assert (event.result, event.tries) == (Result.WAITING, 1)
    assert event.retry_at is not None
    assert event.retry_at > timezone.now()


def test_an_event_that_matched_nothing_for_a_month_is_given_up(db: None) -> None:
    builders.account()
    report("424242", "delivered")
    DeliveryEvent.objects.update(received_at=timezone.now() - dt.timedelta(days=31))
    apply()
    assert DeliveryEvent.objects.get().result == Result.UNMATCHED


def test_another_accounts_webhook_moves_nothing(client: Client, campaign: Campaign) -> None:
    other = builders.account(name="other")
    assert client.get(f"/{other.webhook_path}?messageid={refs(campaign)[0]}&status=10").status_code == 200
    apply()
    assert builders.counts(campaign) == {"accepted": 12}


@pytest.mark.parametrize(
    ("words", "becomes", "results"),
    [
        (["sent", "delivered"], "delivered", [1, 1]),
        (["delivered", "sent"], "delivered", [1, 2]),
        (["delivered", "delivered"], "delivered", [1, 2]),
        (["sent", "sent"], "sent", [1, 2]),
        (["accepted"], "accepted", [2]),
        (["undelivered", "delivered"], "undelivered", [1, 2]),
        (["sent", "blocked"], "blocked", [1, 1]),
        (["failed"], "failed", [1]),
        (["cancelled"], "cancelled", [1]),
        (["unrecognised"], "accepted", [3]),
        (["forgotten"], "accepted", [3]),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_a_status_only_moves_forward(
    campaign: Campaign, words: list[str], becomes: str, results: list[int], together: bool
) -> None:
    ref = refs(campaign)[0]
    for part in [words] if together else [[word] for word in words]:
        report(ref, *part)
        apply()
    assert Message.objects.get(provider_ref=ref).status == MessageStatus[becomes.upper()]
    assert list(DeliveryEvent.objects.order_by("pk").values_list("result", flat=True)) == results
    assert sum(builders.counts(campaign).values()) == 12


def test_a_forgotten_message_is_flagged_and_not_counted_as_sent(campaign: Campaign) -> None:
    report(refs(campaign)[0], "forgotten")
    apply()
    assert builders.counts(campaign) == {"accepted": 12}
    assert Message.objects.get(reason=Reason.FORGOTTEN).provider_ref == refs(campaign)[0]


def test_who_blocked_us_is_refunded_and_suppressed_for_advertising(campaign: Campaign) -> None:
    first, second, *_ = refs(campaign)
    for ref in (first, second, first):
        report(ref, "blocked")
    apply()
    assert builders.counts(campaign) == {"accepted": 10, "blocked": 2}
    assert set(Suppression.objects.values_list("scope", "reason")) == {("advertising", "blocked")}
    assert Suppression.objects.count() == 2
    assert sum(StatusCount.objects.filter(campaign=campaign).values_list("cost", flat=True)) == 10 * 500


@pytest.mark.django_db(transaction=True)
def test_an_event_may_come_before_the_sends_own_answer(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 1)
    report(str(sandbox.ledger._next_id), "delivered")
    found = claim(campaign.pk, "me")
    assert isinstance(found, Claim)
    apply()
    assert builders.counts(campaign) == {"sending": 1}
    dispatch.send(found)
    apply()
    lifecycle.finish(campaign.pk)
    assert builders.counts(campaign) == {"delivered": 1}


def test_a_late_failure_turns_a_completed_campaign_into_one_with_problems(campaign: Campaign) -> None:
    assert builders.refreshed(campaign).status == CampaignStatus.COMPLETED
    report(refs(campaign)[0], "failed")
    DeliveryEvent.objects.update(retry_at=timezone.now() - dt.timedelta(seconds=1))
    tasks.apply_events()
    assert builders.refreshed(campaign).status == CampaignStatus.COMPLETED_WITH_PROBLEMS


def test_a_webhook_outlives_a_database_outage(client: Client, campaign: Campaign) -> None:
    ref = refs(campaign)[0]
    with outage():
        response = client.post(path_of(campaign), f'{{"messageid": {ref}, "status": 10}}', "application/json")
    assert response.status_code == 200
    assert not DeliveryEvent.objects.exists()
    assert webhooks.sweep() == 1
    apply()
    assert builders.counts(campaign) == {"accepted": 11, "delivered": 1}
    assert not list(webhooks.spool.files())


def path_of(campaign: Campaign) -> str:
    return f"/{campaign.line.account.webhook_path}"


def test_a_forgery_from_the_time_of_an_outage_is_dropped_later(client: Client, campaign: Campaign) -> None:
    account = campaign.line.account
    with outage():
        assert client.get(f"/webhooks/{account.pk}/wrong/?messageid=1&status=4").status_code == 200
        assert client.get(f"/{account.webhook_path}?messageid=1").status_code == 200
        assert webhooks.sweep() == 0
    assert webhooks.sweep() == 2
    assert not DeliveryEvent.objects.exists()


def test_a_spooled_file_that_cannot_be_read_does_not_stop_the_others(client: Client, campaign: Campaign) -> None:
    for number, content in enumerate([b"", b"{}", b"[1]", b'{"body": "!"}', b"\xff"]):
        webhooks.spool.write(content, f"bad-{number}")
    with outage():
        client.get(f"{path_of(campaign)}?messageid=4711&status=4")
    assert webhooks.sweep() == 1
    assert not list(webhooks.spool.files())
    assert DeliveryEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_sweepers_of_the_spool_don_t_trip_over_each_other(client: Client) -> None:
    account = builders.account()
    with outage():
        for number in range(30):
            client.get(f"/{account.webhook_path}?messageid={number + 1}&status=4")
    at_once(webhooks.sweep, 4)
    assert not list(webhooks.spool.files())
    assert DeliveryEvent.objects.values("provider_ref").distinct().count() == 30


@pytest.mark.django_db(transaction=True)
def test_workers_that_apply_at_once_count_everything_once(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 300, batch_size=300)
    builders.send_all(campaign)
    for ref in refs(campaign):
        report(ref, "sent", "delivered", "sent")
    DeliveryEvent.objects.update(retry_at=timezone.now() - dt.timedelta(seconds=1))
    at_once(applying.apply, 4)
    assert builders.counts(campaign) == {"delivered": 300}


def test_polling_finds_what_webhooks_lost(sandbox: Sandbox, campaign: Campaign) -> None:
    sandbox.behaviour.sent_after = sandbox.behaviour.final_after = 0
    sandbox.behaviour.shares = {"11": 0.3, "14": 0.3}
    Batch.objects.update(poll_at=timezone.now() - dt.timedelta(seconds=1))
    assert sum(polling.poll(batch_id) for batch_id in polling.due()) == 12
    apply()
    found = builders.counts(campaign)
    assert found.keys() <= {"delivered", "undelivered", "blocked"}
    assert sum(found.values()) == 12
    assert set(DeliveryEvent.objects.values_list("source", flat=True)) == {"poll"}


def test_polls_follow_their_plan_and_end(sandbox: Sandbox, campaign: Campaign) -> None:
    sandbox.behaviour.final_after = 3600
    batch = Batch.objects.get(campaign=campaign, number=1)
    waits = []
    while due := Batch.objects.values_list("poll_at", flat=True).get(pk=batch.pk):
        assert due > timezone.now()
        Batch.objects.filter(pk=batch.pk).update(poll_at=timezone.now() - dt.timedelta(seconds=1))
        assert polling.poll(batch.pk) == 10
        assert polling.poll(batch.pk) == 0  # the next one is planned already
        following = Batch.objects.values_list("poll_at", flat=True).get(pk=batch.pk)
        waits.append(round((following - timezone.now()).total_seconds() / 60) if following else None)
    assert waits == [4, 10, 45, 23 * 60, 24 * 60, None]


@pytest.mark.parametrize("kind", ["timeout", "500", "html", "truncated", "429", "bad_token"])
def test_a_poll_that_fails_teaches_nothing(sandbox: Sandbox, campaign: Campaign, kind: str) -> None:
    sandbox.faults.add(kind, "status")
    Batch.objects.update(poll_at=timezone.now() - dt.timedelta(seconds=1))
    assert [polling.poll(batch_id) for batch_id in polling.due()] == [0, 0]
    assert not DeliveryEvent.objects.exists()
    assert Batch.objects.filter(poll_at__gt=timezone.now()).count() == 2


def test_a_poll_gives_up_after_the_first_silence(sandbox: Sandbox, campaign: Campaign, monkeypatch: Any) -> None:
    from dataclasses import replace

    from providers.backends.najva import Najva

    monkeypatch.setattr(Najva, "capabilities", replace(Najva.capabilities, max_status_ids=2))
    sandbox.faults.add("timeout", "status")
    Batch.objects.filter(number=1).update(poll_at=timezone.now() - dt.timedelta(seconds=1))
    begun = time.monotonic()
    assert polling.poll(Batch.objects.get(number=1).pk) == 0
    assert time.monotonic() - begun < 2 * 0.5 + 0.4
    assert sandbox.ledger.counters["calls_status"] == 1


def test_ids_that_the_provider_forgot_are_flagged_by_a_poll(sandbox: Sandbox, campaign: Campaign) -> None:
    sandbox.ledger.clear()
    Batch.objects.update(poll_at=timezone.now() - dt.timedelta(seconds=1))
    for batch_id in polling.due():
        polling.poll(batch_id)
    apply()
    assert builders.counts(campaign) == {"accepted": 12}
    assert Message.objects.filter(reason=Reason.FORGOTTEN).count() == 12


@pytest.mark.django_db
def test_hostile_words_of_a_provider_can_be_stored() -> None:
    account = builders.account()
    hostile = StatusReport("9" * 80, Report.UNRECOGNISED, "\x00\ud800" * 40, "\x00" + "س" * 500, cost=10**12)
    assert events.store(account.pk, [hostile], DeliveryEvent.Source.WEBHOOK) == 1
    event = DeliveryEvent.objects.get()
    assert (len(event.provider_ref), len(event.code), len(event.words), event.cost) == (64, 32, 300, None)
    assert json.dumps(event.words)
