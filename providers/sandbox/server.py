"""The sandbox's HTTP server: the providers' paths, control under ``/_sandbox/``, a page to watch at ``/``.

Control, all JSON: ``GET ledger[?phones=1][&since=ID]`` · ``GET messages?phone=+98…`` · ``POST faults`` (one rule or a
list) · ``DELETE faults`` · ``POST settings`` (fields of ``Behaviour``) · ``POST reset``.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from providers.sandbox.faults import ANSWERED, Fault, FaultBook, UnknownFault
from providers.sandbox.gosms import GoSMSSide
from providers.sandbox.ippanel import IPPanelSide
from providers.sandbox.ledger import Behaviour, Ledger
from providers.sandbox.najva import NajvaSide
from providers.sandbox.page import render
from providers.sandbox.safir import SafirSide
from providers.sandbox.side import Call, Reply, Side
from providers.sandbox.webhooks import Resolve, WebhookSender

SIDES: tuple[type[Side], ...] = (NajvaSide, SafirSide, IPPanelSide, GoSMSSide)
MAX_BODY = 64 * 1024 * 1024
MAX_UPLOAD = 512 * 1024 * 1024
UPLOAD_HEAD = 4_096  # bytes of an upload that are kept
VERSIONED = "/v1/"  # some base addresses end in it; it is no part of the sandbox's paths
HTML = b"<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>"


class Sandbox:
    """A sandbox and all that can be asked of it from inside the process; ``base_url`` goes into an account."""

    def __init__(
        self,
        port: int = 0,
        *,
        behaviour: Behaviour | None = None,
        resolve: Resolve | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.behaviour = behaviour or Behaviour()
        self.ledger = Ledger()
        self.faults = FaultBook(self.behaviour.seed)
        self.sides = {side.slug: side(self.ledger, self.behaviour) for side in SIDES}
        self.paths = {path: (side, name) for side in self.sides.values() for path, name in side.paths.items()}
        self.webhooks = WebhookSender(self.ledger, self.behaviour, self.faults, self.sides, resolve)
        self.stopping = threading.Event()
        self._server = _Server((host, port), self)
        self.port: int = self._server.server_address[1]
        self.base_url = f"http://{host}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def start(self) -> None:
        self.webhooks.start()
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, cut every connection and wait for the threads."""
        self.stopping.set()
        self._server.shutdown()
        self._server.cut()
        self._server.server_close()
        self._thread.join()
        self.webhooks.stop()

    def reset(self) -> None:
        """Forget messages, faults and webhooks that wait."""
        self.webhooks.clear()
        self.faults.clear()
        self.ledger.clear()
        for side in self.sides.values():
            side.forget()

    def configure(self, values: dict[str, Any]) -> dict[str, Any]:
        """Change fields of ``Behaviour``.

        Raises:
            UnknownFault: there is no such field.
        """
        if unknown := values.keys() - {each.name for each in fields(Behaviour)}:
            raise UnknownFault(f"unknown setting: {', '.join(sorted(unknown))}")
        for name, value in values.items():
            setattr(self.behaviour, name, value)
        return asdict(self.behaviour)

    def summary(self, *, phones: bool = False, since: int = 0) -> dict[str, Any]:
        """The ledger with the webhook calls still to be made."""
        return {**self.ledger.summary(phones=phones, since=since), "webhooks_waiting": self.webhooks.waiting}

    def messages_to(self, phone: str) -> list[dict[str, Any]]:
        """Every message that was accepted for an E.164 number, oldest first."""
        number = int(phone.lstrip("+"))
        return [
            {"messageid": taken.first_id + index, "text": taken.text(index), "sender": taken.sender, "at": taken.at}
            for taken in list(self.ledger.taken)
            for index, each in enumerate(taken.phones)
            if each == number
        ]


@contextlib.contextmanager
def running_sandbox(port: int = 0, **options: Any) -> Iterator[Sandbox]:
    """A sandbox on a free port of loopback for the length of a ``with`` block."""
    sandbox = Sandbox(port, **options)
    sandbox.start()
    try:
        yield sandbox
    finally:
        sandbox.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.discard(request)

    def cut(self) -> None:
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        deadline = time.monotonic() + 2
        while self._open and time.monotonic() < deadline:
            time.sleep(0.005)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Silent: request lines may hold numbers."""

    def _serve(self) -> None:
        address = urlsplit(self.path)
        query = dict(parse_qsl(address.query))
        path = address.path.removeprefix(VERSIONED.rstrip("/")) if address.path.startswith(VERSIONED) else address.path
        found = self.server.sandbox.paths.get((self.command, path))
        if found:
            self._provide(*found, query)
        elif address.path.startswith("/_sandbox/"):
            self._control(address.path.removeprefix("/_sandbox/"), query)
        elif self.command == "GET" and address.path == "/":
            self._write(200, render(self.server.sandbox, query), "text/html; charset=utf-8")
        else:
            self._body()
            self._write(404, b'{"error":"not found"}')

    def _provide(self, side: Side, operation: str, query: dict[str, str]) -> None:
        sandbox = self.server.sandbox
        sandbox.ledger.count(f"calls_{operation}")
        fault = sandbox.faults.draw(operation)
        if fault:
            sandbox.ledger.count(f"faults_{fault.kind}")
            if fault.kind == "refuse":
                self._reset()
                return
        upload = operation.endswith("upload")
        body = self._upload_head() if upload else self._body()
        if body is None:
            self._write(413, b'{"error":"too large"}')
            return
        if fault and not fault.taken:
            self._spoil(fault, side, side.failure(fault.kind))
            return
        headers = {name.title(): value for name, value in self.headers.items()}
        reply = side.answer(Call(operation, headers, query, body), fault)
        if reply.taken:
            sandbox.webhooks.announce(reply.taken)
        if fault:
            self._spoil(fault, side, reply)
        else:
            if sandbox.behaviour.latency:
                sandbox.stopping.wait(sandbox.behaviour.latency)
            self._write(reply.status, reply.body)

    def _spoil(self, fault: Fault, side: Side, reply: Reply) -> None:
        """Answer as the fault says, whether the messages were taken or not."""
        if fault.kind in ANSWERED:
            status, body, _ = side.failure(fault.kind)
            self._write(fault.http or status, body)
        elif fault.kind == "html":
            self._write(200, HTML, "text/html")
        elif fault.kind == "redirect":
            self._write(302, b"", location=f"{self.server.sandbox.base_url}/elsewhere")
        elif fault.kind in ("truncated", "empty"):
            self._write(reply.status, reply.body[: len(reply.body) // 2] if fault.kind == "truncated" else b"")
        elif fault.kind in ("timeout", "close_after_accept", "reset", "cut"):
            self._fall_silent(fault, reply)
        else:
            self._drag(fault, reply)

    def _fall_silent(self, fault: Fault, reply: Reply) -> None:
        if fault.kind == "timeout":
            self.server.sandbox.stopping.wait(fault.seconds or 3600)
        if fault.kind == "reset":
            self._reset()
        if fault.kind == "cut":
            self._head(reply.status, len(reply.body))
            self.wfile.write(reply.body[: len(reply.body) // 2])
        self.close_connection = True

    def _drag(self, fault: Fault, reply: Reply) -> None:
        if fault.kind == "slow":
            self.server.sandbox.stopping.wait(fault.seconds)
        if fault.kind != "drip":
            self._write(reply.status, reply.body)
            return
        self._head(reply.status, len(reply.body))
        for byte in reply.body:
            self.wfile.write(bytes((byte,)))
            self.wfile.flush()
            if self.server.sandbox.stopping.wait(fault.seconds or 0.1):
                return

    def _control(self, action: str, query: dict[str, str]) -> None:
        try:
            content = json.loads(self._body() or b"null")
            answer = self._controlled(action, query, content)
        except (ValueError, TypeError) as problem:
            self._write(400, json.dumps({"error": str(problem)}).encode())
            return
        self._write(404 if answer is None else 200, json.dumps(answer, ensure_ascii=False).encode())

    def _controlled(self, action: str, query: dict[str, str], content: Any) -> Any:
        sandbox = self.server.sandbox
        match self.command, action:
            case "GET", "ledger":
                return sandbox.summary(phones="phones" in query, since=int(query.get("since", 0)))
            case "GET", "messages":
                return sandbox.messages_to(query["phone"].strip()) if "phone" in query else None
            case "POST", "faults":
                rules = [Fault.from_json(rule) for rule in (content if isinstance(content, list) else [content])]
                sandbox.faults.rules.extend(rules)
                return {"rules": len(sandbox.faults.rules)}
            case "DELETE", "faults":
                sandbox.faults.clear()
                return {"rules": 0}
            case "POST", "settings":
                return sandbox.configure(content)
            case "POST", "reset":
                sandbox.reset()
                return {"messages": 0}
        return None

    def _body(self) -> bytes | None:
        """The request's body, or None where it is larger than anything a provider takes."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY:
            self.close_connection = True
            return None
        return self.rfile.read(int(length))

    def _upload_head(self) -> bytes | None:
        """The beginning of an upload's body; the rest is read and thrown away, so that no file fills the memory."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_UPLOAD:
            self.close_connection = True
            return None
        head, left = b"", int(length)
        while left and (piece := self.rfile.read(min(left, 65_536))):
            left -= len(piece)
            head += piece[: UPLOAD_HEAD - len(head)]
        return head

    def _head(self, status: int, length: int, content_type: str = "application/json", location: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(length))
        if location:
            self.send_header("Location", location)
        if status == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()

    def _write(self, status: int, body: bytes, content_type: str = "application/json", location: str = "") -> None:
        self._head(status, len(body), content_type, location)
        self.wfile.write(body)

    def _reset(self) -> None:
        """Close with RST: nothing unread is acknowledged."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
