"""A page that shows what arrived, for a demonstration on a second screen. Plain, with a style sheet of its own."""

from __future__ import annotations

import time
from html import escape
from typing import TYPE_CHECKING

from providers.sandbox.ledger import Taken

if TYPE_CHECKING:
    from providers.sandbox.server import Sandbox

_DIGITS = str.maketrans("0123456789,", "۰۱۲۳۴۵۶۷۸۹٬")
_STYLE = """
:root { color-scheme: light dark; --line: #e5e8f0; --soft: #5b6478; --accent: #4f46e5; --page: #f6f7fb; --card: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --line: #22304a; --soft: #a5b0c5; --accent: #a5b4fc; --page: #0b1220; --card: #111c31; }
}
* { box-sizing: border-box; }
body { margin: 0; padding: 1.5rem 1rem; background: var(--page); font: 15px/1.8 Vazirmatn, Tahoma, sans-serif; }
main { max-width: 60rem; margin: auto; }
h1 { font-size: 1.3rem; margin: 0; }
p { color: var(--soft); margin: .25rem 0 1.25rem; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin: 0 0 1.25rem; }
dl div, article { background: var(--card); border: 1px solid var(--line); border-radius: 1rem; padding: .75rem 1rem; }
dt { color: var(--soft); font-size: .85rem; }
dd { margin: 0; font-size: 1.4rem; font-weight: 700; }
article { margin-bottom: .75rem; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1rem; color: var(--soft); font-size: .85rem; }
header b { color: var(--accent); }
blockquote { margin: .5rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere; }
"""


def render(sandbox: Sandbox) -> bytes:
    """The page: counts, and the latest 50 requests with their first text and number."""
    ledger = sandbox.ledger
    requests = list(ledger.taken)
    counters = ledger.counters
    tiles = {
        "درخواست": len(requests),
        "پیام": counters["messages"],
        "گزارش تحویل فرستاده‌شده": counters["webhooks_taken"],
        "خروج از قرارداد": sum(ledger.departures.values()),
    }
    figures = "".join(f"<div><dt>{name}</dt><dd>{_number(value)}</dd></div>" for name, value in tiles.items())
    latest = "".join(map(_article, reversed(requests[-50:]))) or "<article>هنوز پیامی نرسیده است.</article>"
    page = (
        '<!doctype html><html lang="fa" dir="rtl"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>سندباکس چاپار</title>'
        f"<style>{_STYLE}</style></head><body><main><h1>سندباکس چاپار</h1>"
        "<p>هرچه اینجا می‌رسد به هیچ گوشی‌ای فرستاده نمی‌شود و هزینه‌ای ندارد.</p>"
        f"<dl>{figures}</dl>{latest}</main></body></html>"
    )
    return page.encode()


def _article(taken: Taken) -> str:
    moment = time.strftime("%H:%M:%S", time.localtime(taken.at)).translate(_DIGITS)
    first = f"0{str(taken.phones[0])[2:]}" if taken.phones else "–"
    return (
        f"<article><header><b>{_number(len(taken.phones))} گیرنده</b>"
        f'<span>خط <bdi dir="ltr">{escape(taken.sender)}</bdi></span>'
        f'<span>نخستین: <bdi dir="ltr">{first}</bdi></span><span>{moment}</span></header>'
        f'<blockquote dir="auto">{escape(taken.text(0)[:700])}</blockquote></article>'
    )


def _number(value: int) -> str:
    return f"{value:,}".translate(_DIGITS)
