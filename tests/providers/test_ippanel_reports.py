"""IPPanel's lists, counts, prices and reports: what is asked, and how tolerantly it is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from providers.answers import Blame, Outcome, Report
from providers.audience import CategoryPart, OperatorSlice
from providers.backends.ippanel import STATES, IPPanel
from providers.base import HttpRequest, HttpResponse, InvalidJob
from providers.keeping import (
    NOT_SENT,
    BulkState,
    ListedBulk,
    ListedCategory,
    ListedLine,
    ListedNumber,
    ListedPhonebook,
    ListedRecipient,
    Reply,
)
from tests.providers.contract import HTML
from tests.providers.test_ippanel import answer

IPPANEL = IPPanel("https://edge.ippanel.example/v1", {"token": "abc"})
PAGING = {"current_page": 2, "last_page": 7, "per_page": 2, "total": 14}

ASKED: dict[str, tuple[HttpRequest, str, dict[str, str]]] = {
    "lines": (IPPANEL.build_lines(2), "/api/number/numbers", {"page": "2", "per_page": "100"}),
    "phonebooks": (IPPANEL.build_phonebooks(1), "/api/phonebooks/list-new", {"page": "1", "per_page": "1000"}),
    "numbers": (
        IPPANEL.build_numbers("456987", 3),
        "/api/phonebooks/numbers/contact-list",
        {"phonebook_id": "456987", "page": "3", "per_page": "1000"},
    ),
    "categories": (IPPANEL.build_categories(), "/api/send/jobs/categories", {}),
    "subcategories": (IPPANEL.build_subcategories(8), "/api/send/jobs/sub-categories", {"main_category_id": "8"}),
    "count": (IPPANEL.build_count(CategoryPart(1), None), "/api/send/jobs/number-count", {"main_category_id": "1"}),
    "count-of-a-slice": (
        IPPANEL.build_count(CategoryPart(1, 2), OperatorSlice(13, 0, 5)),
        "/api/send/jobs/number-count",
        {"main_category_id": "1", "sub_category_id": "2", "operator_id": "13", "start": "0", "size": "5"},
    ),
    "bulk": (IPPANEL.build_bulk("5"), "/api/report/by_bulk", {"messages_outbox_id": "5"}),
    "bulk-counts": (IPPANEL.build_bulk_counts("5"), "/api/report/bulk_stats", {"bulk_id": "5"}),
    "recipients": (
        IPPANEL.build_recipients("5", 4),
        "/api/report/recipients",
        {"bulk_id": "5", "page": "4", "per_page": "100"},
    ),
}


@pytest.mark.parametrize(("request_", "path", "params"), ASKED.values(), ids=ASKED.keys())
def test_a_question_goes_to_its_place(request_: HttpRequest, path: str, params: dict[str, str]) -> None:
    assert (request_.method, request_.url) == ("GET", f"https://edge.ippanel.example/v1{path}")
    assert (request_.params, request_.body, request_.headers["Authorization"]) == (params, None, "abc")


TOLD: dict[str, tuple[HttpRequest, str, dict[str, Any]]] = {
    "price": (
        IPPANEL.build_price("+983000505", "تست"),
        "/api/send/calculate-price",
        {"number": "+983000505", "message": "تست"},
    ),
    "bulks": (IPPANEL.build_bulks(3), "/api/report/new_list", {"page": 3, "limit": 100}),
    "cancel": (IPPANEL.build_cancel("1148303263"), "/api/send/cancel", {"message_outbox_id": 1148303263}),
    "inbox": (IPPANEL.build_inbox(1), "/api/report/messages-inbox", {"page": 1, "per_page": 100}),
    "inbox-after": (
        IPPANEL.build_inbox(2, "125"),
        "/api/report/messages-inbox",
        {"page": 2, "per_page": 100, "filters": {"from_id": 125}},
    ),
}


@pytest.mark.parametrize(("request_", "path", "content"), TOLD.values(), ids=TOLD.keys())
def test_an_order_goes_to_its_place(request_: HttpRequest, path: str, content: dict[str, Any]) -> None:
    assert (request_.method, request_.url) == ("POST", f"https://edge.ippanel.example/v1{path}")
    assert json.loads(request_.body or b"") == content


@pytest.mark.parametrize(
    "build",
    [IPPANEL.build_bulk, IPPANEL.build_bulk_counts, IPPANEL.build_cancel, lambda ref: IPPANEL.build_recipients(ref, 1)],
)
@pytest.mark.parametrize("ref", ["", "x", "-1", "1.5", "۵"])
def test_what_is_no_id_is_not_asked_for(build: Callable[[str], HttpRequest], ref: str) -> None:
    with pytest.raises(InvalidJob):
        build(ref)


@pytest.mark.parametrize("text", ["", "a" * 1_401])
def test_the_price_of_what_cannot_be_sent_is_not_asked_for(text: str) -> None:
    with pytest.raises(InvalidJob):
        IPPANEL.build_price("+983000505", text)


PARSERS: dict[str, Callable[[HttpResponse], Any]] = {
    "lines": IPPANEL.parse_lines,
    "phonebooks": IPPANEL.parse_phonebooks,
    "numbers": IPPANEL.parse_numbers,
    "categories": IPPANEL.parse_categories,
    "count": IPPANEL.parse_count,
    "price": IPPANEL.parse_price,
    "bulk": lambda response: IPPANEL.parse_bulk("5", response),
    "bulk-counts": IPPANEL.parse_bulk_counts,
    "recipients": IPPANEL.parse_recipients,
    "bulks": IPPANEL.parse_bulks,
    "inbox": IPPANEL.parse_inbox,
}
every_parser = pytest.mark.parametrize("parse", PARSERS.values(), ids=PARSERS.keys())


@every_parser
@pytest.mark.parametrize("body", [HTML, b"", b"null", b"[]", b"{", b"\xff\xfe", b"[" * 100_000, answer().body])
def test_an_answer_that_is_none_teaches_nothing(parse: Callable[[HttpResponse], Any], body: bytes) -> None:
    assert parse(HttpResponse(200, body)).outcome is Outcome.UNCLEAR


@every_parser
@pytest.mark.parametrize("data", ["words", 5, True, [[]], {"data": "words"}, [None, 5, "x", {}], {"x": [1]}])
def test_no_garbage_in_the_data_is_an_error_of_python(parse: Callable[[HttpResponse], Any], data: object) -> None:
    assert parse(answer(data=data)).outcome in (Outcome.ACCEPTED, Outcome.UNCLEAR)


FAILURES = {
    "bad-token": (answer(401), Outcome.REJECTED, Blame.ACCOUNT, "400-1"),
    "wrong-address": (HttpResponse(404, HTML), Outcome.REJECTED, Blame.ACCOUNT, "404"),
    "not-there": (answer(404), Outcome.REJECTED, Blame.REQUEST, "400-1"),
    "bad-field": (answer(422, message_code="400-2"), Outcome.REJECTED, Blame.REQUEST, "400-2"),
    "too-fast": (answer(429), Outcome.RETRYABLE, None, "429"),
    "down": (answer(500, message_code="500-1"), Outcome.UNCLEAR, None, "500-1"),
    "gateway": (HttpResponse(502, HTML), Outcome.UNCLEAR, None, "502"),
}


@pytest.mark.parametrize("parse", [*PARSERS.values(), IPPANEL.parse_cancel], ids=[*PARSERS, "cancel"])
@pytest.mark.parametrize(("response", "outcome", "blame", "code"), FAILURES.values(), ids=FAILURES.keys())
def test_a_failure_is_the_same_whatever_was_asked(
    parse: Callable[[HttpResponse], Any], response: HttpResponse, outcome: Outcome, blame: Blame | None, code: str
) -> None:
    found = parse(response)
    assert (found.outcome, found.blame, found.code) == (outcome, blame, code)


LINE = {"id": 10001, "number": "+983000505", "operator_id": 1, "alias": "خط ما", "gets": 0, "is_66_char": 0}
BOOK = {"id": 123654, "title": "تست", "count": 12, "options": []}
NUMBER = {"id": 1233, "phonebook_id": 123654, "pre": "خانم", "name": "سارا", "number": "+989123456788"}
BULK = {
    "messages_outbox_id": "5",
    "number": "+983000505",
    "rcpts_count": "20",
    "exit_count": "18",
    "status": "پایان یافته",
    "message": "متن",
    "cost": 3990.2,
    "time": "1745409418",
    "reject_comment": None,
    "state_id": 6,
}
REPLY = {"messages_inbox_id": 123, "from": "+989122222222", "number": "+983000505", "message": "11", "seen": "0"}
ROWS: dict[str, tuple[str, dict[str, Any], Any]] = {
    "line": ("lines", LINE, ListedLine("+983000505", "خط ما", 67)),
    "line-of-66": ("lines", {**LINE, "alias": None, "is_66_char": "1"}, ListedLine("+983000505", "", 66)),
    "line-without-number": ("lines", {**LINE, "number": None}, None),
    "phonebook": ("phonebooks", BOOK, ListedPhonebook("123654", "تست", 12)),
    "phonebook-in-texts": ("phonebooks", {**BOOK, "id": "123654", "count": "12"}, ListedPhonebook("123654", "تست", 12)),
    "phonebook-by-name": ("phonebooks", {"id": 1, "name": "تست"}, ListedPhonebook("1", "تست", 0)),
    "phonebook-without-id": ("phonebooks", {**BOOK, "id": None}, None),
    "number": ("numbers", NUMBER, ListedNumber("1233", "+989123456788", "خانم سارا")),
    "number-nameless": ("numbers", {**NUMBER, "pre": "", "name": None}, ListedNumber("1233", "+989123456788")),
    "number-at-home": (
        "numbers",
        {**NUMBER, "number": "09123456788"},
        ListedNumber("1233", "+989123456788", "خانم سارا"),
    ),
    "number-abroad": (
        "numbers",
        {**NUMBER, "number": "+14155550100"},
        ListedNumber("1233", "+14155550100", "خانم سارا"),
    ),
    "number-none": ("numbers", {**NUMBER, "number": "abc"}, ListedNumber("1233", "", "خانم سارا")),
    "category": ("categories", {"id": 1, "name": "اصناف"}, ListedCategory("1", "اصناف")),
    "subcategory": ("categories", {"id": "3", "name": "صنفی", "main_id": "1"}, ListedCategory("3", "صنفی")),
    "bulk": ("bulks", BULK, ListedBulk("5", "+983000505", "متن", BulkState.SENT, 1745409418)),
    "bulk-in-an-odd-state": (
        "bulks",
        {**BULK, "state_id": "77"},
        ListedBulk("5", "+983000505", "متن", BulkState.UNRECOGNISED, 1745409418),
    ),
    "bulk-of-a-long-text": (
        "bulks",
        {**BULK, "message": "م" * 1_400},
        ListedBulk("5", "+983000505", "م" * 1_400, BulkState.SENT, 1745409418),
    ),
    "bulk-without-id": ("bulks", {**BULK, "messages_outbox_id": ""}, None),
    "reply": ("inbox", REPLY, Reply("123", "+989122222222", "+983000505", "11")),
    "reply-of-a-service": ("inbox", {**REPLY, "from": "MCI"}, Reply("123", "", "+983000505", "11")),
    "reply-without-id": ("inbox", {**REPLY, "messages_inbox_id": None}, None),
}


@pytest.mark.parametrize(("kind", "entry", "row"), ROWS.values(), ids=ROWS.keys())
@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"data": rows}], ids=["data", "data.data"])
def test_a_row_is_read(wrap: Callable[[Any], Any], kind: str, entry: dict[str, Any], row: Any) -> None:
    page = PARSERS[kind](answer(data=wrap([entry, "noise"])))
    assert page.outcome is Outcome.ACCEPTED
    assert list(page.rows) == ([] if row is None else [row])


@pytest.mark.parametrize(
    ("status", "report"),
    [
        ("0", Report.SENT),
        ("1", Report.SENT),
        ("2", Report.DELIVERED),
        ("3", Report.UNDELIVERED),
        ("4", Report.BLOCKED),
        (2, Report.DELIVERED),
        ("5", Report.UNRECOGNISED),
        ("lost", Report.UNRECOGNISED),
        (None, Report.ACCEPTED),
        ("", Report.ACCEPTED),
    ],
)
def test_a_recipients_status_comes_to_its_report(status: object, report: Report) -> None:
    entry = {"recipient": "+989190000000", "message": "متن", "msg_parts": "1", "message_status": status}
    [row] = IPPANEL.parse_recipients(answer(data=[entry])).rows
    assert row == ListedRecipient("+989190000000", report, "" if status is None else str(status))


def test_a_page_tells_where_it_stands() -> None:
    page = IPPANEL.parse_phonebooks(answer(data=[BOOK], **PAGING))
    assert (page.page, page.last_page, page.total) == (2, 7, 14)


def test_figures_of_pages_may_be_texts() -> None:
    page = IPPANEL.parse_phonebooks(answer(data=[BOOK], current_page="2", last_page="7", total="14"))
    assert (page.page, page.last_page, page.total) == (2, 7, 14)


@pytest.mark.parametrize(("rows", "last_page"), [(0, 1), (99, 1), (100, None)])
def test_lines_come_without_figures_so_only_a_full_page_may_have_another_after_it(
    rows: int, last_page: int | None
) -> None:
    assert IPPANEL.parse_lines(answer(data=[LINE] * rows)).last_page == last_page


def test_categories_are_one_page_however_many() -> None:
    page = IPPANEL.parse_categories(answer(data=[{"id": n, "name": "x"} for n in range(1, 201)]))
    assert (page.page, page.last_page, page.total) == (1, 1, 200)


@pytest.mark.parametrize(
    ("data", "counts"),
    [
        ({"mci_count": 15322, "irancell_count": 0, "other_count": 3}, {1: 15322, 2: 0, 13: 3}),
        ({"mci_count": "15322", "irancell_count": None}, {1: 15322, 2: 0, 13: 0}),
    ],
)
def test_counts_are_by_the_operators_id(data: dict[str, Any], counts: dict[int, int]) -> None:
    assert IPPANEL.parse_count(answer(data=data)).by_operator == counts


@pytest.mark.parametrize(
    "data",
    [
        {"mci_price": 2370, "other_price": 2503, "parts": 1},
        {"mci_price": "2369.6", "other_price": 2503.4, "parts": "1"},
    ],
)
def test_a_price_is_in_whole_rial(data: dict[str, Any]) -> None:
    found = IPPANEL.parse_price(answer(data=data))
    assert (found.outcome, found.mci, found.other, found.parts) == (Outcome.ACCEPTED, 2370, 2503, 1)


@pytest.mark.parametrize(("number", "state"), STATES.items())
def test_a_state_has_a_code_that_no_recipients_status_has(number: str, state: BulkState) -> None:
    for written in (number, int(number)):
        found = IPPANEL.parse_bulk("5", answer(data={**BULK, "state_id": written}))
        assert (found.outcome, found.state, found.code) == (Outcome.ACCEPTED, state, f"state-{number}")


def test_every_state_of_the_contract_but_the_unknown_one_is_told() -> None:
    assert set(STATES.values()) == set(BulkState) - {BulkState.UNRECOGNISED}
    assert {number for number, state in STATES.items() if state in NOT_SENT} == {"3", "4", "7", "8", "9"}


@pytest.mark.parametrize("state", [None, "", "77", "paused", [6]])
def test_a_state_that_nobody_documented_is_followed_further(state: object) -> None:
    found = IPPANEL.parse_bulk("5", answer(data={**BULK, "state_id": state}))
    assert (found.outcome, found.state) == (Outcome.ACCEPTED, BulkState.UNRECOGNISED)


def test_a_bulk_tells_its_figures_and_why_it_was_rejected() -> None:
    found = IPPANEL.parse_bulk("5", answer(data={**BULK, "state_id": 3, "reject_comment": "متن تبلیغاتی است"}))
    assert (found.recipients, found.cost, found.text) == (20, 3990, "متن تبلیغاتی است")
    assert found.counts == {"rcpts_count": 20, "exit_count": 18}


def test_the_words_of_a_state_stand_where_there_is_no_comment() -> None:
    assert IPPANEL.parse_bulk("5", answer(data=BULK)).text == "پایان یافته"


@pytest.mark.parametrize("data", [{**BULK, "messages_outbox_id": "6"}, [], {}, [{**BULK, "messages_outbox_id": None}]])
def test_another_bulk_teaches_nothing(data: object) -> None:
    assert IPPANEL.parse_bulk("5", answer(data=data)).outcome is Outcome.UNCLEAR


def test_a_bulk_in_a_list_is_found() -> None:
    found = IPPANEL.parse_bulk("5", answer(data=[{**BULK, "messages_outbox_id": "6", "state_id": 8}, BULK]))
    assert found.state is BulkState.SENT


def test_the_figures_of_a_bulk_are_by_status_and_operator() -> None:
    data = {
        "operators_delivered": {"irancell": {"en": 0, "fa": "11"}, "mci": {"en": "2", "fa": "30"}},
        "operators_failed": {"irancell": {"en": 0, "fa": 0}, "mci": "4"},
        "operators_odd": [],
        "surprise": 5,
    }
    counts = IPPANEL.parse_bulk_counts(answer(data=data)).counts
    assert counts == {"delivered.irancell": 11, "delivered.mci": 32, "failed.irancell": 0, "failed.mci": 4}


def test_a_bulk_that_was_cancelled_will_not_be_sent() -> None:
    assert IPPANEL.parse_cancel(answer()).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("body", [HTML, b"", b"null", answer(status=False).body])
def test_a_doubtful_answer_to_a_cancel_cancels_nothing(body: bytes) -> None:
    assert IPPANEL.parse_cancel(HttpResponse(200, body)).outcome is Outcome.UNCLEAR


def test_no_number_or_text_of_a_page_shows_in_its_repr() -> None:
    pages = [PARSERS[kind](answer(data=[entry])) for kind, entry in (("numbers", NUMBER), ("inbox", REPLY))]
    assert all(hidden not in repr(pages) for hidden in ("912", "سارا"))
