"""The only module that talks to providers: it carries an :class:`HttpRequest` out and classes what goes wrong.

What decides between "certainly not taken" and "may have been taken" is one fact, noted by our own connection class: was
there a byte of the request on a connected (and, with TLS, verified) socket? Before it, a failure is ``RETRYABLE``; from
then on everything is ``UNCLEAR``. No redirects, no retries, no proxies or netrc from the environment. Neither
exceptions nor logs hold an address with its query, a header or a body.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, BinaryIO

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError

from providers.answers import Outcome
from providers.base import HttpRequest, HttpResponse, InvalidJob, ProviderError, TransportError, Upload

# A full answer to 10,000 recipients with long Persian texts as \u escapes is about 40 MB.
MAX_BODY = 64 * 1024 * 1024
_CHUNK = 64 * 1024
_sessions = threading.local()
_current = threading.local()
_IDLE = 3600.0  # seconds
_watchdogs: dict[int, _Watchdog] = {}
_watchdog_made = threading.Lock()

# urllib3 logs addresses with their query strings, which may hold a phone number.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)


class _Exchange:
    """One exchange as its connection sees it; the watchdog cuts it off ``seconds`` after it has connected.

    ``silence`` in seconds is how long a single look at the socket may wait.
    """

    def __init__(self, silence: float, seconds: float) -> None:
        self.silence = silence
        self.begun = False
        self.overdue = False
        self.deadline = 0.0
        self._seconds = seconds
        self._socket: socket.socket | None = None

    def watch(self, sock: socket.socket) -> None:
        """Start the deadline on a connected socket. A duplicate is kept: TLS detaches the original."""
        if self._socket is None:
            self._socket = socket.socket(fileno=os.dup(sock.fileno()))
            self.deadline = time.monotonic() + self._seconds
            _watchdog().watch(self)

    @property
    def connected(self) -> bool:
        return self._socket is not None

    def close(self) -> None:
        if self._socket is not None:
            _watchdog().forget(self)
            self._socket.close()

    def cut(self) -> None:
        """End the exchange; whoever waits for its answer gets an error."""
        self.overdue = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


class _Watchdog:
    """One thread for all exchanges of a process: a timer for each would cost more than the rest of a small exchange."""

    def __init__(self) -> None:
        self._watched: set[_Exchange] = set()
        self._changed = threading.Condition()
        self._wakes_at = 0.0
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def watch(self, exchange: _Exchange) -> None:
        with self._changed:
            self._watched.add(exchange)
            if len(self._watched) == 1 or exchange.deadline < self._wakes_at:
                self._changed.notify()

    def forget(self, exchange: _Exchange) -> None:
        """From its return on the exchange is never cut."""
        with self._changed:
            self._watched.discard(exchange)

    def _run(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                for exchange in [each for each in self._watched if each.deadline <= now]:
                    self._watched.discard(exchange)
                    exchange.cut()
                self._wakes_at = min((each.deadline for each in self._watched), default=now + _IDLE)
                self._changed.wait(self._wakes_at - now)


def _watchdog() -> _Watchdog:
    pid = os.getpid()  # a fork inherits the object, not its thread
    with _watchdog_made:
        if pid not in _watchdogs:
            _watchdogs.clear()
            _watchdogs[pid] = _Watchdog()
        return _watchdogs[pid]


class _Watched:
    """Mixed into both connection classes: tells the exchange of its thread what the connection does."""

    sock: socket.socket | None

    def _new_conn(self) -> socket.socket:
        connected: socket.socket = super()._new_conn()  # type: ignore[misc]
        _exchange().watch(connected)
        return connected

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()  # type: ignore[attr-defined]
        exchange = _exchange()
        if self.sock is not None:
            exchange.watch(self.sock)
            self.sock.settimeout(exchange.silence)  # urllib3 would leave it at the connect timeout until the answer
        exchange.begun = True
        super().send(data)  # type: ignore[misc]


class _PlainConnection(_Watched, HTTPConnection):
    pass


class _TlsConnection(_Watched, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}


class _Multipart:
    """A multipart body with one file, read in pieces: requests asks for its length first."""

    def __init__(self, upload: Upload, stream: BinaryIO) -> None:
        self.boundary = secrets.token_hex(16)
        name = upload.filename.replace("\\", "_").replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        head = (
            f'--{self.boundary}\r\nContent-Disposition: form-data; name="{upload.field_name}"; filename="{name}"\r\n'
            f"Content-Type: {upload.content_type}\r\n\r\n"
        )
        tail = f"\r\n--{self.boundary}--\r\n"
        self._streams: list[BinaryIO] = [io.BytesIO(head.encode()), stream, io.BytesIO(tail.encode())]
        self._length = len(head.encode()) + stream.seek(0, io.SEEK_END) + len(tail)
        stream.seek(0)

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1) -> bytes:
        while self._streams:
            if piece := self._streams[0].read(size):
                return piece
            self._streams.pop(0)
        return b""


def exchange(
    request: HttpRequest,
    *,
    connect_timeout: float,
    read_timeout: float,
    fresh_connection: bool = True,
    max_body: int = MAX_BODY,
    deadline: float | None = None,
) -> HttpResponse:
    """Carry out a request and return the whole answer, whatever its status.

    Times in seconds; ``read_timeout`` bounds each silence, ``deadline`` the whole exchange once connected: without
    one, twice the read timeout, which is too short for a large file. ``fresh_connection`` must stay True for a provider
    without an idempotency key: a kept-alive connection that the server has just closed would leave the request in
    doubt. ``max_body`` in bytes, after decompression.

    Raises:
        TransportError: the exchange failed; its outcome tells whether the request may have been taken.
        InvalidJob: the request cannot be put on the wire at all (a line break in a header, no host in the address).
    """
    state = _current.exchange = _Exchange(read_timeout, deadline or 2 * read_timeout)
    try:
        with _session(fresh_connection) as session, _prepared(request) as prepared:
            timeouts = (connect_timeout, read_timeout)
            with session.send(prepared, stream=True, allow_redirects=False, timeout=timeouts, proxies={}) as answer:
                found = _read(answer, max_body)
            if not state.overdue:  # cut off in its headers, an answer looks like one with an empty body
                return found
            failure: ProviderError = TransportError(Outcome.UNCLEAR, "deadline")
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        failure = _classed(error, state)
    finally:
        state.close()
        _current.exchange = None
    raise failure  # out here, so that it carries no context: requests' own errors hold the request and its headers


def _exchange() -> _Exchange:
    found = _current.exchange
    assert isinstance(found, _Exchange)  # noqa: S101 - connections are only made by exchange()
    return found


@contextlib.contextmanager
def _session(fresh: bool) -> Iterator[requests.Session]:
    if not fresh:
        if not hasattr(_sessions, "kept"):
            _sessions.kept = _new_session()
        yield _sessions.kept
        return
    with _new_session() as session:
        yield session


def _new_session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", _Adapter())
    session.mount("https://", _Adapter())
    return session


@contextlib.contextmanager
def _prepared(request: HttpRequest) -> Iterator[requests.PreparedRequest]:
    headers = {"User-Agent": "Chapar", "Accept-Encoding": "gzip, deflate", **request.headers}
    with contextlib.ExitStack() as stack:
        body: Any = request.body
        prepared: requests.PreparedRequest | None = None
        # Raised after the block, without a context: requests' own sentence quotes the header it refuses.
        with contextlib.suppress(requests.RequestException, ValueError, OSError):
            if request.upload:
                body = _Multipart(request.upload, stack.enter_context(_opened(request.upload)))
                headers["Content-Type"] = f"multipart/form-data; boundary={body.boundary}"
            params = dict(request.params)
            made = requests.Request(request.method, request.url, headers, data=body, params=params).prepare()
            for value in made.headers.values():
                value.encode("latin-1")
            prepared = made
        if prepared is None:
            raise InvalidJob("invalid_request")
        yield prepared


def _opened(upload: Upload) -> BinaryIO:
    if upload.content is not None:
        return io.BytesIO(upload.content)
    if upload.path is None:
        raise ValueError("no_file")
    return upload.path.open("rb")


def _read(answer: requests.Response, max_body: int) -> HttpResponse:
    pieces, size = [], 0
    for piece in answer.iter_content(_CHUNK):
        size += len(piece)
        if size > max_body:
            raise TransportError(Outcome.UNCLEAR, "answer_too_large")
        pieces.append(piece)
    return HttpResponse(
        answer.status_code, b"".join(pieces), {name.lower(): value for name, value in answer.headers.items()}
    )


def _classed(error: Exception, state: _Exchange) -> ProviderError:
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return InvalidJob("invalid_request")
    if not state.begun:
        return TransportError(*_before_the_request(error, state))
    if state.overdue:
        return TransportError(Outcome.UNCLEAR, "deadline")
    timed_out = any(isinstance(each, TimeoutError | urllib3.exceptions.TimeoutError) for each in _causes(error))
    return TransportError(Outcome.UNCLEAR, "read_timeout" if timed_out else "connection_lost")


def _before_the_request(error: Exception, state: _Exchange) -> tuple[Outcome, str]:
    causes = list(_causes(error))
    if any(isinstance(each, NameResolutionError | socket.gaierror) for each in causes):
        return Outcome.RETRYABLE, "name_not_resolved"
    if any(isinstance(each, ConnectionRefusedError) for each in causes):
        return Outcome.RETRYABLE, "connection_refused"
    if state.connected:
        return Outcome.RETRYABLE, "tls_failure"
    if any(isinstance(each, ConnectTimeoutError | TimeoutError) for each in causes):
        return Outcome.RETRYABLE, "connect_timeout"
    if any(isinstance(each, OSError) and each.errno for each in causes):
        return Outcome.RETRYABLE, "no_connection"
    return Outcome.UNCLEAR, "transport_failure"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it wraps: urllib3 hides the first cause in arguments, reasons and contexts."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop()
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__, getattr(each, "reason", None)]
        waiting += each.args
