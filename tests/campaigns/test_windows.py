"""When a line may send."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from campaigns.sending import windows
from providers.models import SenderLine

TEHRAN = ZoneInfo("Asia/Tehran")
DAY, NIGHT = (dt.time(8), dt.time(21)), (dt.time(20), dt.time(6))


def line(window: tuple[dt.time, dt.time], kind: str = "advertising") -> SenderLine:
    return SenderLine(kind=kind, window_start=window[0], window_end=window[1])


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(f"2026-03-21T{text}").replace(tzinfo=TEHRAN)


@pytest.mark.parametrize(
    ("window", "time", "expected"),
    [
        (DAY, "07:59:59", False),
        (DAY, "08:00", True),
        (DAY, "20:59:59", True),
        (DAY, "21:00", False),
        (DAY, "00:00", False),
        (NIGHT, "19:59:59", False),
        (NIGHT, "20:00", True),
        (NIGHT, "23:59:59", True),
        (NIGHT, "00:00", True),
        (NIGHT, "05:59:59", True),
        (NIGHT, "06:00", False),
        ((dt.time(9), dt.time(9)), "03:00", True),
    ],
)
def test_a_window_is_open_between_its_ends(window: tuple[dt.time, dt.time], time: str, expected: bool) -> None:
    assert windows.is_open(line(window), at(time)) is expected
    assert windows.is_open(line(window, "service"), at(time))


@pytest.mark.parametrize(
    ("window", "time", "opens"),
    [
        (DAY, "07:00", "2026-03-21T08:00"),
        (DAY, "12:34", "2026-03-21T12:34"),
        (DAY, "21:00", "2026-03-22T08:00"),
        (NIGHT, "06:00", "2026-03-21T20:00"),
        (NIGHT, "01:00", "2026-03-21T01:00"),
    ],
)
def test_the_next_opening_is_told(window: tuple[dt.time, dt.time], time: str, opens: str) -> None:
    opening = windows.next_opening(line(window), at(time))
    assert opening is not None
    assert opening.replace(tzinfo=None) == dt.datetime.fromisoformat(opens)
