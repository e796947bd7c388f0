"""Najva's side of the wire, as strictly as contracts.md states it. Every departure of ours is refused or noted."""

from __future__ import annotations

import json
import re
import time
import uuid
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from providers.sandbox.faults import Fault
from providers.sandbox.ledger import Behaviour, Ledger, Taken, status_at
from providers.sandbox.side import Call, Refusal, Reply, Side

PATHS = {
    ("POST", "/v2/sms/send"): "send",
    ("POST", "/v2/sms/send-p2p"): "p2p",
    ("POST", "/upload-file/bale"): "upload",
    ("POST", "/v2/sms/status"): "status",
    ("GET", "/v2/sms/outbox"): "outbox",
}
STATUS_TEXTS = {
    1: "در صف ارسال",
    2: "زمانبندی شده",
    4: "رسیده به مخابرات",
    6: "خطا در ارسال پیام",
    10: "رسیده به گیرنده",
    11: "نرسیده به گیرنده",
    13: "لغو شده",
    14: "گیرنده دریافت این پیامک را بلاک کرده است",
    100: "شناسه پیامک نامعتبر است",
}
FIELDS = {"send": {"message", "sender", "receivers", "file_id"}, "p2p": {"sender", "file_id", "messages"}}
MAX_UPLOAD = 15 * 1024 * 1024
DEFAULT_LINE = "90000123"
_MOBILE = re.compile(r"09[0-9]{9}")
_EXTENSIONS = (".jpeg", ".jpg", ".png", ".gif", ".opus", ".ogg", ".mp4")


class Entry(NamedTuple):
    """One line of a send's answer, before it is written. ``message`` is JSON."""

    message_id: int
    wire: str
    message: str
    status: int


class NajvaSide(Side):
    """Najva's web service v2."""

    slug = "najva"
    label = "نجوا"
    paths = PATHS
    credentials = ("api_token",)
    sent_status = 4
    reached = frozenset({10, 11, 14})

    def __init__(self, ledger: Ledger, behaviour: Behaviour) -> None:
        super().__init__(ledger, behaviour)
        self._files: set[str] = set()

    def handle(self, call: Call, fault: Fault | None) -> Reply:
        scheme, _, token = (call.headers.get("Authorization") or "").partition(" ")
        self.check_token(token if scheme == "Bearer" else "")
        if call.operation == "upload":
            return self._upload(call)
        if call.operation == "outbox":
            return self._outbox(call.query)
        content = call.content()
        if call.operation == "status":
            return self._status(content, fault)
        return self._send(call.operation, token, content, fault)

    def refusal(self, refusal: Refusal) -> Reply:
        return error(refusal.code)

    def failure(self, kind: str) -> Reply:
        return error({"429": 429, "bad_token": 401, "no_credit": 418, "bad_request": 400}.get(kind, 500))

    def _send(self, operation: str, token: str, content: dict[str, Any], fault: Fault | None) -> Reply:
        for unknown in sorted(content.keys() - FIELDS[operation]):
            self.ledger.departure(f"unknown_field:{unknown[:40]}")
        wires, texts = _personal(content) if operation == "p2p" else _common(content)
        if len(set(wires)) != len(wires):
            raise Refusal(400, "repeated_number")
        if not all(map(_MOBILE.fullmatch, wires)):
            raise Refusal(400, "bad_number")
        sender, file_id = content.get("sender", DEFAULT_LINE if operation == "p2p" else None), content.get("file_id")
        if not isinstance(sender, str) or not sender:
            raise Refusal(400, "bad_sender")
        if file_id is not None and file_id not in self._files:
            raise Refusal(400, "unknown_file")
        self.charge(len(wires))
        phones = array("q", [int("98" + wire[1:]) for wire in wires])
        name = fault.kind if fault else ""
        taken = self.ledger.take(
            phones, texts, provider=self.slug, sender=sender, token=token, file_id=file_id or "", fault=name
        )
        return Reply(200, self._entries(taken, wires, fault), taken)

    def _entries(self, taken: Taken, wires: Sequence[str], fault: Fault | None) -> bytes:
        messages = [json.dumps(text, ensure_ascii=False) for text in taken.texts]
        if len(messages) != len(wires):
            messages = messages * len(wires)
        entries = list(
            map(Entry, range(taken.first_id, taken.first_id + len(wires)), wires, messages, [1] * len(wires))
        )
        if fault:
            entries = _spoiled(entries, fault)
        sender, date, price = json.dumps(taken.sender), int(taken.at), self.behaviour.price
        texts = {status: json.dumps(text, ensure_ascii=False) for status, text in STATUS_TEXTS.items()}
        return _envelope(
            f'{{"messageid":{entry[0]},"message":{entry[2]},"status":{entry[3]}'
            f',"statustext":{texts.get(entry[3], "null")},"sender":{sender}'
            f',"receptor":"{entry[1]}","date":{date},"cost":{price}}}'
            for entry in entries
        )

    def _status(self, content: dict[str, Any], fault: Fault | None) -> Reply:
        ids = content.get("messageids")
        if not isinstance(ids, list) or not ids or not all(type(each) is int for each in ids):
            raise Refusal(400, "bad_messageids")
        if len(ids) > 1_000:
            raise Refusal(414, "too_many_ids")
        now = time.time()
        self.ledger.count("polled", len(ids))
        if fault and fault.kind == "partial":
            ids = ids[: int(len(ids) * fault.share)]
        return Reply(200, _envelope(self._status_entry(each, now) for each in ids))

    def _status_entry(self, message_id: int, now: float) -> str:
        found = self.ledger.find(message_id)
        status = status_at(*found, now, self.behaviour) if found else 100
        entry = {"messageid": message_id, "status": status, "statustext": STATUS_TEXTS.get(status, "")}
        return json.dumps(entry, ensure_ascii=False)

    def _upload(self, call: Call) -> Reply:
        if not call.filename().endswith(_EXTENSIONS):
            raise Refusal(400, "file_extension")
        if call.length > MAX_UPLOAD + 2_000:
            raise Refusal(413, "file_size")
        file_id = str(uuid.uuid4())
        self._files.add(file_id)
        content = {"return": {"status": 200, "message": "تایید شد"}, "entries": {"file_id": file_id}}
        return Reply(200, json.dumps(content, ensure_ascii=False).encode())

    def _outbox(self, query: Mapping[str, str]) -> Reply:
        if not self.behaviour.outbox:
            return error(404)  # documented as not yet available
        page, size = query.get("page", ""), query.get("pageSize", "")
        if not page.isdecimal() or not size.isdecimal() or not 0 < int(size) <= 200:
            raise Refusal(400, "bad_page")
        requests = [taken for taken in reversed(self.ledger.taken) if taken.provider == self.slug]
        rows: list[tuple[Taken, int]] = []
        total, start = sum(len(taken.phones) for taken in requests), int(page) * int(size)
        for taken in requests:
            count = len(taken.phones)
            rows += [(taken, count - 1 - place) for place in range(start, min(count, start + int(size) - len(rows)))]
            start = max(0, start - count)
        head = json.dumps({"totalMessages": total, "page": int(page)})
        return Reply(200, _envelope([head, *(self._outbox_entry(*row) for row in rows)]))

    def _outbox_entry(self, taken: Taken, index: int) -> str:
        status = status_at(taken, index, time.time(), self.behaviour)
        entry = {
            "messageid": taken.first_id + index,
            "message": taken.text(index),
            "status": status,
            "statustext": STATUS_TEXTS.get(status, ""),
            "sender": taken.sender,
            "receptor": "0" + str(taken.phones[index])[2:],
            "date": int(taken.at),
            "cost": self.behaviour.price,
        }
        return json.dumps(entry, ensure_ascii=False)


def error(code: int) -> Reply:
    """An error as the contract writes it: the code in the HTTP status and in the envelope."""
    texts = {400: "پارامترهای ورودی صحیح نیستند.", 401: "توکن نامعتبر است.", 418: "اعتبار حساب شما کافی نیست."}
    content = {"return": {"status": code, "message": texts.get(code, "خطا")}, "entries": None}
    return Reply(code, json.dumps(content, ensure_ascii=False).encode())


def _envelope(entries: Iterable[str]) -> bytes:
    return ('{"return":{"status":200,"message":"تایید شد"},"entries":[' + ",".join(entries) + "]}").encode()


def _common(content: dict[str, Any]) -> tuple[list[str], list[str]]:
    receivers, message = content.get("receivers"), content.get("message")
    if not isinstance(receivers, list) or not receivers or not all(type(each) is str for each in receivers):
        raise Refusal(400, "bad_receivers")
    if not isinstance(message, str) or not message:
        raise Refusal(400, "bad_message")
    if len(receivers) > 10_000:
        raise Refusal(414, "too_many_recipients")
    return receivers, [message]


def _personal(content: dict[str, Any]) -> tuple[list[str], list[str]]:
    messages = content.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refusal(400, "bad_messages")
    if len(messages) > 10_000:
        raise Refusal(414, "too_many_recipients")
    if not all(type(each) is dict and each.keys() == {"message", "receiver"} for each in messages):
        raise Refusal(400, "bad_messages")
    wires, texts = [each["receiver"] for each in messages], [each["message"] for each in messages]
    if not all(type(each) is str for each in wires) or not all(type(each) is str and each for each in texts):
        raise Refusal(400, "bad_messages")
    return wires, texts


def _spoiled(entries: list[Entry], fault: Fault) -> list[Entry]:
    """The entries of a right answer, made wrong as the fault says. The ledger keeps the truth."""
    if fault.kind == "partial":
        return entries[: int(len(entries) * fault.share)]
    if fault.kind == "extra":
        return [*entries, entries[0]._replace(message_id=entries[-1].message_id + 1, wire="09000000000")]
    if fault.kind == "foreign":
        return [entries[0]._replace(wire="09000000000"), *entries[1:]]
    if fault.kind == "duplicate_ids":
        return [entry._replace(message_id=entries[0].message_id) for entry in entries[:2]] + entries[2:]
    if fault.kind == "entry_status":
        return [entries[0]._replace(status=fault.status), *entries[1:]]
    return entries[1::2] + entries[::2][::-1] if fault.kind == "shuffled" else entries
