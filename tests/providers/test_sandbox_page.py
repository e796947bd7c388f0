"""The sandbox's own page: what arrived, in words, whoever the provider is."""

from __future__ import annotations

import json
import re
from array import array
from pathlib import Path
from typing import Any

import pytest

from providers.base import HttpRequest
from providers.sandbox import Sandbox
from providers.sandbox import faults as fault_kinds
from providers.sandbox.arrivals import arrivals
from providers.sandbox.faults import Fault
from providers.sandbox.ledger import Ledger, Taken
from providers.sandbox.words import DEPARTURES, FAULTS, audience, departure, national, rule
from tests.providers.sending import carry, post, until

SOURCES = sorted((Path(__file__).resolve().parents[2] / "providers" / "sandbox").glob("*.py"))
DEVICE = "65bbdaba833da513a46d3622"


def page(sandbox: Sandbox, query: str = "") -> str:
    return carry(HttpRequest("GET", f"{sandbox.base_url}/{query}")).body.decode()


def take(sandbox: Sandbox, provider: str, size: int = 1, text: str = "سلام", **fields: Any) -> Taken:
    fields = {"sender": "1234567", "token": "t", **fields}
    phones = array("q", range(989120000000, 989120000000 + size))
    return sandbox.ledger.take(phones, [text], provider=provider, **fields)


def text_of(html: str) -> str:
    return re.sub(r"<[^>]+>", " ", html)


def test_every_provider_has_its_tile(sandbox: Sandbox) -> None:
    take(sandbox, "najva", 1_000)
    take(sandbox, "safir")
    shown = page(sandbox)
    assert re.findall(r'class="tile (\w+)"', shown) == list(sandbox.sides)
    assert re.findall(r"<strong>(\S+) پیام</strong>", shown) == ["۱٬۰۰۰", "۱", "۰", "۰"]


def test_ten_thousand_requests_of_one_recipient_are_one_entry(sandbox: Sandbox) -> None:
    for n in range(10_000):
        take(sandbox, "safir", text=f"سلام {n}", facts={"request_id": str(n)})
    shown = page(sandbox)
    assert shown.count("<article") == 1
    assert "۱۰٬۰۰۰ گیرنده" in shown
    assert "هر گیرنده متن خود را دارد" in shown
    assert len(shown) < 20_000


def test_other_kinds_of_messages_make_other_entries(sandbox: Sandbox) -> None:
    kinds: list[dict[str, Any]] = [{}, {"secure": True}, {"copy_text": "PAIZ40"}]
    for facts in kinds * 5:
        take(sandbox, "safir", facts=facts)
    take(sandbox, "safir", fault="timeout")
    take(sandbox, "safir", sender="7654321")
    assert page(sandbox).count("<article") == 5


def test_requests_of_many_recipients_stand_for_themselves(sandbox: Sandbox) -> None:
    for _ in range(3):
        take(sandbox, "najva", 10)
    assert page(sandbox).count("<article") == 3


def test_a_silence_begins_a_new_entry() -> None:
    ledger = Ledger()
    for at in (0.0, 10.0, 20.0, 90.0):
        ledger.take(array("q", [989120000000]), ["a"], sender="1", token="t").at = at
    assert [(each.requests, each.began, each.ended) for each in arrivals(ledger.taken, 10)] == [
        (1, 90.0, 90.0),
        (3, 0.0, 20.0),
    ]


FACTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "phone": ("gosms", {"facts": {"device_id": DEVICE}}, f"گوشی {DEVICE}"),
    "slot 0": ("gosms", {"facts": {"device_id": DEVICE, "to_sim": 0}}, "اسلات سیم‌کارت ۰"),
    "webhook": ("gosms", {"facts": {"callback_id": DEVICE}}, f"وب‌هوک {DEVICE}"),
    "secure": ("safir", {"facts": {"secure": True}}, "پیام رمزدار"),
    "copy button": ("safir", {"facts": {"copy_text": "PAIZ40"}}, "PAIZ40"),
    "file": ("najva", {"file_id": "550e8400"}, "فایل 550e8400"),
    "fault": ("najva", {"fault": "close_after_accept"}, FAULTS["close_after_accept"]),
    "line": ("najva", {"sender": "90000123"}, "90000123"),
}


@pytest.mark.parametrize(("provider", "fields", "words"), FACTS.values(), ids=FACTS.keys())
def test_what_a_request_said_is_shown(sandbox: Sandbox, provider: str, fields: dict[str, Any], words: str) -> None:
    take(sandbox, provider, **fields)
    assert words in text_of(page(sandbox))


def test_a_slot_that_was_not_named_is_not_shown(sandbox: Sandbox) -> None:
    take(sandbox, "gosms", facts={"device_id": DEVICE})
    assert "اسلات سیم‌کارت" not in page(sandbox)


AUDIENCES: dict[str, tuple[dict[str, Any], str]] = {
    "category": ({"main_category_id": 3}, "مشاغل: «رستوران و صنعت غذا»، همهٔ اپراتورها"),
    "sub-category with operators": (
        {"main_category_id": 1, "sub_category_id": 2, "operator": [{"id": 2, "start": 0, "size": 3373}, {"id": 1}]},
        "مشاغل: «صنایع و اصناف» ← «کارگاه‌های تولیدی»، ایرانسل، ۳۳۷۳ شماره از ۰؛ همراه اول",
    ),
    "unknown category": ({"main_category_id": 77}, "مشاغل: شمارهٔ ۷۷، همهٔ اپراتورها"),
    "phonebooks": ({"type": "all", "phonebook_ids": ["123654", "5"]}, "همهٔ دفترچهٔ «مشتریان ویژه»، شمارهٔ ۵"),
    "a part of one": (
        {"type": "all", "phonebook_ids": ["123654"], "start": "1", "size": "2"},
        "دفترچهٔ «مشتریان ویژه»، ۲ شماره از ۱",
    ),
    "chosen numbers": (
        {"type": "detail", "phonebook_id": "456987", "number_ids": ["123", "456"]},
        "۲ شمارهٔ انتخابی از دفترچهٔ «شرکت‌کنندگان همایش پاییز»",
    ),
}


@pytest.mark.parametrize(("part", "words"), AUDIENCES.values(), ids=AUDIENCES.keys())
def test_an_audience_is_told_in_words(part: dict[str, Any], words: str) -> None:
    assert audience([part]) == [words]


def test_a_request_to_ippanel_shows_its_audience_and_where_it_stands(sandbox: Sandbox) -> None:
    book = {"type": "all", "phonebook_ids": ["123654"]}
    content = {"sending_type": "phonebook", "from_number": "+98PRO", "message": "سلام", "params": [book]}
    body = json.dumps(content).encode()
    headers = {"Authorization": "token", "Content-Type": "application/json"}
    assert carry(HttpRequest("POST", f"{sandbox.base_url}/api/send", headers, body=body)).status == 200
    until(lambda: "وضعیت: پایان یافته" in page(sandbox))
    shown = text_of(page(sandbox))
    assert "گیرندگان: همهٔ دفترچهٔ «مشتریان ویژه»" in shown
    assert "۳۴۰ گیرنده" in shown


def test_a_number_is_written_as_people_write_it() -> None:
    assert [national(each) for each in (989121234567, 79991234567)] == ["09121234567", "+79991234567"]


def test_nothing_that_arrived_becomes_markup(sandbox: Sandbox) -> None:
    evil = "<script>alert(1)</script>"
    facts = {"copy_text": evil, "device_id": evil, "callback_id": evil}
    take(sandbox, "safir", text=evil, sender=evil, file_id=evil, fault=evil, facts=facts)
    sandbox.ledger.departure(f"unknown_field:{evil}")
    shown = page(sandbox, "?provider=%3Cscript%3E") + page(sandbox)
    assert "<script>" not in shown
    assert shown.count("&lt;script&gt;alert(1)") >= 7


def test_departures_are_told_in_words(sandbox: Sandbox) -> None:
    assert "بیرون نرفته است" in page(sandbox)
    post(sandbox, "/sms/send", {"message": "a", "phone_number": "0912"})
    post(sandbox, "/sms/send", {"message": "a", "phone_number": "989121234567", "priority": 1})
    shown = page(sandbox)
    assert "۲ خروج از قرارداد" in shown
    assert "مقدار نادرست برای phone_number" in shown
    assert "فیلد ناشناختهٔ priority" in shown


def test_faults_and_their_rules_are_told_in_words(sandbox: Sandbox) -> None:
    sandbox.faults.add("429", "gosms_send", ordinals=[1])
    post(sandbox, "/sms/send", {"message": "a", "phone_number": "989121234567"})
    shown = text_of(page(sandbox))
    assert FAULTS["429"] in shown
    assert "تماس ۱؛ تاکنون ۱ بار" in shown


@pytest.mark.parametrize(
    ("fields", "words"),
    [({}, "هر بار"), ({"rate": 0.02}, "۲٪ بارها"), ({"times": 3}, "هر بار، ۳ بار"), ({"ordinals": [3, 1]}, "۱، ۳")],
)
def test_a_rule_says_how_often_it_strikes(fields: dict[str, Any], words: str) -> None:
    assert words in rule(Fault.from_json({"kind": "500", **fields}))


def test_a_reader_can_stop_it_and_choose_a_provider(sandbox: Sandbox) -> None:
    take(sandbox, "najva", text="از نجوا")
    take(sandbox, "safir", text="از سفیر")
    assert 'http-equiv="refresh"' in page(sandbox)
    assert 'http-equiv="refresh"' not in page(sandbox, "?still=1")
    chosen = page(sandbox, "?provider=safir&still=1")
    assert ("از سفیر" in chosen, "از نجوا" in chosen) == (True, False)
    assert 'href="/?provider=safir"' in chosen


def test_the_page_needs_nothing_from_elsewhere(sandbox: Sandbox) -> None:
    take(sandbox, "najva")
    assert not re.search(r"src=|url\(|@import|<script|<link|https?:", page(sandbox))


def test_every_fault_has_words() -> None:
    kinds = fault_kinds.TRANSPORT | fault_kinds.ANSWERS | fault_kinds.ENTRIES | fault_kinds.WEBHOOKS
    assert FAULTS.keys() == kinds


def test_every_departure_has_words() -> None:
    texts = [path.read_text(encoding="utf-8") for path in SOURCES]
    names = {name for text in texts for name in re.findall(r'(?:Refusal\(\w+, |departure\()"([a-z_]+)"', text)}
    assert len(names) > 20
    assert {name for name in names if not name.startswith("bad_")} - DEPARTURES.keys() == set()
    assert [name for name in names if not re.search("[آ-ی]", departure(name))] == []
