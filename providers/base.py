"""The contract between Chapar and a messaging provider.

A provider is plain Python: it turns a job into an :class:`HttpRequest` and an :class:`HttpResponse` into outcomes. It
does no I/O and knows neither Django nor `requests`; ``providers.http`` carries requests out, ``campaigns.sending`` and
``campaigns.delivery`` decide what an outcome means for a message.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, NamedTuple


class Outcome(StrEnum):
    """How a request, or one recipient of it, ended. Exactly one of four; what nobody foresaw is ``UNCLEAR``."""

    ACCEPTED = "accepted"  # the provider answered with an id
    REJECTED = "rejected"  # a documented refusal: nothing was sent
    RETRYABLE = "retryable"  # certain that nothing was taken: safe to repeat
    UNCLEAR = "unclear"  # may have been taken: never repeated without an idempotency key


class Blame(StrEnum):
    """Whom a refusal concerns, and so what stops: one recipient, this request's campaign, or the whole account."""

    RECIPIENT = "recipient"
    REQUEST = "request"
    ACCOUNT = "account"


class Report(StrEnum):
    """What a provider says became of a message after it was accepted."""

    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    BLOCKED = "blocked"
    FAILED = "failed"
    CANCELLED = "cancelled"
    FORGOTTEN = "forgotten"  # the provider does not know the id: flagged, never counted as sent
    UNRECOGNISED = "unrecognised"  # a word that is not in the contract: kept, the status stays


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
    """A file to send as multipart. ``size`` in bytes; the content is streamed from ``path``."""

    path: Path
    filename: str
    content_type: str
    size: int
    field_name: str = "file"


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
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise MalformedAnswer("not_json") from None


class Recipient(NamedTuple):
    """One message to send: ``key`` is our message id, ``phone`` E.164, ``text`` its own text or None for the job's."""

    key: int
    phone: str
    text: str | None = None


@dataclass(frozen=True, slots=True)
class SendJob:
    """One provider request's worth of messages.

    ``text`` is the common text; it is None when every recipient carries its own (peer to peer). ``idempotency_key`` is
    the same on every repeat of the same job; providers without such a key ignore it. Neither text nor recipients are
    in the ``repr``.
    """

    sender: str
    recipients: Sequence[Recipient] = field(repr=False)
    text: str | None = field(default=None, repr=False)
    file_ref: str | None = None
    idempotency_key: str = ""
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)


class RecipientResult(NamedTuple):
    """The provider's answer for one recipient. ``ref`` is its id at the provider, ``cost`` in rial.

    ``code`` and ``text`` are the provider's own, unchanged and in its own language. ``report`` is set where the answer
    already carries a status (an accepted message may come back as failed or blocked).
    """

    key: int
    outcome: Outcome
    ref: str = ""
    report: Report | None = None
    code: str = ""
    text: str = ""
    cost: int | None = None


@dataclass(frozen=True, slots=True)
class SendAnswer:
    """What a send came to.

    With ``outcome`` ACCEPTED, ``results`` holds one entry for each recipient of the job, in the job's order; a
    recipient that the provider's answer leaves out is in it as UNCLEAR. With any other outcome it is empty and the
    outcome holds for the whole request. ``anomalies`` counts what the contract does not foresee, by a short word of
    ours (``foreign_recipient``, ``repeated_ref``, ``unknown_status``). ``retry_after`` in seconds.
    """

    outcome: Outcome
    results: Sequence[RecipientResult] = field(default=(), repr=False)
    blame: Blame | None = None
    code: str = ""
    text: str = ""
    retry_after: float | None = None
    field_errors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    anomalies: Mapping[str, int] = field(default_factory=dict)


class StatusReport(NamedTuple):
    """One status of one message, from a webhook or a poll: the provider's id, our reading, its own code and words."""

    ref: str
    report: Report
    code: str
    text: str = ""
    cost: int | None = None


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """The outcome of a poll. Not ACCEPTED means that nothing was learnt; ``reports`` may lack some of the ids asked."""

    outcome: Outcome
    reports: Sequence[StatusReport] = field(default=(), repr=False)
    blame: Blame | None = None
    code: str = ""
    text: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class UploadAnswer:
    """The outcome of an upload; ``file_ref`` is the provider's id of the file."""

    outcome: Outcome
    file_ref: str = ""
    blame: Blame | None = None
    code: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A message as the provider's outbox lists it. ``phone`` E.164, ``sent_at`` Unix seconds."""

    ref: str
    phone: str = field(repr=False)
    text: str = field(repr=False)
    report: Report
    code: str
    sent_at: int
    cost: int | None = None


@dataclass(frozen=True, slots=True)
class OutboxAnswer:
    """One page of the outbox; ``available`` is False where the provider does not offer it (yet), no failure."""

    available: bool
    total: int = 0
    entries: Sequence[OutboxEntry] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """An incoming webhook as it arrived: method, query string parameters, content type, raw body."""

    method: str
    query: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
    content_type: str = ""
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class CredentialField:
    """A credential that an account of this provider needs. ``label`` is an English msgid."""

    name: str
    label: str
    secret: bool = True


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do, as far as the engine, the forms and the documentation need to know.

    ``max_recipients`` and ``max_personalised`` are recipients a request; ``max_status_ids`` ids a status call (0: no
    status call); ``max_upload`` bytes (0: no files).
    """

    channels: tuple[str, ...]
    max_recipients: int
    max_personalised: int
    idempotent: bool = False
    max_status_ids: int = 0
    webhook: bool = False
    reports_delivery: bool = False
    max_upload: int = 0
    upload_extensions: tuple[str, ...] = ()
    outbox: bool = False


class Provider(ABC):
    """One provider, bound to an account's base URL and credentials. Instances are cheap, immutable and do no I/O."""

    slug: ClassVar[str]
    label: ClassVar[str]  # an English msgid
    default_base_url: ClassVar[str]
    credential_fields: ClassVar[tuple[CredentialField, ...]]
    capabilities: ClassVar[Capabilities]

    def __init__(self, base_url: str, credentials: Mapping[str, str]) -> None:
        self.base_url = base_url.rstrip("/")
        self._credentials = dict(credentials)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.base_url}>"

    def refuses(self, phone: str) -> str:
        """A short word of ours (``not_iranian_mobile``) for an E.164 number that it cannot carry, else empty.

        Asked before a number enters a job, so that one such number costs one recipient and not the whole request.
        """
        return ""

    @abstractmethod
    def build_send(self, job: SendJob) -> HttpRequest:
        """The request for a job.

        Raises:
            InvalidJob: the job exceeds a documented limit or names a number twice.
        """

    @abstractmethod
    def parse_send(self, job: SendJob, response: HttpResponse) -> SendAnswer:
        """The outcome of a send. Never raises: an answer that is not the documented one is ``UNCLEAR``."""

    @abstractmethod
    def parse_webhook(self, call: WebhookCall) -> list[StatusReport]:
        """The reports in a webhook call; an unknown status word is kept as ``UNRECOGNISED``.

        Raises:
            MalformedWebhook: the call carries no id or no status, or cannot be decoded.
        """

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

    def build_outbox(self, page: int, page_size: int) -> HttpRequest:
        """The request for one page (from 0) of what was sent recently."""
        raise InvalidJob("no_outbox")

    def parse_outbox(self, response: HttpResponse) -> OutboxAnswer:
        """The page; ``available=False`` for any answer that is not the documented one."""
        return OutboxAnswer(available=False)
