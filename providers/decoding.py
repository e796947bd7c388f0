"""How foreign input is read: webhook calls in whatever form they come, numbers that may be strings, `Retry-After`.

Pure, shared by the backends. Webhook calls come from strangers: every function here is bounded and raises only
:class:`MalformedWebhook`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qs

from providers.base import HttpResponse, MalformedWebhook, WebhookCall

MAX_REPORTS = 1_000  # in one call; providers send one
_TRAILING_COMMA = re.compile(rb",(\s*[}\]])")
_DIGITS = re.compile(r"[0-9]{1,19}", re.ASCII)


def whole_of(value: object) -> int | None:
    """A whole number from 0 below 10^19 out of an int or a string of ASCII digits; None for all else."""
    if type(value) is int:  # not a bool
        return value if 0 <= value < 10**19 else None
    found = _DIGITS.fullmatch(value.strip()) if isinstance(value, str) else None
    return int(found[0]) if found else None


def digits_of(value: object) -> str:
    """The same as a string without leading zeros; empty for all else."""
    number = whole_of(value)
    return "" if number is None else str(number)


def word_of(value: object) -> str:
    """A provider's code as it may be stored: a number or a short printable word; else empty."""
    number = whole_of(value)
    if number is not None:
        return str(number)
    return value if isinstance(value, str) and len(value) <= 32 and value.isprintable() else ""


def text_of(value: object) -> str:
    """A provider's own words, at most 1,000 long; without surrogates and NUL, which PostgreSQL cannot store."""
    if not isinstance(value, str):
        return ""
    text = value if len(value) <= 1000 else value[:1000]
    return text if text.isprintable() else text.encode(errors="replace").decode().replace("\0", "")


def objects_of(entries: object) -> Iterator[dict[str, Any]]:
    """The JSON objects of a list; nothing where it is no list."""
    return (entry for entry in entries if isinstance(entry, dict)) if isinstance(entries, list) else iter(())


def retry_after(response: HttpResponse) -> float | None:
    """The seconds of a `Retry-After` header, at most an hour; None without one, and for its date form."""
    found = _DIGITS.fullmatch(response.headers.get("retry-after", "").strip())
    return min(float(found[0]), 3600.0) if found else None


def webhook_parameters(call: WebhookCall) -> list[dict[str, object]]:
    """The parameters of a call, names in lower case: JSON, form or multipart body, over the query string.

    One dictionary, or one for each element of a JSON list. A comma before a closing bracket is accepted, as in
    Najva's own sample.

    Raises:
        MalformedWebhook: nothing readable, a parameter with two different values, or more than ``MAX_REPORTS``.
    """
    query = _single(call.query)
    bodies = _body_parameters(call)
    if not query and not bodies:
        raise MalformedWebhook("empty")
    return [{**query, **body} for body in bodies] or [query]


def _body_parameters(call: WebhookCall) -> list[dict[str, object]]:
    body = call.body.strip()
    if not body:
        return []
    if body[:1] in (b"{", b"["):
        return _from_json(body)
    if call.content_type.lower().startswith("multipart/form-data"):
        return [_from_multipart(call)]
    try:
        return [_single(parse_qs(body.decode(), strict_parsing=True, max_num_fields=50))]
    except ValueError:
        raise MalformedWebhook("unreadable") from None


def _from_json(body: bytes) -> list[dict[str, object]]:
    try:
        try:
            decoded = json.loads(body)
        except json.JSONDecodeError:
            decoded = json.loads(_TRAILING_COMMA.sub(rb"\1", body))
    except (ValueError, RecursionError):
        raise MalformedWebhook("not_json") from None
    calls = decoded if isinstance(decoded, list) else [decoded]
    if not calls or len(calls) > MAX_REPORTS or not all(isinstance(each, dict) for each in calls):
        raise MalformedWebhook("not_an_object")
    return [{str(name).lower(): value for name, value in each.items()} for each in calls]


def _from_multipart(call: WebhookCall) -> dict[str, object]:
    head = b"Content-Type: " + call.content_type.encode("latin-1", "replace") + b"\r\n\r\n"
    found: dict[str, list[str]] = {}
    try:
        for part in BytesParser(policy=HTTP).parsebytes(head + call.body).iter_parts():
            name = part.get_param("name", header="content-disposition")
            payload = part.get_payload(decode=True)
            if isinstance(name, str) and isinstance(payload, bytes):
                found.setdefault(name, []).append(payload.decode().strip())
    except (ValueError, AttributeError, LookupError, TypeError, RecursionError):
        raise MalformedWebhook("unreadable") from None
    return _single(found)


def _single(parameters: Mapping[str, Sequence[str]]) -> dict[str, object]:
    single: dict[str, object] = {}
    for name, values in parameters.items():
        if len(set(values)) > 1:
            raise MalformedWebhook("ambiguous")
        if values:
            single[name.lower()] = values[0]
    return single
