"""Numbers, dates and typed moments as people in Iran write them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from interface import persian
from interface.jalali import JalaliDateTimeField
from project.templatetags.persian import duration, isolated, percent, placeholders

# 00:30 in Tehran on the first day of 1405 is still the day before in UTC.
NEW_YEAR = dt.datetime(2026, 3, 20, 21, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("value", "places", "written"),
    [
        (0, 0, "۰"),
        (1_234_567, 0, "۱٬۲۳۴٬۵۶۷"),
        (-1_500, 0, "-۱٬۵۰۰"),
        (93.14, 1, "۹۳٫۱"),
        (Decimal("0.1"), 2, "۰٫۱۰"),
        (None, 0, "—"),
    ],
)
def test_a_number_is_grouped_in_persian(value: float | Decimal | None, places: int, written: str) -> None:
    with translation.override("fa"):
        assert persian.number(value, places) == written


def test_a_number_stays_latin_in_english() -> None:
    with translation.override("en"):
        assert (persian.number(1_234_567), persian.digits("30 days")) == ("1,234,567", "30 days")
    with translation.override("ru"):
        assert persian.number(1_234_567.5, 1) == "1\u00a0234\u00a0567,5"


@pytest.mark.parametrize(
    ("language", "written"),
    [
        ("fa", ["۱ ریال", "۲ ریال", "۱٬۲۰۵ ریال", "—"]),
        ("en", ["1 rial", "2 rials", "1,205 rials", "—"]),
        ("ru", ["1\u00a0риал", "2\u00a0риала", "1\u00a0205\u00a0риалов", "—"]),
    ],
)
def test_money_is_counted_as_the_language_counts(language: str, written: list[str]) -> None:
    with translation.override(language):
        assert [persian.rials(amount) for amount in (1, 2, 1_205, None)] == written


def test_a_month_is_inflected_in_russian() -> None:
    with translation.override("ru"):
        assert persian.date(dt.date(2026, 11, 24), "day") == "24 ноября"


@pytest.mark.parametrize(
    ("style", "written"),
    [
        ("short", "۱۴۰۵/۰۱/۰۱"),
        ("datetime", "۱۴۰۵/۰۱/۰۱، ۰۰:۳۰"),
        ("time", "۰۰:۳۰"),
        ("day", "۱ فروردین"),
        ("long", "شنبه ۱ فروردین ۱۴۰۵"),
    ],
)
def test_a_moment_is_dated_by_the_clock_of_tehran(style: str, written: str) -> None:
    with translation.override("fa"):
        assert persian.date(NEW_YEAR, style) == written


def test_a_date_without_a_time_keeps_its_day() -> None:
    with translation.override("fa"):
        assert persian.date(dt.date(2026, 3, 21), "datetime") == "۱۴۰۵/۰۱/۰۱"


@pytest.mark.parametrize("typed", ["۱۲٬۳۴۵٫۶", "١٢٬٣٤٥٫٦", "12,345.6"])
def test_digits_of_every_family_become_ascii(typed: str) -> None:
    assert persian.ascii_digits(typed) == "12,345.6"


@pytest.mark.parametrize(
    ("share", "written"),
    [(0.931, "۹۳٫۱"), (0.5, "۵۰٫۰"), (0, "۰"), (1, "۱۰۰"), (0.99999, "۹۹٫۹"), (0.00001, "۰٫۱"), (None, None)],
)
def test_a_share_is_written_in_percent(share: float | None, written: str | None) -> None:
    with translation.override("fa"):
        assert percent(share, 1) == (f"{written}\u200f٪" if written else "—")


@pytest.mark.parametrize(
    ("seconds", "written"), [(1, "1 second"), (59.4, "59 seconds"), (61, "1 minute"), (3_660, "1:01"), (None, "—")]
)
def test_a_span_of_time_is_told_in_its_largest_unit(seconds: float | None, written: str) -> None:
    with translation.override("en"):
        assert duration(seconds) == written


@pytest.mark.parametrize(
    "typed",
    [
        "1405/01/01 00:30",
        "۱۴۰۵/۰۱/۰۱، ۰۰:۳۰",
        "1405-1-1 0:30",
        "2026-03-21 00:30",
        "2026-03-21T00:30",
        "2026/03/21 00:30:59",
    ],
)
def test_a_typed_moment_is_read_in_either_calendar(typed: str) -> None:
    assert JalaliDateTimeField().clean(typed) == NEW_YEAR


def test_a_day_without_a_time_begins_at_midnight() -> None:
    assert JalaliDateTimeField().clean("1405/01/01") == NEW_YEAR - dt.timedelta(minutes=30)


@pytest.mark.parametrize("typed", ["tomorrow", "1405/13/01 10:00", "1405/01/01 25:00", "1405/12/30 10:00", "1405/01"])
def test_a_moment_that_does_not_exist_gets_a_sentence(typed: str) -> None:
    with translation.override("en"), pytest.raises(ValidationError) as refusal:
        JalaliDateTimeField().clean(typed)
    assert refusal.value.code == "invalid"


@pytest.mark.parametrize("language", ["fa", "en"])
def test_a_moment_that_is_shown_can_be_typed_back(language: str) -> None:
    field = JalaliDateTimeField()
    with translation.override(language):
        assert field.clean(field.prepare_value(NEW_YEAR)) == NEW_YEAR


def test_a_name_in_a_sentence_keeps_its_own_direction() -> None:
    assert isolated("نجوا (آزمایشی)") == "\u2068نجوا (آزمایشی)\u2069"


def test_a_placeholder_keeps_its_order_within_a_persian_sentence() -> None:
    shown = placeholders("سلام {first_name|مشتری} عزیز")
    assert shown == "سلام \u2066{first_name|مشتری}\u2069 عزیز"
    assert placeholders("بدون جای خالی") == "بدون جای خالی"
