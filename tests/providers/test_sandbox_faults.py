"""The sandbox over real sockets: wrong exactly as it is told, and its webhooks."""

from __future__ import annotations

import time
from typing import Any

import pytest

from providers.answers import Outcome, Report, StatusReport
from providers.backends.najva import Najva
from providers.base import TransportError, WebhookCall
from providers.sandbox import Sandbox, running_sandbox
from providers.sandbox.faults import UnknownFault
from providers.sandbox.ledger import Behaviour
from tests.providers.sending import job, send, until
from tests.providers.webhooks import Receiver

IN_DOUBT = ["close_after_accept", "reset", "timeout", "cut"]


@pytest.mark.parametrize("kind", IN_DOUBT)
def test_a_fault_after_accepting_leaves_us_in_doubt(sandbox: Sandbox, najva: Najva, kind: str) -> None:
    sandbox.faults.add(kind, "send")
    with pytest.raises(TransportError) as caught:
        send(najva)
    assert caught.value.outcome is Outcome.UNCLEAR
    assert sandbox.ledger.acceptances().total() == 4


def test_a_call_that_was_never_read_leaves_us_in_doubt_too(sandbox: Sandbox, najva: Najva) -> None:
    sandbox.faults.add("refuse", "send")
    with pytest.raises(TransportError) as caught:
        send(najva)
    assert (caught.value.outcome, sandbox.ledger.acceptances().total()) == (Outcome.UNCLEAR, 0)


ANSWERED = {
    "429": (Outcome.RETRYABLE, 0),
    "bad_token": (Outcome.REJECTED, 0),
    "no_credit": (Outcome.REJECTED, 0),
    "bad_request": (Outcome.REJECTED, 0),
    "500": (Outcome.UNCLEAR, 4),
    "html": (Outcome.UNCLEAR, 4),
    "truncated": (Outcome.UNCLEAR, 4),
    "empty": (Outcome.UNCLEAR, 4),
    "redirect": (Outcome.UNCLEAR, 4),
}


@pytest.mark.parametrize(("kind", "expected"), ANSWERED.items())
def test_a_wrong_answer_comes_as_told(sandbox: Sandbox, najva: Najva, kind: str, expected: tuple[Outcome, int]) -> None:
    sandbox.faults.add(kind, "send")
    assert (send(najva).outcome, sandbox.ledger.acceptances().total()) == expected


ENTRIES: dict[str, dict[str, int]] = {
    "partial": {"missing_recipient": 2},
    "foreign": {"foreign_recipient": 1, "missing_recipient": 1},
    "duplicate_ids": {"repeated_ref": 1},
    "shuffled": {},
    "entry_status": {},
}


@pytest.mark.parametrize(("kind", "anomalies"), ENTRIES.items())
def test_wrong_entries_come_as_told(sandbox: Sandbox, najva: Najva, kind: str, anomalies: dict[str, int]) -> None:
    sandbox.faults.add(kind, "send")
    answer = send(najva)
    assert (answer.outcome, answer.anomalies) == (Outcome.ACCEPTED, anomalies)
    assert sandbox.ledger.acceptances().total() == 4


def test_a_fault_strikes_the_calls_it_names(sandbox: Sandbox, najva: Najva) -> None:
    sandbox.faults.add("429", "send", ordinals=[2])
    outcomes = [send(najva).outcome for _ in range(3)]
    assert outcomes == [Outcome.ACCEPTED, Outcome.RETRYABLE, Outcome.ACCEPTED]


def test_a_fault_strikes_as_often_as_told(sandbox: Sandbox, najva: Najva) -> None:
    sandbox.faults.add("no_credit", "send", times=1)
    assert [send(najva).outcome for _ in range(2)] == [Outcome.REJECTED, Outcome.ACCEPTED]


def test_a_fault_of_another_operation_does_not_strike(sandbox: Sandbox, najva: Najva) -> None:
    sandbox.faults.add("500", "status")
    assert send(najva).outcome is Outcome.ACCEPTED


def test_a_slow_answer_is_slow_and_right(sandbox: Sandbox, najva: Najva) -> None:
    sandbox.faults.add("slow", "send", seconds=0.2)
    start = time.monotonic()
    assert send(najva).outcome is Outcome.ACCEPTED
    assert time.monotonic() - start >= 0.2


@pytest.mark.parametrize(
    "rule", [{}, {"kind": "bogus"}, {"kind": "lost", "operation": "send"}, {"kind": "500", "x": 1}]
)
def test_a_rule_that_says_nothing_is_refused(rule: dict[str, Any], sandbox: Sandbox) -> None:
    with pytest.raises(UnknownFault):
        sandbox.faults.add(**{"kind": "", **rule})


def finals(receiver: Receiver) -> list[int]:
    return [status for _, status in receiver.calls if status != 4]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("style", ["json", "sample", "form"])
def test_statuses_are_delivered_by_webhook(
    sandbox: Sandbox, najva: Najva, receiver: Receiver, method: str, style: str
) -> None:
    sandbox.configure({"webhook": receiver.url, "webhook_method": method, "webhook_style": style})
    answer = send(najva)
    until(lambda: len(receiver.calls) == 8)
    assert sorted(receiver.calls) == sorted((int(each.ref), status) for each in answer.results for status in (4, 10))


def test_the_webhook_is_found_by_the_token_of_the_request(receiver: Receiver) -> None:
    with running_sandbox(
        behaviour=Behaviour(final_after=0, sent_after=0),
        resolve=lambda slug, token: {("najva", "mine"): receiver.url}.get((slug, token), ""),
    ) as sandbox:
        for token in ("mine", "another"):
            send(Najva(sandbox.base_url, {"api_token": token}), job(1))
        until(lambda: len(receiver.calls) == 2)


def test_a_lost_webhook_is_not_sent(sandbox: Sandbox, najva: Najva, receiver: Receiver) -> None:
    sandbox.configure({"webhook": receiver.url})
    sandbox.faults.add("lost", ordinals=[1, 2, 3, 4])
    send(najva)
    until(lambda: sandbox.ledger.counters["webhooks_lost"] + len(receiver.calls) == 8)
    assert len(receiver.calls) == 4


def test_a_repeated_webhook_comes_as_often_as_told(sandbox: Sandbox, najva: Najva, receiver: Receiver) -> None:
    sandbox.configure({"webhook": receiver.url})
    sandbox.faults.add("repeated", copies=3)
    send(najva, job(1))
    until(lambda: len(receiver.calls) == 6)


def test_a_late_webhook_comes_late(sandbox: Sandbox, najva: Najva, receiver: Receiver) -> None:
    sandbox.configure({"webhook": receiver.url})
    sandbox.faults.add("late", seconds=0.5)
    start = time.monotonic()
    send(najva, job(1))
    until(lambda: len(receiver.calls) == 2)
    assert time.monotonic() - start >= 0.5


def test_disordered_webhooks_tell_the_end_first(sandbox: Sandbox, najva: Najva, receiver: Receiver) -> None:
    sandbox.configure({"webhook": receiver.url, "final_after": 0.3})
    sandbox.faults.add("disordered")
    send(najva, job(1))
    until(lambda: len(receiver.calls) == 2)
    assert [status for _, status in receiver.calls] == [10, 4]


def test_a_webhook_may_come_before_the_answer(sandbox: Sandbox, najva: Najva, receiver: Receiver) -> None:
    sandbox.configure({"webhook": receiver.url, "final_after": 60})
    sandbox.faults.add("before_answer")
    answer = send(najva)
    assert receiver.calls == [(int(each.ref), 4) for each in answer.results]


def test_a_webhook_that_is_refused_is_not_tried_again(sandbox: Sandbox, najva: Najva, receiver: Receiver) -> None:
    receiver.status = 503
    sandbox.configure({"webhook": receiver.url})
    send(najva, job(1))
    until(lambda: sandbox.ledger.counters["webhooks_refused_503"] == 2)
    assert len(receiver.calls) == 2


def test_what_the_sandbox_calls_is_what_the_backend_reads(sandbox: Sandbox, najva: Najva, receiver: Receiver) -> None:
    sandbox.configure({"webhook": receiver.url, "webhook_style": "sample", "shares": {"14": 1.0}})
    answer = send(najva, job(1))
    until(lambda: bool(finals(receiver)))
    call = WebhookCall("POST", {}, "application/json", receiver.bodies[-1])
    assert najva.parse_webhook(call) == [StatusReport(answer.results[0].ref, Report.BLOCKED, "14", "", 0)]
