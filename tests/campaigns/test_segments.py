"""Counting parts, against the table of contracts.md and 3GPP TS 23.038."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.composing.segments import Segments, count
from campaigns.composing.suffix import with_suffix

FA, ZWNJ, EMOJI = "س", "\u200c", "😀"
TABLE = [
    ("", "gsm7", 0, 0, 160),
    ("a" * 160, "gsm7", 160, 1, 0),
    ("a" * 161, "gsm7", 161, 2, 145),
    ("a" * 306, "gsm7", 306, 2, 0),
    ("a" * 307, "gsm7", 307, 3, 152),
    ("€" * 80, "gsm7", 160, 1, 0),
    ("€" * 81, "gsm7", 162, 2, 144),
    ("^{}[]~\\|€", "gsm7", 18, 1, 142),
    ("a\nb c", "gsm7", 5, 1, 155),
    ("`", "ucs2", 1, 1, 69),
    (FA * 70, "ucs2", 70, 1, 0),
    (FA * 71, "ucs2", 71, 2, 63),
    (FA * 134, "ucs2", 134, 2, 0),
    (FA * 135, "ucs2", 135, 3, 66),
    (EMOJI, "ucs2", 2, 1, 68),
    (EMOJI * 35, "ucs2", 70, 1, 0),
    (EMOJI * 36, "ucs2", 72, 2, 62),
    (f"می{ZWNJ}روم\n", "ucs2", 7, 1, 63),
    ("{" + FA, "ucs2", 2, 1, 68),
    ("a" * 69 + FA, "ucs2", 70, 1, 0),
    ("۱۱", "ucs2", 2, 1, 68),
]


@pytest.mark.parametrize(("text", "encoding", "units", "parts", "left"), TABLE)
def test_a_text_is_counted_as_operators_count_it(text: str, encoding: str, units: int, parts: int, left: int) -> None:
    assert count(text) == Segments(encoding, units, parts, left)


@pytest.mark.parametrize(("length", "on_67", "on_66"), [(70, 1, 1), (132, 2, 2), (133, 2, 3), (134, 2, 3), (135, 3, 3)])
def test_a_line_may_count_66_characters_a_part(length: int, on_67: int, on_66: int) -> None:
    assert (count(FA * length, 67).parts, count(FA * length, 66).parts) == (on_67, on_66)


@given(st.text())
def test_the_parts_hold_the_text_and_none_is_empty(text: str) -> None:
    found = count(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    size = {"gsm7": (160, 153), "ucs2": (70, 67)}[found.encoding][found.parts > 1]
    assert found.units + found.left == max(found.parts, 1) * size
    assert 0 <= found.left < size or not found.units


PRESENT = ["لغو11", "لغو۱۱", "لغو ۱۱", "لغو=11", "لغو١١", "لغو :11", "لغو11.", "لغو11 \n", "لغو\u200f11", "لغو۱1"]


@pytest.mark.parametrize("form", PRESENT)
def test_a_text_that_ends_in_an_opt_out_gets_no_second_one(form: str) -> None:
    assert with_suffix(f"حراج\n{form}", "لغو11") == f"حراج\n{form}"


@pytest.mark.parametrize("text", ["حراج", "لغو11 را بفرستید", "لغو111", "لغو1", "11", "لغو 12"])
def test_the_suffix_is_appended_on_a_line_of_its_own(text: str) -> None:
    assert with_suffix(text + "  ", "لغو11") == f"{text}\nلغو11"
    assert with_suffix(with_suffix(text, "لغو11"), "لغو11") == f"{text}\nلغو11"


def test_a_suffix_of_the_lines_own_is_appended_once() -> None:
    assert with_suffix(with_suffix("Sale", "STOP 300"), "STOP 300") == "Sale\nSTOP 300"


def test_a_service_line_leaves_the_text_alone() -> None:
    assert with_suffix("کد شما ۱۲۳ ", "") == "کد شما ۱۲۳ "
