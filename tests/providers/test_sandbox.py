"""The sandbox over real sockets: as strict as the contract."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from providers.answers import Outcome, Report, SendAnswer, StatusReport
from providers.backends.najva import Najva
from providers.base import HttpRequest, Upload
from providers.sandbox import Sandbox, running_sandbox
from providers.sandbox.side import Call
from tests.providers.sending import TEXT, carry, control, job, post, send, until


def test_what_was_sent_is_in_the_ledger(sandbox: Sandbox, najva: Najva) -> None:
    answer = send(najva)
    assert answer.outcome is Outcome.ACCEPTED
    assert sandbox.ledger.acceptances() == {989120000000 + key: 1 for key in range(4)}
    [message] = sandbox.messages_to("+989120000002")
    assert (str(message["messageid"]), message["text"]) == (answer.results[2].ref, TEXT)


def test_personal_texts_are_in_the_ledger(sandbox: Sandbox, najva: Najva) -> None:
    personal = replace(
        job(), text=None, recipients=[each._replace(text=f"{TEXT}{each.key}") for each in job().recipients]
    )
    assert send(najva, personal).outcome is Outcome.ACCEPTED
    assert sandbox.messages_to("+989120000003")[0]["text"] == f"{TEXT}3"


def test_a_number_accepted_twice_shows(sandbox: Sandbox, najva: Najva) -> None:
    send(najva)
    send(najva, job(1))
    assert sandbox.summary()["repeated"] == {"+989120000000": 2}


def test_ids_are_never_given_out_again_by_another_sandbox(najva: Najva) -> None:
    first = send(najva)
    time.sleep(0.002)
    with running_sandbox() as other:
        second = send(Najva(other.base_url, {"api_token": "token"}))
    assert not {each.ref for each in first.results} & {each.ref for each in second.results}


GOOD: dict[str, Any] = {"message": "متن", "sender": "90000123", "receivers": ["09120000000"]}
PERSONAL: dict[str, Any] = {"sender": "9", "messages": [{"message": "متن", "receiver": "09120000000"}]}
STRICT = {
    "no message": ("/v2/sms/send", {**GOOD, "message": ""}, 400),
    "message is a number": ("/v2/sms/send", {**GOOD, "message": 5}, 400),
    "no sender": ("/v2/sms/send", {key: GOOD[key] for key in ("message", "receivers")}, 400),
    "sender is a number": ("/v2/sms/send", {**GOOD, "sender": 90000123}, 400),
    "no receivers": ("/v2/sms/send", {**GOOD, "receivers": []}, 400),
    "receivers is text": ("/v2/sms/send", {**GOOD, "receivers": "09120000000"}, 400),
    "numbers as integers": ("/v2/sms/send", {**GOOD, "receivers": [9120000000]}, 400),
    "E.164 on the wire": ("/v2/sms/send", {**GOOD, "receivers": ["+989120000000"]}, 400),
    "a number twice": ("/v2/sms/send", {**GOOD, "receivers": ["09120000000"] * 2}, 400),
    "the tables' name": ("/v2/sms/send", {"message": "a", "sender": "9", "receptor": ["09120000000"]}, 400),
    "unknown file": ("/v2/sms/send", {**GOOD, "file_id": "550e8400-e29b-41d4-a716-446655440000"}, 400),
    "too many": ("/v2/sms/send", {**GOOD, "receivers": [f"0912{n:07d}" for n in range(10_001)]}, 414),
    "a list": ("/v2/sms/send", [GOOD], 400),
    "no JSON": ("/v2/sms/send", b"{", 400),
    "no messages": ("/v2/sms/send-p2p", {"sender": "9", "messages": []}, 400),
    "receptor in a message": ("/v2/sms/send-p2p", {"messages": [{"message": "a", "receptor": "09120000000"}]}, 400),
    "no default needed": ("/v2/sms/send-p2p", {"messages": PERSONAL["messages"]}, 200),
    "too many messages": ("/v2/sms/send-p2p", {"messages": PERSONAL["messages"] * 10_001}, 414),
    "good": ("/v2/sms/send", GOOD, 200),
    "good personal": ("/v2/sms/send-p2p", PERSONAL, 200),
    "ids as texts": ("/v2/sms/status", {"messageids": ["1"]}, 400),
    "no ids": ("/v2/sms/status", {"messageids": []}, 400),
    "too many ids": ("/v2/sms/status", {"messageids": list(range(1_001))}, 414),
    "no multipart": ("/upload-file/bale", {}, 400),
    "another path": ("/v3/sms/send", GOOD, 404),
}


@pytest.mark.parametrize(("path", "content", "status"), STRICT.values(), ids=STRICT.keys())
def test_a_request_is_held_against_the_contract(sandbox: Sandbox, path: str, content: Any, status: int) -> None:
    assert post(sandbox, path, content) == status
    assert bool(sandbox.ledger.departures) == (status in (400, 414))
    assert sandbox.ledger.acceptances().total() == (1 if status == 200 else 0)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "token"}, {"Authorization": "bearer token"}])
def test_a_request_without_a_token_is_refused(sandbox: Sandbox, headers: dict[str, str]) -> None:
    body = json.dumps(GOOD).encode()
    answer = carry(HttpRequest("POST", f"{sandbox.base_url}/v2/sms/send", headers, body=body))
    assert answer.status == 401


def test_another_token_is_refused_where_tokens_are_named(sandbox: Sandbox) -> None:
    sandbox.configure({"tokens": ["good"]})
    assert [post(sandbox, "/v2/sms/send", GOOD, token=token) for token in ("good", "bad")] == [200, 401]


def test_a_field_that_no_contract_knows_is_taken_and_noted(sandbox: Sandbox) -> None:
    assert post(sandbox, "/v2/sms/send", {**GOOD, "priority": 1}) == 200
    assert sandbox.ledger.departures == {"unknown_field:priority": 1}


def test_credit_is_used_up(sandbox: Sandbox, najva: Najva) -> None:
    sandbox.configure({"credit": 6_000})
    answers = [send(najva) for _ in range(2)]
    assert [(each.outcome, each.code) for each in answers] == [(Outcome.ACCEPTED, ""), (Outcome.REJECTED, "418")]
    assert sandbox.ledger.acceptances().total() == 4


def test_a_file_is_uploaded_and_then_sent(najva: Najva, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"png" * 1000)
    upload = Upload(path, path.name, "image/png", path.stat().st_size)
    answer = najva.parse_upload(carry(najva.build_upload(upload)))
    assert send(najva, replace(job(), file_ref=answer.file_ref)).outcome is Outcome.ACCEPTED


def statuses(najva: Najva, answer: SendAnswer) -> list[Report]:
    refs = [each.ref for each in answer.results]
    found = najva.parse_status(refs, carry(najva.build_status(refs)))
    return [each.report for each in found.reports]


def test_statuses_advance_by_themselves(sandbox: Sandbox, najva: Najva) -> None:
    sandbox.configure({"sent_after": 0.2, "final_after": 0.4})
    answer = send(najva)
    assert statuses(najva, answer) == [Report.ACCEPTED] * 4
    until(lambda: statuses(najva, answer) == [Report.SENT] * 4)
    until(lambda: statuses(najva, answer) == [Report.DELIVERED] * 4)


def test_an_id_that_was_never_given_out_is_invalid(najva: Najva) -> None:
    found = najva.parse_status(["5"], carry(najva.build_status(["5"])))
    assert found.reports == (StatusReport("5", Report.FORGOTTEN, "100", "شناسه پیامک نامعتبر است"),)


def test_shares_are_kept_and_the_same_for_the_same_seed(sandbox: Sandbox, najva: Najva) -> None:
    sandbox.configure({"shares": {"11": 0.2, "14": 0.1}, "final_after": 0.0})
    answer = send(najva, job(1_000))
    first, second = statuses(najva, answer), statuses(najva, answer)
    assert first == second
    assert 150 < first.count(Report.UNDELIVERED) < 250
    assert 60 < first.count(Report.BLOCKED) < 140


def test_the_outbox_is_not_there_until_it_is(sandbox: Sandbox, najva: Najva) -> None:
    send(najva)
    assert najva.parse_outbox(carry(najva.build_outbox(0, 3))).available is False
    sandbox.configure({"outbox": True})
    pages = [najva.parse_outbox(carry(najva.build_outbox(page, 3))) for page in (0, 1, 2)]
    assert [[each.phone[-1] for each in page.entries] for page in pages] == [["3", "2", "1"], ["0"], []]
    assert {page.total for page in pages} == {4}


def test_control_works_over_http(sandbox: Sandbox, najva: Najva) -> None:
    assert control(sandbox, "POST", "faults", [{"kind": "429", "times": 1}]) == {"rules": 1}
    assert control(sandbox, "POST", "settings", {"price": 7})["price"] == 7
    assert [send(najva).outcome for _ in range(2)] == [Outcome.RETRYABLE, Outcome.ACCEPTED]
    ledger = control(sandbox, "GET", "ledger?phones=1")
    assert (ledger["messages"], ledger["by_request"][0]["phones"][0]) == (4, 989120000000)
    assert len(control(sandbox, "GET", "messages?phone=%2B989120000000")) == 1
    assert control(sandbox, "DELETE", "faults") == {"rules": 0}
    assert control(sandbox, "POST", "reset") == {"messages": 0}
    assert control(sandbox, "GET", "ledger")["messages"] == 0


@pytest.mark.parametrize(("action", "content"), [("faults", {"kind": "x"}), ("settings", {"x": 1}), ("faults", 5)])
def test_control_refuses_what_it_does_not_know(sandbox: Sandbox, action: str, content: Any) -> None:
    body = json.dumps(content).encode()
    assert carry(HttpRequest("POST", f"{sandbox.base_url}/_sandbox/{action}", body=body)).status == 400


def test_the_page_shows_what_arrived_and_runs_no_markup(sandbox: Sandbox, najva: Najva) -> None:
    send(najva, replace(job(), text="<script>alert(1)</script>"))
    page = carry(HttpRequest("GET", f"{sandbox.base_url}/")).body.decode()
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert "۴ گیرنده" in page


def test_ten_thousand_are_answered_in_time(sandbox: Sandbox, najva: Najva) -> None:
    headers = {"Authorization": "Bearer token", "Content-Type": "application/json"}
    body = najva.build_send(job(10_000)).body or b""
    timings = []
    for _ in range(3):
        start = time.process_time()
        assert sandbox.sides["najva"].answer(Call("send", headers, {}, body), None).status == 200
        timings.append(time.process_time() - start)
    assert min(timings) < 0.06


def test_a_million_messages_fit_into_the_ledger(sandbox: Sandbox) -> None:
    import tracemalloc
    from array import array

    tracemalloc.start()
    for request in range(100):
        phones = array("q", range(989120000000 + request * 10_000, 989120010000 + request * 10_000))
        sandbox.ledger.take(phones, [TEXT], sender="9", token="t")
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 20_000_000
    assert sandbox.ledger.acceptances().total() == 1_000_000
