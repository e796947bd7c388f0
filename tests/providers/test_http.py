"""Every way in which an exchange fails, over real sockets, and which of them may be repeated."""

from __future__ import annotations

import gzip
import logging
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import pytest

from providers.answers import Outcome
from providers.base import (
    HttpRequest,
    HttpResponse,
    InvalidJob,
    ProviderError,
    TransportError,
    Upload,
)
from providers.http import exchange
from tests.providers.servers import (
    answering,
    free_port,
    full_backlog,
    raw_server,
    read_request,
    reset,
    wait_for_the_end,
)

SECRET = "very-secret-token-9f8e7d"
PHONE = "09121234567"
PATIENCE = 20.0  # seconds; without a limit each of these servers would hold us for longer
OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"a": "\xd8\xa8"}'


def request(url: str, body: bytes = b'{"receivers": ["09121234567"]}', **changes: Any) -> HttpRequest:
    headers = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}
    return HttpRequest("POST", url, headers, **{"body": body, "params": {"search": PHONE}, **changes})


def send(url: str, **options: Any) -> HttpResponse:
    return exchange(request(url), **{"connect_timeout": 0.5, "read_timeout": 10.0, **options})


def failure(url: str, **options: Any) -> TransportError:
    with pytest.raises(TransportError) as caught:
        send(url, **options)
    assert caught.value.__context__ is None  # requests' own errors hold the request
    return caught.value


def test_an_answer_comes_back_whole() -> None:
    with raw_server(answering(OK)) as server:
        answer = send(server.url)
    assert (answer.status, answer.json(), answer.headers["content-type"]) == (200, {"a": "ب"}, "application/json")


def test_a_compressed_answer_is_unpacked() -> None:
    packed = gzip.compress(b'{"a": 1}')
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    with raw_server(answering(head + packed)) as server:
        assert send(server.url).json() == {"a": 1}


def test_the_body_goes_out_byte_for_byte() -> None:
    seen: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(OK)

    with raw_server(serve) as server:
        exchange(request(server.url, "نیم‌فاصله 🎉".encode()), connect_timeout=1, read_timeout=1)
    assert seen[0].endswith(b"\r\n\r\n" + "نیم‌فاصله 🎉".encode())


def test_a_refused_connection_may_be_repeated() -> None:
    error = failure(f"http://127.0.0.1:{free_port()}/")
    assert (error.outcome, error.code) == (Outcome.RETRYABLE, "connection_refused")


def test_a_name_that_does_not_resolve_may_be_repeated() -> None:
    error = failure("http://no-such-host.invalid/")
    assert (error.outcome, error.code) == (Outcome.RETRYABLE, "name_not_resolved")


def test_a_connection_that_is_never_accepted_may_be_repeated() -> None:
    with full_backlog() as port:
        error = failure(f"http://127.0.0.1:{port}/", connect_timeout=0.3)
    assert (error.outcome, error.code) == (Outcome.RETRYABLE, "connect_timeout")


def test_tls_to_a_plain_port_may_be_repeated() -> None:
    with raw_server(answering(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        error = failure(f"https://127.0.0.1:{server.port}/")
    assert (error.outcome, error.code) == (Outcome.RETRYABLE, "tls_failure")


def test_tls_that_hangs_may_be_repeated() -> None:
    with raw_server(wait_for_the_end) as server:
        error = failure(f"https://127.0.0.1:{server.port}/")
    assert (error.outcome, error.code) == (Outcome.RETRYABLE, "tls_failure")


def test_a_certificate_that_nobody_vouches_for_gets_no_request(tmp_path: Path) -> None:
    received: list[bytes] = []
    context = self_signed(tmp_path)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            received.append(wrapped.recv(100))

    with raw_server(serve) as server:
        error = failure(f"https://127.0.0.1:{server.port}/")
    assert (error.outcome, error.code, [each for each in received if each]) == (Outcome.RETRYABLE, "tls_failure", [])


def close_at_once(connection: socket.socket) -> None:
    connection.recv(1)


def reset_at_once(connection: socket.socket) -> None:
    connection.recv(1)
    reset(connection)


def reset_after_the_request(connection: socket.socket) -> None:
    read_request(connection)
    reset(connection)


def reset_in_the_body(connection: socket.socket) -> None:
    read_request(connection)
    connection.sendall(OK[:-4])
    time.sleep(0.05)
    reset(connection)


LOST = {
    "closed at once": close_at_once,
    "reset at once": reset_at_once,
    "closed after the request": answering(b""),
    "reset after the request": reset_after_the_request,
    "closed in the status line": answering(b"HTTP/1.1 2"),
    "no HTTP": answering(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "shorter than Content-Length": answering(OK[:-4]),
    "reset in the body": reset_in_the_body,
    "chunks that end too soon": answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nab"),
    "no gzip": answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
}


@pytest.mark.parametrize("serve", LOST.values(), ids=LOST.keys())
def test_a_connection_lost_once_the_request_began_is_in_doubt(serve: Any) -> None:
    with raw_server(serve) as server:
        error = failure(server.url)
    assert (error.outcome, error.code) == (Outcome.UNCLEAR, "connection_lost")
    assert server.connections == 1


def test_an_answer_cut_in_its_headers_is_an_empty_one() -> None:
    with raw_server(answering(b"HTTP/1.1 200 OK\r\nContent-Le")) as server:
        assert send(server.url).body == b""


def test_silence_is_in_doubt_after_the_read_timeout() -> None:
    start = time.monotonic()
    with raw_server(wait_for_the_end) as server:
        error = failure(server.url, read_timeout=0.4)
    assert (error.outcome, error.code) == (Outcome.UNCLEAR, "read_timeout")
    assert 0.3 < time.monotonic() - start < PATIENCE


def drip_headers(connection: socket.socket) -> None:
    read_request(connection)
    for byte in OK * 100:
        connection.sendall(bytes((byte,)))
        time.sleep(0.05)


def drip_body(connection: socket.socket) -> None:
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    for _ in range(1_000):
        connection.sendall(b"x")
        time.sleep(0.05)


@pytest.mark.parametrize("serve", [drip_headers, drip_body])
def test_a_server_that_drips_holds_us_no_longer_than_the_deadline(serve: Any) -> None:
    start = time.monotonic()
    with raw_server(serve) as server:
        error = failure(server.url, read_timeout=0.4)
        assert time.monotonic() - start < PATIENCE
    assert (error.outcome, error.code) == (Outcome.UNCLEAR, "deadline")


def test_a_longer_deadline_lets_a_slow_answer_come() -> None:
    def serve(connection: socket.socket) -> None:
        read_request(connection)
        for byte in OK:
            connection.sendall(bytes((byte,)))
            time.sleep(0.012)

    start = time.monotonic()
    with raw_server(serve) as server:
        assert send(server.url, read_timeout=0.4, deadline=10).status == 200
    assert time.monotonic() - start > 0.8  # twice the read timeout


def test_a_server_that_stops_reading_for_a_moment_is_waited_for() -> None:
    body = b"x" * 20_000_000

    def serve(connection: socket.socket) -> None:
        time.sleep(0.5)
        left = len(body)
        while left > 0 and (piece := connection.recv(65_536)):
            left -= len(piece)
        connection.sendall(OK)

    with raw_server(serve) as server:
        assert exchange(request(server.url, body), connect_timeout=0.2, read_timeout=5).status == 200


def test_a_server_that_does_not_read_is_in_doubt() -> None:
    with raw_server(lambda connection: time.sleep(1)) as server, pytest.raises(TransportError) as caught:
        exchange(request(server.url, b"x" * 20_000_000), connect_timeout=0.5, read_timeout=0.5)
    assert caught.value.outcome is Outcome.UNCLEAR


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with raw_server(answering(OK)) as other:
        raw = f"HTTP/1.1 {status} Moved\r\nLocation: {other.url}\r\nContent-Length: 0\r\n\r\n".encode()
        with raw_server(answering(raw)) as server:
            assert send(server.url).status == status
        assert other.connections == 0


@pytest.mark.parametrize("status", [200, 400, 429, 500, 502])
def test_a_page_of_html_is_an_answer_like_any_other(status: int) -> None:
    with raw_server(answering(b"HTTP/1.1 %d X\r\nContent-Length: 6\r\n\r\n<html>" % status)) as server:
        answer = send(server.url)
    assert (answer.status, answer.body, server.connections) == (status, b"<html>", 1)


def test_an_answer_that_is_too_large_is_in_doubt() -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000
    with raw_server(answering(raw)) as server:
        error = failure(server.url, max_body=4000)
    assert (error.outcome, error.code) == (Outcome.UNCLEAR, "answer_too_large")


def test_a_compressed_bomb_is_in_doubt() -> None:
    packed = gzip.compress(b"0" * 5_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    with raw_server(answering(head + packed)) as server:
        assert failure(server.url, max_body=100_000).code == "answer_too_large"


def keep_answering(connection: socket.socket) -> None:
    while read_request(connection):
        connection.sendall(OK)


def test_every_request_has_a_connection_of_its_own() -> None:
    with raw_server(keep_answering) as server:
        send(server.url)
        send(server.url)
        assert server.connections == 2


def test_an_idempotent_provider_keeps_its_connection() -> None:
    with raw_server(keep_answering) as server:
        send(server.url, fresh_connection=False)
        send(server.url, fresh_connection=False)
        assert server.connections == 1


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    with raw_server(answering(OK)) as server:
        assert send(server.url).status == 200


@pytest.mark.parametrize("header", ["a\r\nb", "توکن", "a\nX-Evil: 1"])
def test_a_header_that_cannot_be_sent_is_refused_without_a_connection(header: str) -> None:
    with raw_server(answering(OK)) as server:
        broken = HttpRequest("POST", server.url, {"Authorization": header}, body=b"")
        with pytest.raises(InvalidJob) as caught:
            exchange(broken, connect_timeout=1, read_timeout=1)
    assert (server.connections, caught.value.__context__) == (0, None)


@pytest.mark.parametrize("url", ["http://", "ftp://127.0.0.1/", "nonsense", "http://[::1", "http://a b/"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidJob):
        exchange(HttpRequest("POST", url), connect_timeout=1, read_timeout=1)


def test_a_file_is_streamed_as_multipart(tmp_path: Path) -> None:
    seen: list[bytes] = []
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 1000)

    def serve(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(OK)

    with raw_server(serve) as server:
        upload = Upload(path, 'عکس".png', "image/png", path.stat().st_size)
        exchange(HttpRequest("POST", server.url, upload=upload), connect_timeout=1, read_timeout=2)
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert 'name="file"; filename="عکس%22.png"'.encode() in body
    assert path.read_bytes() in body
    assert body.endswith(head.split(b"boundary=")[1].split(b"\r\n")[0] + b"--\r\n")


def test_a_file_may_come_from_memory() -> None:
    seen: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(OK)

    with raw_server(serve) as server:
        upload = Upload(None, "a.png", "image/png", 4, content=b"\x89PNG")
        exchange(HttpRequest("POST", server.url, upload=upload), connect_timeout=1, read_timeout=2)
    assert b'filename="a.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n--' in seen[0]


@pytest.mark.parametrize("path", [None, Path("/nowhere/a.png")])
def test_a_file_that_is_not_there_is_refused_without_a_connection(path: Path | None) -> None:
    with raw_server(answering(OK)) as server:
        request = HttpRequest("POST", server.url, upload=Upload(path, "a.png", "image/png", 4))
        with pytest.raises(InvalidJob):
            exchange(request, connect_timeout=1, read_timeout=1)
    assert server.connections == 0


FAILING = {
    "lost": answering(b""),
    "silent": wait_for_the_end,
    "no HTTP": answering(f"HTTP {SECRET} {PHONE}\r\n".encode()),
}


@pytest.mark.parametrize("serve", FAILING.values(), ids=FAILING.keys())
def test_no_secret_and_no_number_is_in_an_error_or_a_log(serve: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with raw_server(serve) as server:
        try:
            send(server.url, read_timeout=0.4)
        except ProviderError as error:
            logging.getLogger("test").exception("failed: %r", error)
    assert "failed" in caplog.text
    assert all(hidden not in caplog.text for hidden in (SECRET, PHONE))


def test_a_good_exchange_logs_no_number(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), raw_server(answering(OK)) as server:
        send(server.url)
    assert PHONE not in caplog.text


def self_signed(directory: Path) -> ssl.SSLContext:
    """A server's context with a certificate that no authority has signed."""
    import datetime as dt

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(1)
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = directory / "server.pem"
    path.write_bytes(private + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
