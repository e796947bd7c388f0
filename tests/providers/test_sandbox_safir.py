"""Safir's side of the sandbox over real sockets: as strict as the contract, and idempotent."""

from __future__ import annotations

import json
import threading
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from providers.answers import Blame, Outcome
from providers.backends.safir import Safir
from providers.base import HttpRequest, Recipient, SendJob, TransportError, Upload
from providers.http import exchange
from providers.sandbox import Sandbox, running_sandbox
from providers.sandbox.ledger import Behaviour
from providers.sandbox.side import Call
from tests.providers.sending import TEXT, carry, send

SEND, UPLOAD = "/api/v3/send_message", "/api/v3/upload_file"


@pytest.fixture
def safir(sandbox: Sandbox) -> Safir:
    return Safir(sandbox.base_url, {"api_access_key": "key"})


def job(number: int = 0, **changes: Any) -> SendJob:
    recipient = Recipient(number, f"+98912{number:07d}")
    return replace(SendJob("123456789", [recipient], TEXT, idempotency_key=f"chapar-1-{number}"), **changes)


def uploaded(safir: Safir, path: Path, seconds: float = 5) -> str:
    request = safir.build_upload(Upload(path, path.name, "image/png", path.stat().st_size))
    return safir.parse_upload(exchange(request, connect_timeout=1, read_timeout=seconds)).file_ref


def test_all_parts_of_a_message_are_in_the_ledger(sandbox: Sandbox, safir: Safir, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"png" * 1000)
    file_id = uploaded(safir, path)
    send(safir, job(1, file_ref=file_id, copy_text="PAIZ40", secure=True))
    [taken] = sandbox.ledger.taken
    assert (taken.provider, taken.sender, list(taken.phones), taken.text(0)) == (
        "safir",
        "123456789",
        [989120000001],
        TEXT,
    )
    assert taken.facts == {
        "request_id": "chapar-1-1", "text": TEXT, "file_id": file_id, "copy_text": "PAIZ40", "secure": True,
    }  # fmt: skip
    assert sandbox.ledger.departures == {}


def test_an_accepted_message_keeps_our_own_key(safir: Safir) -> None:
    [result] = send(safir, job(5)).results
    assert (result.outcome, result.ref) == (Outcome.ACCEPTED, "chapar-1-5")


# As strict as the contract


def content(message: Any = None, data: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A good request, with these changes; one of None leaves its field out."""
    fields = {
        "request_id": "r1", "bot_id": 123456789, "phone_number": "989120000000",
        "message_data": {"message": {"text": "متن"} if message is None else message, **(data or {})},
    } | changes  # fmt: skip
    return {name: value for name, value in fields.items() if value is not None}


GOOD: dict[str, Any] = {
    "a text": content(),
    "a copy button": content({"text": "متن", "copy_text": "PAIZ40"}),
    "secure": content(data={"is_secure": True}),
    "not secure": content(data={"is_secure": False}),
    "any ten digits": content(phone_number="982188776655"),
}
BAD: dict[str, tuple[Any, int]] = {
    "no JSON": (b"{", 4),
    "a list": ([content()], 4),
    "no bot": (content(bot_id=None), 4),
    "bot is a text": (content(bot_id="123456789"), 4),
    "bot is true": (content(bot_id=True), 4),
    "bot is a fraction": (content(bot_id=1.5), 4),
    "bot is 0": (content(bot_id=0), 4),
    "no phone": (content(phone_number=None), 4),
    "phone is a number": (content(phone_number=989120000000), 4),
    "phones are a list": (content(phone_number=["989120000000"]), 4),
    "E.164": (content(phone_number="+989120000000"), 8),
    "national": (content(phone_number="09120000000"), 8),
    "bare": (content(phone_number="9120000000"), 8),
    "too short": (content(phone_number="98912000000"), 8),
    "Persian digits": (content(phone_number="98۹۱۲۰۰۰۰۰۰۰"), 8),
    "a dash": (content(phone_number="98912-000000"), 8),
    "request id is a number": (content(request_id=5), 4),
    "request id is empty": (content(request_id=""), 4),
    "no message data": (content(message_data=None), 4),
    "message data is a text": (content(message_data="متن"), 4),
    "no message": (content(message_data={"is_secure": True}), 4),
    "message is a text": (content("متن"), 4),
    "neither text nor file": (content({"copy_text": "PAIZ40"}), 4),
    "an empty message": (content({}), 4),
    "an empty text": (content({"text": ""}), 4),
    "text is a number": (content({"text": 5}), 4),
    "text is null": (content({"text": None}), 4),
    "an unknown file": (content({"file_id": "987141dd2672149"}), 4),
    "file is a number": (content({"file_id": 5}), 4),
    "an empty copy text": (content({"text": "متن", "copy_text": ""}), 4),
    "secure is a text": (content(data={"is_secure": "true"}), 4),
    "secure is 1": (content(data={"is_secure": 1}), 4),
    "secure is null": (content(data={"is_secure": None}), 4),
}
UNKNOWN: dict[str, tuple[Any, str]] = {
    "at the top": (content(priority=1), "unknown_field:priority"),
    "in the data": (content(data={"otp": 5}), "unknown_field:otp"),
    "in the message": (content({"text": "متن", "caption": "متن"}), "unknown_field:caption"),
    "secure in the message": (content({"text": "متن", "is_secure": True}), "unknown_field:is_secure"),
    "no request id": (content(request_id=None), "no_request_id"),
}


def post(sandbox: Sandbox, sent: Any, **headers: str) -> tuple[int, Any]:
    """The status of an answer, and the code of the error in it."""
    found = {"api-access-key": "key", "Content-Type": "application/json", **headers}
    body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    answer = carry(HttpRequest("POST", sandbox.base_url + SEND, found, body=body))
    errors = answer.json()["error_data"]
    return answer.status, errors[0]["code"] if errors else None


@pytest.mark.parametrize("sent", GOOD.values(), ids=GOOD.keys())
def test_a_request_of_the_contract_is_taken(sandbox: Sandbox, sent: Any) -> None:
    assert post(sandbox, sent) == (200, None)
    assert (sandbox.ledger.counters["messages"], sandbox.ledger.departures) == (1, {})


@pytest.mark.parametrize(("sent", "code"), BAD.values(), ids=BAD.keys())
def test_a_request_beyond_the_contract_is_refused(sandbox: Sandbox, sent: Any, code: int) -> None:
    assert post(sandbox, sent) == (400 if code == 4 else 200, code)
    assert (sandbox.ledger.counters["messages"], sandbox.ledger.departures.total()) == (0, 1)


@pytest.mark.parametrize(("sent", "departure"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_what_the_contract_does_not_know_is_taken_and_noted(sandbox: Sandbox, sent: Any, departure: str) -> None:
    assert post(sandbox, sent) == (200, None)
    assert sandbox.ledger.departures == {departure: 1}


def test_a_body_of_another_type_is_refused(sandbox: Sandbox) -> None:
    assert post(sandbox, content(), **{"Content-Type": "text/plain"}) == (400, 4)


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer key"}, {"access-key": "key"}, {"api-access-key": ""}]
)
def test_a_request_without_a_key_is_refused(sandbox: Sandbox, headers: dict[str, str]) -> None:
    found = {**headers, "Content-Type": "application/json"}
    answer = carry(HttpRequest("POST", sandbox.base_url + SEND, found, body=json.dumps(content()).encode()))
    assert (answer.status, sandbox.ledger.departures) == (401, {"bad_token": 1})


def test_another_key_is_refused_where_keys_are_named(sandbox: Sandbox, safir: Safir) -> None:
    sandbox.configure({"tokens": ["another"]})
    answer = send(safir, job())
    assert (answer.outcome, answer.blame, answer.code) == (Outcome.REJECTED, Blame.ACCOUNT, "401")


# The same request_id again


def test_the_same_request_again_gets_the_same_answer_and_is_not_taken(sandbox: Sandbox, safir: Safir) -> None:
    first, second = (carry(safir.build_send(job())) for _ in range(2))
    assert first.body == second.body
    assert (sandbox.ledger.counters["messages"], sandbox.ledger.counters["replays"]) == (1, 1)
    assert sandbox.ledger.departures == {}


OTHERS: dict[str, dict[str, Any]] = {
    "text": {"text": "دیگری"},
    "recipient": {"recipients": [Recipient(0, "+989350000000")]},
    "bot": {"sender": "5"},
    "secrecy": {"secure": True},
    "copy text": {"copy_text": "5"},
}


@pytest.mark.parametrize("changes", OTHERS.values(), ids=OTHERS.keys())
def test_a_request_id_of_another_message_is_a_departure(
    sandbox: Sandbox, safir: Safir, changes: dict[str, Any]
) -> None:
    send(safir, job())
    send(safir, job(**changes))
    assert sandbox.ledger.departures == {"request_id_of_another_message": 1}
    assert sandbox.ledger.counters["messages"] == 1


def test_the_same_request_id_of_another_key_is_another_message(sandbox: Sandbox, safir: Safir) -> None:
    send(safir, job())
    send(Safir(sandbox.base_url, {"api_access_key": "another"}), job())
    assert (sandbox.ledger.counters["messages"], sandbox.ledger.counters["replays"]) == (2, 0)


def test_requests_at_the_same_moment_are_taken_once(sandbox: Sandbox, safir: Safir) -> None:
    threads = [threading.Thread(target=send, args=(safir, job())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sandbox.ledger.counters["messages"], sandbox.ledger.counters["replays"]) == (1, 7)


def test_a_reset_forgets_what_was_answered(sandbox: Sandbox, safir: Safir) -> None:
    send(safir, job())
    sandbox.reset()
    send(safir, job())
    assert (sandbox.ledger.counters["messages"], sandbox.ledger.counters["replays"]) == (1, 0)


# Who is not on Bale


def test_who_is_not_on_bale_is_refused_and_takes_nothing(sandbox: Sandbox, safir: Safir) -> None:
    sandbox.configure({"not_on_bale": 1.0})
    [result] = send(safir, job()).results
    assert (result.outcome, result.code, result.off_channel) == (Outcome.REJECTED, "17", True)
    assert (sandbox.ledger.counters["refused_17"], sandbox.ledger.counters["messages"]) == (1, 0)
    assert sandbox.ledger.departures == {}


def absent(seed: int, share: float) -> set[int]:
    """The places of the recipients, of 300, whom a sandbox does not find on Bale."""
    with running_sandbox(behaviour=Behaviour(seed=seed, not_on_bale=share)) as sandbox:
        safir = Safir(sandbox.base_url, {"api_access_key": "key"})
        found = [send(safir, job(number)).results[0] for number in range(300)]
    return {each.key for each in found if each.off_channel}


def test_the_share_is_kept_and_the_same_for_the_same_seed() -> None:
    first, again, another = absent(1, 0.2), absent(1, 0.2), absent(2, 0.2)
    assert first == again != another
    assert 35 < len(first) < 85


# Files


def test_a_file_of_another_key_is_unknown(sandbox: Sandbox, safir: Safir, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"png")
    file_id = uploaded(Safir(sandbox.base_url, {"api_access_key": "another"}), path)
    answer = send(safir, job(file_ref=file_id))
    assert (answer.blame, answer.code, sandbox.ledger.departures) == (Blame.REQUEST, "4", {"unknown_file": 1})


def test_an_upload_that_is_no_multipart_is_refused(sandbox: Sandbox) -> None:
    headers = {"api-access-key": "key", "Content-Type": "application/json"}
    assert carry(HttpRequest("POST", sandbox.base_url + UPLOAD, headers, body=b"{}")).status == 400


def test_an_upload_of_100_mb_passes_through_our_client_in_pieces(safir: Safir, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    tracemalloc.start()
    file_id = uploaded(safir, path, 60)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert file_id
    assert peak < 4 * 1024 * 1024


def test_a_file_above_the_limit_is_refused_unread(sandbox: Sandbox) -> None:
    size = str(500 * 1024 * 1024 + 10_000)
    headers = {"Api-Access-Key": "key", "Content-Type": "multipart/form-data; boundary=b", "Content-Length": size}
    reply = sandbox.sides["safir"].answer(Call("safir_upload", headers, {}, b'name="file"; filename="a.mp4"'), None)
    assert (reply.status, sandbox.ledger.departures) == (400, {"file_size": 1})


def test_a_test_of_the_connection_sends_no_message(sandbox: Sandbox, safir: Safir) -> None:
    assert safir.parse_check(carry(safir.build_check())).outcome is Outcome.ACCEPTED
    sandbox.configure({"tokens": ["another"]})
    found = safir.parse_check(carry(safir.build_check()))
    assert (found.outcome, found.blame) == (Outcome.REJECTED, Blame.ACCOUNT)
    assert (sandbox.ledger.counters["uploads"], sandbox.ledger.counters["messages"]) == (1, 0)


# Faults

ANSWERED: dict[str, tuple[Outcome, Blame | None, str, int]] = {
    "500": (Outcome.UNCLEAR, None, "2", 1),
    "429": (Outcome.RETRYABLE, None, "3", 0),
    "bad_request": (Outcome.REJECTED, Blame.REQUEST, "4", 0),
    "no_credit": (Outcome.REJECTED, Blame.ACCOUNT, "20", 0),
}


@pytest.mark.parametrize("http", [0, 200])
@pytest.mark.parametrize("kind", ANSWERED)
def test_an_error_comes_with_its_own_status_or_in_a_200(sandbox: Sandbox, safir: Safir, kind: str, http: int) -> None:
    sandbox.faults.add(kind, "safir_send", http=http)
    answer = send(safir, job())
    found = (answer.outcome, answer.blame, answer.code, sandbox.ledger.counters["messages"])
    assert found == ANSWERED[kind]


def test_a_fault_takes_the_key_away(sandbox: Sandbox, safir: Safir) -> None:
    sandbox.faults.add("bad_token", "safir_send")
    answer = send(safir, job())
    assert (answer.outcome, answer.blame, answer.text) == (Outcome.REJECTED, Blame.ACCOUNT, "Unauthorized")
    assert sandbox.ledger.counters["messages"] == 0


UNCLEAR = {
    "html": "not_the_documented_json",
    "truncated": "not_the_documented_json",
    "partial": "no_id",
    "redirect": "302",
}


@pytest.mark.parametrize(("kind", "code"), UNCLEAR.items())
def test_an_answer_that_tells_nothing_is_unclear(sandbox: Sandbox, safir: Safir, kind: str, code: str) -> None:
    sandbox.faults.add(kind, "send")
    answer = send(safir, job())
    assert (answer.outcome, answer.code, sandbox.ledger.counters["messages"]) == (Outcome.UNCLEAR, code, 1)


@pytest.mark.parametrize("kind", ["500", "html", "truncated", "partial", "empty"])
def test_after_an_unclear_answer_the_same_key_settles_it(sandbox: Sandbox, safir: Safir, kind: str) -> None:
    sandbox.faults.add(kind, times=1)
    assert [send(safir, job()).outcome for _ in range(2)] == [Outcome.UNCLEAR, Outcome.ACCEPTED]
    assert (sandbox.ledger.counters["messages"], sandbox.ledger.counters["replays"]) == (1, 1)


@pytest.mark.parametrize("kind", ["close_after_accept", "reset", "timeout", "cut"])
def test_after_a_lost_answer_the_same_key_settles_it(sandbox: Sandbox, safir: Safir, kind: str) -> None:
    sandbox.faults.add(kind, "safir_send", times=1)
    with pytest.raises(TransportError):
        send(safir, job())
    assert send(safir, job()).outcome is Outcome.ACCEPTED
    assert sandbox.ledger.acceptances() == {989120000000: 1}


@pytest.mark.parametrize("status", [8, 99])
def test_a_recipient_is_refused_with_the_code_that_a_fault_names(sandbox: Sandbox, safir: Safir, status: int) -> None:
    sandbox.faults.add("entry_status", "safir_send", status=status, times=1)
    first, second = (send(safir, job()).results[0] for _ in range(2))
    assert (first.outcome, first.code, second.outcome) == (Outcome.REJECTED, str(status), Outcome.ACCEPTED)
    assert sandbox.ledger.counters["messages"] == 1


def test_full_contacts_stop_the_account(sandbox: Sandbox, safir: Safir) -> None:
    sandbox.faults.add("entry_status", "safir_send", status=21)
    answer = send(safir, job())
    assert (answer.outcome, answer.blame, answer.code) == (Outcome.REJECTED, Blame.ACCOUNT, "21")


def test_an_error_of_a_foreign_number_refuses_nobody(sandbox: Sandbox, safir: Safir) -> None:
    sandbox.faults.add("foreign", "safir_send")
    answer = send(safir, job())
    assert (answer.results[0].outcome, answer.anomalies) == (Outcome.ACCEPTED, {"foreign_recipient": 1})


def test_credit_is_used_up_and_a_repeat_is_not_charged(sandbox: Sandbox, safir: Safir) -> None:
    sandbox.configure({"credit": 1_000})
    answers = [send(safir, job(number)) for number in (0, 0, 1)]
    assert [each.outcome for each in answers] == [Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.REJECTED]
    assert (answers[2].blame, answers[2].code, sandbox.ledger.counters["messages"]) == (Blame.ACCOUNT, "20", 1)
