"""Delivers status changes to the webhook as a provider does: once, over several connections, in no strict order."""

from __future__ import annotations

import contextlib
import heapq
import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from providers.sandbox.faults import FaultBook
from providers.sandbox.ledger import Behaviour, Ledger, Taken
from providers.sandbox.side import Side

SLICE = 250  # calls that one worker makes before it looks at the queue again
Resolve = Callable[[str, str], str]  # a provider's slug, an account's token -> the webhook's URL, or an empty text


@dataclass(order=True)
class _Work:
    due: float
    ordinal: int
    url: str = field(compare=False)
    side: Side = field(compare=False)
    calls: list[tuple[int, int]] = field(compare=False)
    delayed: bool = field(compare=False, default=False)  # it has met its faults already


class WebhookSender:
    """A pool of threads that posts what is due. ``resolve`` finds the URL for the token a request carried."""

    def __init__(
        self,
        ledger: Ledger,
        behaviour: Behaviour,
        faults: FaultBook,
        sides: Mapping[str, Side],
        resolve: Resolve | None,
    ) -> None:
        self.ledger, self.behaviour, self.faults = ledger, behaviour, faults
        self.sides, self.resolve = sides, resolve
        self._queue: list[_Work] = []
        self._ordinals = itertools.count()
        self._changed = threading.Condition()
        self._stopping = False
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(8)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout=5)

    def clear(self) -> None:
        with self._changed:
            self._queue.clear()

    @property
    def waiting(self) -> int:
        """How many calls are still to be made."""
        with self._changed:
            return sum(len(work.calls) for work in self._queue)

    def announce(self, taken: Taken) -> None:
        """Queue all status changes of an accepted request; called before its answer is written."""
        side = self.sides[taken.provider]
        if side.sent_status is None:
            return
        url = self.behaviour.webhook or (self.resolve(taken.provider, taken.token) if self.resolve else "")
        if not url:
            return
        sent, finals = side.course(taken)
        first, last = taken.at + self.behaviour.sent_after, taken.at + self.behaviour.final_after
        if self.faults.has("before_answer") and self.faults.draw_webhook("before_answer"):
            self._call_all(side, url, sent)
            sent = []
        if self.faults.has("disordered") and self.faults.draw_webhook("disordered"):
            first, last = last, first
        self._enqueue(first, url, side, sent)
        self._enqueue(last, url, side, finals)

    def _enqueue(
        self, due: float, url: str, side: Side, calls: list[tuple[int, int]], *, delayed: bool = False
    ) -> None:
        with self._changed:
            for start in range(0, len(calls), SLICE):
                work = _Work(due, next(self._ordinals), url, side, calls[start : start + SLICE], delayed)
                heapq.heappush(self._queue, work)
            self._changed.notify_all()

    def _run(self) -> None:
        while work := self._next():
            self._call_all(work.side, work.url, work.calls if work.delayed else list(self._with_faults(work)))

    def _next(self) -> _Work | None:
        with self._changed:
            while not self._stopping:
                if self._queue and self._queue[0].due <= time.time():
                    return heapq.heappop(self._queue)
                self._changed.wait(max(0.0, self._queue[0].due - time.time()) if self._queue else None)
        return None

    def _with_faults(self, work: _Work) -> Iterator[tuple[int, int]]:
        watched = [kind for kind in ("lost", "late", "repeated") if self.faults.has(kind)]
        for call in work.calls:
            struck = {kind: rule for kind in watched if (rule := self.faults.draw_webhook(kind))}
            if "lost" in struck:
                self.ledger.count("webhooks_lost")
            elif "late" in struck:
                self.ledger.count("webhooks_late")
                self._enqueue(time.time() + struck["late"].seconds, work.url, work.side, [call], delayed=True)
            else:
                yield from [call] * (struck["repeated"].copies if "repeated" in struck else 1)

    def _call_all(self, side: Side, url: str, calls: list[tuple[int, int]]) -> None:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        with contextlib.closing(kind(parts.hostname or "", parts.port, timeout=30)) as connection:
            for message_id, status in calls:
                if self._stopping:
                    return
                parameters = side.webhook(message_id, status)
                self.ledger.count(self._call(connection, parts.path or "/", parameters))

    def _call(self, connection: http.client.HTTPConnection, path: str, parameters: dict[str, Any]) -> str:
        method, target, body, content_type = self._request(path, parameters)
        for attempt in (1, 2):  # the second time on a fresh connection, when a kept-alive one had gone stale
            try:
                connection.request(method, target, body, {"Content-Type": content_type} if body else {})
                with connection.getresponse() as answer:
                    answer.read()
                return "webhooks_taken" if 200 <= answer.status < 300 else f"webhooks_refused_{answer.status}"
            except (OSError, http.client.HTTPException):
                connection.close()
                if attempt == 2:
                    return "webhooks_failed"
        return "webhooks_failed"

    def _request(self, path: str, parameters: dict[str, Any]) -> tuple[str, str, bytes | None, str]:
        form = urlencode(parameters)
        if self.behaviour.webhook_method == "GET":
            return "GET", f"{path}?{form}", None, ""
        if self.behaviour.webhook_style == "form":
            return "POST", path, form.encode(), "application/x-www-form-urlencoded"
        if self.behaviour.webhook_style == "sample":
            lines = "".join(f"  {json.dumps(name)}: {json.dumps(value)},\n" for name, value in parameters.items())
            return "POST", path, f"{{\n{lines}}}".encode(), "application/json"
        return "POST", path, json.dumps(parameters).encode(), "application/json"
