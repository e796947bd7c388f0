"""The sandbox's GoSMS over real sockets: as strict as the contract."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from providers.answers import Blame, Outcome, Report, SendAnswer
from providers.backends.gosms import GoSMS, ListWalk
from providers.base import HttpRequest, HttpResponse, Recipient, SendJob, WebhookCall
from providers.sandbox import Sandbox, running_sandbox
from providers.sandbox.ledger import Behaviour
from tests.providers.sending import TEXT, carry, control, until
from tests.providers.test_gosms import recorded
from tests.providers.webhooks import Receiver

DEVICE = "65bbdaba833da513a46d3622"
JOB = SendJob(f"{DEVICE}:0", [Recipient(7, "+989121234567")], TEXT)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    behaviour = Behaviour(sent_after=0.0, final_after=0.05, gosms_rate=0)
    with running_sandbox(behaviour=behaviour) as running:
        yield running


@pytest.fixture
def gosms(sandbox: Sandbox) -> GoSMS:
    return GoSMS(f"{sandbox.base_url}/v1", {"token": "token"})


def send(gosms: GoSMS, **changes: Any) -> SendAnswer:
    job = replace(JOB, **changes)
    return gosms.parse_send(job, carry(gosms.build_send(job)))


def ref_of(answer: SendAnswer) -> str:
    return answer.results[0].ref


def call(
    sandbox: Sandbox, method: str, path: str, content: Any = None, kind: str = "application/json"
) -> tuple[int, int]:
    """The status of an answer, and the code of the error in it (0: none)."""
    headers = {"Authorization": "Bearer token"}
    body = content if isinstance(content, bytes) or content is None else json.dumps(content).encode()
    answer = carry(HttpRequest(method, sandbox.base_url + path, {**headers, "Content-Type": kind}, body=body))
    return answer.status, json.loads(answer.body or b"{}").get("errors", {}).get("code", 0)


def test_what_was_sent_is_in_the_ledger(sandbox: Sandbox, gosms: GoSMS) -> None:
    answer = send(gosms)
    [taken] = sandbox.ledger.taken
    assert answer.outcome is Outcome.ACCEPTED
    assert (taken.phones.tolist(), taken.texts, taken.sender) == ([989121234567], [TEXT], JOB.sender)
    assert sandbox.ledger.departures == {}


def test_slot_0_is_on_the_wire(sandbox: Sandbox, gosms: GoSMS) -> None:
    send(gosms)
    send(gosms, sender=DEVICE)
    send(gosms, sender="any")
    facts = [taken.facts for taken in sandbox.ledger.taken]
    assert facts == [{"device_id": DEVICE, "to_sim": 0}, {"device_id": DEVICE}, {}]
    assert [taken.sender for taken in sandbox.ledger.taken] == [f"{DEVICE}:0", DEVICE, "any"]


def test_the_webhook_of_the_account_is_named(sandbox: Sandbox) -> None:
    send(GoSMS(sandbox.base_url, {"token": "token", "callback_id": DEVICE}))
    assert sandbox.ledger.taken[0].facts["callback_id"] == DEVICE


GOOD: dict[str, Any] = {"message": "متن", "phone_number": "989121234567"}
STRICT: dict[str, tuple[dict[str, Any], int]] = {
    "no number": ({"message": "متن"}, 2001),
    "a number as a number": ({**GOOD, "phone_number": 989121234567}, 2001),
    "a plus": ({**GOOD, "phone_number": "+989121234567"}, 2001),
    "a zero": ({**GOOD, "phone_number": "09121234567"}, 2001),
    "Persian digits": ({**GOOD, "phone_number": "۹۸۹۱۲۱۲۳۴۵۶۷"}, 2001),
    "no text": ({**GOOD, "message": ""}, 2002),
    "text is a number": ({**GOOD, "message": 5}, 2002),
    "a text too long": ({**GOOD, "message": "م" * 301}, 2002),
    "a backtick": ({**GOOD, "message": "a`"}, 2002),
    "a device of another form": ({**GOOD, "device_id": "phone-1"}, 2005),
    "a device as a number": ({**GOOD, "device_id": 5}, 2005),
    "a slot without a device": ({**GOOD, "to_sim": 0}, 1017),
    "a slot beside an empty device": ({**GOOD, "device_id": "", "to_sim": 1}, 1017),
    "a slot as text": ({**GOOD, "device_id": DEVICE, "to_sim": "0"}, 2008),
    "a slot that is true": ({**GOOD, "device_id": DEVICE, "to_sim": True}, 2008),
    "a slot below 0": ({**GOOD, "device_id": DEVICE, "to_sim": -1}, 2008),
    "a webhook of another form": ({**GOOD, "callback_id": "x"}, 2004),
    "good": (GOOD, 0),
    "good with everything": ({**GOOD, "device_id": DEVICE, "to_sim": 0, "callback_id": DEVICE}, 0),
    "good with a UUID": ({**GOOD, "device_id": "3baf9df0-d0e3-43d2-a58f-6d7c27143242"}, 0),
    "good with empty words": ({**GOOD, "device_id": "", "callback_id": ""}, 0),
    "good with 300": ({**GOOD, "message": "م" * 300}, 0),
}


@pytest.mark.parametrize(("content", "code"), STRICT.values(), ids=STRICT.keys())
def test_a_send_is_held_against_the_contract(sandbox: Sandbox, content: dict[str, Any], code: int) -> None:
    assert call(sandbox, "POST", "/sms/send", content) == (400 if code else 200, code)
    assert bool(sandbox.ledger.departures) == bool(code)
    assert sandbox.ledger.acceptances().total() == (0 if code else 1)


CALLS: dict[str, tuple[str, str, Any, tuple[int, int]]] = {
    "no JSON": ("POST", "/sms/send", b"{", (400, 1001)),
    "a list": ("POST", "/sms/send", [GOOD], (400, 1001)),
    "an id that is none": ("POST", "/sms/get", {"id": "5"}, (400, 2003)),
    "an id as a number": ("POST", "/sms/get", {"id": 5}, (400, 2003)),
    "no id": ("DELETE", "/sms/del", {}, (400, 2003)),
    "an id of nobody": ("POST", "/sms/get", {"id": DEVICE}, (404, 1008)),
    "to delete nothing": ("DELETE", "/sms/del", {"id": DEVICE}, (404, 1008)),
    "no limit": ("GET", "/sms", None, (400, 2006)),
    "limit 0": ("GET", "/sms?limit=0", None, (400, 2006)),
    "limit 101": ("GET", "/sms?limit=101", None, (400, 2006)),
    "limit in words": ("GET", "/sms?limit=ten", None, (400, 2006)),
    "offset in words": ("GET", "/sms?limit=5&offset=first", None, (400, 2007)),
    "page 0": ("GET", "/sms?limit=5&offset=0", None, (400, 2007)),
    "a good list": ("GET", "/sms?limit=100", None, (200, 0)),
    "with the version": ("GET", "/v1/sms?limit=1", None, (200, 0)),
}


@pytest.mark.parametrize(("method", "path", "content", "expected"), CALLS.values(), ids=CALLS.keys())
def test_a_call_is_held_against_the_contract(
    sandbox: Sandbox, method: str, path: str, content: Any, expected: tuple[int, int]
) -> None:
    assert call(sandbox, method, path, content) == expected


def test_a_body_that_is_not_said_to_be_json_is_refused(sandbox: Sandbox) -> None:
    assert call(sandbox, "POST", "/sms/send", GOOD, kind="text/plain") == (400, 1001)


def test_a_field_that_no_contract_knows_is_taken_and_noted(sandbox: Sandbox) -> None:
    call(sandbox, "POST", "/sms/send", {**GOOD, "priority": 1})
    call(sandbox, "GET", "/sms?limit=1&page=1")
    assert sandbox.ledger.departures == {"unknown_field:priority": 1, "unknown_field:page": 1}


def test_a_bad_token_is_refused(sandbox: Sandbox, gosms: GoSMS) -> None:
    sandbox.configure({"tokens": ["another"]})
    answer = send(gosms)
    assert (answer.outcome, answer.blame) == (Outcome.REJECTED, Blame.ACCOUNT)
    assert gosms.parse_check(carry(gosms.build_check())).blame is Blame.ACCOUNT


def test_the_plans_limit_is_reached(sandbox: Sandbox, gosms: GoSMS) -> None:
    sandbox.configure({"credit": 1_500, "price": 1_000})
    assert [send(gosms).code for _ in range(2)] == ["", "1006"]
    assert sandbox.ledger.departures == {}


def test_the_eleventh_request_in_a_second_is_one_too_many(sandbox: Sandbox, gosms: GoSMS) -> None:
    sandbox.configure({"gosms_rate": 10.0})
    outcomes = [send(gosms).outcome for _ in range(11)]
    assert outcomes == [Outcome.ACCEPTED] * 10 + [Outcome.RETRYABLE]
    assert gosms.parse_check(carry(gosms.build_check())).outcome is Outcome.ACCEPTED
    assert (sandbox.ledger.counters["refused_429"], sandbox.ledger.departures) == (1, {})


def test_a_second_later_requests_pass_again(sandbox: Sandbox, gosms: GoSMS) -> None:
    sandbox.configure({"gosms_rate": 1.0})
    assert [send(gosms).outcome for _ in range(2)] == [Outcome.ACCEPTED, Outcome.RETRYABLE]
    time.sleep(1)
    assert send(gosms).outcome is Outcome.ACCEPTED


def status(gosms: GoSMS, ref: str) -> tuple[Report, str]:
    [report] = gosms.parse_status([ref], carry(gosms.build_status([ref]))).reports
    return report.report, report.code


def test_statuses_advance_by_themselves(sandbox: Sandbox, gosms: GoSMS) -> None:
    sandbox.configure({"sent_after": 0.4, "final_after": 0.8})
    ref = ref_of(send(gosms))
    seen: list[tuple[Report, str]] = []
    while not seen or seen[-1][1] != "4":
        seen.append(status(gosms, ref))
    assert list(dict.fromkeys(seen)) == [
        (Report.ACCEPTED, "0"),
        (Report.ACCEPTED, "1"),
        (Report.SENT, "2"),
        (Report.DELIVERED, "4"),
    ]


@pytest.mark.parametrize(("share", "report"), [("6", "failed"), ("11", "undelivered"), ("14", "undelivered")])
def test_a_message_ends_as_its_share_says(sandbox: Sandbox, gosms: GoSMS, share: str, report: str) -> None:
    sandbox.configure({"shares": {share: 1.0}})
    ref = ref_of(send(gosms))
    until(lambda: status(gosms, ref)[0] == report)


def test_a_message_of_another_token_is_not_there(sandbox: Sandbox, gosms: GoSMS) -> None:
    ref = ref_of(send(gosms))
    other = GoSMS(sandbox.base_url, {"token": "another"})
    assert status(other, ref) == (Report.FORGOTTEN, "1008")
    assert other.parse_list(carry(other.build_list(1))).total == 0


def test_a_deleted_message_vanishes(sandbox: Sandbox, gosms: GoSMS) -> None:
    ref = ref_of(send(gosms))
    assert gosms.parse_delete(carry(gosms.build_delete(ref))).outcome is Outcome.RETRYABLE
    sandbox.configure({"gosms_delete_after": 0.0})
    assert gosms.parse_delete(carry(gosms.build_delete(ref))).outcome is Outcome.ACCEPTED
    assert status(gosms, ref) == (Report.FORGOTTEN, "1008")
    assert gosms.parse_list(carry(gosms.build_list(1))).total == 0
    assert gosms.parse_delete(carry(gosms.build_delete(ref))).outcome is Outcome.ACCEPTED


def test_the_list_tells_what_was_sent(gosms: GoSMS) -> None:
    refs = [ref_of(send(gosms, recipients=[Recipient(n, f"+98912123456{n}")])) for n in range(3)]
    page = gosms.parse_list(carry(gosms.build_list(1)))
    assert [each.ref for each in page.rows] == refs[::-1]
    assert {(each.phone, each.text) for each in page.rows} == {(f"+98912123456{n}", TEXT) for n in range(3)}


@pytest.mark.parametrize(("words", "found"), [("989121234561", 1), ("98912123456", 3), ("نیم‌فاصله", 3), ("nobody", 0)])
def test_the_list_is_searched(gosms: GoSMS, words: str, found: int) -> None:
    for n in range(3):
        send(gosms, recipients=[Recipient(n, f"+98912123456{n}")])
    assert gosms.parse_list(carry(gosms.build_list(1, search=words))).total == found


@pytest.mark.parametrize("reading", ["pages", "rows"])
@pytest.mark.parametrize("size", [0, 3, 4, 9])
def test_the_list_is_walked_to_its_end_whatever_offset_counts(
    sandbox: Sandbox, gosms: GoSMS, reading: str, size: int
) -> None:
    sandbox.configure({"gosms_offset": reading})
    sent = {ref_of(send(gosms)) for _ in range(size)}
    walk = ListWalk(limit=4)
    while walk.offset is not None:
        walk.add(gosms.parse_list(carry(gosms.build_list(walk.offset, walk.limit, "989121234567"))))
    assert (walk.complete, set(walk.entries)) == (True, sent)


def test_statuses_come_by_webhook(sandbox: Sandbox, gosms: GoSMS, receiver: Receiver) -> None:
    sandbox.configure({"webhook": receiver.url})
    ref = ref_of(send(gosms))
    until(lambda: len(receiver.bodies) == 2)
    calls = [WebhookCall("POST", {}, "application/json", body) for body in receiver.bodies]
    reports = [report for each in calls for report in gosms.parse_webhook(each)]
    assert {(each.ref, each.report) for each in reports} == {(ref, Report.SENT), (ref, Report.DELIVERED)}


FAULTS = {
    "429": (Outcome.RETRYABLE, None, "429", 0),
    "500": (Outcome.UNCLEAR, None, "1000", 1),
    "bad_token": (Outcome.REJECTED, Blame.ACCOUNT, "1003", 0),
    "no_credit": (Outcome.REJECTED, Blame.ACCOUNT, "1006", 0),
    "bad_request": (Outcome.REJECTED, Blame.REQUEST, "2002", 0),
    "html": (Outcome.UNCLEAR, None, "200", 1),
    "truncated": (Outcome.UNCLEAR, None, "200", 1),
    "empty": (Outcome.UNCLEAR, None, "200", 1),
    "redirect": (Outcome.UNCLEAR, None, "302", 1),
}


@pytest.mark.parametrize(("kind", "expected"), FAULTS.items())
def test_a_wrong_answer_comes_as_told(sandbox: Sandbox, gosms: GoSMS, kind: str, expected: tuple[Any, ...]) -> None:
    control(sandbox, "POST", "faults", {"kind": kind, "operation": "gosms_send"})
    answer = send(gosms)
    assert (answer.outcome, answer.blame, answer.code, sandbox.ledger.acceptances().total()) == expected


def test_a_reset_makes_the_ledger_empty(sandbox: Sandbox, gosms: GoSMS) -> None:
    ref = ref_of(send(gosms))
    control(sandbox, "POST", "reset")
    assert status(gosms, ref) == (Report.FORGOTTEN, "1008")


def test_every_answer_is_in_the_documented_form(gosms: GoSMS) -> None:
    answered: HttpResponse = carry(gosms.build_status([ref_of(send(gosms))]))
    assert answered.json().keys() == recorded("get_answer.json").keys()
    assert answered.json()["to_sim"] == 0
