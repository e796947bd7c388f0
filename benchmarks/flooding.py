"""A load generator for webhooks: keeps connections full, one request after another on each, from one process.

    .venv/bin/python -m benchmarks.flooding --port 8000 --path /webhooks/1/…/ --seconds 5 --connections 16

Prints one JSON object: events acknowledged, seconds, its own CPU, latencies in ms, and what was not acknowledged.
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Flood:
    """What came of it. ``acknowledged`` holds the message ids answered with 200, ``latencies`` seconds of each call."""

    acknowledged: list[int] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    wall: float = 0.0

    def figures(self) -> dict[str, Any]:
        """The flood as JSON's types."""
        ordered = sorted(self.latencies) or [0.0]
        p50, p99 = (1000 * ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.99))
        figures = {"events": len(self.acknowledged), "wall": self.wall, "cpu": time.process_time(), "p50": p50}
        return figures | {"p99": p99, "slowest": 1000 * ordered[-1], "others": dict(self.others)}


class _Caller:
    """One kept-alive connection."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.ref = 0
        self.sent_at = 0.0
        self.answer = b""
        self.connect()

    def connect(self) -> None:
        self.socket = socket.create_connection(self.address, timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, head: bytes, ref: int) -> None:
        body = b"messageid=%d&status=10" % ref
        self.ref, self.answer, self.sent_at = ref, b"", time.perf_counter()
        self.socket.sendall(b"%s%d\r\n\r\n%s" % (head, len(body), body))

    def complete(self) -> bool:
        """Read what is there; whether the answer is whole, or the connection ended."""
        try:
            got = self.socket.recv(65536)
        except OSError:
            got = b""
        self.answer += got
        head, end, body = self.answer.partition(b"\r\n\r\n")
        if not got:
            self.answer = b""
            return True
        if not end:
            return False
        name = head.lower().find(b"content-length:")
        return name >= 0 and len(body) >= int(head[name + 15 :].split(b"\r\n", 1)[0])


def flood(port: int, path: str, seconds: float, connections: int = 16, first_ref: int = 1) -> Flood:
    """Report message after message as delivered, ids counted from ``first_ref``, for ``seconds``."""
    found, poll, ref = Flood(), select.epoll(), first_ref
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-Proto: https\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "
    ).encode()
    callers: dict[int, _Caller] = {}
    began = time.perf_counter()

    def start(caller: _Caller) -> None:
        nonlocal ref
        callers[caller.socket.fileno()] = caller
        poll.register(caller.socket.fileno(), select.EPOLLIN)
        caller.call(head, ref)
        ref += 1

    for _ in range(connections):
        start(_Caller(("127.0.0.1", port)))
    while callers:
        ready = poll.poll(30)
        if not ready:
            found.others["no answer in 30 s"] += len(callers)
            break
        for number, _event in ready:
            caller = callers[number]
            if not caller.complete():
                continue
            now = time.perf_counter()
            _note(found, caller, now)
            if now - began < seconds and caller.answer and b"connection: close" not in caller.answer.lower():
                caller.call(head, ref)
                ref += 1
                continue
            del callers[number]
            poll.unregister(number)
            caller.socket.close()
            if now - began < seconds:
                caller.connect()
                start(caller)
    found.wall = time.perf_counter() - began
    return found


def _note(found: Flood, caller: _Caller, now: float) -> None:
    status = caller.answer[9:12].decode()
    if status == "200":
        found.acknowledged.append(caller.ref)
        found.latencies.append(now - caller.sent_at)
    else:
        found.others[status or "connection closed"] += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--first-ref", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="print the acknowledged ids, too")
    options = parser.parse_args()
    found = flood(options.port, options.path, options.seconds, options.connections, options.first_ref)
    listed = {"acknowledged": found.acknowledged} if options.list else {}
    print(json.dumps(found.figures() | listed))


if __name__ == "__main__":
    main()
