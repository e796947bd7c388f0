"""What a provider that keeps the recipients itself adds to the contract: its lists, counts, prices and reports. Pure.

A send names the provider's phonebooks or job categories; the provider answers with the id of a *bulk*, and everything
that becomes of its recipients is asked of that id.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

from providers.answers import Blame, Outcome, Report
from providers.audience import CategoryPart, OperatorSlice
from providers.base import HttpRequest, HttpResponse, Provider

Row = TypeVar("Row")


class BulkState(StrEnum):
    """Where a bulk stands at the provider."""

    CREATING = "creating"
    AWAITING_APPROVAL = "awaiting_approval"  # a person at the provider has to look at the text
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"  # final: its recipients can be listed
    REJECTED = "rejected"  # final, by the provider's monitor: nothing was sent
    INVALID = "invalid"  # final: the recipients were invalid, nothing was sent
    UNFUNDED = "unfunded"  # final: not enough credit, nothing was sent
    BROKEN = "broken"  # final: an error at the provider
    CANCELLED = "cancelled"  # final
    UNRECOGNISED = "unrecognised"  # a word that is not in the contract: followed further


NOT_SENT = frozenset({BulkState.REJECTED, BulkState.INVALID, BulkState.UNFUNDED, BulkState.BROKEN, BulkState.CANCELLED})


class ListedLine(NamedTuple):
    """A line of the account as the provider lists it. ``sender`` is its form on the wire."""

    sender: str
    name: str = ""
    part_size: int = 67  # characters of each part of a long text


class ListedPhonebook(NamedTuple):
    """A phonebook at the provider; ``size`` numbers."""

    ref: str
    name: str
    size: int


class ListedNumber(NamedTuple):
    """A number of a phonebook at the provider: its id there, E.164 (empty where it is no phone number), its name."""

    ref: str
    phone: str
    name: str = ""


class ListedCategory(NamedTuple):
    """A job category at the provider, main or sub."""

    ref: str
    name: str


class ListedRecipient(NamedTuple):
    """A recipient of a bulk: E.164 (empty where it is no phone number), our reading of its status, its own code."""

    phone: str
    report: Report
    code: str
    cost: int | None = None


class ListedBulk(NamedTuple):
    """A bulk in the provider's list, to look up what a lost answer came to; ``created_at`` in Unix seconds."""

    ref: str
    sender: str
    text: str
    state: BulkState
    created_at: int | None = None


class Reply(NamedTuple):
    """A text that came in on a line: the provider's id of it, who wrote (E.164), to which line, what."""

    ref: str
    phone: str
    sender: str
    text: str


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page of a list, counted from 1. Not ACCEPTED means that nothing was learnt.

    ``last_page`` is None where the provider does not tell it and this page is full: there may be another.
    """

    outcome: Outcome
    rows: Sequence[Row] = field(default=(), repr=False)
    page: int = 1
    last_page: int | None = 1
    total: int | None = None
    blame: Blame | None = None
    code: str = ""
    text: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class CountAnswer:
    """How many numbers a job category has, by the operator's id; 0 for those that were not asked for."""

    outcome: Outcome
    by_operator: Mapping[int, int] = field(default_factory=dict)
    blame: Blame | None = None
    code: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class PriceAnswer:
    """The price of one message in rial, without the opt-out suffix: of MCI's numbers and of all others; its parts."""

    outcome: Outcome
    mci: int | None = None
    other: int | None = None
    parts: int | None = None
    blame: Blame | None = None
    code: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class BulkAnswer:
    """Where a bulk stands. ``code`` and ``text`` are the provider's own: its state, as ``state-3``, and why it refused.

    ``recipients`` and ``cost`` (rial) where it tells them; ``counts`` are its own figures by its own words, as in a
    report of numbers by status or operator.
    """

    outcome: Outcome
    state: BulkState = BulkState.UNRECOGNISED
    recipients: int | None = None
    cost: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    blame: Blame | None = None
    code: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class CancelAnswer:
    """What the wish to cancel a bulk came to; ACCEPTED: it will not be sent."""

    outcome: Outcome
    blame: Blame | None = None
    code: str = ""
    text: str = ""


class KeepingProvider(Provider):
    """A provider whose capabilities say ``keeps_audience``. Every ``parse_…`` takes any answer and never raises."""

    per_page: int = 100

    @abstractmethod
    def build_lines(self, page: int) -> HttpRequest:
        """One page (from 1) of the account's lines."""

    @abstractmethod
    def parse_lines(self, response: HttpResponse) -> Page[ListedLine]: ...

    @abstractmethod
    def build_phonebooks(self, page: int) -> HttpRequest:
        """One page (from 1) of the phonebooks."""

    @abstractmethod
    def parse_phonebooks(self, response: HttpResponse) -> Page[ListedPhonebook]: ...

    @abstractmethod
    def build_numbers(self, phonebook: str, page: int) -> HttpRequest:
        """One page (from 1) of a phonebook's numbers."""

    @abstractmethod
    def parse_numbers(self, response: HttpResponse) -> Page[ListedNumber]: ...

    @abstractmethod
    def build_categories(self) -> HttpRequest:
        """The main job categories."""

    @abstractmethod
    def build_subcategories(self, main: int) -> HttpRequest:
        """The sub-categories of a main one."""

    @abstractmethod
    def parse_categories(self, response: HttpResponse) -> Page[ListedCategory]:
        """Main or sub-categories: the answer has the same form."""

    @abstractmethod
    def build_count(self, part: CategoryPart, operator: OperatorSlice | None) -> HttpRequest:
        """How many numbers a job category has: of one operator (or a slice of it), or of all."""

    @abstractmethod
    def parse_count(self, response: HttpResponse) -> CountAnswer: ...

    @abstractmethod
    def build_price(self, sender: str, text: str) -> HttpRequest:
        """What one message with this text costs on this line."""

    @abstractmethod
    def parse_price(self, response: HttpResponse) -> PriceAnswer: ...

    @abstractmethod
    def build_bulk(self, ref: str) -> HttpRequest:
        """Where a bulk stands."""

    @abstractmethod
    def parse_bulk(self, ref: str, response: HttpResponse) -> BulkAnswer: ...

    @abstractmethod
    def build_bulk_counts(self, ref: str) -> HttpRequest:
        """The figures of a bulk."""

    @abstractmethod
    def parse_bulk_counts(self, response: HttpResponse) -> BulkAnswer:
        """Only ``counts`` (and the outcome) is filled in."""

    @abstractmethod
    def build_recipients(self, ref: str, page: int) -> HttpRequest:
        """One page (from 1) of a bulk's recipients."""

    @abstractmethod
    def parse_recipients(self, response: HttpResponse) -> Page[ListedRecipient]: ...

    @abstractmethod
    def build_bulks(self, page: int) -> HttpRequest:
        """One page (from 1) of the latest bulks, to look up what a lost answer came to."""

    @abstractmethod
    def parse_bulks(self, response: HttpResponse) -> Page[ListedBulk]: ...

    @abstractmethod
    def build_cancel(self, ref: str) -> HttpRequest:
        """The wish to cancel a bulk that waits for its time."""

    @abstractmethod
    def parse_cancel(self, response: HttpResponse) -> CancelAnswer: ...

    @abstractmethod
    def build_inbox(self, page: int, after: str = "") -> HttpRequest:
        """One page (from 1) of the texts that came in after the one with this id."""

    @abstractmethod
    def parse_inbox(self, response: HttpResponse) -> Page[Reply]: ...
