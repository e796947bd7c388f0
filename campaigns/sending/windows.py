"""When a line may send: between two times of day in the project's time zone, and not on holidays. Pure.

Service lines may always.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from typing import NamedTuple, Protocol

FARTHEST = dt.timedelta(days=400)  # a line whose every day is a holiday opens never
NO_HOLIDAYS: frozenset[dt.date] = frozenset()


class Line(Protocol):
    """What a window is a matter of."""

    window_start: dt.time
    window_end: dt.time
    rests_on_holidays: bool

    @property
    def is_advertising(self) -> bool: ...


class Opening(NamedTuple):
    """A stretch of local time in which a line may send: from ``start`` up to, not including, ``end``."""

    start: dt.datetime
    end: dt.datetime


def is_open(line: Line, local: dt.datetime, holidays: Collection[dt.date] = NO_HOLIDAYS) -> bool:
    """Whether the line may send at this local time.

    Equal ends mean all day; a window may span midnight. A holiday is a day from midnight to midnight: a window that
    has begun the evening before closes there.
    """
    if not line.is_advertising:
        return True
    if line.rests_on_holidays and local.date() in holidays:
        return False
    start, end, now = line.window_start, line.window_end, local.time()
    if start == end:
        return True
    if start < end:
        return start <= now < end
    return now >= start or now < end


def openings(line: Line, local: dt.datetime, holidays: Collection[dt.date] = NO_HOLIDAYS) -> Iterator[Opening]:
    """The stretches in which the line may send, from this local time on, in their order; up to ``FARTHEST`` ahead."""
    end = local + FARTHEST
    if not line.is_advertising:
        yield Opening(local, end)
        return
    while local < end:
        change = _next_change(line, local)
        if is_open(line, local, holidays):
            start = local
            while change < end and is_open(line, change, holidays):
                change = _next_change(line, change)
            yield Opening(start, min(change, end))
        local = change


def next_opening(line: Line, local: dt.datetime, holidays: Collection[dt.date] = NO_HOLIDAYS) -> dt.datetime | None:
    """The next local time at which the window opens; now, if it is open; None where it never does."""
    return next((opening.start for opening in openings(line, local, holidays)), None)


def _next_change(line: Line, local: dt.datetime) -> dt.datetime:
    """The next local time at which something may change: the window's ends, and midnight."""
    midnight = dt.datetime.combine(local.date() + dt.timedelta(days=1), dt.time(), local.tzinfo)
    ends = [
        local.replace(hour=e.hour, minute=e.minute, second=e.second, microsecond=e.microsecond) for e in _ends(line)
    ]
    return min([moment for moment in ends if moment > local], default=midnight)


def _ends(line: Line) -> tuple[dt.time, dt.time]:
    return line.window_start, line.window_end
