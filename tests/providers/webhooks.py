"""A receiver of webhook calls that reads what Najva may send and remembers it."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Receiver:
    """``calls`` holds (message id, status) as they came; every call is answered with ``status``."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []
        self.bodies: list[bytes] = []
        self.status = 200
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/webhooks/1/token/"

    def note(self, query: str, body: bytes) -> None:
        text = re.sub(r",\s*}", "}", body.decode())
        found: dict[str, Any] = (
            json.loads(text)
            if text.startswith("{")
            else {name: values[0] for name, values in parse_qs(text or query).items()}
        )
        self.bodies.append(body)
        if "messageid" in found:  # Najva's name for it; other providers' calls are read from their bodies
            self.calls.append((int(found["messageid"]), int(found["status"])))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                receiver.note(urlsplit(self.path).query, body)
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_POST = do_GET  # noqa: N815 - the base class asks for this name

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                """Silent."""

        return Handler


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()
