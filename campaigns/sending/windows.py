"""When a line may send: between two times of day in the project's time zone; service lines always. Pure."""

from __future__ import annotations

import datetime as dt
from typing import Protocol


class Line(Protocol):
    """What a window is a matter of."""

    window_start: dt.time
    window_end: dt.time

    @property
    def is_advertising(self) -> bool: ...


def is_open(line: Line, local: dt.datetime) -> bool:
    """Whether the line may send at this local time. Equal ends mean all day; a window may span midnight."""
    start, end, now = line.window_start, line.window_end, local.time()
    if not line.is_advertising or start == end:
        return True
    if start < end:
        return start <= now < end
    return now >= start or now < end


def next_opening(line: Line, local: dt.datetime) -> dt.datetime:
    """The next local time at which the window opens; now, if it is open."""
    if is_open(line, local):
        return local
    opening = local.replace(
        hour=line.window_start.hour, minute=line.window_start.minute, second=line.window_start.second, microsecond=0
    )
    return opening if opening > local else opening + dt.timedelta(days=1)
