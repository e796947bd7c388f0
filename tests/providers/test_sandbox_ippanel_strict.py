"""IPPanel's side of the sandbox over real sockets: as strict as the contract, and wrong exactly as it is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from providers.answers import Blame, Outcome
from providers.audience import Audience, CategoryPart, PhonebooksPart
from providers.backends.ippanel import IPPanel
from providers.base import HttpRequest, HttpResponse, SendJob
from providers.sandbox import Sandbox
from tests.providers.sending import carry
from tests.providers.test_ippanel import recorded

PHONEBOOK: dict[str, Any] = recorded("phonebook_request.json")
JOB: dict[str, Any] = recorded("job_request.json")
ALL: dict[str, Any] = {"type": "all", "phonebook_ids": ["123654"]}
DETAIL: dict[str, Any] = {"type": "detail", "phonebook_id": "456987", "number_ids": ["123"]}
MAIN: dict[str, Any] = {"main_category_id": 1}


def call(sandbox: Sandbox, method: str, path: str, content: Any = None, token: str = "token") -> HttpResponse:
    """A call with a body or, where it is a GET, with a query string."""
    headers = {"Authorization": token, "Content-Type": "application/json"}
    if method == "GET":
        return carry(HttpRequest(method, f"{sandbox.base_url}/v1{path}?{urlencode(content or {})}", headers))
    return carry(HttpRequest(method, f"{sandbox.base_url}/v1{path}", headers, body=json.dumps(content).encode()))


def by_phonebook(*params: object, **changes: object) -> dict[str, Any]:
    return {**PHONEBOOK, "params": list(params) or PHONEBOOK["params"], **changes}


def by_job(*params: object, **changes: object) -> dict[str, Any]:
    return {**JOB, "params": list(params) or JOB["params"], **changes}


def sliced(**operator: object) -> dict[str, Any]:
    return by_job({**MAIN, "operator": [{"id": 1, **operator}]})


def without(content: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key != name}


STRICT: dict[str, tuple[dict[str, Any], str]] = {
    "no kind": (without(PHONEBOOK, "sending_type"), "sending_type"),
    "another kind": (by_phonebook(sending_type="webservice"), "sending_type"),
    "no line": (without(PHONEBOOK, "from_number"), "from_number"),
    "a line of somebody else": (by_phonebook(from_number="+98999"), "from_number"),
    "a line without its plus": (by_phonebook(from_number="983000505"), "from_number"),
    "no text": (without(PHONEBOOK, "message"), "message"),
    "an empty text": (by_phonebook(message=""), "message"),
    "a number for a text": (by_phonebook(message=5), "message"),
    "1401 characters": (by_phonebook(message="a" * 1_401), "message"),
    "21 parts": (by_phonebook(message="م" * 1_341), "message"),
    "no params": (without(PHONEBOOK, "params"), "params"),
    "empty params": ({**PHONEBOOK, "params": []}, "params"),
    "101 params": ({**PHONEBOOK, "params": [ALL] * 101}, "params"),
    "an object for params": ({**PHONEBOOK, "params": ALL}, "params"),
    "words for a param": (by_phonebook("all"), "params.0"),
    "an unknown field": (by_phonebook(priority=1), "priority"),
    "a time in ISO form": (by_phonebook(send_time="2026-03-21T10:00:00Z"), "send_time"),
    "a time that cannot be": (by_phonebook(send_time="2026-02-30 10:00:00"), "send_time"),
    "a time as a number": (by_phonebook(send_time=1774000000), "send_time"),
    "phonebook ids as numbers": (by_phonebook({**ALL, "phonebook_ids": [123654]}), "params.0.phonebook_ids"),
    "no phonebook ids": (by_phonebook({**ALL, "phonebook_ids": []}), "params.0.phonebook_ids"),
    "an unknown phonebook": (by_phonebook(ALL, {**ALL, "phonebook_ids": ["5"]}), "params.1.phonebook_ids"),
    "a number for start": (by_phonebook({**ALL, "start": 1}), "params.0.start"),
    "a number for size": (by_phonebook({**ALL, "size": 2}), "params.0.size"),
    "a phonebook without a type": (by_phonebook(without(ALL, "type")), "params.0.type"),
    "another type": (by_phonebook({**ALL, "type": "some"}), "params.0.type"),
    "chosen numbers with phonebook ids": (by_phonebook({**DETAIL, "phonebook_ids": ["1"]}), "params.0.phonebook_ids"),
    "chosen numbers with a start": (by_phonebook({**DETAIL, "start": "1"}), "params.0.start"),
    "all with chosen numbers": (by_phonebook({**ALL, "number_ids": ["123"]}), "params.0.number_ids"),
    "a phonebook id as a number": (by_phonebook({**DETAIL, "phonebook_id": 456987}), "params.0.phonebook_id"),
    "number ids as numbers": (by_phonebook({**DETAIL, "number_ids": [123]}), "params.0.number_ids"),
    "phones for number ids": (by_phonebook({**DETAIL, "number_ids": ["+989120000000"]}), "params.0.number_ids"),
    "a number of another phonebook": (
        by_phonebook({**DETAIL, "phonebook_id": "123654"}),
        "params.0.number_ids",
    ),
    "a category as text": (by_job({"main_category_id": "1"}), "params.0.main_category_id"),
    "an unknown category": (by_job({"main_category_id": 99}), "params.0.main_category_id"),
    "a sub-category as text": (by_job({**MAIN, "sub_category_id": "1"}), "params.0.sub_category_id"),
    "a sub-category of another": (by_job({**MAIN, "sub_category_id": 9}), "params.0.sub_category_id"),
    "a sub-category of null": (by_job({**MAIN, "sub_category_id": None}), "params.0.sub_category_id"),
    "no operators": (by_job({**MAIN, "operator": []}), "params.0.operator"),
    "an object for operators": (by_job({**MAIN, "operator": {"id": 1}}), "params.0.operator"),
    "an operator as text": (sliced(id="1"), "params.0.operator.0.id"),
    "an unknown operator": (sliced(id=3), "params.0.operator.0.id"),
    "a start as text": (sliced(start="0"), "params.0.operator.0.start"),
    "a size as text": (sliced(size="5"), "params.0.operator.0.size"),
    "a size of 0": (sliced(size=0), "params.0.operator.0.size"),
    "true for a start": (sliced(start=True), "params.0.operator.0.start"),
    "an unknown field of an operator": (sliced(end=5), "params.0.operator.0.end"),
    "phonebooks in a job": (by_job(ALL), "params.0.phonebook_ids"),
}


@pytest.mark.parametrize(("content", "field"), STRICT.values(), ids=STRICT.keys())
def test_a_send_is_held_against_the_contract(sandbox: Sandbox, content: dict[str, Any], field: str) -> None:
    answer = call(sandbox, "POST", "/api/send", content)
    meta = answer.json()["meta"]
    assert (answer.status, meta["message_code"], meta["errors"]) == (422, "400-2", {field: [meta["message"]]})
    assert sandbox.ledger.departures.total() == 1
    assert sandbox.ledger.acceptances().total() == 0


GOOD = {
    "phonebook": PHONEBOOK,
    "job": JOB,
    "all of a phonebook": by_phonebook(ALL),
    "a hundred params": {**PHONEBOOK, "params": [ALL] * 100},
    "1400 characters": by_phonebook(ALL, message="a" * 1_400),
    "20 parts": by_phonebook(ALL, message="م" * 1_340),
    "a whole category": by_job(MAIN),
    "an operator without a slice": sliced(),
    "a slice from 0": sliced(start=0, size=1),
}


@pytest.mark.parametrize("content", GOOD.values(), ids=GOOD.keys())
def test_what_the_contract_allows_is_taken(sandbox: Sandbox, content: dict[str, Any]) -> None:
    answer = call(sandbox, "POST", "/api/send", content).json()
    assert answer["data"] == {"message_outbox_ids": [sandbox.ledger.taken[0].first_id]}
    assert (answer["meta"]["status"], answer["meta"]["message_code"]) == (True, "200-1")
    assert sandbox.ledger.departures == {}


QUESTIONS: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "page 0": ("GET", "/api/number/numbers", {"page": 0}, "page"),
    "a page in words": ("GET", "/api/phonebooks/list-new", {"page": "two"}, "page"),
    "a page too large": ("GET", "/api/phonebooks/list-new", {"per_page": 1_001}, "per_page"),
    "numbers of nothing": ("GET", "/api/phonebooks/numbers/contact-list", {}, "phonebook_id"),
    "numbers of an unknown": ("GET", "/api/phonebooks/numbers/contact-list", {"phonebook_id": 5}, "phonebook_id"),
    "an unknown filter": ("GET", "/api/number/numbers", {"operator": 1}, "operator"),
    "subs of nothing": ("GET", "/api/send/jobs/sub-categories", {}, "main_category_id"),
    "subs of an unknown": ("GET", "/api/send/jobs/sub-categories", {"main_category_id": 99}, "main_category_id"),
    "count of an unknown": ("GET", "/api/send/jobs/number-count", {"main_category_id": 99}, "main_category_id"),
    "count of another's": (
        "GET",
        "/api/send/jobs/number-count",
        {"main_category_id": 1, "sub_category_id": 9},
        "sub_category_id",
    ),
    "count of no operator": (
        "GET",
        "/api/send/jobs/number-count",
        {"main_category_id": 1, "operator_id": 3},
        "operator_id",
    ),
    "bulk of nothing": ("GET", "/api/report/by_bulk", {}, "messages_outbox_id"),
    "stats by the other name": ("GET", "/api/report/bulk_stats", {"messages_outbox_id": 1}, "messages_outbox_id"),
    "recipients of nothing": ("GET", "/api/report/recipients", {}, "bulk_id"),
    "price without a line": ("POST", "/api/send/calculate-price", {"message": "متن"}, "number"),
    "price without a text": ("POST", "/api/send/calculate-price", {"number": "+983000505"}, "message"),
    "cancel a text": ("POST", "/api/send/cancel", {"message_outbox_id": "5"}, "message_outbox_id"),
    "cancel several": ("POST", "/api/send/cancel", {"message_outbox_ids": [5]}, "message_outbox_ids"),
    "a page of bulks as text": ("POST", "/api/report/new_list", {"page": "1"}, "page"),
    "bulks per_page": ("POST", "/api/report/new_list", {"per_page": 1}, "per_page"),
    "bulks by a number": ("POST", "/api/report/new_list", {"filters": {"state_id": 6}}, "filters.state_id"),
    "bulks by an unknown": ("POST", "/api/report/new_list", {"filters": {"x": 6}}, "filters.x"),
    "bulks by a day": ("POST", "/api/report/new_list", {"filters": {"send_to_date": "today"}}, "filters.send_to_date"),
    "bulks by a list": ("POST", "/api/report/new_list", {"filters": []}, "filters"),
    "replies after a text": ("POST", "/api/report/messages-inbox", {"filters": {"from_id": "5"}}, "filters.from_id"),
    "replies by a list": ("POST", "/api/report/messages-inbox", {"filters": []}, "filters"),
}


@pytest.mark.parametrize(("method", "path", "content", "field"), QUESTIONS.values(), ids=QUESTIONS.keys())
def test_a_question_is_held_against_the_contract(
    sandbox: Sandbox, method: str, path: str, content: dict[str, Any], field: str
) -> None:
    answer = call(sandbox, method, path, content)
    assert (answer.status, list(answer.json()["meta"]["errors"])) == (422, [field])
    assert sandbox.ledger.departures.total() == 1


@pytest.mark.parametrize("token", ["", "Bearer token", "bearer token"])
def test_the_token_is_raw(sandbox: Sandbox, token: str) -> None:
    answer = call(sandbox, "POST", "/api/send", PHONEBOOK, token)
    assert (answer.status, answer.json()["meta"]["message_code"]) == (401, "400-1")


def test_another_token_is_refused_where_tokens_are_named(sandbox: Sandbox) -> None:
    sandbox.configure({"tokens": ["good"]})
    answers = [call(sandbox, "GET", "/api/payment/credit/mine", token=token) for token in ("good", "bad")]
    assert [answer.status for answer in answers] == [200, 401]


def test_a_body_that_is_no_json_is_refused(sandbox: Sandbox) -> None:
    headers = {"Authorization": "token", "Content-Type": "application/json"}
    answer = carry(HttpRequest("POST", f"{sandbox.base_url}/v1/api/send", headers, body=b"{"))
    assert (answer.status, answer.json()["meta"]["errors"]) == (400, {})


def test_the_address_is_the_same_with_and_without_its_version(sandbox: Sandbox) -> None:
    for base in (sandbox.base_url, f"{sandbox.base_url}/v1"):
        provider = IPPanel(base, {"token": "token"})
        assert provider.parse_check(carry(provider.build_check())).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("filters", "texts"),
    [
        ({}, ["دو", "یک"]),
        ({"message": "یک"}, ["یک"]),
        ({"number": "+98PRO"}, ["دو"]),
        ({"state_id": "5"}, []),
        ({"username": "*", "from_exit_count": 0, "to_exit_count": 5_000}, ["دو", "یک"]),
        ({"create_from_date": "1", "create_to_date": "2"}, []),
        ({"send_from_date": "1", "send_to_date": "9999999999"}, ["دو", "یک"]),
        ({"messages_outbox_id": "5"}, []),
    ],
)
def test_bulks_are_found_by_their_filters(sandbox: Sandbox, filters: dict[str, Any], texts: list[str]) -> None:
    call(sandbox, "POST", "/api/send", by_phonebook(message="یک"))
    call(sandbox, "POST", "/api/send", by_phonebook(message="دو", from_number="+98PRO"))
    found = call(sandbox, "POST", "/api/report/new_list", {"filters": filters}).json()
    assert [row["message"] for row in found["data"]] == texts


# Faults

Ask = Callable[[IPPanel], Any]
SENT = SendJob("+983000505", [], "متن", audience=Audience(phonebooks=(PhonebooksPart(("860108",)),)))
OPERATIONS: dict[str, Ask] = {
    "send": lambda it: it.parse_send(SENT, carry(it.build_send(SENT))),
    "lines": lambda it: it.parse_lines(carry(it.build_lines(1))),
    "phonebooks": lambda it: it.parse_phonebooks(carry(it.build_phonebooks(1))),
    "numbers": lambda it: it.parse_numbers(carry(it.build_numbers("860108", 1))),
    "categories": lambda it: it.parse_categories(carry(it.build_categories())),
    "subcategories": lambda it: it.parse_categories(carry(it.build_subcategories(1))),
    "count": lambda it: it.parse_count(carry(it.build_count(CategoryPart(1), None))),
    "price": lambda it: it.parse_price(carry(it.build_price("+983000505", "متن"))),
    "credit": lambda it: it.parse_check(carry(it.build_check())),
    "bulk": lambda it: it.parse_bulk("5", carry(it.build_bulk("5"))),
    "stats": lambda it: it.parse_bulk_counts(carry(it.build_bulk_counts("5"))),
    "recipients": lambda it: it.parse_recipients(carry(it.build_recipients("5", 1))),
    "bulks": lambda it: it.parse_bulks(carry(it.build_bulks(1))),
    "cancel": lambda it: it.parse_cancel(carry(it.build_cancel("5"))),
    "inbox": lambda it: it.parse_inbox(carry(it.build_inbox(1))),
}


@pytest.fixture
def ippanel(sandbox: Sandbox) -> IPPanel:
    return IPPanel(f"{sandbox.base_url}/v1", {"token": "token"})


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_fault_strikes_the_operation_that_it_names(sandbox: Sandbox, ippanel: IPPanel, operation: str) -> None:
    sandbox.faults.add("bad_token", f"ippanel_{operation}")
    found = {name: ask(ippanel).blame for name, ask in OPERATIONS.items()}
    assert [name for name, blame in found.items() if blame is Blame.ACCOUNT] == [operation]


ANSWERED = {
    "429": (Outcome.UNCLEAR, None, 0),
    "bad_token": (Outcome.REJECTED, Blame.ACCOUNT, 0),
    "no_credit": (Outcome.REJECTED, Blame.REQUEST, 0),
    "bad_request": (Outcome.REJECTED, Blame.REQUEST, 0),
    "500": (Outcome.UNCLEAR, None, 62),
    "html": (Outcome.UNCLEAR, None, 62),
    "truncated": (Outcome.UNCLEAR, None, 62),
    "empty": (Outcome.UNCLEAR, None, 62),
    "redirect": (Outcome.UNCLEAR, None, 62),
}


@pytest.mark.parametrize(("kind", "expected"), ANSWERED.items())
def test_a_wrong_answer_to_a_send_comes_as_told(
    sandbox: Sandbox, ippanel: IPPanel, kind: str, expected: tuple[Outcome, Blame | None, int]
) -> None:
    sandbox.faults.add(kind, "ippanel_send")
    answer = OPERATIONS["send"](ippanel)
    assert (answer.outcome, answer.blame, sandbox.ledger.acceptances().total()) == expected
