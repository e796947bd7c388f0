"""Bale Safir's side of the wire, as strictly as contracts.md states it. Every departure of ours is refused or noted.

An error of a recipient comes in a 200 beside the request's id, any other with an HTTP status of its own (a fault's
``http`` puts it into another). The same ``request_id`` of a key again gets the same answer and takes nothing. The fault
``entry_status`` refuses the recipient with its ``status`` for a code, ``partial`` leaves the id out of the answer, and
``foreign`` adds an error of another number.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from array import array
from collections.abc import Mapping
from typing import Any, NamedTuple

from providers.sandbox.faults import Fault
from providers.sandbox.ledger import Behaviour, Ledger, Taken, absent
from providers.sandbox.side import Call, Refusal, Reply, Side

PATHS = {("POST", "/api/v3/send_message"): "safir_send", ("POST", "/api/v3/upload_file"): "safir_upload"}
DESCRIPTIONS = {
    2: "خطای داخلی سرور",
    3: "بیش از حد مجاز پیام ارسال شده",
    4: "ورودی JSON نامعتبر",
    8: "شماره اشتباه",
    17: "کاربر اکانت بله ندارد",
    20: "اعتبار کافی وجود ندارد",
    21: "محدودیت تعداد مخاطبین بازو",
}
HTTP = {2: 500, 3: 429, 4: 400, 20: 402, 21: 403}
FAILURES = {"429": 3, "bad_token": 401, "no_credit": 20, "bad_request": 4}
FIELDS = frozenset({"request_id", "bot_id", "phone_number", "message_data"})
DATA_FIELDS = frozenset({"message", "is_secure"})
MESSAGE_FIELDS = frozenset({"text", "file_id", "copy_text"})
MAX_UPLOAD = 500 * 1024 * 1024
FOREIGN = "989000000000"
_PHONE = re.compile(r"98[0-9]{10}")


class Order(NamedTuple):
    """A send request, read."""

    request_id: str
    bot_id: int
    phone: str
    text: str
    file_id: str
    copy_text: str
    secure: bool


class SafirSide(Side):
    """Safir v3."""

    slug = "safir"
    label = "سفیر بله"
    paths = PATHS
    credentials = ("api_access_key",)

    def __init__(self, ledger: Ledger, behaviour: Behaviour) -> None:
        super().__init__(ledger, behaviour)
        self._lock = threading.Lock()
        self._files: set[tuple[str, str]] = set()  # each with the key that uploaded it
        self._answered: dict[tuple[str, str], tuple[int, bytes]] = {}  # by key and request_id

    def handle(self, call: Call, fault: Fault | None) -> Reply:
        token = self.check_token(call.headers.get("Api-Access-Key") or "")
        if call.operation == "safir_upload":
            return self._upload(call, token)
        order = self._read(call.content(), token)
        with self._lock:
            reply = self._send(order, token, fault)
        return reply._replace(body=_spoiled(reply.body, fault)) if fault else reply

    def refusal(self, refusal: Refusal) -> Reply:
        return error(4 if refusal.code == 400 else refusal.code, refusal.field)

    def failure(self, kind: str) -> Reply:
        return error(FAILURES.get(kind, 2))

    def forget(self) -> None:
        with self._lock:
            self._answered.clear()

    def charge(self, messages: int) -> None:
        try:
            super().charge(messages)
        except Refusal as refusal:
            raise Refusal(20, refusal.name) from None

    def _read(self, content: dict[str, Any], token: str) -> Order:
        self._note_unknown(content, FIELDS)
        data = _object(content, "message_data")
        self._note_unknown(data, DATA_FIELDS)
        message = _object(data, "message")
        self._note_unknown(message, MESSAGE_FIELDS)
        text, file_id, copy_text = (_text(message, name) for name in ("text", "file_id", "copy_text"))
        if not text and not file_id:
            raise Refusal(4, "no_text_and_no_file")
        if file_id and (token, file_id) not in self._files:
            raise Refusal(4, "unknown_file")
        secure, bot_id, phone = data.get("is_secure", False), content.get("bot_id"), content.get("phone_number")
        if type(secure) is not bool:
            raise Refusal(4, "bad_is_secure")
        if type(bot_id) is not int or bot_id <= 0:
            raise Refusal(4, "bad_bot_id")
        if type(phone) is not str:
            raise Refusal(4, "bad_phone_number")
        if not _PHONE.fullmatch(phone):
            raise Refusal(8, "bad_number", phone)
        return Order(self._request_id(content), bot_id, phone, text, file_id, copy_text, secure)

    def _note_unknown(self, fields: Mapping[str, Any], known: frozenset[str]) -> None:
        for unknown in sorted(fields.keys() - known):
            self.ledger.departure(f"unknown_field:{unknown[:40]}")

    def _request_id(self, content: dict[str, Any]) -> str:
        """Ours always bear one, though the contract does not insist on it."""
        if "request_id" not in content:
            self.ledger.departure("no_request_id")
            return ""
        return _text(content, "request_id")

    def _send(self, order: Order, token: str, fault: Fault | None) -> Reply:
        earlier = self._answered.get((token, order.request_id)) if order.request_id else None
        if earlier:
            self.ledger.count("replays")
            if earlier[0] != hash(order):
                self.ledger.departure("request_id_of_another_message")
            return Reply(200, earlier[1])
        if fault and fault.kind == "entry_status":
            self.ledger.count(f"refused_{fault.status}")
            return Reply(200, _envelope(fault.status, order.phone))
        if absent(int(order.phone), self.behaviour):
            self.ledger.count("refused_17")
            reply = Reply(200, _envelope(17, order.phone))
        else:
            self.charge(1)
            reply = Reply(200, _envelope(), self._take(order, token, fault))
        if order.request_id:
            self._answered[token, order.request_id] = hash(order), reply.body
        return reply

    def _take(self, order: Order, token: str, fault: Fault | None) -> Taken:
        facts = order._asdict()
        del facts["bot_id"], facts["phone"]
        return self.ledger.take(
            array("q", [int(order.phone)]),
            [order.text],
            provider=self.slug,
            sender=str(order.bot_id),
            token=token,
            file_id=order.file_id,
            fault=fault.kind if fault else "",
            facts=facts,
        )

    def _upload(self, call: Call, token: str) -> Reply:
        call.filename()
        if call.length > MAX_UPLOAD + 2_000:
            raise Refusal(4, "file_size")
        file_id = uuid.uuid4().hex
        self._files.add((token, file_id))
        self.ledger.count("uploads")
        return Reply(200, json.dumps({"file_id": file_id}).encode())


def error(code: int, phone: str = "") -> Reply:
    """An error of the whole request, or of the one phone that it named. A bad key has no code in the contract."""
    if code == 401:
        return Reply(401, b'{"message": "Unauthorized"}')
    return Reply(HTTP.get(code, 200), _envelope(code, phone, request_id=""))


def _envelope(code: int = 0, phone: str = "", request_id: str | None = None) -> bytes:
    errors = [{"phone_number": phone, "code": code, "description": DESCRIPTIONS.get(code, "خطا")}] if code else None
    found = str(uuid.uuid4()) if request_id is None else request_id
    return json.dumps({"request_id": found, "error_data": errors}, ensure_ascii=False).encode()


def _spoiled(body: bytes, fault: Fault) -> bytes:
    """A right answer, made wrong as the fault says. The ledger keeps the truth."""
    content = json.loads(body)
    if fault.kind == "partial":
        del content["request_id"]
    if fault.kind == "foreign":
        content["error_data"] = [{"phone_number": FOREIGN, "code": 17, "description": DESCRIPTIONS[17]}]
    return json.dumps(content, ensure_ascii=False).encode()


def _object(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = fields.get(name)
    if not isinstance(found, dict):
        raise Refusal(4, f"bad_{name}")
    return found


def _text(fields: Mapping[str, Any], name: str) -> str:
    """A text that may be left out, but not empty or anything else."""
    if name not in fields:
        return ""
    found = fields[name]
    if not isinstance(found, str) or not found:
        raise Refusal(4, f"bad_{name}")
    return found
