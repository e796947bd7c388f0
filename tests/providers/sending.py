"""How the tests of the sandbox send: a job, carried over a real socket, and its answer."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any

from providers.answers import SendAnswer
from providers.base import HttpRequest, HttpResponse, Provider, Recipient, SendJob
from providers.http import exchange
from providers.sandbox import Sandbox

TEXT = "سلام 🎉 نیم‌فاصله\nلغو11"


def job(size: int = 4) -> SendJob:
    return SendJob("90000123", [Recipient(key, f"+98912{key:07d}") for key in range(size)], TEXT)


def carry(request: HttpRequest) -> HttpResponse:
    return exchange(request, connect_timeout=1, read_timeout=0.5)


def send(provider: Provider, sent: SendJob | None = None) -> SendAnswer:
    sent = sent or job()
    return provider.parse_send(sent, carry(provider.build_send(sent)))


def post(sandbox: Sandbox, path: str, content: Any, *, token: str = "token", kind: str = "application/json") -> int:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return carry(HttpRequest("POST", sandbox.base_url + path, headers, body=body)).status


def control(sandbox: Sandbox, method: str, action: str, content: Any = None) -> Any:
    body = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(f"{sandbox.base_url}/_sandbox/{action}", body, method=method)
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)
