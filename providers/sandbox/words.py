"""The page's Persian words for what went wrong and for what a request asked."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from providers.sandbox.faults import Fault
from providers.sandbox.ippanel_data import BOOKS, CATEGORIES, MAINS

DIGITS = str.maketrans("0123456789,", "۰۱۲۳۴۵۶۷۸۹٬")
FAULTS = {
    "refuse": "اتصال پیش از خواندن درخواست قطع شد",
    "timeout": "پاسخی نیامد",
    "close_after_accept": "پس از پذیرش، اتصال بسته شد",
    "reset": "پس از پذیرش، اتصال بازنشانی شد",
    "slow": "پاسخ دیر آمد",
    "drip": "پاسخ قطره‌قطره آمد",
    "cut": "پاسخ در میانه قطع شد",
    "429": "درخواست بیش از اندازه (429)",
    "500": "خطای سرور (500)",
    "html": "صفحهٔ HTML به‌جای JSON",
    "truncated": "پاسخ بریده",
    "empty": "پاسخ خالی",
    "redirect": "ارجاع به نشانی دیگر",
    "bad_token": "توکن پذیرفته نشد",
    "no_credit": "اعتبار کافی نبود",
    "bad_request": "درخواست رد شد",
    "partial": "پاسخ بدون بخشی از گیرندگان",
    "foreign": "شمارهٔ ناآشنا در پاسخ",
    "extra": "ورودی اضافه در پاسخ",
    "duplicate_ids": "شناسهٔ تکراری در پاسخ",
    "shuffled": "پاسخ با ترتیب درهم",
    "entry_status": "وضعیت خواسته‌شده در پاسخ",
    "lost": "گزارش تحویل گم شد",
    "late": "گزارش تحویل دیر رسید",
    "repeated": "گزارش تحویل تکرار شد",
    "disordered": "گزارش‌ها جابه‌جا رسیدند",
    "before_answer": "گزارش پیش از پاسخ رسید",
}
DEPARTURES = {
    "bad_token": "توکن نادرست",
    "no_credit": "اعتبار کافی نبود",
    "content_type": "نوع محتوا JSON نبود",
    "not_json": "بدنه JSON نبود",
    "not_an_object": "بدنه یک شیء JSON نبود",
    "not_multipart": "بارگذاری فایل به شکل درست نبود",
    "repeated_number": "یک شماره دو بار در یک درخواست",
    "repeated_send": "همان ارسال دوباره، در کمتر از ۴۰ ثانیه",
    "too_many_recipients": "گیرنده بیش از اندازه",
    "too_many_ids": "شناسه بیش از اندازه",
    "unknown_file": "فایلی که بارگذاری نشده بود",
    "file_extension": "پسوند فایل پذیرفته نیست",
    "file_size": "فایل بزرگ‌تر از اندازه",
    "unknown_bulk": "شناسهٔ ارسال ناشناخته",
    "no_text_and_no_file": "نه متن داشت و نه فایل",
    "no_request_id": "بدون request_id",
    "long_request_id": "request_id بلندتر از اندازه",
    "request_id_of_another_message": "request_id از آن پیامی دیگر",
    "to_sim_without_device": "سیم‌کارت بدون نام گوشی",
}
SUBS = {each.id: each.name for each in CATEGORIES}
OPERATORS = {1: "همراه اول", 2: "ایرانسل", 13: "دیگر اپراتورها"}


def number(value: int) -> str:
    """Grouped, in Persian digits."""
    return f"{value:,}".translate(DIGITS)


def clock(moment: float) -> str:
    """A Unix time as the clock of this machine shows it."""
    return time.strftime("%H:%M:%S", time.localtime(moment)).translate(DIGITS)


def national(phone: int) -> str:
    """E.164 digits as people read them: 0912… for Iran, with a plus elsewhere."""
    digits = str(phone)
    return "0" + digits[2:] if digits.startswith("989") and len(digits) == 12 else "+" + digits


def departure(name: str) -> str:
    """A departure from the contract in words; the name of the field stays as it is on the wire."""
    head, colon, field = name.partition(":")
    if colon:
        return f"فیلد ناشناختهٔ {field}" if head == "unknown_field" else name
    return DEPARTURES.get(name) or (f"مقدار نادرست برای {name[4:]}" if name.startswith("bad_") else name)


def fault(kind: str) -> str:
    return FAULTS.get(kind, kind)


def rule(each: Fault) -> str:
    """A rule in force: whom it strikes, and how often it has."""
    if each.ordinals:
        often = "تماس " + "، ".join(number(place) for place in sorted(each.ordinals))
    else:
        often = "هر بار" if each.rate >= 1 else f"{number(round(each.rate * 100))}٪ بارها"
    limit = f"، {number(each.times)} بار" if each.times else ""
    return f"{fault(each.kind)} — {often}{limit}؛ تاکنون {number(each.struck)} بار"


def audience(params: object) -> list[str]:
    """Whom a request to IPPanel names, one line for each of its parts."""
    parts = params if isinstance(params, list) else []
    return [_part(each) for each in parts if isinstance(each, dict)]


def _part(part: Mapping[str, Any]) -> str:
    if "main_category_id" in part:
        return _category(part)
    if part.get("type") == "detail":
        ids = part.get("number_ids") or ()
        return f"{number(len(ids))} شمارهٔ انتخابی از دفترچهٔ {_book(part.get('phonebook_id'))}"
    books = "، ".join(_book(each) for each in part.get("phonebook_ids") or ())
    return f"همهٔ دفترچهٔ {books}" if _whole(part) else f"دفترچهٔ {books}{_slice(part)}"


def _category(part: Mapping[str, Any]) -> str:
    main, sub = part.get("main_category_id"), part.get("sub_category_id")
    name = _named(MAINS, main) + (f" ← {_named(SUBS, sub)}" if sub is not None else "")
    operators = [each for each in part.get("operator") or () if isinstance(each, dict)]
    if not operators:
        return f"مشاغل: {name}، همهٔ اپراتورها"
    listed = "؛ ".join(OPERATORS.get(each.get("id", 0), "؟") + _slice(each) for each in operators)
    return f"مشاغل: {name}، {listed}"


def _named(names: Mapping[int, str], each: object) -> str:
    name = names.get(each) if isinstance(each, int) else None
    return f"«{name}»" if name else f"شمارهٔ {each}".translate(DIGITS)


def _book(ref: object) -> str:
    book = BOOKS.get(int(ref)) if isinstance(ref, str) and ref.isdecimal() else None
    return f"«{book.title}»" if book else f"شمارهٔ {ref}".translate(DIGITS)


def _whole(part: Mapping[str, Any]) -> bool:
    return "start" not in part and "size" not in part


def _slice(part: Mapping[str, Any]) -> str:
    """Where it starts and how many; both are strings for phonebooks and integers for categories."""
    start, size = str(part.get("start", "0")), str(part.get("size", ""))
    return (f"، {size} شماره از {start}" if size else f"، از {start} به بعد" if not _whole(part) else "").translate(
        DIGITS
    )
