"""Safir's answers, from the original document and from what may go wrong with them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from providers.answers import Blame, Outcome
from providers.backends.safir import CODES, Safir
from providers.base import HttpRequest, HttpResponse, InvalidJob, Recipient, SendJob, WebhookCall
from tests.providers.contract import HTML, TEXT, AnswerCase, SingleCase, SingleContract, WebhookCase

FIXTURES = Path(__file__).parent / "fixtures" / "safir"
KEY = "chapar-7-1-10"
OURS, FOREIGN = "989120000000", "989350000000"
WORDS = "کاربر اکانت بله ندارد"
FILE_ID = "987141dd2672149..."


def recorded(name: str) -> Any:
    return json.loads((FIXTURES / name).read_text())


def answer(http: int = 200, **fields: object) -> HttpResponse:
    return HttpResponse(http, json.dumps(fields).encode())


def error(code: object, phone: object = OURS, **fields: object) -> dict[str, object]:
    return {"phone_number": phone, "code": code, "description": WORDS, **fields}


def with_error(code: object, http: int = 200) -> Iterator[tuple[str, HttpResponse]]:
    """The same error in every form that answers may have."""
    yield "list-and-id", answer(http, request_id="5", error_data=[error(code)])
    yield "list-and-empty-id", answer(http, message_id="", error_data=[error(code)])
    yield "list-alone", answer(http, error_data=[error(code)])
    yield "object", answer(http, error_data=error(code))
    yield "no-number", answer(http, error_data=[{"code": code}])
    yield "number-null", answer(http, error_data=[error(code, None)])
    yield "number-empty", answer(http, error_data=error(code, ""))
    yield "code-as-text", answer(http, error_data=[error(str(code))])
    yield "error-object", answer(http, error=error(code))
    yield "error-list", answer(http, error=[error(code)])
    yield "twice", answer(http, error_data=[error(code), error(code)])
    yield "beside-a-foreign-one", answer(http, error_data=[error(3, FOREIGN), error(code)])


def ends(code: int, outcome: Outcome, blame: Blame | None = None) -> list[AnswerCase]:
    """An error that is no matter of one recipient, in a 200 and in a 400."""
    return [
        AnswerCase(f"{code}-in-{http}-{form}", response, outcome, blame, str(code))
        for http in (200, 400)
        for form, response in with_error(code, http)
    ]


def refuses(code: int, *, off_channel: bool = False) -> list[SingleCase]:
    """An error of one recipient, in a 200, a 400 and a 422."""
    return [
        SingleCase(f"{code}-in-{http}-{form}", response, Outcome.REJECTED, str(code), off_channel)
        for http in (200, 400, 422)
        for form, response in with_error(code, http)
    ]


def status(http: int, outcome: Outcome, blame: Blame | None = None) -> list[AnswerCase]:
    """A status without an error of ours: the documented envelope, another JSON, a gateway's HTML, a cut answer."""
    return [
        AnswerCase(f"http-{http}", answer(http, request_id="", error_data=None), outcome, blame, str(http)),
        AnswerCase(f"http-{http}-words", answer(http, message="Unauthorized"), outcome, blame, str(http)),
        AnswerCase(f"http-{http}-error-text", answer(http, error="no"), outcome, blame, str(http)),
        AnswerCase(f"http-{http}-foreign", answer(http, error_data=[error(17, FOREIGN)]), outcome, blame, str(http)),
        AnswerCase(f"http-{http}-html", HttpResponse(http, HTML), outcome, blame, str(http)),
        AnswerCase(f"http-{http}-cut", HttpResponse(http, b'{"error_data": [{"code": 1'), outcome, blame, str(http)),
    ]


HOSTILE: dict[str, HttpResponse] = {
    "no-id": answer(error_data=None),
    "id-null": answer(request_id=None, error_data=None),
    "id-empty": answer(request_id="", message_id="", error_data=None),
    "id-blank": answer(request_id=" \n", error_data=None),
    "id-0": answer(message_id=0, error_data=None),
    "id-negative": answer(message_id=-5, error_data=None),
    "id-true": answer(request_id=True, error_data=None),
    "id-a-list": answer(request_id=["5"], error_data=None),
    "id-an-object": answer(request_id={"id": "5"}, error_data=None),
    "id-with-nul": answer(request_id="a\0b", error_data=None),
    "a-list": HttpResponse(200, b'[{"request_id": "5", "error_data": null}]'),
    "a-text": HttpResponse(200, b'"5"'),
    "html-behind-json": HttpResponse(200, b'{"request_id": "5", "error_data": null}<html>'),
    "latin-1": HttpResponse(200, '{"request_id": "é", "error_data": null}'.encode("latin-1")),
    "only-a-foreign-error": answer(error_data=[error(17, FOREIGN)]),
    "errors-a-text": answer(request_id="5", error_data="17"),
    "errors-a-number": answer(request_id="5", error_data=17),
    "errors-true": answer(request_id="5", error_data=True),
    "errors-false": answer(request_id="5", error_data=False),
    "errors-empty-text": answer(request_id="5", error_data=""),
    "errors-of-texts": answer(request_id="5", error_data=["NotBaleUser"]),
    "errors-of-null": answer(request_id="5", error_data=[None]),
    "errors-of-lists": answer(request_id="5", error_data=[[error(17)]]),
    "error-empty": answer(request_id="5", error_data={}),
    "error-by-number": answer(request_id="5", error_data={OURS: error(17)}),
    "code-missing": answer(request_id="5", error_data=[{"phone_number": OURS}]),
    "code-null": answer(request_id="5", error_data=[error(None)]),
    "code-0": answer(request_id="5", error_data=[error(0)]),
    "code-a-name": answer(request_id="5", error_data=[error("NotBaleUser")]),
    "code-negative": answer(request_id="5", error_data=[error(-17)]),
    "code-a-fraction": answer(request_id="5", error_data=[error(17.5)]),
    "code-true": answer(request_id="5", error_data=[error(True)]),
    "code-a-list": answer(request_id="5", error_data=[error([17])]),
    "code-endless": answer(request_id="5", error_data=[error(10**40)]),
    "code-in-superscript": answer(request_id="5", error_data=[error("¹⁷")]),
    "two-codes": answer(request_id="5", error_data=[error(17), error(8)]),
    "two-codes-in-two-fields": answer(error_data=[error(17)], error=error(2)),
    "number-masked": answer(request_id="5", error_data=[error(17, "98912***0000")]),
    "number-a-list": answer(request_id="5", error_data=[error(17, [OURS])]),
    "number-true": answer(request_id="5", error_data=[error(17, True)]),
    "number-in-persian": answer(request_id="5", error_data=[error(17, "۹۸۹۱۲۰۰۰۰۰۰۰")]),
    "one-good-error-and-one-broken": answer(request_id="5", error_data=[error(17), "17"]),
    "a-400-with-an-id": answer(400, request_id="5", error_data=None),
    "a-429-with-an-id": answer(429, message_id="5"),
    "a-401-with-an-id": answer(401, request_id="5", error_data=[]),
    "a-400-with-an-id-and-a-foreign-error": answer(400, request_id="5", error_data=[error(17, FOREIGN)]),
    "a-500-with-an-id": answer(500, request_id="5", error_data=None),
    "a-500-that-names-17": answer(500, error_data=[error(17)]),
    "a-503-that-names-20": answer(503, error_data=[error(20)]),
    "a-408-that-names-4": answer(408, error_data=[error(4)]),
    "a-302-that-names-8": answer(302, error_data=[error(8)]),
}
ACCEPTING: dict[str, HttpResponse] = {
    "the-originals": HttpResponse(200, (FIXTURES / "send_answer.json").read_bytes()),
    "request-id-alone": answer(request_id="5"),
    "message-id": answer(message_id="5", error_data=None),
    "message-id-a-number": answer(message_id=5, error_data=None),
    "both-ids": answer(message_id="5", request_id="", error_data=None),
    "an-empty-list": answer(request_id="5", error_data=[]),
    "both-fields-empty": answer(request_id="5", error_data=None, error=None),
    "a-201": answer(201, request_id="5", error_data=None),
    "a-foreign-error": answer(request_id="5", error_data=[error(17, FOREIGN)]),
    "a-foreign-error-abroad": answer(request_id="5", error_data=error(17, "+971501234567")),
}
NUMBERS: tuple[object, ...] = (
    OURS, "+" + OURS, "00" + OURS, "09120000000", "9120000000", f" {OURS}\n", 989120000000,
)  # fmt: skip


class TestSafir(SingleContract):
    provider_class = Safir
    sender = "123456789"
    answer_cases = (
        *ends(2, Outcome.UNCLEAR),
        *ends(3, Outcome.RETRYABLE),
        *ends(4, Outcome.REJECTED, Blame.REQUEST),
        *ends(20, Outcome.REJECTED, Blame.ACCOUNT),
        *ends(21, Outcome.REJECTED, Blame.ACCOUNT),
        *status(400, Outcome.REJECTED, Blame.REQUEST),
        *status(401, Outcome.REJECTED, Blame.ACCOUNT),
        *status(402, Outcome.REJECTED, Blame.ACCOUNT),
        *status(403, Outcome.REJECTED, Blame.ACCOUNT),
        *status(404, Outcome.REJECTED, Blame.ACCOUNT),
        *status(405, Outcome.REJECTED, Blame.ACCOUNT),
        *status(408, Outcome.UNCLEAR),
        *status(413, Outcome.REJECTED, Blame.REQUEST),
        *status(422, Outcome.REJECTED, Blame.REQUEST),
        *status(429, Outcome.RETRYABLE),
        *status(499, Outcome.UNCLEAR),
        *status(500, Outcome.UNCLEAR),
        *status(502, Outcome.UNCLEAR),
        *status(302, Outcome.UNCLEAR),
        AnswerCase("500-with-2", answer(500, error_data=[error(2)]), Outcome.UNCLEAR, None, "2"),
        AnswerCase("429-with-3", answer(429, error_data=[error(3)]), Outcome.RETRYABLE, None, "3"),
        AnswerCase("429-with-2", answer(429, error_data=[error(2)]), Outcome.UNCLEAR, None, "2"),
        AnswerCase("429-with-20", answer(429, error_data=[error(20)]), Outcome.REJECTED, Blame.ACCOUNT, "20"),
        AnswerCase("429-with-99", answer(429, error_data=[error(99)]), Outcome.RETRYABLE, None, "99"),
        AnswerCase("401-with-99", answer(401, error_data=error(99, "")), Outcome.REJECTED, Blame.ACCOUNT, "99"),
        AnswerCase("403-with-4", answer(403, error_data=error(4)), Outcome.REJECTED, Blame.REQUEST, "4"),
        AnswerCase("400-a-name", answer(400, error=error("X")), Outcome.REJECTED, Blame.REQUEST, "X"),
        *(AnswerCase(label, response, Outcome.UNCLEAR) for label, response in HOSTILE.items()),
    )
    single_cases = (
        *refuses(8),
        *refuses(17, off_channel=True),
        *refuses(5),
        *refuses(99),
        SingleCase("404-with-17", answer(404, error_data=[error(17)]), Outcome.REJECTED, "17", off_channel=True),
        *(SingleCase(label, response, Outcome.ACCEPTED) for label, response in ACCEPTING.items()),
        *(
            SingleCase(f"number-{each!r}", answer(error_data=[error(8, each)]), Outcome.REJECTED, "8")
            for each in NUMBERS
        ),
    )
    check_cases = (
        AnswerCase("the-originals", answer(file_id=FILE_ID), Outcome.ACCEPTED),
        AnswerCase("bad-key", answer(401, message="Unauthorized"), Outcome.REJECTED, Blame.ACCOUNT),
        AnswerCase("forbidden", answer(403), Outcome.REJECTED, Blame.ACCOUNT),
        AnswerCase("wrong-address", HttpResponse(404, HTML), Outcome.REJECTED, Blame.ACCOUNT),
        AnswerCase("wrong-method", HttpResponse(405, HTML), Outcome.REJECTED, Blame.ACCOUNT),
        AnswerCase("no-credit", answer(error={"code": 20}), Outcome.REJECTED, Blame.ACCOUNT),
        AnswerCase("too-fast", answer(429), Outcome.RETRYABLE),
        AnswerCase("gateway", HttpResponse(502, HTML), Outcome.UNCLEAR),
        AnswerCase("a-page", HttpResponse(200, HTML), Outcome.UNCLEAR),
    )
    webhook_cases = (
        WebhookCase("safir-makes-none", WebhookCall("POST", {}, "application/json", b'{"message_id":"5","status":1}')),
        WebhookCase("nothing", WebhookCall("GET")),
    )

    @pytest.fixture
    def job(self) -> SendJob:
        return SendJob(self.sender, [Recipient(10, "+" + OURS)], TEXT, idempotency_key=KEY)

    def accepting(self, job: SendJob) -> HttpResponse:
        return answer(request_id="523e6875-7c41-491b-8460-04b33039d7fc", error_data=None)

    def texts_in(self, request: HttpRequest) -> list[str]:
        return [json.loads(request.body or b"")["message_data"]["message"]["text"]]


@pytest.fixture
def safir() -> Safir:
    return Safir("https://safir.example/", {"api_access_key": "abc"})


@pytest.fixture
def recorded_job() -> SendJob:
    return SendJob("123456789", [Recipient(7, "+989123456789")], "test text message", idempotency_key="absdfgesjgo")


def message_data(request: HttpRequest) -> Any:
    return json.loads(request.body or b"")["message_data"]


def test_a_text_is_the_originals_sample(safir: Safir, recorded_job: SendJob) -> None:
    request = safir.build_send(recorded_job)
    assert (request.method, request.url) == ("POST", "https://safir.example/api/v3/send_message")
    assert request.headers["api-access-key"] == "abc"
    assert json.loads(request.body or b"") == recorded("text_request.json")


def test_a_file_with_a_caption_is_the_originals_sample(safir: Safir, recorded_job: SendJob) -> None:
    request = safir.build_send(replace(recorded_job, text="test caption", file_ref=FILE_ID))
    assert json.loads(request.body or b"") == recorded("file_request.json")


def test_a_secure_text_is_the_originals_sample(safir: Safir, recorded_job: SendJob) -> None:
    request = safir.build_send(replace(recorded_job, secure=True))
    assert json.loads(request.body or b"") == recorded("secure_request.json")


def test_text_file_copy_button_and_secrecy_combine(safir: Safir, recorded_job: SendJob) -> None:
    full = replace(recorded_job, text="متن", file_ref=FILE_ID, copy_text="PAIZ40", secure=True)
    assert message_data(safir.build_send(full)) == {
        "message": {"text": "متن", "file_id": FILE_ID, "copy_text": "PAIZ40"},
        "is_secure": True,
    }


@pytest.mark.parametrize("text", ["", None])
def test_a_file_needs_no_text(safir: Safir, recorded_job: SendJob, text: str | None) -> None:
    request = safir.build_send(replace(recorded_job, text=text, file_ref=FILE_ID))
    assert message_data(request) == {"message": {"file_id": FILE_ID}}


def test_who_has_a_text_of_his_own_does_not_get_the_common_one(safir: Safir, recorded_job: SendJob) -> None:
    [recipient] = recorded_job.recipients
    request = safir.build_send(replace(recorded_job, recipients=[recipient._replace(text="فقط او")]))
    assert message_data(request) == {"message": {"text": "فقط او"}}


BAD_JOBS: dict[str, dict[str, Any]] = {
    "empty_text": {"text": None},
    "empty_text of a copy button": {"text": "", "copy_text": "PAIZ40"},
    "empty_text of his own": {"recipients": [Recipient(1, "+989123456789", "")]},
    "no_idempotency_key": {"idempotency_key": ""},
    "no_sender": {"sender": ""},
    "recipient_count": {"recipients": []},
}


@pytest.mark.parametrize(("word", "changes"), BAD_JOBS.items(), ids=BAD_JOBS.keys())
def test_a_job_beyond_the_contract_is_refused(
    safir: Safir, recorded_job: SendJob, word: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(InvalidJob, match=word.split(maxsplit=1)[0]):
        safir.build_send(replace(recorded_job, **changes))


@pytest.mark.parametrize("sender", ["", "0", "0123", "-5", "12a", "bot", "+12", "1.5", "۱۲۳", "1²", " 12", "9" * 19])
def test_a_sender_that_is_no_bot_id_is_refused(safir: Safir, recorded_job: SendJob, sender: str) -> None:
    assert not safir.knows_sender(sender)
    with pytest.raises(InvalidJob, match="no_sender"):
        safir.build_send(replace(recorded_job, sender=sender))


@pytest.mark.parametrize(
    "phone", ["+982188776655", "+14155550100", "09120000000", "+98912000000", "+9891200000000", "+98912000000\n", ""]
)
def test_a_number_that_is_no_iranian_mobile_is_refused(safir: Safir, recorded_job: SendJob, phone: str) -> None:
    assert safir.refuses(phone) == "not_iranian_mobile"
    with pytest.raises(InvalidJob, match="not_iranian_mobile"):
        safir.build_send(replace(recorded_job, recipients=[Recipient(1, phone)]))


def test_every_iranian_mobile_is_taken(safir: Safir) -> None:
    assert {safir.refuses(f"+989{prefix:02d}1234567") for prefix in range(100)} == {""}


@pytest.mark.parametrize("response", ACCEPTING.values(), ids=ACCEPTING.keys())
def test_an_accepted_message_is_known_by_our_own_key(safir: Safir, response: HttpResponse) -> None:
    [result] = safir.parse_send(ours(), response).results
    assert result.ref == KEY


def ours() -> SendJob:
    return SendJob("123456789", [Recipient(7, "+" + OURS)], "متن", idempotency_key=KEY)


def test_a_refusal_keeps_the_providers_words_and_no_id(safir: Safir) -> None:
    [result] = safir.parse_send(ours(), answer(request_id="5", error_data=[error(17)])).results
    assert (result.key, result.ref, result.text) == (7, "", WORDS)


@pytest.mark.parametrize("code", [4, 20], ids=["request", "account"])
def test_a_refusal_of_more_than_the_recipient_keeps_the_words_too(safir: Safir, code: int) -> None:
    assert safir.parse_send(ours(), answer(error_data=[error(code)])).text == WORDS


ANOMALIES: dict[str, tuple[HttpResponse, dict[str, int]]] = {
    "foreign": (answer(request_id="5", error_data=[error(17, FOREIGN)]), {"foreign_recipient": 1}),
    "two foreign": (answer(error_data=[error(17, FOREIGN), error(2, "+1415555")]), {"foreign_recipient": 2}),
    "foreign and ours": (answer(error_data=[error(17), error(2, FOREIGN)]), {"foreign_recipient": 1}),
    "ours twice": (answer(error_data=[error(17), error(17)]), {"repeated_recipient": 1}),
    "ours twice, differently": (answer(error_data=[error(4), error(20)]), {"repeated_recipient": 1}),
    "none": (answer(error_data=[error(17)]), {}),
}


@pytest.mark.parametrize(("response", "anomalies"), ANOMALIES.values(), ids=ANOMALIES.keys())
def test_what_the_contract_does_not_foresee_is_counted(
    safir: Safir, response: HttpResponse, anomalies: dict[str, int]
) -> None:
    assert safir.parse_send(ours(), response).anomalies == anomalies


@pytest.mark.parametrize("http", [200, 400, 429])
def test_a_call_to_slow_down_says_when_to_come_back(safir: Safir, http: int) -> None:
    response = replace(answer(http, error_data=[error(3)]), headers={"retry-after": "7"})
    assert safir.parse_send(ours(), response).retry_after == 7.0


def test_every_code_of_the_contract_is_known() -> None:
    assert CODES.keys() == {"2", "3", "4", "8", "17", "20", "21"}
    assert CODES.keys() < Safir.codes


def test_nothing_is_polled_and_nothing_called_delivered(safir: Safir) -> None:
    assert (Safir.capabilities.max_status_ids, Safir.capabilities.reports_delivery) == (0, False)
    with pytest.raises(InvalidJob):
        safir.build_status([KEY])
