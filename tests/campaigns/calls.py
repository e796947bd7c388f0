"""Calls of a provider as the web server hands them to the application, without a server."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Iterable
from typing import Any

from campaigns.delivery.webhooks import ShortPath
from providers.base import WebhookCall
from providers.models import ProviderAccount

FORM = "application/x-www-form-urlencoded"


def passed_on(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Where the other addresses go."""
    start_response("299 Passed On", [])
    return [b"{}"]


@functools.cache
def application() -> ShortPath:
    """The application, once: it looks after the spool from its start."""
    return ShortPath(passed_on)


def environ(path: str, body: bytes = b"", method: str = "POST", **change: Any) -> dict[str, Any]:
    """WSGI's description of a call."""
    facts = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": "", "CONTENT_TYPE": FORM}
    return {**facts, "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body), **change}


def called(path: str, body: bytes = b"", method: str = "POST", **change: Any) -> tuple[int, dict[str, Any]]:
    """The HTTP status and the JSON of the answer."""
    statuses: list[str] = []
    answer = application()(environ(path, body, method, **change), lambda line, headers: statuses.append(line))
    return int(statuses[0][:3]), json.loads(b"".join(answer))


def reported(account: ProviderAccount, ref: object, status: object = 10) -> tuple[int, dict[str, Any]]:
    """A report of Najva's about one message."""
    return called(f"/{account.webhook_path}", f"messageid={ref}&status={status}".encode())


def call_about(ref: object) -> WebhookCall:
    """The same, as it is brought to the desk."""
    return WebhookCall("POST", {}, FORM, f"messageid={ref}&status=10".encode())
