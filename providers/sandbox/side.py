"""What the sandbox asks of each provider's side of the wire: an answer to a call, and what is reported afterwards."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from providers.sandbox.faults import Fault
from providers.sandbox.ledger import Behaviour, Ledger, Taken, fate

_MULTIPART = re.compile(rb'name="file"; filename="([^"]*)"')


class Reply(NamedTuple):
    """An answer: HTTP status, body, and the request in the ledger where messages were taken."""

    status: int
    body: bytes
    taken: Taken | None = None


@dataclass
class Refusal(Exception):
    """An error of the contract: its code, our name for the departure, and words for a field where there are any."""

    code: int
    name: str
    field: str = ""


class Call(NamedTuple):
    """One call to a provider: header names in title case, of an upload's body only the beginning."""

    operation: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes

    @property
    def length(self) -> int:
        """The size of the whole body in bytes."""
        return int(self.headers.get("Content-Length") or 0)

    def content(self) -> dict[str, Any]:
        """The JSON object in the body.

        Raises:
            Refusal: it is none, or the content type says otherwise.
        """
        if not (self.headers.get("Content-Type") or "").startswith("application/json"):
            raise Refusal(400, "content_type")
        try:
            content = json.loads(self.body)
        except (ValueError, RecursionError):
            raise Refusal(400, "not_json") from None
        if not isinstance(content, dict):
            raise Refusal(400, "not_an_object")
        return content

    def filename(self) -> str:
        """The name of the uploaded file, in lower case.

        Raises:
            Refusal: it is no multipart body with a file.
        """
        found = _MULTIPART.search(self.body)
        if not (self.headers.get("Content-Type") or "").startswith("multipart/form-data") or not found:
            raise Refusal(400, "not_multipart")
        return found[1].decode(errors="replace").lower()


class Side(ABC):
    """One provider as the sandbox plays it: knows its paths and its contract, nothing of sockets."""

    slug: ClassVar[str]
    label: ClassVar[str]  # Persian, for the page
    paths: ClassVar[Mapping[tuple[str, str], str]]  # method and path -> operation; unique over all providers
    credentials: ClassVar[Sequence[str]]  # which of an account's credentials the header carries
    sent_status: ClassVar[int | None] = None  # what a webhook reports first; None: no webhook
    reached: ClassVar[frozenset[int]] = frozenset()  # final statuses that come after `sent_status`

    def __init__(self, ledger: Ledger, behaviour: Behaviour) -> None:
        self.ledger, self.behaviour = ledger, behaviour

    def answer(self, call: Call, fault: Fault | None) -> Reply:
        """The answer to a call, with its fault where that is a matter of content."""
        try:
            return self.handle(call, fault)
        except Refusal as refusal:
            self.ledger.count(f"refused_{refusal.code}")
            self.ledger.departure(refusal.name)
            return self.refusal(refusal)

    @abstractmethod
    def handle(self, call: Call, fault: Fault | None) -> Reply:
        """The answer to a call.

        Raises:
            Refusal: the contract has an error for it.
        """

    @abstractmethod
    def refusal(self, refusal: Refusal) -> Reply:
        """An error as the contract writes it."""

    @abstractmethod
    def failure(self, kind: str) -> Reply:
        """The error that a fault asks for (429, 500, bad_token, no_credit, bad_request), as the contract writes it."""

    def forget(self) -> None:  # noqa: B027 - most sides keep nothing of their own
        """Drop what is kept of past requests, as the ledger does on a reset; uploaded files stay."""

    def final(self, phone: int) -> int:
        """The status that every message to this phone ends in."""
        return fate(phone, self.behaviour)

    def course(self, taken: Taken) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """What webhooks report of an accepted request: first (id, status), then the final ones."""
        ids = range(taken.first_id, taken.first_id + len(taken.phones))
        finals = [(each, self.final(phone)) for each, phone in zip(ids, taken.phones, strict=True)]
        return [(each, self.sent_status or 0) for each, final in finals if final in self.reached], finals

    def webhook(self, message_id: int, status: int) -> dict[str, Any]:
        """The parameters of a webhook call."""
        return {"messageid": message_id, "status": status}

    def state_of(self, taken: Taken) -> str:
        """Where a whole request stands, in Persian, for the page; empty where only its messages have statuses."""
        return ""

    def charge(self, messages: int) -> None:
        """Take the price of messages from the credit.

        Raises:
            Refusal: it is not enough; its code is Najva's, other providers write their own.
        """
        if self.behaviour.credit is not None:
            if self.behaviour.credit < messages * self.behaviour.price:
                raise Refusal(418, "no_credit")
            self.behaviour.credit -= messages * self.behaviour.price

    def check_token(self, token: str) -> str:
        """The token, if it passes.

        Raises:
            Refusal: it is none, or not one of those that pass.
        """
        if not token or (self.behaviour.tokens and token not in self.behaviour.tokens):
            raise Refusal(401, "bad_token")
        return token
