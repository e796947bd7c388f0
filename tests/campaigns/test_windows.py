"""When a line may send."""

from __future__ import annotations

import datetime as dt
import itertools
from zoneinfo import ZoneInfo

import pytest

from campaigns.sending import windows
from providers.models import Holiday, SenderLine

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


HOLIDAYS = frozenset({dt.date(2026, 3, 21), dt.date(2026, 3, 22)})


def test_a_line_rests_on_holidays_unless_it_is_told_not_to() -> None:
    resting, working = line(DAY), line(DAY)
    working.rests_on_holidays = False
    assert not windows.is_open(resting, at("12:00"), HOLIDAYS)
    assert windows.is_open(working, at("12:00"), HOLIDAYS)
    assert windows.is_open(line(DAY, "service"), at("12:00"), HOLIDAYS)
    opening = windows.next_opening(resting, at("12:00"), HOLIDAYS)
    assert opening is not None
    assert f"{opening:%m-%d %H:%M}" == "03-23 08:00"


def test_a_window_over_midnight_closes_where_a_holiday_begins() -> None:
    night = at("20:00") - dt.timedelta(days=1)
    [first, second] = itertools.islice(windows.openings(line(NIGHT), night, HOLIDAYS), 2)
    assert [f"{moment:%d %H:%M}" for moment in (*first, *second)] == ["20 20:00", "21 00:00", "23 00:00", "23 06:00"]


def test_all_day_is_one_opening_up_to_the_next_holiday() -> None:
    always = line((dt.time(9), dt.time(9)))
    first = next(windows.openings(always, at("12:00") - dt.timedelta(days=3), HOLIDAYS))
    assert f"{first.end:%d %H:%M}" == "21 00:00"


def test_only_holidays_to_come_are_asked_for(db: None) -> None:
    Holiday.objects.bulk_create(Holiday(day=day) for day in HOLIDAYS)
    assert Holiday.rests_of(line(DAY), dt.date(2026, 3, 22)) == {dt.date(2026, 3, 22)}
    assert Holiday.rests_of(line(DAY, "service"), dt.date(2026, 3, 1)) == set()
