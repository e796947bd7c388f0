"""A page of a campaign's recipients that a filter leaves, in a bounded time, at any size of the campaign.

No index tells a message's status (docs/decisions). So the ids are walked through in pieces; where few match, the time
is over before the page is full, and the page says from where to look further.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from campaigns.models import Campaign, Message
from campaigns.querysets import MessageQuerySet

SECONDS: Final = 0.04  # for the walk; the page has some more to do
FIRST, WIDEST = 5_000, 200_000  # ids of a piece


@dataclass(frozen=True, slots=True)
class Look:
    """Rows in the order of their ids, and the query strings of the neighbours (empty where there is none).

    ``looked`` is the share of the campaign, 0 to 1, up to which it has been looked where the page is not full and
    there may be more; None where nothing was left out.
    """

    rows: list[Message]
    previous: str
    next: str
    looked: float | None = None


def look(
    rows: MessageQuerySet,
    campaign: Campaign,
    query: Mapping[str, str],
    *,
    size: int,
    most: int | None = None,
    seconds: float | None = None,
) -> Look:
    """The page that ``after`` or ``before`` of the query asks for; ``most`` rows can match, where a counter knows."""
    first, last = campaign.first_message_id or 0, campaign.last_message_id or 0
    after, before = _id(query.get("after", "")), _id(query.get("before", ""))
    up = before is None or after is not None
    start = first if after is None else max(after + 1, first)
    if not up and before is not None:
        start = min(before - 1, last)
    wanted = size + 1 if most is None else min(size + 1, most)
    walk = _Walk(rows, first, last, start, 1 if up else -1)
    found = walk.find(wanted, time.monotonic() + (SECONDS if seconds is None else seconds))
    kept = found[:size]
    # Where it goes on in the walk's direction: behind the last row shown, or else behind the last id looked at.
    on = kept[-1].pk if len(found) > size else walk.at - walk.step if walk.is_cut and len(found) < wanted else None
    rest = None if on is None or len(found) > size else (walk.at - first) / max(1, last - first + 1)
    if up:
        return Look(kept, _link(query, "before", start if start > first else None), _link(query, "after", on), rest)
    return Look(kept[::-1], _link(query, "before", on), _link(query, "after", start if start < last else None))


class _Walk:
    """A walk from id ``at`` on, upwards or downwards; afterwards ``at`` is the id that was not looked at yet."""

    def __init__(self, rows: MessageQuerySet, first: int, last: int, at: int, step: int) -> None:
        self.rows, self.first, self.last, self.at, self.step = rows, first, last, at, step

    def find(self, wanted: int, deadline: float) -> list[Message]:
        """The next ``wanted`` rows, or those that are found until the deadline; one piece at least is looked at."""
        found: list[Message] = []
        for low, high in self._pieces():
            piece = self.rows.filter(pk__gte=low, pk__lte=high)
            found += piece.order_by("pk" if self.step > 0 else "-pk")[: wanted - len(found)]
            self.at = high + 1 if self.step > 0 else low - 1
            if len(found) >= wanted or time.monotonic() > deadline:
                break
        return found

    @property
    def is_cut(self) -> bool:
        """Something is left that it has not looked at."""
        return self.first <= self.at <= self.last

    def _pieces(self) -> Iterator[tuple[int, int]]:
        width = FIRST
        while self.is_cut:
            end = self.at + self.step * (width - 1)
            yield max(min(self.at, end), self.first), min(max(self.at, end), self.last)
            width = min(2 * width, WIDEST)


def _id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _link(query: Mapping[str, str], name: str, at: int | None) -> str:
    kept = {key: value for key, value in query.items() if key not in ("after", "before", "log") and value}
    return "" if at is None else "?" + urlencode({**kept, name: str(at)})
