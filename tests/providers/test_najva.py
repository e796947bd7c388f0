"""Najva's answers, from the original document and from what may go wrong with them."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from providers.answers import Blame, Outcome, Report, StatusReport
from providers.backends.najva import Najva
from providers.base import HttpRequest, HttpResponse, InvalidJob, Recipient, SendJob, Upload, WebhookCall
from tests.providers.contract import HTML, AnswerCase, BatchContract, EntryCase, WebhookCase

FIXTURES = Path(__file__).parent / "fixtures" / "najva"
FILE_ID = "550e8400-e29b-41d4-a716-446655440000"


def recorded(name: str) -> Any:
    return json.loads((FIXTURES / name).read_text())


def answer(http: int, stated: object = 200, entries: object = None, **headers: str) -> HttpResponse:
    content = {"return": {"status": stated, "message": "پیام"}, "entries": entries}
    return HttpResponse(http, json.dumps(content).encode(), headers)


def refused(status: int, outcome: Outcome, blame: Blame | None = None) -> list[AnswerCase]:
    """The same code in the HTTP status, in a 200's envelope, and from a gateway that speaks HTML."""
    return [
        AnswerCase(f"http-{status}", answer(status, status), outcome, blame, str(status)),
        AnswerCase(f"envelope-{status}", answer(200, status), outcome, blame, str(status)),
        AnswerCase(f"envelope-text-{status}", answer(200, str(status)), outcome, blame, str(status)),
        AnswerCase(f"html-{status}", HttpResponse(status, HTML), outcome, blame, str(status)),
    ]


def posted(body: bytes, content_type: str = "application/json", method: str = "POST") -> WebhookCall:
    return WebhookCall(method, {}, content_type, body)


def asked(query: str, method: str = "GET") -> WebhookCall:
    return WebhookCall(method, parse_qs(query, keep_blank_values=True))


DELIVERED = (StatusReport("1234", Report.DELIVERED, "10"),)
MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="messageid"\r\n\r\n1234\r\n'
    b'--b\r\nContent-Disposition: form-data; name="status"\r\n\r\n10\r\n--b--\r\n'
)


class TestNajva(BatchContract):
    provider_class = Najva
    answer_cases = (
        *refused(400, Outcome.REJECTED, Blame.REQUEST),
        *refused(401, Outcome.REJECTED, Blame.ACCOUNT),
        *refused(403, Outcome.REJECTED, Blame.ACCOUNT),
        *refused(404, Outcome.REJECTED, Blame.ACCOUNT),
        *refused(408, Outcome.UNCLEAR),
        *refused(413, Outcome.REJECTED, Blame.REQUEST),
        *refused(414, Outcome.REJECTED, Blame.REQUEST),
        *refused(418, Outcome.REJECTED, Blame.ACCOUNT),
        *refused(422, Outcome.REJECTED, Blame.REQUEST),
        *refused(429, Outcome.RETRYABLE),
        *refused(500, Outcome.UNCLEAR),
        *refused(503, Outcome.UNCLEAR),
        AnswerCase("no-entries", answer(200), Outcome.UNCLEAR),
        AnswerCase("empty-entries", answer(200, entries=[]), Outcome.UNCLEAR),
        AnswerCase("entries-are-words", answer(200, entries=["a", 1, None]), Outcome.UNCLEAR),
        AnswerCase("entries-are-an-object", answer(200, entries={"messageid": 1}), Outcome.UNCLEAR),
        AnswerCase(
            "only-foreign-entries", answer(200, entries=[{"messageid": 1, "receptor": "09999999999"}]), Outcome.UNCLEAR
        ),
        AnswerCase("no-code", answer(200, None), Outcome.UNCLEAR),
        AnswerCase("true-for-a-code", answer(200, True), Outcome.UNCLEAR),
        AnswerCase("code-302", answer(200, 302), Outcome.UNCLEAR),
        AnswerCase("code-0", answer(200, 0), Outcome.UNCLEAR),
        AnswerCase("a-refusal-with-entries", answer(200, 418, [{"messageid": 1}]), Outcome.UNCLEAR),
        AnswerCase("http-400-with-entries", answer(400, 400, [{"messageid": 1}]), Outcome.UNCLEAR),
        AnswerCase("http-500-that-says-200", answer(500, 200, []), Outcome.UNCLEAR),
        AnswerCase("http-403-names-401", answer(403, 401), Outcome.REJECTED, Blame.ACCOUNT, "401"),
    )
    check_cases = (
        AnswerCase("the-status-of-a-message-that-is-not", answer(200, entries=[]), Outcome.ACCEPTED),
        AnswerCase("bad-token", answer(401, 401), Outcome.REJECTED, Blame.ACCOUNT),
        AnswerCase("wrong-address", HttpResponse(404, HTML), Outcome.REJECTED, Blame.ACCOUNT),
        AnswerCase("gateway", HttpResponse(502, HTML), Outcome.UNCLEAR),
    )
    entry_cases = (
        EntryCase("queued", {"status": 1}, Outcome.ACCEPTED),
        EntryCase("scheduled", {"status": 2}, Outcome.ACCEPTED),
        EntryCase("sent", {"status": 4}, Outcome.ACCEPTED, Report.SENT),
        EntryCase("line-error", {"status": 6}, Outcome.ACCEPTED, Report.FAILED),
        EntryCase("delivered", {"status": 10}, Outcome.ACCEPTED, Report.DELIVERED),
        EntryCase("undelivered", {"status": 11}, Outcome.ACCEPTED, Report.UNDELIVERED),
        EntryCase("cancelled", {"status": 13}, Outcome.ACCEPTED, Report.CANCELLED),
        EntryCase("blocked", {"status": 14}, Outcome.ACCEPTED, Report.BLOCKED),
        EntryCase("invalid-id", {"status": 100}, Outcome.UNCLEAR),
        EntryCase("unknown-status", {"status": 77}, Outcome.ACCEPTED, Report.UNRECOGNISED),
        EntryCase("status-is-a-list", {"status": [1]}, Outcome.ACCEPTED, Report.UNRECOGNISED),
        EntryCase("status-as-text", {"status": "1"}, Outcome.ACCEPTED),
        EntryCase("id-as-text", {"messageid": "1"}, Outcome.ACCEPTED),
        EntryCase("id-null", {"messageid": None}, Outcome.UNCLEAR),
        EntryCase("id-0", {"messageid": 0}, Outcome.UNCLEAR),
        EntryCase("id-negative", {"messageid": -1}, Outcome.UNCLEAR),
        EntryCase("id-true", {"messageid": True}, Outcome.UNCLEAR),
        EntryCase("id-fraction", {"messageid": 1.5}, Outcome.UNCLEAR),
        EntryCase("id-endless", {"messageid": 10**40}, Outcome.UNCLEAR),
        EntryCase("id-word", {"messageid": "abc"}, Outcome.UNCLEAR),
        EntryCase("receptor-9", {"receptor": "9120000000"}, Outcome.ACCEPTED),
        EntryCase("receptor-98", {"receptor": "989120000000"}, Outcome.ACCEPTED),
        EntryCase("receptor-plus-98", {"receptor": "+989120000000"}, Outcome.ACCEPTED),
        EntryCase("receptor-0098", {"receptor": "00989120000000"}, Outcome.ACCEPTED),
        EntryCase("receptor-as-number", {"receptor": 9120000000}, Outcome.ACCEPTED),
        EntryCase("receptor-null", {"receptor": None}, Outcome.UNCLEAR),
        EntryCase("receptor-list", {"receptor": ["09120000000"]}, Outcome.UNCLEAR),
        EntryCase("receptor-foreign", {"receptor": "09999999999"}, Outcome.UNCLEAR),
    )
    webhook_cases = (
        WebhookCase("the-originals-sample", posted((FIXTURES / "webhook_sample.json.txt").read_bytes()), DELIVERED),
        WebhookCase("json", posted(b'{"messageid": 1234, "status": 10}'), DELIVERED),
        WebhookCase("json-of-texts", posted(b'{"messageid": "1234", "status": "10"}'), DELIVERED),
        WebhookCase("json-under-another-type", posted(b'{"messageid":1234,"status":10}', "text/plain"), DELIVERED),
        WebhookCase("capital-letters", posted(b'{"messageId":1234,"Status":10}'), DELIVERED),
        WebhookCase("get-with-a-body", posted(b'{"messageid":1234,"status":10}', method="GET"), DELIVERED),
        WebhookCase("a-list", posted(b'[{"messageid":1234,"status":10},]'), DELIVERED),
        WebhookCase(
            "repeated", posted(b'[{"messageid":1234,"status":10},{"messageid":1234,"status":10}]'), DELIVERED * 2
        ),
        WebhookCase("form", posted(b"messageid=1234&status=10", "application/x-www-form-urlencoded"), DELIVERED),
        WebhookCase("multipart", posted(MULTIPART, "multipart/form-data; boundary=b"), DELIVERED),
        WebhookCase("query", asked("messageid=1234&status=10"), DELIVERED),
        WebhookCase("query-of-a-post", asked("messageid=1234&status=10", "POST"), DELIVERED),
        WebhookCase("the-same-twice", asked("messageid=1234&messageid=1234&status=10"), DELIVERED),
        WebhookCase("blocked", asked("messageid=5&status=14"), [StatusReport("5", Report.BLOCKED, "14", "", 0)]),
        WebhookCase("invalid-id", asked("messageid=5&status=100"), [StatusReport("5", Report.FORGOTTEN, "100")]),
        WebhookCase("unknown-number", asked("messageid=5&status=77"), [StatusReport("5", Report.UNRECOGNISED, "77")]),
        WebhookCase("unknown-word", asked("messageid=5&status=lost"), [StatusReport("5", Report.UNRECOGNISED, "lost")]),
        WebhookCase("nothing", posted(b"")),
        WebhookCase("no-status", posted(b'{"messageid": 1234}')),
        WebhookCase("no-id", posted(b'{"status": 10}')),
        WebhookCase("two-ids", asked("messageid=1&messageid=2&status=10")),
        WebhookCase("id-is-a-word", asked("messageid=x&status=10")),
        WebhookCase("id-is-negative", posted(b'{"messageid": -5, "status": 10}')),
        WebhookCase("id-is-a-list", posted(b'{"messageid": [1234], "status": 10}')),
        WebhookCase("id-is-endless", posted(b'{"messageid": 1' + b"0" * 4000 + b', "status": 10}')),
        WebhookCase("superscript-digits", posted('{"messageid": "²", "status": 10}'.encode())),
        WebhookCase("status-is-null", posted(b'{"messageid": 1234, "status": null}')),
        WebhookCase("status-is-an-essay", posted(b'{"messageid": 1234, "status": "' + b"a" * 33 + b'"}')),
        WebhookCase("status-with-nul", posted(b'{"messageid": 1234, "status": "a\\u0000b"}')),
        WebhookCase("half-a-character", posted(b'{"messageid": 1234, "status": "\\ud800"}')),
        WebhookCase("deep-nesting", posted(b"[" * 50_000)),
        WebhookCase("deep-objects", posted(b'{"a":' * 50_000)),
        WebhookCase("many-commas", posted(b"[" + b"," * 60_000)),
        WebhookCase("a-long-list", posted(b"[" + b'{"messageid":1,"status":1},' * 1_001 + b"]")),
        WebhookCase("an-empty-list", posted(b"[]")),
        WebhookCase("a-list-of-lists", posted(b'[[{"messageid":1,"status":1}]]')),
        WebhookCase("a-number", posted(b"5")),
        WebhookCase("truncated", posted(b'{"messageid": 1234, "sta')),
        WebhookCase("nul", posted(b"\0\0\0")),
        WebhookCase("utf-16", posted('{"messageid":1234}'.encode("utf-16"))),
        WebhookCase("nameless-multipart", posted(b"--b\r\n\r\nx\r\n--b--", "multipart/form-data; boundary=b")),
    )

    def entries(self, job: SendJob) -> list[dict[str, Any]]:
        common = {
            "message": job.text,
            "status": 1,
            "statustext": "در صف ارسال",
            "sender": job.sender,
            "date": 1706619709,
        }
        return [
            {"messageid": place, **common, "receptor": "0" + each.phone[3:], "cost": 1000}
            for place, each in enumerate(job.recipients, 1)
        ]

    def accepting(self, job: SendJob, entries: list[dict[str, Any]] | None = None) -> HttpResponse:
        return answer(200, entries=self.entries(job) if entries is None else entries)

    def texts_in(self, request: HttpRequest) -> list[str]:
        content = json.loads(request.body or b"")
        return [content["message"]] if "message" in content else [each["message"] for each in content["messages"]]


@pytest.fixture
def najva() -> Najva:
    return Najva("https://sms.najva.example/", {"api_token": "abc"})


@pytest.fixture
def recorded_job() -> SendJob:
    recipients = [Recipient(7 + n, f"+98912000000{n}") for n in range(3)]
    return SendJob("90000123", recipients, recorded("send_request.json")["message"], FILE_ID)


def test_a_send_is_the_originals_sample(najva: Najva, recorded_job: SendJob) -> None:
    request = najva.build_send(recorded_job)
    assert (request.method, request.url) == ("POST", "https://sms.najva.example/v2/sms/send")
    assert request.headers["Authorization"] == "Bearer abc"
    assert json.loads(request.body or b"") == recorded("send_request.json")


def test_a_send_peer_to_peer_is_the_originals_sample(najva: Najva, recorded_job: SendJob) -> None:
    personal = [each._replace(text=f"پیامک {n}") for n, each in enumerate(recorded_job.recipients, 1)]
    request = najva.build_send(replace(recorded_job, text=None, recipients=personal))
    assert request.url == "https://sms.najva.example/v2/sms/send-p2p"
    assert json.loads(request.body or b"") == recorded("p2p_request.json")


def test_peer_to_peer_without_a_sender_leaves_it_to_the_default_line(najva: Najva, recorded_job: SendJob) -> None:
    personal = [each._replace(text="متن") for each in recorded_job.recipients]
    request = najva.build_send(replace(recorded_job, sender="", file_ref=None, text=None, recipients=personal))
    assert json.loads(request.body or b"").keys() == {"messages"}


def test_who_has_no_text_of_his_own_gets_the_common_one(najva: Najva, recorded_job: SendJob) -> None:
    first, *others = recorded_job.recipients
    request = najva.build_send(replace(recorded_job, text="همه", recipients=[first._replace(text="فقط او"), *others]))
    assert [each["message"] for each in json.loads(request.body or b"")["messages"]] == ["فقط او", "همه", "همه"]


@pytest.mark.parametrize("name", ["send_answer.json", "p2p_answer.json"])
def test_the_originals_answers_are_read(najva: Najva, recorded_job: SendJob, name: str) -> None:
    found = najva.parse_send(recorded_job, HttpResponse(200, (FIXTURES / name).read_bytes()))
    assert [(each.key, each.ref, each.code, each.text, each.cost) for each in found.results] == [
        (7, "1", "1", "در صف ارسال", 1000),
        (8, "2", "1", "در صف ارسال", 1000),
        (9, "3", "1", "در صف ارسال", 1000),
    ]
    assert found.anomalies == {}


@pytest.mark.parametrize(
    "phone", ["+982188776655", "+14155550100", "09120000000", "+98912000000", "+9891200000000", ""]
)
def test_a_number_that_is_no_iranian_mobile_is_refused(najva: Najva, recorded_job: SendJob, phone: str) -> None:
    assert najva.refuses(phone) == "not_iranian_mobile"
    with pytest.raises(InvalidJob, match="not_iranian_mobile"):
        najva.build_send(replace(recorded_job, recipients=[Recipient(1, phone)]))


def test_every_iranian_mobile_is_taken(najva: Najva) -> None:
    assert {najva.refuses(f"+989{prefix:02d}1234567") for prefix in range(100)} == {""}


def entries_of(job: SendJob) -> list[dict[str, Any]]:
    return TestNajva().entries(job)


def test_a_foreign_entry_is_counted_and_makes_nobody_accepted(najva: Najva, recorded_job: SendJob) -> None:
    entries = [*entries_of(recorded_job), {"messageid": 9, "status": 1, "receptor": "09350000000"}]
    found = najva.parse_send(recorded_job, answer(200, entries=entries))
    assert found.anomalies == {"foreign_recipient": 1}
    assert [each.ref for each in found.results] == ["1", "2", "3"]


def test_of_two_entries_for_a_number_the_first_counts(najva: Najva, recorded_job: SendJob) -> None:
    entries = entries_of(recorded_job)
    found = najva.parse_send(recorded_job, answer(200, entries=[*entries, {**entries[0], "messageid": 9}]))
    assert found.anomalies == {"repeated_recipient": 1}
    assert found.results[0].ref == "1"


def test_an_id_given_twice_tells_nothing_of_the_second(najva: Najva, recorded_job: SendJob) -> None:
    entries = entries_of(recorded_job)
    entries[1]["messageid"] = 1
    found = najva.parse_send(recorded_job, answer(200, entries=entries))
    assert [each.outcome for each in found.results] == [Outcome.ACCEPTED, Outcome.UNCLEAR, Outcome.ACCEPTED]
    assert found.anomalies == {"repeated_ref": 1}


def test_a_blocked_message_costs_nothing(najva: Najva, recorded_job: SendJob) -> None:
    entries = entries_of(recorded_job)
    entries[0]["status"] = 14
    assert najva.parse_send(recorded_job, answer(200, entries=entries)).results[0].cost == 0


def test_a_429_says_when_to_come_back(najva: Najva, recorded_job: SendJob) -> None:
    found = najva.parse_send(recorded_job, answer(429, 429, **{"retry-after": "7"}))
    assert found.retry_after == 7.0


def test_a_status_call_is_the_originals_sample(najva: Najva) -> None:
    request = najva.build_status(["1", "2", "3"])
    assert request.url == "https://sms.najva.example/v2/sms/status"
    assert json.loads(request.body or b"") == recorded("status_request.json")


def test_the_originals_statuses_are_read(najva: Najva) -> None:
    found = najva.parse_status(["1", "2", "3"], HttpResponse(200, (FIXTURES / "status_answer.json").read_bytes()))
    assert [(each.ref, each.report, each.code) for each in found.reports] == [
        ("1", Report.DELIVERED, "10"),
        ("2", Report.SENT, "4"),
        ("3", Report.FORGOTTEN, "100"),
    ]


def test_statuses_that_nobody_asked_for_are_dropped(najva: Najva) -> None:
    found = najva.parse_status(["2"], HttpResponse(200, (FIXTURES / "status_answer.json").read_bytes()))
    assert [each.ref for each in found.reports] == ["2"]


@pytest.mark.parametrize("refs", [[], ["x"], [""], ["1"] * 1_001], ids=["none", "word", "empty", "1001"])
def test_a_status_call_beyond_the_contract_is_refused(najva: Najva, refs: list[str]) -> None:
    with pytest.raises(InvalidJob):
        najva.build_status(refs)


@pytest.mark.parametrize(("status", "outcome"), [(401, "rejected"), (429, "retryable"), (500, "unclear")])
def test_a_failed_status_call_teaches_nothing(najva: Najva, status: int, outcome: str) -> None:
    found = najva.parse_status(["1"], answer(status, status))
    assert (found.outcome, found.reports) == (Outcome(outcome), ())


def test_an_upload_goes_beside_v2(najva: Najva, tmp_path: Path) -> None:
    upload = Upload(tmp_path / "a", "عکس.PNG", "image/png", 10)
    assert najva.build_upload(upload).url == "https://sms.najva.example/upload-file/bale"


@pytest.mark.parametrize(("name", "size"), [("a.pdf", 10), ("png", 10), ("a.png", 0), ("a.png", 15 * 1024 * 1024 + 1)])
def test_a_file_beyond_the_contract_is_refused(najva: Najva, name: str, size: int) -> None:
    with pytest.raises(InvalidJob):
        najva.build_upload(Upload(Path(name), name, "image/png", size))


def test_the_originals_upload_answer_is_read(najva: Najva) -> None:
    found = najva.parse_upload(HttpResponse(200, (FIXTURES / "upload_answer.json").read_bytes()))
    assert (found.outcome, found.file_ref) == (Outcome.ACCEPTED, FILE_ID)


@pytest.mark.parametrize(
    "entries", [None, [], {}, {"file_id": None}, {"file_id": ""}, {"file_id": 5}, {"file_id": "a\nb"}]
)
def test_an_upload_without_an_id_is_unclear(najva: Najva, entries: object) -> None:
    assert najva.parse_upload(answer(200, entries=entries)).outcome is Outcome.UNCLEAR


def test_a_file_that_is_too_large_is_rejected(najva: Najva) -> None:
    found = najva.parse_upload(answer(413, 413))
    assert (found.outcome, found.blame, found.code) == (Outcome.REJECTED, Blame.REQUEST, "413")


def test_the_originals_outbox_is_read(najva: Najva) -> None:
    found = najva.parse_outbox(HttpResponse(200, (FIXTURES / "outbox_answer.json").read_bytes()))
    assert (found.available, found.total) == (True, 1000)
    assert [(each.ref, each.phone, each.sent_at) for each in found.entries] == [
        ("1234", "+989120000000", 1706619709),
        ("4321", "+989120000001", 1706619709),
    ]


@pytest.mark.parametrize(
    "response", [HttpResponse(404, HTML), HttpResponse(200, b""), answer(500), answer(200, entries=[])]
)
def test_an_outbox_that_is_not_there_is_no_failure(najva: Najva, response: HttpResponse) -> None:
    assert najva.parse_outbox(response).available is False


@pytest.mark.parametrize(("page", "size"), [(-1, 10), (0, 0), (0, 201)])
def test_a_page_beyond_the_contract_is_refused(najva: Najva, page: int, size: int) -> None:
    with pytest.raises(InvalidJob):
        najva.build_outbox(page, size)


def test_ten_thousand_entries_are_built_and_read_in_time(najva: Najva) -> None:
    job = SendJob("90000123", [Recipient(key, f"+98912{key:07d}") for key in range(10_000)], "متن پیام " * 8)
    response = TestNajva().accepting(job)
    timings = []
    for _ in range(3):
        start = time.process_time()
        najva.build_send(job)
        built = time.process_time()
        assert len(najva.parse_send(job, response).results) == 10_000
        timings.append((built - start, time.process_time() - built))
    assert min(each[0] for each in timings) < 0.04
    assert min(each[1] for each in timings) < 0.08  # 0.035 on a calm machine
