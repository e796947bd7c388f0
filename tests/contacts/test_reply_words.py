"""Which replies stop, which rejoin, and which are none of the two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.replies.words import OTHER, REJOIN, STOP, said

STOPS = [
    "11", "۱۱", "١١", "１１", "1۱", " 11 ", "11.", "11!", "«11»", '"11"', "11\n", "\u200c11", "\u200f۱۱\u200e", "(11)",
    "#11", "لغو", "لغو11", "لغو۱۱", "لغو ۱۱", "لغو=11", "لغو\u200c11", "۱۱ لغو", "11لغو", "لغـو", "لغو.", "لغو عضویت",
    "لغو اشتراك", "stop", "STOP", "Stop.", "stop 11", "لغو:11", "لغو - ۱۱",
]  # fmt: skip
REJOINS = ["12", "۱۲", "١٢", " 12. ", "عضویت", "عضويت", "عضویت12", "عضویت ۱۲", "۱۲ عضویت", "\u200f12"]
OTHERS = [
    "", " ", "1", "111", "011", "1 1", "1.1", "1/1", "11 12", "11 یا 12؟", "آدرس من پلاک 11 است",
    "my address is 11 Azadi", "off", "11 عدد می‌خواهم", "لغو نکنید", "لطفا لغو کنید", "لغو12",
    "لغو 12", "stop 12", "please stop", "nonstop", "عضویت 11",
    "عضویت دارم", "start", "بله", "21", "²", "½", "11" * 30, "لغو" + " " * 60, "سلام\n11", "۱۱۱۱", "11@12", "-", "۱۲۳",
]  # fmt: skip


@pytest.mark.parametrize(("texts", "meaning"), [(STOPS, STOP), (REJOINS, REJOIN), (OTHERS, OTHER)])
def test_only_what_is_certain_stops_or_rejoins(texts: list[str], meaning: str) -> None:
    assert [text for text in texts if said(text) != meaning] == []


@given(st.text(alphabet="0123456789۰۱۲۳۴۵۶۷۸۹لغوعضیت =.\u200c", max_size=12))
def test_no_text_with_another_digit_than_1_and_2_says_anything(text: str) -> None:
    if any(sign.isdecimal() and sign not in "12۱۲" for sign in text):
        assert said(text) == OTHER


@given(st.text(max_size=60))
def test_whatever_comes_is_classed(text: str) -> None:
    assert said(text) in {STOP, REJOIN, OTHER}
