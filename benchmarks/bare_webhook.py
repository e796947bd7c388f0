"""The floor of ``benchmarks.webhooks``: a bare WSGI application that stores a report with one INSERT. No checks.

A psycopg connection a thread, kept; the product's own table with its indexes.
"""

from __future__ import annotations

import datetime as dt
import os
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

import psycopg

_local = threading.local()
_STORE = """
    INSERT INTO campaigns_deliveryevent
        (account_id, provider_ref, report, code, words, source, received_at, result, tries, retry_at)
    VALUES (1, %s, 'delivered', %s, '', 'webhook', %s, 0, 0, %s)
"""


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Read the form, store it, answer."""
    if not hasattr(_local, "connection"):
        _local.connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
    form = parse_qs(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode())
    now = dt.datetime.now(dt.UTC)
    _local.connection.execute(_STORE, (form["messageid"][0], form["status"][0], now, now))
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "13")])
    return [b'{"stored": 1}']
