"""GoSMS's side of the wire, as strictly as contracts.md states it: phones that send, one message a request."""

from __future__ import annotations

import json
import re
import threading
import time
from array import array
from collections import deque
from collections.abc import Iterator
from typing import Any

from providers.sandbox.faults import Fault
from providers.sandbox.ledger import Behaviour, Ledger, Taken, fate
from providers.sandbox.side import Call, Refusal, Reply, Side

PATHS = {
    ("POST", "/sms/send"): "gosms_send",
    ("POST", "/sms/get"): "gosms_get",
    ("DELETE", "/sms/del"): "gosms_delete",
    ("GET", "/sms"): "gosms_list",
}
STATUS_TEXTS = {
    0: "Ждет обработки",
    1: "Взято в обработку",
    2: "Отправлено",
    3: "Ошибка отправки",
    4: "Доставлено",
    5: "Ошибка доставки",
}
ERROR_TEXTS = {
    429: "Слишком много запросов.",
    1000: "Неизвестная ошибка.",
    1001: "Недопустимый запрос Json.",
    1003: "Api не существует.",
    1006: "Максимальное количество смс на Вашем тарифном плане.",
    1008: "Смс с таким id не существует.",
    1010: "Это смс сообщение можно будет удалить через пару минут.",
    1017: "Указан to_sim, но не указан device_id.",
    2001: "Неверно указан номер телефона в поле phone_number.",
    2002: "Неверно указан текст сообщения в поле message.",
    2003: "Неверный формат id.",
    2004: "Неверный формат callback_id.",
    2005: "Неверный формат device_id.",
    2006: "limit является обязательным параметром. Минимум 1, максимум 100.",
    2007: "offset может состоять только из числового значения.",
    2008: "Неверный формат to_sim.",
}
FIELDS = {
    "gosms_send": {"message", "phone_number", "device_id", "to_sim", "callback_id"},
    "gosms_get": {"id"},
    "gosms_delete": {"id"},
    "gosms_list": {"limit", "offset", "search"},
}
FATES = {6: 3, 10: 4, 11: 5, 14: 5}  # the sandbox's final statuses in GoSMS's words
WAITING, TAKEN, SENT, DELIVERED, UNDELIVERED = 0, 1, 2, 4, 5
WINDOW = 0.95  # seconds: an even ten a second is not refused for the jitter of a few of them
_NUMBER = re.compile(r"[1-9][0-9]{2,14}")
_WHOLE = re.compile(r"[0-9]{1,9}")
_OBJECT_ID = re.compile(r"[0-9a-fA-F]{24}")
_OWN_ID = re.compile(r"66([0-9a-f]{22})")
_DEVICE = re.compile(rf"{_OBJECT_ID.pattern}|[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}")


class GoSMSSide(Side):
    """GoSMS's API, without its calls for devices."""

    slug = "gosms"
    label = "GoSMS"
    paths = PATHS
    credentials = ("token",)
    sent_status = SENT
    reached = frozenset({DELIVERED, UNDELIVERED})

    def __init__(self, ledger: Ledger, behaviour: Behaviour) -> None:
        super().__init__(ledger, behaviour)
        self._deleted: set[int] = set()
        self._recent: dict[tuple[str, str], deque[float]] = {}
        self._lock = threading.Lock()

    def handle(self, call: Call, fault: Fault | None) -> Reply:
        scheme, _, token = (call.headers.get("Authorization") or "").partition(" ")
        self.check_token(token if scheme == "Bearer" else "")
        if self._too_fast(token, call.operation):
            return self._declined(429, 429)
        if call.operation == "gosms_list":
            self._note_unknown(call.operation, call.query)
            return self._list(token, **{name: call.query[name] for name in call.query.keys() & FIELDS["gosms_list"]})
        try:
            content = call.content()
        except Refusal as refusal:
            raise Refusal(1001, refusal.name) from None
        self._note_unknown(call.operation, content)
        if call.operation == "gosms_send":
            return self._send(token, content, fault)
        found = self._find(token, content.get("id"))
        if not found:
            return self._declined(404, 1008)
        return self._delete(found) if call.operation == "gosms_delete" else Reply(200, _json(self._row(found)))

    def refusal(self, refusal: Refusal) -> Reply:
        return error(401, 1003) if refusal.code == 401 else error(400, refusal.code)

    def failure(self, kind: str) -> Reply:
        answers = {"429": (429, 429), "bad_token": (401, 1003), "no_credit": (400, 1006), "bad_request": (400, 2002)}
        return error(*answers.get(kind, (500, 1000)))

    def forget(self) -> None:
        with self._lock:
            self._deleted.clear()
            self._recent.clear()

    def final(self, phone: int) -> int:
        return FATES.get(fate(phone, self.behaviour), DELIVERED)

    def webhook(self, message_id: int, status: int) -> dict[str, Any]:
        return {"id": object_id(message_id), "status": status}

    def _declined(self, status: int, code: int) -> Reply:
        """An error that is no departure of ours from the contract."""
        self.ledger.count(f"refused_{code}")
        return error(status, code)

    def _send(self, token: str, content: dict[str, Any], fault: Fault | None) -> Reply:
        phone, message = content.get("phone_number"), content.get("message")
        if not isinstance(phone, str) or not _NUMBER.fullmatch(phone):
            raise Refusal(2001, "bad_phone_number")
        if not isinstance(message, str) or not 1 <= len(message) <= 300 or "`" in message:
            raise Refusal(2002, "bad_message")
        device, slot = _device(content), content.get("to_sim")
        callback_id = _id_in(content, "callback_id", 2004)
        try:
            self.charge(1)
        except Refusal:
            return self._declined(400, 1006)
        facts = {"device_id": device, "to_sim": slot, "callback_id": callback_id}
        taken = self.ledger.take(
            array("q", [int(phone)]),
            [message],
            provider=self.slug,
            sender=(device or "any") + (f":{slot}" if slot is not None else ""),
            token=token,
            fault=fault.kind if fault else "",
            facts={name: value for name, value in facts.items() if value not in ("", None)},
        )
        return Reply(200, _json({"id": object_id(taken.first_id)}), taken)

    def _delete(self, taken: Taken) -> Reply:
        if time.time() - taken.at < self.behaviour.gosms_delete_after:
            return self._declined(400, 1010)
        self._deleted.add(taken.first_id)
        return Reply(204, b"")

    def _list(self, token: str, limit: str = "", offset: str = "1", search: str = "") -> Reply:
        if not _WHOLE.fullmatch(limit) or not 1 <= int(limit) <= 100:
            raise Refusal(2006, "bad_limit")
        pages = self.behaviour.gosms_offset == "pages"
        if not _WHOLE.fullmatch(offset) or (pages and int(offset) == 0):
            raise Refusal(2007, "bad_offset")
        first = (int(offset) - 1) * int(limit) if pages else int(offset)
        rows = [row for row in self._rows(token) if _matches(row, search.casefold())]
        pagination = {"total_records": len(rows), "limit": int(limit), "offset": int(offset)}
        return Reply(200, _json({"pagination": pagination, "sms_list": rows[first : first + int(limit)]}))

    def _rows(self, token: str) -> Iterator[dict[str, Any]]:
        """The messages of a token, newest first."""
        for taken in reversed(self.ledger.taken):
            if taken.provider == self.slug and taken.token == token and taken.first_id not in self._deleted:
                yield self._row(taken)

    def _row(self, taken: Taken) -> dict[str, Any]:
        status = self._status(taken)
        return {
            "id": object_id(taken.first_id),
            "message": taken.text(0),
            "status": status,
            "callback_id": taken.facts.get("callback_id", ""),
            "device_id": taken.facts.get("device_id", ""),
            "phone_number": str(taken.phones[0]),
            "message_status": STATUS_TEXTS[status],
            "time_create": int(taken.at),
            "to_sim": taken.facts.get("to_sim"),
        }

    def _status(self, taken: Taken) -> int:
        age, final = time.time() - taken.at, self.final(taken.phones[0])
        if age >= self.behaviour.final_after:
            return final
        if age >= self.behaviour.sent_after and final in self.reached:
            return SENT
        return TAKEN if age >= self.behaviour.sent_after / 2 else WAITING

    def _find(self, token: str, ref: object) -> Taken | None:
        """The message with this id, where it is the token's own and was not deleted.

        Raises:
            Refusal: it has not the form of an id.
        """
        if not isinstance(ref, str) or not _OBJECT_ID.fullmatch(ref):
            raise Refusal(2003, "bad_id")
        own = _OWN_ID.fullmatch(ref.lower())
        found = self.ledger.find(int(own[1], 16)) if own else None
        if not found or found[0].first_id in self._deleted:
            return None
        return found[0] if (found[0].provider, found[0].token) == (self.slug, token) else None

    def _note_unknown(self, operation: str, names: Any) -> None:
        for unknown in sorted(set(names) - FIELDS[operation]):
            self.ledger.departure(f"unknown_field:{unknown[:40]}")

    def _too_fast(self, token: str, operation: str) -> bool:
        """Whether this call is one too many in a second for this token and endpoint."""
        most, now = self.behaviour.gosms_rate, time.monotonic()
        with self._lock:
            recent = self._recent.setdefault((token, operation), deque())
            while recent and now - recent[0] >= WINDOW:
                recent.popleft()
            if most and len(recent) >= most:
                return True
            recent.append(now)
            return False


def object_id(message_id: int) -> str:
    """The id of a message as GoSMS writes ids: 24 hex digits."""
    return f"66{message_id:022x}"


def error(status: int, code: int) -> Reply:
    """An error as the contract writes it."""
    errors = {"code": code, "message": ERROR_TEXTS[code], "hash": "6654a4e8f152"}
    return Reply(status, _json({"errors": errors}))


def _device(content: dict[str, Any]) -> str:
    """The device's id, once its SIM slot was looked at too."""
    device, slot = _id_in(content, "device_id", 2005), content.get("to_sim")
    if slot is not None and (type(slot) is not int or slot < 0):
        raise Refusal(2008, "bad_to_sim")
    if slot is not None and not device:
        raise Refusal(1017, "to_sim_without_device")
    return device


def _id_in(content: dict[str, Any], name: str, code: int) -> str:
    """An optional id of the request; empty is as good as absent."""
    value = content.get(name, "")
    if not isinstance(value, str) or (value and not _DEVICE.fullmatch(value)):
        raise Refusal(code, f"bad_{name}")
    return value


def _matches(row: dict[str, Any], search: str) -> bool:
    return not search or any(search in row[name].casefold() for name in ("message", "message_status", "phone_number"))


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()
