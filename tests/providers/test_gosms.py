"""GoSMS's answers, from the original document and from what may go wrong with them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from providers.answers import Blame, Outcome, Report, StatusReport
from providers.backends.gosms import REPORTS, GoSMS
from providers.base import HttpRequest, HttpResponse, InvalidJob, Recipient, SendJob, WebhookCall
from tests.providers.contract import HTML, AnswerCase, SingleCase, SingleContract, WebhookCase

FIXTURES = Path(__file__).parent / "fixtures" / "gosms"
REF, OTHER = "6654a4e8f1527149588c89f2", "6658053caa16b5ca5c5d72fc"
DEVICE, UUID = "65bbdaba833da513a46d3622", "3baf9df0-d0e3-43d2-a58f-6d7c27143242"
ACCOUNT = [*range(1002, 1007), *range(1011, 1017), 3000]
REQUEST = [1001, 1007, 1008, 1009, 1010, 1017, *range(2002, 2009)]


def recorded(name: str) -> Any:
    return json.loads((FIXTURES / name).read_text())


def answer(status: int, content: object, **headers: str) -> HttpResponse:
    return HttpResponse(status, json.dumps(content).encode(), headers)


def error(status: int, code: object, **headers: str) -> HttpResponse:
    return answer(status, {"errors": {"code": code, "message": "слова", "hash": "6654a4e8f152"}}, **headers)


def coded(code: int, outcome: Outcome, blame: Blame | None = None) -> Iterator[AnswerCase]:
    """The same code under the statuses that it may come with, and as a text."""
    for status in (400, 401, 403, 404, 409, 422):
        yield AnswerCase(f"{code}-under-{status}", error(status, code), outcome, blame, str(code))
    yield AnswerCase(f"{code}-as-text", error(400, str(code)), outcome, blame, str(code))
    yield AnswerCase(f"{code}-under-500", error(500, code), Outcome.UNCLEAR, None, str(code))
    yield AnswerCase(f"{code}-under-200", error(200, code), Outcome.UNCLEAR, None, str(code))


def bare(status: int, outcome: Outcome, blame: Blame | None = None) -> Iterator[AnswerCase]:
    """A status without the documented body: from a gateway, as another JSON, or empty."""
    for label, body in {"html": HTML, "json": b'{"message":"x"}', "empty": b"", "list": b"[]"}.items():
        yield AnswerCase(f"{label}-{status}", HttpResponse(status, body), outcome, blame, str(status))


def posted(body: bytes, content_type: str = "application/json", method: str = "POST") -> WebhookCall:
    return WebhookCall(method, {}, content_type, body)


def asked(query: str, method: str = "GET") -> WebhookCall:
    return WebhookCall(method, parse_qs(query, keep_blank_values=True))


DELIVERED = (StatusReport(REF, Report.DELIVERED, "4"),)


class TestGoSMS(SingleContract):
    provider_class = GoSMS
    sender = f"{DEVICE}:0"
    answer_cases = (
        *(case for code in ACCOUNT for case in coded(code, Outcome.REJECTED, Blame.ACCOUNT)),
        *(case for code in REQUEST for case in coded(code, Outcome.REJECTED, Blame.REQUEST)),
        *coded(1000, Outcome.UNCLEAR),
        *(case for status in (401, 403, 404, 405) for case in bare(status, Outcome.REJECTED, Blame.ACCOUNT)),
        *(case for status in (400, 408, 409, 410, 413, 422, 499) for case in bare(status, Outcome.UNCLEAR)),
        *bare(429, Outcome.RETRYABLE),
        *(case for status in (302, 500, 502, 503, 504) for case in bare(status, Outcome.UNCLEAR)),
        AnswerCase("2001-under-500", error(500, 2001), Outcome.UNCLEAR, None, "2001"),
        AnswerCase("new-code", error(400, 1999), Outcome.REJECTED, Blame.REQUEST, "1999"),
        AnswerCase("new-code-under-401", error(401, 1999), Outcome.REJECTED, Blame.ACCOUNT, "1999"),
        AnswerCase("new-code-under-403", error(403, 4000), Outcome.REJECTED, Blame.ACCOUNT, "4000"),
        AnswerCase("a-gateways-408-with-a-code", error(408, 1001), Outcome.UNCLEAR, None, "1001"),
        AnswerCase("429-with-a-body", error(429, 1000), Outcome.RETRYABLE),
        AnswerCase("code-is-a-word", error(400, "no"), Outcome.UNCLEAR, None, "400"),
        AnswerCase("code-is-true", error(400, True), Outcome.UNCLEAR),
        AnswerCase("errors-is-a-list", answer(400, {"errors": [{"code": 1004}]}), Outcome.UNCLEAR),
        AnswerCase("a-refusal-with-an-id", answer(400, {"id": REF, "errors": {"code": 1004}}), Outcome.UNCLEAR),
        AnswerCase("an-id-with-a-refusal", answer(200, {"id": REF, "errors": {"code": 1004}}), Outcome.UNCLEAR),
        AnswerCase("an-id-under-500", answer(500, {"id": REF}), Outcome.UNCLEAR),
        AnswerCase("an-id-under-302", answer(302, {"id": REF}), Outcome.UNCLEAR),
        AnswerCase("id-of-23-digits", answer(200, {"id": REF[1:]}), Outcome.UNCLEAR, None, "no_ids"),
        AnswerCase("id-of-25-digits", answer(200, {"id": REF + "0"}), Outcome.UNCLEAR),
        AnswerCase("id-that-is-not-hex", answer(200, {"id": "g" * 24}), Outcome.UNCLEAR),
        AnswerCase("id-of-zeros", answer(200, {"id": "0" * 24}), Outcome.UNCLEAR),
        AnswerCase("id-is-a-number", answer(200, {"id": 665427195271495888892}), Outcome.UNCLEAR),
        AnswerCase("id-is-null", answer(200, {"id": None}), Outcome.UNCLEAR),
        AnswerCase("id-ends-in-a-line", answer(200, {"id": REF + "\n"}), Outcome.UNCLEAR),
        AnswerCase("id-in-a-list", answer(200, [{"id": REF}]), Outcome.UNCLEAR),
    )
    single_cases = (
        SingleCase("id", answer(200, {"id": REF}), Outcome.ACCEPTED),
        SingleCase("created", answer(201, {"id": REF}), Outcome.ACCEPTED),
        SingleCase("id-in-capitals", answer(200, {"id": REF.upper()}), Outcome.ACCEPTED),
        SingleCase("id-and-no-errors", answer(200, {"id": REF, "errors": None}), Outcome.ACCEPTED),
        *(SingleCase(f"2001-under-{s}", error(s, 2001), Outcome.REJECTED, "2001") for s in (400, 401, 403, 404, 422)),
        SingleCase("2001-as-text", error(400, "2001"), Outcome.REJECTED, "2001"),
    )
    check_cases = (
        AnswerCase("a-list", answer(200, recorded("list_answer.json")), Outcome.ACCEPTED),
        AnswerCase(
            "nothing-sent-yet", answer(200, {"pagination": {"total_records": 0}, "sms_list": None}), Outcome.ACCEPTED
        ),
        AnswerCase("bad-token", error(401, 1003), Outcome.REJECTED, Blame.ACCOUNT),
        AnswerCase("bad-token-without-a-body", HttpResponse(401, b""), Outcome.REJECTED, Blame.ACCOUNT),
        AnswerCase("blocked", error(403, 3000), Outcome.REJECTED, Blame.ACCOUNT),
        AnswerCase("a-key-that-may-not-read", error(403, 1007), Outcome.REJECTED, Blame.REQUEST),
        AnswerCase("wrong-address", HttpResponse(404, HTML), Outcome.REJECTED, Blame.ACCOUNT),
        AnswerCase("too-fast", HttpResponse(429, b""), Outcome.RETRYABLE),
        AnswerCase("gateway", HttpResponse(502, HTML), Outcome.UNCLEAR),
        AnswerCase("a-proxys-page", HttpResponse(200, HTML), Outcome.UNCLEAR),
    )
    webhook_cases = (
        WebhookCase("json", posted(b'{"id": "%b", "status": 4}' % REF.encode()), DELIVERED),
        WebhookCase("json-of-texts", posted(b'{"id": "%b", "status": "4"}' % REF.encode()), DELIVERED),
        WebhookCase("capital-letters", posted(b'{"ID": "%b", "Status": 4}' % REF.upper().encode()), DELIVERED),
        WebhookCase("a-comma-too-many", posted(b'{"id": "%b", "status": 4,}' % REF.encode()), DELIVERED),
        WebhookCase("a-list", posted(b'[{"id": "%b", "status": 4}]' % REF.encode()), DELIVERED),
        WebhookCase("form", posted(f"id={REF}&status=4".encode(), "application/x-www-form-urlencoded"), DELIVERED),
        WebhookCase("query", asked(f"id={REF}&status=4"), DELIVERED),
        WebhookCase("query-of-a-post", asked(f"id={REF}&status=4", "POST"), DELIVERED),
        WebhookCase(
            "the-whole-message",
            posted(json.dumps({**recorded("get_answer.json"), "status": 2, "message_status": "Отправлено"}).encode()),
            [StatusReport(REF, Report.SENT, "2", "Отправлено")],
        ),
        *(
            WebhookCase(f"status-{word}", asked(f"id={REF}&status={word}"), [StatusReport(REF, report, word)])
            for word, report in REPORTS.items()
        ),
        WebhookCase("new-number", asked(f"id={REF}&status=6"), [StatusReport(REF, Report.UNRECOGNISED, "6")]),
        WebhookCase("new-word", asked(f"id={REF}&status=lost"), [StatusReport(REF, Report.UNRECOGNISED, "lost")]),
        WebhookCase("nothing", posted(b"")),
        WebhookCase("no-status", posted(b'{"id": "%b"}' % REF.encode())),
        WebhookCase("no-id", posted(b'{"status": 4}')),
        WebhookCase("two-ids", asked(f"id={REF}&id={OTHER}&status=4")),
        WebhookCase("najvas-name", asked(f"messageid={REF}&status=4")),
        WebhookCase("id-is-a-number", posted(b'{"id": 1234, "status": 4}')),
        WebhookCase("id-is-too-short", asked(f"id={REF[1:]}&status=4")),
        WebhookCase("id-is-of-zeros", asked(f"id={'0' * 24}&status=4")),
        WebhookCase("status-is-null", posted(b'{"id": "%b", "status": null}' % REF.encode())),
        WebhookCase("status-is-negative", posted(b'{"id": "%b", "status": -1}' % REF.encode())),
        WebhookCase("status-with-nul", posted(b'{"id": "%b", "status": "a\\u0000"}' % REF.encode())),
        WebhookCase("truncated", posted(b'{"id": "%b", "sta' % REF.encode())),
    )

    def accepting(self, job: SendJob) -> HttpResponse:
        return answer(200, {"id": REF})

    def texts_in(self, request: HttpRequest) -> list[str]:
        return [json.loads(request.body or b"")["message"]]


@pytest.fixture
def gosms() -> GoSMS:
    return GoSMS("https://api.gosms.example/v1/", {"token": "a.b.c"})


JOB = SendJob("any", [Recipient(7, "+79999999999")], "My message")


def content_of(request: HttpRequest) -> Any:
    return json.loads(request.body or b"")


def test_a_send_has_the_fields_of_the_originals_sample(gosms: GoSMS) -> None:
    full = GoSMS(gosms.base_url, {"token": "a.b.c", "callback_id": REF})
    request = full.build_send(replace(JOB, sender=f"{DEVICE}:1"))
    assert (request.method, request.url) == ("POST", "https://api.gosms.example/v1/sms/send")
    assert request.headers["Authorization"] == "Bearer a.b.c"
    assert content_of(request) == {**recorded("send_request.json"), "device_id": DEVICE, "callback_id": REF}


def test_what_is_not_chosen_is_not_on_the_wire(gosms: GoSMS) -> None:
    assert content_of(gosms.build_send(JOB)) == {"message": "My message", "phone_number": "79999999999"}


@pytest.mark.parametrize("empty", [{"callback_id": ""}, {}])
def test_an_empty_webhook_id_is_not_on_the_wire(empty: dict[str, str]) -> None:
    request = GoSMS("https://api.gosms.example", {"token": "a.b.c", **empty}).build_send(JOB)
    assert "callback_id" not in content_of(request)


SENDERS: dict[str, dict[str, Any]] = {
    "any": {},
    DEVICE: {"device_id": DEVICE},
    DEVICE.upper(): {"device_id": DEVICE},
    f"{DEVICE}:0": {"device_id": DEVICE, "to_sim": 0},
    f"{DEVICE}:1": {"device_id": DEVICE, "to_sim": 1},
    f"{DEVICE}/0": {"device_id": DEVICE, "to_sim": 0},
    f"{DEVICE}#2": {"device_id": DEVICE, "to_sim": 2},
    UUID: {"device_id": UUID},
    f"{UUID}:0": {"device_id": UUID, "to_sim": 0},
}


@pytest.mark.parametrize(("sender", "fields"), SENDERS.items())
def test_a_sender_names_a_phone_and_its_slot(gosms: GoSMS, sender: str, fields: dict[str, Any]) -> None:
    assert gosms.knows_sender(sender)
    content = content_of(gosms.build_send(replace(JOB, sender=sender)))
    assert {name: content[name] for name in content.keys() - {"message", "phone_number"}} == fields
    assert type(content.get("to_sim", 0)) is int


@pytest.mark.parametrize(
    "sender",
    [
        *["", "90000123", "any:0", ":0", DEVICE[1:], DEVICE + "0", UUID[1:], f"{DEVICE} 0", f"{DEVICE}\n"],
        *(f"{DEVICE}:{slot}" for slot in ("", "-1", "00", "x", "²", "۱", "100")),
    ],
)
def test_a_sender_of_another_form_is_refused(gosms: GoSMS, sender: str) -> None:
    assert not gosms.knows_sender(sender)
    with pytest.raises(InvalidJob, match="no_sender"):
        gosms.build_send(replace(JOB, sender=sender))


@pytest.mark.parametrize("phone", ["+989121234567", "+79999999999", "+14155550100", "+442071838750"])
def test_a_number_of_any_country_is_carried_as_digits(gosms: GoSMS, phone: str) -> None:
    assert gosms.refuses(phone) == ""
    content = content_of(gosms.build_send(replace(JOB, recipients=[Recipient(1, phone)])))
    assert content["phone_number"] == phone[1:]


@pytest.mark.parametrize(
    "phone", ["", "+", "989121234567", "09121234567", "+0912345678", "+98²1234567", "+" + "9" * 16]
)
def test_a_number_that_is_not_international_is_refused(gosms: GoSMS, phone: str) -> None:
    assert gosms.refuses(phone) == "not_international"
    with pytest.raises(InvalidJob, match="not_international"):
        gosms.build_send(replace(JOB, recipients=[Recipient(1, phone)]))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("م" * 300, ""),
        ("🎉" * 300, ""),
        ("م" * 301, "text_too_long"),
        ("a`b", "backtick"),
        ("`" * 301, "text_too_long"),
    ],
    ids=["300", "300-emoji", "301", "backtick", "both"],
)
def test_a_text_is_held_against_the_limits(gosms: GoSMS, text: str, word: str) -> None:
    assert gosms.objects_to(text) == word
    if word:
        with pytest.raises(InvalidJob, match=word):
            gosms.build_send(replace(JOB, text=text))
    else:
        assert content_of(gosms.build_send(replace(JOB, text=text)))["message"] == text


@pytest.mark.parametrize("extra", [{"file_ref": "x"}, {"copy_text": "x"}, {"secure": True}])
def test_what_a_phone_cannot_send_is_refused_and_not_left_out(gosms: GoSMS, extra: dict[str, Any]) -> None:
    with pytest.raises(InvalidJob):
        gosms.build_send(replace(JOB, **extra))


def test_the_originals_answer_is_read(gosms: GoSMS) -> None:
    found = gosms.parse_send(JOB, answer(200, recorded("send_answer.json")))
    assert [(each.key, each.outcome, each.ref) for each in found.results] == [(7, Outcome.ACCEPTED, REF)]


def test_an_id_is_kept_in_lower_case(gosms: GoSMS) -> None:
    assert gosms.parse_send(JOB, answer(200, {"id": REF.upper()})).results[0].ref == REF


def test_a_refusal_keeps_the_providers_words(gosms: GoSMS) -> None:
    found = gosms.parse_send(JOB, answer(400, recorded("error_answer.json")))
    assert (found.code, found.text) == ("2008", "Неверно указан номер телефона в поле phone_number.")


def test_a_429_says_when_to_come_back(gosms: GoSMS) -> None:
    assert gosms.parse_send(JOB, HttpResponse(429, b"", {"retry-after": "7"})).retry_after == 7.0


def test_every_code_that_the_backend_tells_apart_is_documented() -> None:
    told = {case.code for case in TestGoSMS.answer_cases if re.fullmatch("[123]0..", case.code)}
    assert told <= GoSMS.codes
    assert {str(code) for code in (*range(1000, 1018), *range(2001, 2009), 3000)} <= GoSMS.codes


def test_a_status_call_is_the_originals_sample(gosms: GoSMS) -> None:
    request = gosms.build_status([REF.upper()])
    assert (request.method, request.url) == ("POST", "https://api.gosms.example/v1/sms/get")
    assert content_of(request) == recorded("get_request.json")


def test_the_originals_status_is_read(gosms: GoSMS) -> None:
    found = gosms.parse_status([REF], answer(200, recorded("get_answer.json")))
    assert found.reports == [StatusReport(REF, Report.ACCEPTED, "0", "Ждет обработки")]


@pytest.mark.parametrize(("word", "report"), [*REPORTS.items(), ("9", Report.UNRECOGNISED)])
def test_a_status_is_read(gosms: GoSMS, word: str, report: Report) -> None:
    for status in (word, int(word)):
        found = gosms.parse_status([REF], answer(200, {"id": REF, "status": status}))
        assert found.reports == [StatusReport(REF, report, word)]


@pytest.mark.parametrize("status", [400, 404])
def test_an_id_that_the_provider_does_not_know_is_forgotten(gosms: GoSMS, status: int) -> None:
    found = gosms.parse_status([REF], error(status, 1008))
    assert (found.outcome, found.reports) == (
        Outcome.ACCEPTED,
        [StatusReport(REF, Report.FORGOTTEN, "1008", "слова")],
    )


def test_a_status_that_nobody_asked_for_is_dropped(gosms: GoSMS) -> None:
    assert gosms.parse_status([OTHER], answer(200, recorded("get_answer.json"))).reports == []


UNLEARNT: dict[str, tuple[HttpResponse, Outcome]] = {
    "no status": (answer(200, {"id": REF}), Outcome.UNCLEAR),
    "no id": (answer(200, {"status": 4}), Outcome.UNCLEAR),
    "1008 under 500": (error(500, 1008), Outcome.UNCLEAR),
    "wrong address": (HttpResponse(404, HTML), Outcome.REJECTED),
    "may not read": (error(403, 1007), Outcome.REJECTED),
    "too fast": (HttpResponse(429, b""), Outcome.RETRYABLE),
    "html": (HttpResponse(200, HTML), Outcome.UNCLEAR),
}


@pytest.mark.parametrize(("response", "outcome"), UNLEARNT.values(), ids=UNLEARNT.keys())
def test_a_failed_status_call_teaches_nothing(gosms: GoSMS, response: HttpResponse, outcome: Outcome) -> None:
    found = gosms.parse_status([REF], response)
    assert (found.outcome, list(found.reports)) == (outcome, [])


@pytest.mark.parametrize("refs", [[], [REF, OTHER], [""], ["1"], [REF[1:]], ["0" * 24]])
def test_a_status_call_beyond_the_contract_is_refused(gosms: GoSMS, refs: list[str]) -> None:
    with pytest.raises(InvalidJob):
        gosms.build_status(refs)


def test_a_deletion_is_the_originals_sample(gosms: GoSMS) -> None:
    request = gosms.build_delete(REF)
    assert (request.method, request.url) == ("DELETE", "https://api.gosms.example/v1/sms/del")
    assert (content_of(request), request.headers["Content-Type"]) == (
        recorded("delete_request.json"),
        "application/json; charset=utf-8",
    )


DELETIONS: dict[str, tuple[HttpResponse, Outcome, str, float | None]] = {
    "gone": (HttpResponse(204, b""), Outcome.ACCEPTED, "", None),
    "not there": (error(404, 1008), Outcome.ACCEPTED, "1008", None),
    "too fresh": (error(400, 1010), Outcome.RETRYABLE, "1010", 300.0),
    "may not delete": (error(403, 1009), Outcome.REJECTED, "1009", None),
    "too fast": (HttpResponse(429, b"", {"retry-after": "2"}), Outcome.RETRYABLE, "429", 2.0),
    "another answer": (answer(200, {"id": REF}), Outcome.UNCLEAR, "200", None),
    "html": (HttpResponse(200, HTML), Outcome.UNCLEAR, "200", None),
    "error": (error(500, 1000), Outcome.UNCLEAR, "1000", None),
}


@pytest.mark.parametrize(("response", "outcome", "code", "wait"), DELETIONS.values(), ids=DELETIONS.keys())
def test_a_deletion_comes_to_its_outcome(
    gosms: GoSMS, response: HttpResponse, outcome: Outcome, code: str, wait: float | None
) -> None:
    found = gosms.parse_delete(response)
    assert (found.outcome, found.code, found.retry_after) == (outcome, code, wait)
