"""How a call to a provider ended, as values: the outcomes, and the answers that carry them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


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


class RecipientResult(NamedTuple):
    """The provider's answer for one recipient. ``ref`` is its id at the provider, ``cost`` in rial.

    ``code`` and ``text`` are the provider's own, unchanged and in its own language. ``report`` is set where the answer
    already carries a status (an accepted message may come back as failed or blocked). ``off_channel``: refused because
    this person is not on the channel at all, so that another channel may reach them.
    """

    key: int
    outcome: Outcome
    ref: str = ""
    report: Report | None = None
    code: str = ""
    text: str = ""
    cost: int | None = None
    off_channel: bool = False


@dataclass(frozen=True, slots=True)
class SendAnswer:
    """What a send came to.

    With ``outcome`` ACCEPTED, ``results`` holds one entry for each recipient of the job, in the job's order; a
    recipient that the provider's answer leaves out is in it as UNCLEAR. With any other outcome it is empty and the
    outcome holds for the whole request. ``anomalies`` counts what the contract does not foresee, by a short word of
    ours (``foreign_recipient``, ``repeated_ref``, ``unknown_status``). ``retry_after`` in seconds. ``refs`` are the
    provider's ids of the request itself, where it keeps the recipients. ``stop`` is the answer that ended a group of
    single requests before its end: a refusal of the account or of the request, or a call to slow down. ``asked`` is
    false where no request could be made, which says nothing of the provider.
    """

    outcome: Outcome
    results: Sequence[RecipientResult] = field(default=(), repr=False)
    blame: Blame | None = None
    code: str = ""
    text: str = ""
    retry_after: float | None = None
    field_errors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    anomalies: Mapping[str, int] = field(default_factory=dict)
    refs: Sequence[str] = ()
    stop: SendAnswer | None = None
    asked: bool = True


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
class DeleteAnswer:
    """What the wish to delete a message at the provider came to; ACCEPTED: it is not there, or not any more."""

    outcome: Outcome
    blame: Blame | None = None
    code: str = ""
    text: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class CheckAnswer:
    """What a test of the connection came to; ``credit`` in rial where the provider tells it."""

    outcome: Outcome
    blame: Blame | None = None
    code: str = ""
    text: str = ""
    credit: int | None = None


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
