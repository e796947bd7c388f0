"""A page that shows what arrived, for a demonstration on a second screen. Plain HTML, with a style sheet of its own.

``/`` reloads itself; ``/?still=1`` stands still, for reading; ``/?provider=SLUG`` shows one provider.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from providers.sandbox import words
from providers.sandbox.arrivals import Arrival, arrivals, totals
from providers.sandbox.ledger import Taken
from providers.sandbox.words import clock, number

if TYPE_CHECKING:
    from providers.sandbox.server import Sandbox

_STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
_LATEST = 50_000  # requests that are looked at; a longer past is counted, not listed
_ENTRIES = 40
_HEAD = (
    '<!doctype html><html lang="fa" dir="rtl"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><title>سندباکس چاپار</title>'
)
_EMPTY = "هنوز پیامی نرسیده است. نشانی این سندباکس را در یک حساب بگذارید و کمپینی بفرستید."


def render(sandbox: Sandbox, query: Mapping[str, str]) -> bytes:
    """The page: a tile for each provider, the latest requests, and what departed from the contracts."""
    chosen, still = query.get("provider", ""), "still" in query
    requests = list(sandbox.ledger.taken)
    shown = [each for each in requests[-_LATEST:] if chosen in ("", each.provider)]
    entries = "".join(_article(sandbox, each, still) for each in arrivals(shown, _ENTRIES))
    refresh = "" if still else '<meta http-equiv="refresh" content="2">'
    page = (
        f"{_HEAD}{refresh}<style>{_STYLE}</style></head><body><main>"
        f"{_top(sandbox.ledger.departures.total(), chosen, still)}"
        f"{_tiles(sandbox, requests, chosen, still)}"
        f'<div class="columns"><section>{entries or f"<p class=empty>{_EMPTY}</p>"}</section>{_aside(sandbox)}</div>'
        "</main></body></html>"
    )
    return page.encode()


def _top(departures: int, chosen: str, still: bool) -> str:
    look, state, action = ("still", "متوقف", "ادامه") if still else ("", "زنده", "توقف")
    alarm = f'<a class="alarm" href="#departures">{number(departures)} خروج از قرارداد</a>' if departures else ""
    return (
        '<div class="top"><div><h1>سندباکس چاپار</h1>'
        "<p>هرچه اینجا می‌رسد به هیچ گوشی‌ای فرستاده نمی‌شود و هزینه‌ای ندارد.</p></div>"
        f'{alarm}<a class="switch {look}" href="{_address(chosen, not still)}"><i></i>{state} <b>{action}</b></a></div>'
    )


def _tiles(sandbox: Sandbox, requests: Iterable[Taken], chosen: str, still: bool) -> str:
    taken, messages = totals(requests)
    counters = sandbox.ledger.counters
    found = []
    for slug, side in sandbox.sides.items():
        calls = sum(counters[f"calls_{operation}"] for operation in side.paths.values())
        current = ' aria-current="true"' if slug == chosen else ""
        address = _address("" if slug == chosen else slug, still)
        found.append(
            f'<a class="tile {slug}" href="{address}"{current}><b>{side.label}</b>'
            f"<strong>{number(messages[slug])} پیام</strong>"
            f"<span>{number(taken[slug])} درخواست پذیرفته</span><span>{number(calls)} تماس</span></a>"
        )
    return f'<nav class="tiles">{"".join(found)}</nav>'


def _address(provider: str, still: bool) -> str:
    parts = [f"provider={provider}" if provider else "", "still=1" if still else ""]
    return escape("/?" + "&".join(filter(None, parts))).removesuffix("?")


def _article(sandbox: Sandbox, arrival: Arrival, still: bool) -> str:
    taken = arrival.first
    label = sandbox.sides[taken.provider].label
    count = f"{number(arrival.messages)} گیرنده"
    if arrival.is_run:
        count += f" <span class=soft>در {number(arrival.requests)} درخواست</span>"
    moment = clock(arrival.ended)
    if clock(arrival.began) != moment:
        moment = f"{clock(arrival.began)} تا {moment}"
    return (
        f'<article class="{taken.provider}"><header><b>{label}</b><strong>{count}</strong>'
        f'<span class="soft">خط <bdi dir="ltr">{escape(taken.sender)}</bdi></span><time>{moment}</time></header>'
        f"{_phones(arrival, 30 if still else 6)}{_chips(sandbox, taken)}{_texts(arrival)}</article>"
    )


def _phones(arrival: Arrival, most: int) -> str:
    shown = arrival.phones[:most]
    listed = "".join(f'<bdi dir="ltr">{words.national(phone).translate(words.DIGITS)}</bdi>' for phone in shown)
    rest = arrival.messages - len(shown)
    more = f"<span>و {number(rest)} شمارهٔ دیگر</span>" if rest > 0 else ""
    return f'<p class="phones">{listed}{more}</p>' if listed else ""


def _chips(sandbox: Sandbox, taken: Taken) -> str:
    """What else the request said, and what its answer met."""
    facts = taken.facts
    chips = [("", f"گیرندگان: {line}") for line in words.audience(facts.get("params"))]
    if facts.get("device_id"):
        chips.append(("", f"گوشی {facts['device_id']}"))
    if "to_sim" in facts:
        chips.append(("", f"اسلات سیم‌کارت {number(facts['to_sim'])}"))
    if facts.get("callback_id"):
        chips.append(("", f"وب‌هوک {facts['callback_id']}"))
    if taken.file_id:
        chips.append(("", f"فایل {taken.file_id}"))
    if facts.get("secure"):
        chips.append(("good", "پیام رمزدار: با رمز گیرنده باز می‌شود"))
    if facts.get("due"):
        chips.append(("", f"زمان‌بندی برای {clock(facts['due'])}"))
    if state := sandbox.sides[taken.provider].state_of(taken):
        chips.append(("warn", f"وضعیت: {state}"))
    if taken.fault:
        chips.append(("bad", f"خطای خواسته‌شده: {words.fault(taken.fault)}"))
    return _list("chips", (f'<li class="{look}">{escape(text)}</li>' for look, text in chips))


def _texts(arrival: Arrival) -> str:
    """The text, or two of them where recipients have their own."""
    facts = arrival.first.facts
    shown = arrival.texts.most_common(2 if arrival.many_texts else 3)
    quoted = ""
    for text, times in shown:
        note = f'<p class="soft">{number(times)} گیرنده:</p>' if len(shown) > 1 and not arrival.many_texts else ""
        quoted += f'{note}<blockquote dir="auto">{escape(text[:700])}</blockquote>' if text else ""
    if arrival.many_texts:
        quoted = f'<p class="soft">هر گیرنده متن خود را دارد؛ دو نمونه:</p>{quoted}'
    copied = escape(str(facts.get("copy_text") or "")[:200])
    return quoted + (f'<p class="copy">دکمهٔ کپی: <bdi>{copied}</bdi></p>' if copied else "")


def _aside(sandbox: Sandbox) -> str:
    ledger, counters = sandbox.ledger, sandbox.ledger.counters
    departures = [(words.departure(name), times) for name, times in ledger.departures.most_common()]
    refused = [(name.removeprefix("refused_"), times) for name, times in counters.items() if "refused_" in name[:8]]
    struck = [
        (words.fault(name.removeprefix("faults_")), times)
        for name, times in counters.items()
        if name.startswith("faults_")
    ]
    reports = {
        "فرستاده شد": counters["webhooks_taken"],
        "در صف": sandbox.webhooks.waiting,
        "گم شد": counters["webhooks_lost"],
        "نرسید": counters["webhooks_failed"],
        "پرسیده شد": counters["polled"],
    }
    rules = [words.rule(each) for each in list(sandbox.faults.rules)]
    return (
        "<aside>"
        + _counts("خروج از قرارداد", departures, "هیچ درخواستی از سند سرویس‌ها بیرون نرفته است.", "alarm")
        + _counts("خطاهای خواسته‌شده", struck, "هیچ خطایی خواسته نشده است." if not rules else "", "")
        + (f'<div class="card"><h2>قاعده‌های خطا</h2>{_list("", map(_item, rules))}</div>' if rules else "")
        + _counts("پاسخ‌های رد، به کد", refused, "", "")
        + _counts("گزارش‌های تحویل", [(name, times) for name, times in reports.items() if times], "", "")
        + "</aside>"
    )


def _counts(title: str, rows: list[tuple[str, int]], otherwise: str, look: str) -> str:
    """A card of names and how often each occurred; with nothing to say for itself it is left out."""
    if not rows:
        calm = " calm" if look else ""
        return f'<div class="card{calm}"><h2>{title}</h2><p>{otherwise}</p></div>' if otherwise else ""
    listed = _list("", (f"<li><bdi>{escape(name)}</bdi><b>{number(times)}</b></li>" for name, times in rows))
    anchor = ' id="departures"' if look else ""
    return f'<div class="card {look}"{anchor}><h2>{title}</h2>{listed}</div>'


def _item(text: Any) -> str:
    return f"<li>{escape(text)}</li>"


def _list(look: str, items: Iterable[str]) -> str:
    listed = "".join(items)
    return f'<ul class="{look}">{listed}</ul>' if listed else ""
