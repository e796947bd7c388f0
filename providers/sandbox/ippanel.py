"""IPPanel's side of the wire, as strictly as contracts.md and IPPanel's own pages state it.

Sends to phonebooks and job categories, the lists that they are chosen from, and the reports of the bulks. A field that
is wrong, of another JSON type or unknown is refused with 422, named in ``meta.errors``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from providers.sandbox.faults import Fault
from providers.sandbox.ippanel_bulks import SLUG, STATES, Bulks, moment
from providers.sandbox.ippanel_data import BOOKS, LINES, MAINS, OPERATORS, PHONEBOOKS, categories_of, numbers_of
from providers.sandbox.ippanel_requests import (
    chosen,
    integer,
    message_of,
    only,
    order_of,
    paging,
    parts_of,
    whole,
    wrong,
)
from providers.sandbox.ledger import Behaviour, Ledger, Taken
from providers.sandbox.side import Call, Refusal, Reply, Side

PATHS = {
    ("POST", "/api/send"): "ippanel_send",
    ("POST", "/api/send/cancel"): "ippanel_cancel",
    ("POST", "/api/send/calculate-price"): "ippanel_price",
    ("GET", "/api/send/jobs/categories"): "ippanel_categories",
    ("GET", "/api/send/jobs/sub-categories"): "ippanel_subcategories",
    ("GET", "/api/send/jobs/number-count"): "ippanel_count",
    ("GET", "/api/phonebooks/list-new"): "ippanel_phonebooks",
    ("GET", "/api/phonebooks/numbers/contact-list"): "ippanel_numbers",
    ("GET", "/api/number/numbers"): "ippanel_lines",
    ("GET", "/api/payment/credit/mine"): "ippanel_credit",
    ("GET", "/api/report/by_bulk"): "ippanel_bulk",
    ("GET", "/api/report/bulk_stats"): "ippanel_stats",
    ("GET", "/api/report/recipients"): "ippanel_recipients",
    ("POST", "/api/report/new_list"): "ippanel_bulks",
    ("POST", "/api/report/messages-inbox"): "ippanel_inbox",
}
PAGED = ("page", "per_page")
ENDLESS = 50_000_000  # rial, of an account whose credit has no end
CREATED = "2025-03-11T13:38:08+00:00"
CODES = {400: "400-1", 401: "400-1", 404: "400-1", 422: "400-2", 429: "429-1", 500: "500-1"}
WORDS = {
    400: "درخواست نامعتبر است",
    401: "اطلاعات وارد شده صحیح نمی باشد",
    404: "پیام مورد نظر یافت نشد",
    429: "درخواست تکراری است",
    500: "خطای سرور",
}
NAMES = {
    "message": "پیام",
    "from_number": "شماره فرستنده",
    "number": "شماره فرستنده",
    "params": "پارامترها",
    "send_time": "زمان ارسال",
    "sending_type": "نوع ارسال",
    "main_category_id": "شناسه دسته بندی اصلی",
    "sub_category_id": "شناسه دسته بندی فرعی",
}


class IPPanelSide(Side):
    """IPPanel Edge."""

    slug = SLUG
    label = "آی‌پی‌پنل"
    paths = PATHS
    credentials = ("token",)

    def __init__(self, ledger: Ledger, behaviour: Behaviour) -> None:
        super().__init__(ledger, behaviour)
        self.bulks = Bulks(ledger, behaviour)
        self._told: Mapping[str, Callable[[Mapping[str, Any]], Reply]] = {
            "ippanel_cancel": self._cancel,
            "ippanel_price": self._price,
            "ippanel_bulks": self._list_bulks,
            "ippanel_inbox": self._inbox,
        }
        self._asked: Mapping[str, Callable[[Mapping[str, str]], Reply]] = {
            "ippanel_lines": self._lines,
            "ippanel_phonebooks": self._phonebooks,
            "ippanel_numbers": self._numbers,
            "ippanel_categories": self._categories,
            "ippanel_subcategories": self._subcategories,
            "ippanel_count": self._count,
            "ippanel_credit": self._credit,
            "ippanel_bulk": self._bulk,
            "ippanel_stats": self._stats,
            "ippanel_recipients": self._recipients,
        }

    def handle(self, call: Call, fault: Fault | None) -> Reply:
        token = call.headers.get("Authorization") or ""
        self.check_token("" if " " in token else token)  # raw: with a scheme before it, it is another token
        if call.operation == "ippanel_send":
            taken = self.bulks.take(order_of(call.content()), token, fault)
            return _right({"message_outbox_ids": [taken.first_id]}, taken=taken)
        if call.operation in self._told:
            return self._told[call.operation](call.content())
        return self._asked[call.operation](call.query)

    def refusal(self, refusal: Refusal) -> Reply:
        return _wrong(refusal.code, refusal.field)

    def failure(self, kind: str) -> Reply:
        status = {"429": 429, "bad_token": 401, "no_credit": 400, "bad_request": 422}.get(kind, 500)
        return _wrong(status, "message" if status == 422 else "")

    def state_of(self, taken: Taken) -> str:
        return STATES[self.bulks.state(taken)][1]

    # Lists

    def _lines(self, query: Mapping[str, str]) -> Reply:
        """Alone among the lists it does not tell its pages."""
        only(query, PAGED)
        page, size = paging(query)
        return _right(
            [
                {
                    "id": line.id,
                    "number": line.number,
                    "operator_id": line.operator,
                    "alias": line.alias,
                    "gets": 0,
                    "is_66_char": line.short_parts,
                }
                for line in LINES[(page - 1) * size : page * size]
            ]
        )

    def _phonebooks(self, query: Mapping[str, str]) -> Reply:
        only(query, (*PAGED, "title", "id"))
        title, wanted = query.get("title", ""), query.get("id")
        books = [each for each in PHONEBOOKS if title in each.title and wanted in (None, str(each.id))]
        return _page(
            books,
            paging(query),
            lambda book: {
                "id": book.id,
                "title": book.title,
                "count": book.size,
                "export_status": 0,
                "import_status": 0,
                "created_at": CREATED,
                "updated_at": CREATED,
                "options": [],
            },
        )

    def _numbers(self, query: Mapping[str, str]) -> Reply:
        only(query, (*PAGED, "phonebook_id"))
        book = whole(query.get("phonebook_id"), "phonebook_id")
        if book not in BOOKS:
            raise wrong("phonebook_id")
        return _page(
            numbers_of(book),
            paging(query),
            lambda number: {
                "id": number.id,
                "phonebook_id": book,
                "pre": number.title,
                "name": number.name,
                "email": "",
                "number": f"+{number.phone}",
                "created_at": CREATED,
                "updated_at": CREATED,
                "phonebook_title": BOOKS[book].title,
            },
        )

    def _categories(self, query: Mapping[str, str]) -> Reply:
        only(query, ())
        return _right([{"id": number, "name": name} for number, name in MAINS.items()])

    def _subcategories(self, query: Mapping[str, str]) -> Reply:
        only(query, ("main_category_id",))
        main = whole(query.get("main_category_id"), "main_category_id")
        if main not in MAINS:
            raise wrong("main_category_id")
        return _right(
            [
                {"id": each.id, "name": each.name, "main_id": str(main), "main_name": MAINS[main]}
                for each in categories_of(main)
            ]
        )

    def _count(self, query: Mapping[str, str]) -> Reply:
        only(query, ("main_category_id", "sub_category_id", "operator_id", "start", "size"))
        categories = chosen(query)
        operator = whole(query["operator_id"], "operator_id") if "operator_id" in query else None
        if operator is not None and operator not in OPERATORS:
            raise wrong("operator_id")
        start = whole(query.get("start", 0), "start")
        size = whole(query["size"], "size", 1) if "size" in query else None
        counts = {}
        for each, name in OPERATORS.items():
            total = sum(category.counts[each] for category in categories) if operator in (None, each) else 0
            left = max(0, total - start)
            counts[f"{name}_count"] = left if size is None else min(left, size)
        return _right(counts)

    # Money

    def _credit(self, query: Mapping[str, str]) -> Reply:
        only(query, ())
        credit = ENDLESS if self.behaviour.credit is None else self.behaviour.credit
        return _right({"credit": float(credit), "gift": 0, "gift_expires_at": None, "updated_at": moment(time.time())})

    def _price(self, content: Mapping[str, Any]) -> Reply:
        only(content, ("number", "message"))
        if content.get("number") not in [line.number for line in LINES]:
            raise wrong("number")
        mci, other, parts = self.bulks.prices(message_of(content.get("message")))
        return _right({"mci_price": mci, "other_price": other, "parts": parts})

    # Bulks

    def _cancel(self, content: Mapping[str, Any]) -> Reply:
        only(content, ("message_outbox_id",))
        self.bulks.cancel(self._found(integer(content, "message_outbox_id")))
        return _right(None)

    def _bulk(self, query: Mapping[str, str]) -> Reply:
        only(query, ("messages_outbox_id",))
        return _right(self.bulks.row(self._named(query, "messages_outbox_id")))

    def _stats(self, query: Mapping[str, str]) -> Reply:
        only(query, ("bulk_id",))
        return _right(self.bulks.stats(self._named(query, "bulk_id")))

    def _recipients(self, query: Mapping[str, str]) -> Reply:
        only(query, (*PAGED, "bulk_id"))
        taken = self._named(query, "bulk_id")
        state, text, parts = self.bulks.state(taken), taken.text(0), str(parts_of(taken.text(0)))
        return _page(
            self.bulks.reported(taken),
            paging(query),
            lambda phone: {
                "recipient": f"+{phone}",
                "message": text,
                "is_readable": True,
                "msg_parts": parts,
                "message_status": str(self.bulks.status(state, phone)),
            },
        )

    def _list_bulks(self, content: Mapping[str, Any]) -> Reply:
        only(content, ("page", "limit", "filters"))
        _integers(content, "page", "limit")
        return _page(self.bulks.filtered(content.get("filters", {})), paging(content, "limit"), dict)

    def _inbox(self, content: Mapping[str, Any]) -> Reply:
        """The replies of ``Behaviour.inbox``, the latest first; the n-th has the id n."""
        only(content, (*PAGED, "filters"))
        _integers(content, *PAGED)
        filters = content.get("filters", {})
        if not isinstance(filters, dict):
            raise wrong("filters")
        only(filters, ("from_id",), "filters.")
        after = integer(filters, "from_id", where="filters.") if filters else 0
        replies = list(enumerate(self.behaviour.inbox, 1))[after:]
        return _page(
            replies[::-1],
            paging(content),
            lambda each: {
                "messages_inbox_id": each[0],
                "type": "normal",
                "time": int(time.time()),
                "seen": "0",
                **each[1],
            },
        )

    def _named(self, query: Mapping[str, str], name: str) -> Taken:
        return self._found(whole(query.get(name), name))

    def _found(self, bulk_id: int) -> Taken:
        taken = self.bulks.find(bulk_id)
        if taken is None:
            raise Refusal(404, "unknown_bulk")
        return taken


def _integers(content: Mapping[str, Any], *names: str) -> None:
    """Refuse numbers that a body has as texts."""
    for name in names:
        if name in content:
            integer(content, name, 1)


def _page(rows: Sequence[Any], page: tuple[int, int], write: Callable[[Any], dict[str, Any]]) -> Reply:
    number, size = page
    start = (number - 1) * size
    shown = [write(row) for row in rows[start : start + size]]
    paged = {
        "current_page": number,
        "from": start + 1 if shown else None,
        "last_page": max(1, -(-len(rows) // size)),
        "per_page": size,
        "to": start + len(shown) if shown else None,
        "total": len(rows),
    }
    return _right(shown, paged)


def _right(data: object, paged: Mapping[str, Any] | None = None, taken: Taken | None = None) -> Reply:
    meta = {**(paged or {}), "status": True, "message": "انجام شد", "message_parameters": [], "message_code": "200-1"}
    return Reply(200, json.dumps({"data": data, "meta": meta}, ensure_ascii=False).encode(), taken)


def _wrong(status: int, field: str = "") -> Reply:
    """An error as the contract writes it, with its words at the field that it concerns."""
    words = WORDS.get(status) or f"گزینه {NAMES.get(field.rpartition('.')[2], field)} صحیح نمی باشد"
    meta = {
        "status": False,
        "message": words,
        "message_parameters": [],
        "message_code": CODES[status],
        "errors": {field: [words]} if field else {},
    }
    return Reply(status, json.dumps({"data": None, "meta": meta}, ensure_ascii=False).encode())
