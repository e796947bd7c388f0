"""How IPPanel's side reads a request: every field and JSON type as the contract states it, anything else refused.

Ids, ``start`` and ``size`` are strings for phonebooks and integers for job categories. ``start`` counts from 0; of
several phonebooks the lists are joined before they are cut.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from providers.sandbox.ippanel_data import (
    BOOKS,
    LINES,
    MAINS,
    OPERATORS,
    Category,
    categories_of,
    numbers_of,
    once,
    phones_of,
)
from providers.sandbox.side import Refusal

MAX_PARAMS, MAX_TEXT, MAX_PARTS, MAX_PER_PAGE = 100, 1_400, 20, 1_000
SOONEST, LATEST = 5 * 60, 92 * 86_400  # seconds from now: 5 minutes to 3 months
SEND_FIELDS = ("sending_type", "from_number", "message", "send_time", "params")
Slice = tuple[int, int, int | None]  # an operator, where it starts, how many
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,18}", re.ASCII)
_SENDERS = frozenset(line.number for line in LINES)


class Order(NamedTuple):
    """A send as it was understood. ``phones`` each once; ``due`` in Unix seconds, 0 for now."""

    kind: str
    sender: str
    text: str
    params: list[dict[str, Any]]
    phones: list[int]
    due: int

    def is_like(self, facts: Mapping[str, Any], sender: str, text: str) -> bool:
        """Whether an earlier send had the same line, text and recipients."""
        return (self.sender, self.text) == (sender, text) and _canonical(self.params) == _canonical(facts["params"])


def wrong(field: str) -> Refusal:
    """The refusal of a field: its last name is what the departure is called."""
    name = field.rpartition(".")[2]
    return Refusal(422, f"bad_{name[:40]}", field)


def only(content: Mapping[str, Any], known: Iterable[str], where: str = "") -> None:
    """Refuse a field that the contract does not know."""
    for unknown in sorted(content.keys() - set(known)):
        raise Refusal(422, f"unknown_field:{unknown[:40]}", where + unknown)


def order_of(content: Mapping[str, Any]) -> Order:
    """A send, read field by field.

    Raises:
        Refusal: a field is missing, wrong or unknown.
    """
    only(content, SEND_FIELDS)
    kind, sender, text = content.get("sending_type"), content.get("from_number"), content.get("message")
    if not isinstance(kind, str) or kind not in ("job", "phonebook"):
        raise wrong("sending_type")
    if not isinstance(sender, str) or sender not in _SENDERS:
        raise wrong("from_number")
    message = message_of(text)
    due = _due(content["send_time"]) if "send_time" in content else 0
    params = content.get("params")
    if not isinstance(params, list) or not 0 < len(params) <= MAX_PARAMS:
        raise wrong("params")
    phones: list[int] = []
    for place, param in enumerate(params):
        where = f"params.{place}"
        if not isinstance(param, dict):
            raise wrong(where)
        phones += _category_phones(param, where + ".") if kind == "job" else _phonebook_phones(param, where + ".")
    return Order(kind, sender, message, params, once(phones), due)


def message_of(text: object) -> str:
    """A text that is there and not too long."""
    if not isinstance(text, str) or not text or len(text) > MAX_TEXT or parts_of(text) > MAX_PARTS:
        raise wrong("message")
    return text


def parts_of(text: str) -> int:
    """How many parts a text has: 160 or 153 Latin characters, 70 or 67 units of UTF-16."""
    units, single, part = (len(text), 160, 153) if text.isascii() else (len(text.encode("utf-16-le")) // 2, 70, 67)
    return 1 if units <= single else -(-units // part)


def whole(value: object, field: str, least: int = 0, most: int = 10**18) -> int:
    """An integer of a JSON body, or of a query string where it is text."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if type(value) is not int or not least <= value <= most:
        raise wrong(field)
    return value


def integer(content: Mapping[str, Any], name: str, least: int = 0, where: str = "") -> int:
    """A field that has to be a JSON integer."""
    value = content.get(name)
    if type(value) is not int or value < least:
        raise wrong(where + name)
    return value


def paging(asked: Mapping[str, Any], size: str = "per_page") -> tuple[int, int]:
    """Page and size of a page, 1 and 10 where they are not named."""
    return whole(asked.get("page", 1), "page", 1), whole(asked.get(size, 10), size, 1, MAX_PER_PAGE)


def chosen(asked: Mapping[str, Any]) -> list[Category]:
    """The categories that a question of counts names."""
    main = whole(asked.get("main_category_id"), "main_category_id")
    if main not in MAINS:
        raise wrong("main_category_id")
    sub = whole(asked["sub_category_id"], "sub_category_id") if "sub_category_id" in asked else None
    found = categories_of(main, sub)
    if not found:
        raise wrong("sub_category_id")
    return found


def _canonical(params: object) -> str:
    return json.dumps(params, sort_keys=True)


def _due(value: object) -> int:
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise wrong("send_time")
    try:
        due = int(datetime.strptime(value, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise wrong("send_time") from None
    if not SOONEST - 1 <= due - time.time() <= LATEST:
        raise wrong("send_time")
    return due


def _category_phones(param: dict[str, Any], where: str) -> list[int]:
    only(param, ("main_category_id", "sub_category_id", "operator"), where)
    main = integer(param, "main_category_id", where=where)
    sub = integer(param, "sub_category_id", where=where) if "sub_category_id" in param else None
    categories = categories_of(main, sub)
    if not categories:
        raise wrong(where + ("main_category_id" if main not in MAINS else "sub_category_id"))
    everybody: list[Slice] = [(operator, 0, None) for operator in OPERATORS]
    found: list[int] = []
    for operator, start, size in _slices(param["operator"], where + "operator") if "operator" in param else everybody:
        phones = [phone for category in categories for phone in phones_of(category, operator)]
        found += _cut(phones, start, size)
    return found


def _slices(operators: object, where: str) -> list[Slice]:
    if not isinstance(operators, list) or not operators or not all(isinstance(each, dict) for each in operators):
        raise wrong(where)
    found: list[Slice] = []
    for place, each in enumerate(operators):
        inside = f"{where}.{place}."
        only(each, ("id", "start", "size"), inside)
        operator = integer(each, "id", where=inside)
        if operator not in OPERATORS:
            raise wrong(inside + "id")
        start = integer(each, "start", where=inside) if "start" in each else 0
        found.append((operator, start, integer(each, "size", 1, inside) if "size" in each else None))
    return found


def _phonebook_phones(param: dict[str, Any], where: str) -> list[int]:
    if param.get("type") == "detail":
        only(param, ("type", "phonebook_id", "number_ids"), where)
        book = _book(param.get("phonebook_id"), where + "phonebook_id")
        known = {str(number.id): number.phone for number in numbers_of(book)}
        ids = _strings(param, "number_ids", where)
        if any(each not in known for each in ids):
            raise wrong(where + "number_ids")
        return [known[each] for each in ids]
    if param.get("type") != "all":
        raise wrong(where + "type")
    only(param, ("type", "phonebook_ids", "start", "size"), where)
    books = [_book(each, where + "phonebook_ids") for each in _strings(param, "phonebook_ids", where)]
    start = _digits(param["start"], where + "start") if "start" in param else 0
    size = _digits(param["size"], where + "size") if "size" in param else None
    return _cut([number.phone for book in books for number in numbers_of(book)], start, size)


def _strings(param: dict[str, Any], name: str, where: str) -> list[str]:
    found = param.get(name)
    if not isinstance(found, list) or not found or not all(isinstance(each, str) for each in found):
        raise wrong(where + name)
    return found


def _book(value: object, field: str) -> int:
    book = _digits(value, field)
    if book not in BOOKS:
        raise wrong(field)
    return book


def _digits(value: object, field: str) -> int:
    if not isinstance(value, str) or not _DIGITS.fullmatch(value):
        raise wrong(field)
    return int(value)


def _cut(phones: list[int], start: int, size: int | None) -> list[int]:
    return phones[start:] if size is None else phones[start : start + size]
