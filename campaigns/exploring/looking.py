"""Looking for a filter's messages, the newest first, within a bounded time, at any size of the table.

Campaigns that cannot have any are passed over; the others' ranges of ids are walked through in pieces, downwards. Where
few rows match, the time is over before the page is full: the answer then says how far it has looked.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from django.db.models import F

from campaigns.exploring.filtering import MessageFilter
from campaigns.models import Message

PAGE: Final = 50
SECONDS: Final = 0.04  # a page has some more to do
MOST: Final = 5_000  # campaigns of one look
AT_ONCE: Final = 500  # campaigns in which the index on numbers is asked at once
FEWEST, WIDEST = 1_000, 200_000  # ids of a piece
_HIGHEST: Final = 2**63 - 1


class Look(NamedTuple):
    """What was found, the newest first. ``further`` is the id below which there may be more: None at the end.

    ``is_full``: more of them are certain, else the time was over.
    """

    rows: list[Message]
    further: int | None
    is_full: bool


class Span(NamedTuple):
    """A campaign's messages stand between these ids, perhaps among others'."""

    campaign: int
    first: int
    last: int


def look(narrowed: MessageFilter, below: int | None = None, *, size: int = PAGE, seconds: float = SECONDS) -> Look:
    """The newest ``size`` messages of a filter with an id below ``below``, as far as they are found in ``seconds``."""
    deadline = time.monotonic() + seconds
    top = (_HIGHEST if below is None else below) - 1
    if not narrowed:
        rows = Message.objects.filter(pk__lte=top).order_by("-pk").values_list("pk", flat=True)
        return _look(list(rows[: size + 1]), size, None)
    if narrowed.ref:
        known = narrowed.messages().filter(pk__lte=top).order_by(F("pk") + 0).values_list("pk", flat=True)
        return _look(sorted(known, reverse=True), size, None)
    walk = _Walk(narrowed, top)
    return _look(walk.find(size + 1, deadline), size, walk.further)


def _look(ids: Sequence[int], size: int, further: int | None) -> Look:
    full = len(ids) > size
    rows = Message.objects.filter(pk__in=ids[:size]).select_related("campaign__line__account", "account", "contact")
    return Look(list(rows.order_by("-pk")), ids[size - 1] if full else further, full)


def spans(narrowed: MessageFilter, top: int) -> list[Span]:
    """Where messages with an id up to ``top`` may stand, the latest first; of at most ``MOST`` campaigns."""
    found = narrowed.campaigns().filter(first_message_id__lte=top).order_by("-last_message_id")
    ends = found.values_list("pk", "first_message_id", "last_message_id")[:MOST]
    return [Span(pk, first or 0, last or 0) for pk, first, last in ends]


def stretches(narrowed: MessageFilter, low: int, top: int) -> Iterator[tuple[int, int]]:
    """The ranges of ids between ``low`` and ``top`` in which a filter's messages may stand, upwards: one range for
    campaigns whose messages follow each other without a gap, or are mixed.
    """
    found = narrowed.campaigns().filter(first_message_id__lte=top, last_message_id__gte=low)
    first = end = 0
    ends = found.order_by("first_message_id").values_list("first_message_id", "last_message_id")
    for begin, last in ((begin or 0, last or 0) for begin, last in ends):
        if end and begin > end + 1:
            yield max(first, low), min(end, top)
            end = 0
        first, end = (first, max(end, last)) if end else (begin, last)
    if end:
        yield max(first, low), min(end, top)


class _Walk:
    """One walk downwards; ``further`` is the id below which it has not looked, ``width`` the ids of the next piece."""

    width = 20_000

    def __init__(self, narrowed: MessageFilter, top: int) -> None:
        self.messages = narrowed.messages().values_list("pk", flat=True)
        self.is_pinned = narrowed.is_pinned
        self.spans = spans(narrowed, top)
        self.further: int | None = min(top, self.spans[0].last) + 1 if self.spans else None
        # Campaigns beyond the limit end below the last one: down to there nothing is left out.
        self.floor = self.spans[-1].last + 1 if len(self.spans) == MOST else 0

    def find(self, wanted: int, deadline: float) -> list[int]:
        """The next ``wanted`` ids, or those that are found until the deadline; one piece at least is looked at."""
        found: list[int] = []
        for low, top, campaigns in self._pieces():
            began = time.monotonic()
            rows = self.messages.filter(pk__gte=low, pk__lte=top).order_by("-pk")
            if self.is_pinned:  # by the index on campaign and number, not back along the key
                rows = rows.filter(campaign__in=campaigns).order_by((F("pk") + 0).desc())
            found += rows[: wanted - len(found)]
            self.further = low if any(span.first < low for span in self.spans) else self.floor or None
            now = time.monotonic()
            if len(found) == wanted or now >= deadline:
                return found
            self._adapt(now - began)
        self.further = self.floor or None
        return found

    def _pieces(self) -> Iterator[tuple[int, int, list[int]]]:
        """Ranges of ids downwards, each with the campaigns that have messages in it."""
        left = self.spans
        while left and self.further is not None:
            top = min(self.further - 1, left[0].last)
            low = max(self._low(left, top), self.floor)
            if top < low:
                return
            yield low, top, [span.campaign for span in left if span.last >= low]
            left = [span for span in left if span.first < low]

    def _low(self, left: Sequence[Span], top: int) -> int:
        if not self.is_pinned:
            return max(top - self.width + 1, 1)
        return min(left[AT_ONCE].last + 1, top) if len(left) > AT_ONCE else 1

    def _adapt(self, took: float) -> None:
        """Pieces of about a sixth of the time, whatever the disk."""
        if took < SECONDS / 8:
            self.width = min(self.width * 2, WIDEST)
        elif took > SECONDS / 4:
            self.width = max(self.width // 2, FEWEST)
