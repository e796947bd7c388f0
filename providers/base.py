"""The contract between Chapar and a messaging provider.

A provider is plain Python: it turns a job into an :class:`HttpRequest` and an :class:`HttpResponse` into outcomes. It
does no I/O and knows neither Django nor `requests`; ``providers.http`` carries requests out, ``campaigns.sending`` and
``campaigns.delivery`` decide what an outcome means for a message.
"""

from __future__ import annotations

import contextlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import orjson

from providers.answers import (
    Blame,
    CheckAnswer,
    OutboxAnswer,
    OutboxEntry,
    Outcome,
    SendAnswer,
    StatusAnswer,
    StatusReport,
    UploadAnswer,
)
from providers.audience import Audience

MAX_GROUP = 1_000  # requests of one recipient in a batch


class ProviderError(Exception):
    """Base of the contract's errors. Its text never holds a credential, a phone number or a message text."""


class MalformedAnswer(ProviderError):
    """The answer is not what the contract documents; for a send this is ``UNCLEAR``."""


class MalformedWebhook(ProviderError):
    """A webhook call whose content cannot be read; answered with 400."""


class InvalidJob(ProviderError):
    """A job that the provider's documented limits forbid (too many recipients, a repeated number, an empty text)."""


class TransportError(ProviderError):
    """The exchange itself failed.

    ``outcome`` is ``RETRYABLE`` only where it is certain that nothing was taken (DNS failure, connection refused,
    connect timeout, TLS failure before the request), else ``UNCLEAR``. ``code`` is a short word of ours such as
    ``connection_refused`` or ``read_timeout``.
    """

    def __init__(self, outcome: Outcome, code: str) -> None:
        super().__init__(code)
        self.outcome = outcome
        self.code = code


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to send as multipart. ``size`` in bytes; streamed from ``path``, unless ``content`` holds it."""

    path: Path | None
    filename: str
    content_type: str
    size: int
    field_name: str = "file"
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One HTTP request as a value. Headers and body may hold secrets and texts, so neither is in the ``repr``."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    upload: Upload | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What came back: ``status``, lower-case header names, the whole body. The body is not in the ``repr``."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def json(self) -> Any:
        """The decoded body.

        Raises:
            MalformedAnswer: the body is not JSON in UTF-8 (an HTML page, a truncated answer, nothing).
        """
        with contextlib.suppress(ValueError):
            return orjson.loads(self.body)
        try:  # what orjson is too strict for: half of a surrogate pair, a byte order mark
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise MalformedAnswer("not_json") from None


class Recipient(NamedTuple):
    """One message to send: ``key`` is our message id, ``phone`` E.164, ``text`` its own text or None for the job's."""

    key: int
    phone: str
    text: str | None = None


class Device(NamedTuple):
    """A phone that messages go out from: its id at the provider, empty for any; its SIM slot, counted from 0."""

    id: str
    slot: int | None = None


@dataclass(frozen=True, slots=True)
class SendJob:
    """One provider request's worth of messages.

    ``text`` is the common text; it is None when every recipient carries its own (peer to peer). ``idempotency_key`` is
    the same on every repeat of the same job; providers without such a key ignore it. ``copy_text`` is what a copy
    button of a Bale message copies, ``secure`` asks for the recipient's password. For a provider that keeps the
    recipients itself ``recipients`` is empty and ``audience`` names them; ``send_time`` (aware) leaves the sending to
    the provider's clock. Neither texts nor recipients are in the ``repr``.
    """

    sender: str
    recipients: Sequence[Recipient] = field(repr=False)
    text: str | None = field(default=None, repr=False)
    file_ref: str | None = None
    idempotency_key: str = ""
    copy_text: str = field(default="", repr=False)
    secure: bool = False
    audience: Audience | None = None
    send_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """An incoming webhook as it arrived: method, query string parameters, content type, raw body."""

    method: str
    query: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
    content_type: str = ""
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class CredentialField:
    """A credential that an account of this provider needs, or may have. ``label`` is an English msgid."""

    name: str
    label: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do, as far as the engine, the forms and the documentation need to know.

    ``max_recipients`` and ``max_personalised`` are recipients a request (0: the provider keeps the recipients itself,
    see ``providers.keeping``); ``group`` is how many requests of one recipient make a batch; ``max_text`` characters
    (0: no limit of its own); ``max_status_ids`` ids a status call (0: no status call); ``max_upload`` bytes (0: no
    files); ``pace`` requests a second for an account that has none set (None: as fast as it answers).
    """

    channels: tuple[str, ...]
    max_recipients: int
    max_personalised: int
    group: int = 1
    max_text: int = 0
    idempotent: bool = False
    max_status_ids: int = 0
    webhook: bool = False
    reports_delivery: bool = False
    tells_absence: bool = False  # its refusals tell who is not on the channel
    max_upload: int = 0
    upload_extensions: tuple[str, ...] = ()
    copy_button: bool = False
    secure: bool = False
    outbox: bool = False
    looks_up: bool = False  # what an unclear request came to can be asked
    send_time: bool = False
    cancels: bool = False
    credit: bool = False
    pace: float | None = None

    @property
    def keeps_audience(self) -> bool:
        """The provider has the recipients: a request names its phonebooks or job categories."""
        return self.max_recipients == 0

    @property
    def single(self) -> bool:
        """A request takes one recipient: a batch is a group of requests."""
        return self.max_recipients == 1

    @property
    def max_batch(self) -> int:
        """The most recipients that an account may set for a batch."""
        return MAX_GROUP if self.single else self.max_recipients


class Search(ABC):
    """Asks a provider, call by call, which messages to one number it has taken.

    Carry ``request()`` out and hand its answer to ``take`` until there is none. ``complete`` means proven: a message
    that is not among ``found`` is not there.
    """

    complete: bool = False

    @abstractmethod
    def request(self) -> HttpRequest | None:
        """The next call, or None."""

    @abstractmethod
    def take(self, response: HttpResponse) -> None:
        """Read its answer. Never raises."""

    @property
    @abstractmethod
    def found(self) -> Sequence[OutboxEntry]:
        """What the provider has for the number."""


class Provider(ABC):
    """One provider, bound to an account's base URL and credentials. Instances are cheap, immutable and do no I/O."""

    slug: ClassVar[str]
    label: ClassVar[str]  # an English msgid
    default_base_url: ClassVar[str]
    credential_fields: ClassVar[tuple[CredentialField, ...]]
    capabilities: ClassVar[Capabilities]
    sender_hint: ClassVar[str]  # an English msgid: what the sender of a line looks like on the wire
    codes: ClassVar[frozenset[str]]  # every documented code; providers.explaining has words for each

    def __init__(self, base_url: str, credentials: Mapping[str, str]) -> None:
        self.base_url = base_url.rstrip("/")
        self._credentials = dict(credentials)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.base_url}>"

    @abstractmethod
    def _headers(self) -> dict[str, str]:
        """The headers of every request: the credentials, and what the provider wants besides."""

    def _json(self, method: str, path: str, content: Mapping[str, Any]) -> HttpRequest:
        """A request with a JSON body in UTF-8.

        Raises:
            InvalidJob: a text has half of a surrogate pair, which no provider could take.
        """
        try:
            body = json.dumps(content, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise InvalidJob("text_encoding") from None
        headers = {**self._headers(), "Content-Type": "application/json; charset=utf-8"}
        return HttpRequest(method, self.base_url + path, headers, body=body)

    def _get(self, path: str, params: Mapping[str, str] | None = None) -> HttpRequest:
        """A request without a body; ``params`` become its query string."""
        return HttpRequest("GET", self.base_url + path, self._headers(), params or {})

    def refuses(self, phone: str) -> str:
        """A short word of ours (``not_iranian_mobile``) for an E.164 number that it cannot carry, else empty.

        Asked before a number enters a job, so that one such number costs one recipient and not the whole request.
        """
        return ""

    def objects_to(self, text: str) -> str:
        """A short word of ours (``text_too_long``) for a text as sent that it cannot carry, else empty."""
        most = self.capabilities.max_text
        return "text_too_long" if most and len(text) > most else ""

    def knows_sender(self, sender: str) -> bool:
        """Whether a line's sender has the form that goes onto the wire (``sender_hint``)."""
        return bool(sender)

    def device_of(self, sender: str) -> Device | None:
        """The phone that a line's sender names; None where lines are no phones."""
        return None

    @abstractmethod
    def build_send(self, job: SendJob) -> HttpRequest:
        """The request for a job.

        Raises:
            InvalidJob: the job exceeds a documented limit or names a number twice.
        """

    @abstractmethod
    def parse_send(self, job: SendJob, response: HttpResponse) -> SendAnswer:
        """The outcome of a send. Never raises: an answer that is not the documented one is ``UNCLEAR``."""

    def parse_webhook(self, call: WebhookCall) -> list[StatusReport]:
        """The reports in a webhook call; an unknown status word is kept as ``UNRECOGNISED``.

        Raises:
            MalformedWebhook: the call carries no id or no status, cannot be decoded, or the provider makes none.
        """
        raise MalformedWebhook("no_webhook")

    def build_status(self, refs: Sequence[str]) -> HttpRequest:
        """The request that asks for the status of up to ``capabilities.max_status_ids`` messages."""
        raise InvalidJob("no_status_call")

    def parse_status(self, refs: Sequence[str], response: HttpResponse) -> StatusAnswer:
        """The statuses that came back; ids that were not asked for are dropped. Never raises."""
        return StatusAnswer(Outcome.REJECTED, blame=Blame.REQUEST, code="no_status_call")

    def build_upload(self, upload: Upload) -> HttpRequest:
        """The request that uploads a file.

        Raises:
            InvalidJob: the provider takes no files, or not this extension or size.
        """
        raise InvalidJob("no_uploads")

    def parse_upload(self, response: HttpResponse) -> UploadAnswer:
        """The outcome of an upload. Never raises."""
        return UploadAnswer(Outcome.REJECTED, blame=Blame.REQUEST, code="no_uploads")

    @abstractmethod
    def build_check(self) -> HttpRequest:
        """The request that tells whether address and credentials are right: it sends no message and costs nothing."""

    @abstractmethod
    def parse_check(self, response: HttpResponse) -> CheckAnswer:
        """What it told. ACCEPTED: all is well; REJECTED with ``Blame.ACCOUNT``: the credentials. Never raises."""

    def search(self, phone: str) -> Search:
        """A search for the messages to an E.164 number, where ``capabilities.looks_up`` and it takes recipients.

        Raises:
            InvalidJob: it has no such call.
        """
        raise InvalidJob("no_search")

    def build_outbox(self, page: int, page_size: int) -> HttpRequest:
        """The request for one page (from 0) of what was sent recently."""
        raise InvalidJob("no_outbox")

    def parse_outbox(self, response: HttpResponse) -> OutboxAnswer:
        """The page; ``available=False`` for any answer that is not the documented one."""
        return OutboxAnswer(available=False)
