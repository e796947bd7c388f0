"""IPPanel's sends: the original documents' samples, and what may come back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from providers.answers import Blame, Outcome
from providers.audience import Audience, CategoryPart, NumbersPart, OperatorSlice, PhonebooksPart
from providers.backends.ippanel import IPPanel
from providers.base import HttpRequest, HttpResponse, InvalidJob, Recipient, SendJob, WebhookCall
from tests.providers.contract import HTML, AnswerCase, KeepingContract, WebhookCase

FIXTURES = Path(__file__).parent / "fixtures" / "ippanel"
WORDS = "اطلاعات وارد شده صحیح نمی باشد"
IDS = {"message_outbox_ids": [1]}


def recorded(name: str) -> Any:
    return json.loads((FIXTURES / name).read_text(encoding="utf-8"))


def answer(http: int = 200, data: object = None, status: object = None, **meta: object) -> HttpResponse:
    """An answer in IPPanel's envelope; ``meta.status`` is what the HTTP status says unless it is given."""
    stated = http == 200 if status is None else status
    content = {"data": data, "meta": {"status": stated, "message": WORDS, "message_code": "400-1", **meta}}
    return HttpResponse(http, json.dumps(content, ensure_ascii=False).encode())


def refused(status: int, outcome: Outcome, blame: Blame | None = None, *, html: bool = False) -> list[AnswerCase]:
    """The status in IPPanel's envelope, and from a gateway that speaks HTML; ``html``: that is as clear."""
    by_gateway = (outcome, blame) if html else (Outcome.UNCLEAR, None)
    return [
        AnswerCase(f"http-{status}", answer(status), outcome, blame, "400-1"),
        AnswerCase(f"http-{status}-no-code", answer(status, message_code=None), outcome, blame, str(status)),
        AnswerCase(f"http-{status}-errors-a-list", answer(status, errors=[]), outcome, blame, "400-1"),
        AnswerCase(f"html-{status}", HttpResponse(status, HTML), *by_gateway, str(status)),
    ]


class TestIPPanel(KeepingContract):
    provider_class = IPPanel
    sender = "+983000505"
    audience = Audience(phonebooks=(PhonebooksPart(("123654",)),))
    answer_cases = (
        *refused(400, Outcome.REJECTED, Blame.REQUEST),
        *refused(401, Outcome.REJECTED, Blame.ACCOUNT, html=True),
        *refused(403, Outcome.REJECTED, Blame.ACCOUNT, html=True),
        *refused(404, Outcome.REJECTED, Blame.ACCOUNT, html=True),
        *refused(405, Outcome.REJECTED, Blame.ACCOUNT, html=True),
        *refused(408, Outcome.UNCLEAR),
        *refused(409, Outcome.REJECTED, Blame.REQUEST),
        *refused(422, Outcome.REJECTED, Blame.REQUEST),
        *refused(499, Outcome.UNCLEAR),
        *refused(500, Outcome.UNCLEAR),
        *refused(503, Outcome.UNCLEAR),
        *refused(302, Outcome.UNCLEAR),
        AnswerCase("repeated-within-40-s", answer(429), Outcome.UNCLEAR, None, "429"),
        AnswerCase("429-of-a-gateway", HttpResponse(429, HTML), Outcome.UNCLEAR, None, "429"),
        AnswerCase("no-ids", answer(data={"message_outbox_ids": []}), Outcome.UNCLEAR, None, "no_ids"),
        AnswerCase("ids-null", answer(data={"message_outbox_ids": None}), Outcome.UNCLEAR),
        AnswerCase("ids-a-number", answer(data={"message_outbox_ids": 1}), Outcome.UNCLEAR),
        AnswerCase("id-0", answer(data={"message_outbox_ids": [0]}), Outcome.UNCLEAR),
        AnswerCase("id-true", answer(data={"message_outbox_ids": [True]}), Outcome.UNCLEAR),
        AnswerCase("id-negative", answer(data={"message_outbox_ids": [-1]}), Outcome.UNCLEAR),
        AnswerCase("id-a-word", answer(data={"message_outbox_ids": ["abc"]}), Outcome.UNCLEAR),
        AnswerCase("id-endless", answer(data={"message_outbox_ids": [10**40]}), Outcome.UNCLEAR),
        AnswerCase("data-a-list", answer(data=[1]), Outcome.UNCLEAR),
        AnswerCase("200-that-says-no", answer(200, IDS, status=False), Outcome.UNCLEAR, None, "400-1"),
        AnswerCase("200-that-says-1", answer(200, IDS, status=1), Outcome.UNCLEAR),
        AnswerCase("200-without-meta", HttpResponse(200, json.dumps({"data": IDS}).encode()), Outcome.UNCLEAR),
        AnswerCase("201-with-ids", answer(201, IDS, status=True), Outcome.UNCLEAR),
        AnswerCase("422-with-ids", answer(422, IDS), Outcome.UNCLEAR),
        AnswerCase("401-that-says-yes", answer(401, status=True), Outcome.UNCLEAR),
        AnswerCase("500-with-ids", answer(500, IDS, status=True), Outcome.UNCLEAR),
        AnswerCase("code-an-essay", answer(400, message_code="x" * 33), Outcome.REJECTED, Blame.REQUEST, "400"),
    )
    check_cases = (
        AnswerCase("credit", answer(data={"credit": 6084.5}), Outcome.ACCEPTED),
        AnswerCase("no-credit-told", answer(data={}), Outcome.ACCEPTED),
        AnswerCase("bad-token", answer(401), Outcome.REJECTED, Blame.ACCOUNT),
        AnswerCase("wrong-address", HttpResponse(404, HTML), Outcome.REJECTED, Blame.ACCOUNT),
        AnswerCase("too-fast", answer(429), Outcome.RETRYABLE),
        AnswerCase("gateway", HttpResponse(502, HTML), Outcome.UNCLEAR),
    )
    webhook_cases = (
        WebhookCase("it-makes-none", WebhookCall("POST", {}, "application/json", b'{"messageid": 1, "status": 2}')),
    )

    def accepting(self, job: SendJob) -> HttpResponse:
        return answer(data=IDS)

    def texts_in(self, request: HttpRequest) -> list[str]:
        return [json.loads(request.body or b"")["message"]]


JOB_AUDIENCE = Audience(
    categories=(
        CategoryPart(1, 1, (OperatorSlice(2, 0, 3373), OperatorSlice(13, 1, 2))),
        CategoryPart(1, 2, (OperatorSlice(2, 0, 1452), OperatorSlice(13, 1, 500))),
    )
)
PHONEBOOK_AUDIENCE = Audience(
    phonebooks=(PhonebooksPart(("123654",), 1, 2), NumbersPart("456987", ("123", "456", "789")))
)


@pytest.fixture
def ippanel() -> IPPanel:
    return IPPanel("https://edge.ippanel.example/v1/", {"token": "abc"})


@pytest.fixture
def job() -> SendJob:
    return SendJob("+983000505", [], "تست", audience=PHONEBOOK_AUDIENCE)


def body(request: HttpRequest) -> Any:
    return json.loads(request.body or b"")


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("job_request.json", SendJob("+98PRO", [], "متن پیام", audience=JOB_AUDIENCE)),
        ("phonebook_request.json", SendJob("+983000505", [], "تست", audience=PHONEBOOK_AUDIENCE)),
    ],
    ids=["job", "phonebook"],
)
def test_a_send_is_the_originals_sample_in_every_type_and_letter(ippanel: IPPanel, name: str, sent: SendJob) -> None:
    request = ippanel.build_send(sent)
    assert (request.method, request.url) == ("POST", "https://edge.ippanel.example/v1/api/send")
    assert request.body == json.dumps(recorded(name), ensure_ascii=False).encode()


def test_the_token_goes_out_raw(ippanel: IPPanel, job: SendJob) -> None:
    headers = ippanel.build_send(job).headers
    assert headers["Authorization"] == "abc"
    assert headers["Content-Type"].startswith("application/json")


def test_the_originals_answer_is_read(ippanel: IPPanel, job: SendJob) -> None:
    found = ippanel.parse_send(job, HttpResponse(200, (FIXTURES / "send_answer.json").read_bytes()))
    assert (found.outcome, found.refs) == (Outcome.ACCEPTED, ["1123594208"])


def test_the_originals_bad_token_stops_the_account(ippanel: IPPanel, job: SendJob) -> None:
    found = ippanel.parse_send(job, HttpResponse(401, (FIXTURES / "bad_token_answer.json").read_bytes()))
    assert (found.outcome, found.blame) == (Outcome.REJECTED, Blame.ACCOUNT)
    assert (found.code, found.text, found.field_errors) == ("400-1", WORDS, {})


def test_the_originals_bad_request_has_its_words_at_their_field(ippanel: IPPanel, job: SendJob) -> None:
    found = ippanel.parse_send(job, HttpResponse(422, (FIXTURES / "bad_request_answer.json").read_bytes()))
    assert (found.outcome, found.blame, found.code) == (Outcome.REJECTED, Blame.REQUEST, "400-2")
    assert found.field_errors == {"message": ["تکمیل گزینه پیام الزامی است"]}


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ({"a": "one", "b": ["two", "", 3]}, {"a": ["one"], "b": ["two"]}),
        ({"a": None, "b": {}}, {"a": [], "b": []}),
        ([], {}),
        ("words", {}),
        ({f"f{n}": [] for n in range(60)}, {f"f{n}": [] for n in range(50)}),
    ],
    ids=["texts", "no-texts", "list", "word", "many"],
)
def test_odd_field_errors_are_read_as_far_as_they_go(
    ippanel: IPPanel, job: SendJob, errors: object, expected: dict[str, list[str]]
) -> None:
    assert ippanel.parse_send(job, answer(422, errors=errors)).field_errors == expected


@pytest.mark.parametrize(
    ("ids", "refs"), [([1, 2], ["1", "2"]), (["1123594208"], ["1123594208"]), ([5, None, 5, "x", 6], ["5", "6"])]
)
def test_the_ids_of_a_send_are_kept_as_texts_each_once(
    ippanel: IPPanel, job: SendJob, ids: list[object], refs: list[str]
) -> None:
    assert ippanel.parse_send(job, answer(data={"message_outbox_ids": ids})).refs == refs


@pytest.mark.parametrize("status", [429, 500, 200])
def test_a_doubtful_answer_shows_no_field_as_wrong(ippanel: IPPanel, job: SendJob, status: int) -> None:
    found = ippanel.parse_send(job, answer(status, status=False, errors={"message": ["x"]}))
    assert (found.outcome, found.field_errors, found.text) == (Outcome.UNCLEAR, {}, WORDS)


PARAMS: dict[str, tuple[CategoryPart | PhonebooksPart | NumbersPart, dict[str, Any]]] = {
    "main": (CategoryPart(8), {"main_category_id": 8}),
    "sub": (CategoryPart(8, 9), {"main_category_id": 8, "sub_category_id": 9}),
    "operator": (CategoryPart(8, None, (OperatorSlice(1),)), {"main_category_id": 8, "operator": [{"id": 1}]}),
    "from-0": (
        CategoryPart(8, None, (OperatorSlice(13, 0, 7),)),
        {"main_category_id": 8, "operator": [{"start": 0, "size": 7, "id": 13}]},
    ),
    "books": (PhonebooksPart(("1", "2")), {"phonebook_ids": ["1", "2"], "type": "all"}),
    "books-from-0": (PhonebooksPart(("1",), 0, 5), {"phonebook_ids": ["1"], "type": "all", "start": "0", "size": "5"}),
    "books-size": (PhonebooksPart(("1",), None, 5), {"phonebook_ids": ["1"], "type": "all", "size": "5"}),
    "numbers": (NumbersPart("1", ("2",)), {"phonebook_id": "1", "type": "detail", "number_ids": ["2"]}),
}


@pytest.mark.parametrize(("part", "param"), PARAMS.values(), ids=PARAMS.keys())
def test_a_part_of_the_audience_carries_just_what_it_names(
    ippanel: IPPanel, job: SendJob, part: Any, param: dict[str, Any]
) -> None:
    audience = Audience((part,)) if isinstance(part, CategoryPart) else Audience((), (part,))
    content = body(ippanel.build_send(replace(job, audience=audience)))
    assert content["sending_type"] == ("job" if audience.categories else "phonebook")
    assert content["params"] == [param]


REFUSED = {
    "both kinds": Audience((CategoryPart(1),), (PhonebooksPart(("1",)),)),
    "nothing": Audience(),
    "101 categories": Audience((CategoryPart(1),) * 101),
    "101 phonebooks": Audience((), (PhonebooksPart(("1",)),) * 101),
    "no phonebook": Audience((), (PhonebooksPart(()),)),
    "no number": Audience((), (NumbersPart("1", ()),)),
    "no id": Audience((), (PhonebooksPart(("",)),)),
    "a name for an id": Audience((), (PhonebooksPart(("customers",)),)),
    "a phone for a number's id": Audience((), (NumbersPart("1", ("+989120000000",)),)),
    "a phonebook without an id": Audience((), (NumbersPart("", ("1",)),)),
    "an unknown operator": Audience((CategoryPart(1, None, (OperatorSlice(3),)),)),
    "before the start": Audience((CategoryPart(1, None, (OperatorSlice(1, -1, 5),)),)),
    "a size of 0": Audience((CategoryPart(1, None, (OperatorSlice(1, 0, 0),)),)),
    "a negative start": Audience((), (PhonebooksPart(("1",), -1),)),
    "a size of 0 of phonebooks": Audience((), (PhonebooksPart(("1",), 0, 0),)),
}


@pytest.mark.parametrize("audience", REFUSED.values(), ids=REFUSED.keys())
def test_an_audience_beyond_the_contract_is_refused(ippanel: IPPanel, job: SendJob, audience: Audience) -> None:
    with pytest.raises(InvalidJob):
        ippanel.build_send(replace(job, audience=audience))


def test_a_hundred_parts_are_sent(ippanel: IPPanel, job: SendJob) -> None:
    audience = Audience((), (PhonebooksPart(("1",)),) * 100)
    assert len(body(ippanel.build_send(replace(job, audience=audience)))["params"]) == 100


def test_a_text_of_1401_characters_is_refused(ippanel: IPPanel, job: SendJob) -> None:
    ippanel.build_send(replace(job, text="a" * 1_400))
    with pytest.raises(InvalidJob, match="text_too_long"):
        ippanel.build_send(replace(job, text="a" * 1_401))


def test_recipients_of_ours_have_a_word_of_their_own(ippanel: IPPanel, job: SendJob) -> None:
    with pytest.raises(InvalidJob, match="own_recipients"):
        ippanel.build_send(replace(job, recipients=[Recipient(1, "+989120000000")]))


@pytest.mark.parametrize("audience", [JOB_AUDIENCE, PHONEBOOK_AUDIENCE], ids=["job", "phonebook"])
def test_a_send_time_goes_out_in_utc(ippanel: IPPanel, job: SendJob, audience: Audience) -> None:
    tehran = timezone(timedelta(hours=3, minutes=30))
    at = datetime(2026, 3, 21, 1, 15, 30, 999_999, tehran)
    content = body(ippanel.build_send(replace(job, audience=audience, send_time=at)))
    assert content["send_time"] == "2026-03-20 21:45:30"
    assert "send_time" not in body(ippanel.build_send(job))


def test_a_send_time_without_a_zone_is_refused(ippanel: IPPanel, job: SendJob) -> None:
    naive = datetime(2026, 3, 21, tzinfo=UTC).replace(tzinfo=None)
    with pytest.raises(InvalidJob):
        ippanel.build_send(replace(job, send_time=naive))


@pytest.mark.parametrize("sender", ["+983000505", "+98PRO", "+98bank", "+9810001234"])
def test_a_line_is_known_by_its_form(ippanel: IPPanel, sender: str) -> None:
    assert ippanel.knows_sender(sender)


@pytest.mark.parametrize(
    "sender", ["", "3000505", "983000505", "+98", "+1PRO", "+98 PRO", "+98پرو", "+98۳۰۰۰", "+98P\n"]
)
def test_what_is_no_line_is_refused(ippanel: IPPanel, job: SendJob, sender: str) -> None:
    assert not ippanel.knows_sender(sender)
    with pytest.raises(InvalidJob):
        ippanel.build_send(replace(job, sender=sender))


def test_the_test_of_the_connection_asks_for_the_credit(ippanel: IPPanel) -> None:
    request = ippanel.build_check()
    assert (request.method, request.url) == ("GET", "https://edge.ippanel.example/v1/api/payment/credit/mine")
    assert request.body is None
    assert ippanel.parse_check(answer(data={"credit": 6084722932.705052})).credit == 6_084_722_933


@pytest.mark.parametrize(
    ("credit", "rial"),
    [("1500.4", 1500), (0, 0), (-20.6, -21), (None, None), ("much", None), (float("inf"), None), (True, None)],
)
def test_the_credit_is_read_whatever_it_is_written_as(ippanel: IPPanel, credit: object, rial: int | None) -> None:
    assert ippanel.parse_check(answer(data={"credit": credit})).credit == rial
