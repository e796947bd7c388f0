"""The bulks of IPPanel's side: how one is taken, where it stands by the clock, and the reports of it."""

from __future__ import annotations

import threading
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from providers.sandbox.faults import Fault
from providers.sandbox.ippanel_data import MCI, OPERATORS, operator_of
from providers.sandbox.ippanel_requests import Order, only, parts_of, whole, wrong
from providers.sandbox.ledger import Behaviour, Ledger, Taken, fate
from providers.sandbox.side import Refusal

SLUG = "ippanel"
CREATING, WAITING, SENDING, REJECTED, INVALID, QUEUED, SENT, CANCELLED, UNFUNDED, BROKEN = range(10)
STATES = {
    CREATING: ("create", "در حال ایجاد"),
    WAITING: ("monitoring", "در انتظار تایید"),
    SENDING: ("sending", "در حال ارسال"),
    REJECTED: ("reject", "رد شده"),
    INVALID: ("invalid", "گیرندگان نامعتبر"),
    QUEUED: ("queue", "در صف ارسال"),
    SENT: ("finish", "پایان یافته"),
    CANCELLED: ("cancel", "لغو شده"),
    UNFUNDED: ("credit", "عدم اعتبار کافی"),
    BROKEN: ("error", "خطای سیستمی"),
}
ENDED_UNSENT = frozenset({REJECTED, INVALID, CANCELLED, UNFUNDED, BROKEN})
COMMENT = "متن پیام با قوانین ارسال انبوه سازگار نیست."
REPEATED_WITHIN = 40  # seconds
CANCEL_BEFORE = 5 * 60  # seconds
STATUSES = {10: 2, 11: 3, 14: 4}  # our shares of fates, as IPPanel's recipients carry them
COUNTED = {2: "operators_delivered", 3: "operators_failed", 4: "operators_blacklist"}
COUNTS = ("operators_blacklist", "operators_failed", "operators_pending", "operators_sent", "operators_delivered")

Row = Mapping[str, Any]
FILTERS: Mapping[str, tuple[type, Callable[[Row, Any], bool]]] = {
    "username": (str, lambda row, wanted: wanted in ("*", row["username"])),
    "number": (str, lambda row, wanted: row["number"] == wanted),
    "messages_outbox_id": (str, lambda row, wanted: row["messages_outbox_id"] == wanted),
    "create_from_date": (str, lambda row, wanted: int(row["time"]) >= int(wanted)),
    "create_to_date": (str, lambda row, wanted: int(row["time"]) <= int(wanted)),
    "send_from_date": (str, lambda row, wanted: int(row["time_send"]) >= int(wanted)),
    "send_to_date": (str, lambda row, wanted: int(row["time_send"]) <= int(wanted)),
    "from_exit_count": (int, lambda row, wanted: int(row["exit_count"]) >= wanted),
    "to_exit_count": (int, lambda row, wanted: int(row["exit_count"]) <= wanted),
    "message": (str, lambda row, wanted: wanted in row["message"]),
    "state_id": (str, lambda row, wanted: str(row["state_id"]) == wanted),
}


class Bulks:
    """All bulks, kept in the ledger. Methods may be called from any thread."""

    def __init__(self, ledger: Ledger, behaviour: Behaviour) -> None:
        self.ledger, self.behaviour = ledger, behaviour
        self._lock = threading.Lock()

    def prices(self, text: str) -> tuple[int, int, int]:
        """What a message costs in rial to MCI and to the others, and its parts."""
        parts, price = parts_of(text), self.behaviour.price
        return price * parts, price * 105 // 100 * parts, parts

    def take(self, order: Order, token: str, fault: Fault | None) -> Taken:
        """Take a send. What the credit does not cover is taken too, and ends unfunded.

        Raises:
            Refusal: the same send came within the last 40 seconds.
        """
        with self._lock:
            self._refuse_repeated(order, token)
            ends = fault.status if fault and fault.kind == "entry_status" else self.behaviour.bulk_ends
            cost = self._cost(order)
            if not order.phones:
                ends = INVALID
            elif self.behaviour.credit is not None and self.behaviour.credit < cost:
                ends = UNFUNDED
            if ends not in (SENT, WAITING):
                cost = 0
            self._pay(cost)
            return self.ledger.take(
                array("q", order.phones),
                [order.text],
                provider=SLUG,
                sender=order.sender,
                token=token,
                fault=fault.kind if fault else "",
                facts={
                    "sending_type": order.kind,
                    "params": order.params,
                    "due": order.due,
                    "ends": ends,
                    "cost": cost,
                },
            )

    def find(self, bulk_id: int) -> Taken | None:
        return next((taken for taken in self.latest() if taken.first_id == bulk_id), None)

    def latest(self) -> list[Taken]:
        """All bulks, the latest first."""
        return [taken for taken in reversed(self.ledger.taken) if taken.provider == SLUG]

    def cancel(self, taken: Taken) -> None:
        """Cancel a bulk that waits for its time, and give back what it cost.

        Raises:
            Refusal: it does not wait, or goes out in less than 5 minutes.
        """
        with self._lock:
            if "cancelled" in taken.facts or taken.facts["due"] - time.time() < CANCEL_BEFORE:
                raise wrong("message_outbox_id")
            self._pay(-taken.facts["cost"])
            taken.facts = {**taken.facts, "cost": 0, "cancelled": True}

    def state(self, taken: Taken) -> int:
        """Where a bulk stands now."""
        facts, now = taken.facts, time.time()
        if "cancelled" in facts:
            return CANCELLED
        if now < facts["due"]:
            return QUEUED
        age = now - max(taken.at, facts["due"])
        ends: int = self.behaviour.bulk_ends if facts["ends"] == WAITING else facts["ends"]
        if age < self.behaviour.sent_after:
            return CREATING
        if age < self.behaviour.final_after and ends != WAITING:
            return SENDING if ends == SENT else QUEUED
        return ends

    def row(self, taken: Taken) -> dict[str, Any]:
        """A bulk as the reports list it: most figures are strings."""
        state, facts = self.state(taken), taken.facts
        word, words = STATES[state]
        recipients = str(len(taken.phones))
        return {
            "username": "chapar",
            "number_color": "#95E871",
            "number": taken.sender,
            "number_id": "10001",
            "messages_outbox_id": str(taken.first_id),
            "state": word,
            "type": facts["sending_type"],
            "time_send": str(int(max(taken.at, facts["due"]))),
            "time": str(int(taken.at)),
            "rcpts_count": recipients,
            "exit_count": recipients if state == SENT else "0",
            "status": words,
            "valid": "reject" if state == REJECTED else "approve",
            "message": taken.text(0),
            "part": str(parts_of(taken.text(0))),
            "cost": float(facts["cost"]),
            "reject_comment": COMMENT if state == REJECTED else None,
            "state_id": state,
        }

    def filtered(self, filters: object) -> list[dict[str, Any]]:
        """The rows that a list's filters leave, the latest first."""
        if not isinstance(filters, dict):
            raise wrong("filters")
        only(filters, FILTERS, "filters.")
        for name, wanted in filters.items():
            if type(wanted) is not FILTERS[name][0]:
                raise wrong(f"filters.{name}")
            if name.endswith("_date"):
                whole(wanted, f"filters.{name}")
        rows = [self.row(taken) for taken in self.latest()]
        return [row for row in rows if all(FILTERS[name][1](row, wanted) for name, wanted in filters.items())]

    def stats(self, taken: Taken) -> dict[str, Any]:
        """The figures of a bulk: every recipient under one status, by operator and language of the text."""
        language = "en" if taken.text(0).isascii() else "fa"
        counts = {name: {each: {"en": 0, "fa": 0} for each in ("irancell", "mci", "other")} for name in COUNTS}
        state = self.state(taken)
        for phone in () if state in ENDED_UNSENT else taken.phones:
            name = "operators_pending"
            if state in (SENDING, SENT):
                name = COUNTED.get(self.status(state, phone), "operators_sent")
            counts[name][OPERATORS[operator_of(phone)]][language] += 1
        return {name: {each: _as_written(by) for each, by in found.items()} for name, found in counts.items()}

    def reported(self, taken: Taken) -> Sequence[int]:
        """Whose status is told: nobody's before the sending, and nobody's where nothing was sent."""
        return taken.phones if self.state(taken) in (SENDING, SENT) else ()

    def status(self, state: int, phone: int) -> int:
        """What became of a recipient, of a bulk in this state."""
        return STATUSES.get(fate(phone, self.behaviour), 3) if state == SENT else 0

    def _refuse_repeated(self, order: Order, token: str) -> None:
        since = time.time() - REPEATED_WITHIN
        for taken in reversed(self.ledger.taken):
            if taken.at < since:
                return
            if (taken.provider, taken.token) == (SLUG, token) and order.is_like(
                taken.facts, taken.sender, taken.text(0)
            ):
                raise Refusal(429, "repeated_send")

    def _cost(self, order: Order) -> int:
        mci, other, _parts = self.prices(order.text)
        return sum(mci if operator_of(phone) == MCI else other for phone in order.phones)

    def _pay(self, rial: int) -> None:
        if self.behaviour.credit is not None:
            self.behaviour.credit -= rial


def moment(seconds: float) -> str:
    """A moment as IPPanel writes it: UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _as_written(by_language: Mapping[str, int]) -> dict[str, int | str]:
    """IPPanel's own sample has zeros as numbers and all else as texts."""
    return {language: str(count) if count else 0 for language, count in by_language.items()}
