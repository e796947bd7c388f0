"""The connection breaks between a claim's COMMIT and its answer: nobody knows whether it stands."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection

from campaigns import ringing
from campaigns.models import Batch, Campaign
from campaigns.sending import answers
from providers.models import ProviderAccount
from providers.sandbox import Sandbox
from tests import builders
from tests.faults.conftest import Processes

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120), pytest.mark.django_db(transaction=True)]
SIZE = 32
CLAIM = re.compile(rb'SET "status" = 20, "owner".*COMMIT', re.DOTALL)


class Proxy:
    """Between clients and PostgreSQL. It cuts both at the ``nth`` claim's COMMIT, passing it or not."""

    def __init__(self, target: str, nth: int, *, passing: bool) -> None:
        self.target, self.left, self.passing = target, nth, passing
        self.folder = tempfile.TemporaryDirectory(prefix="chapar-proxy-")
        Path(self.folder.name).chmod(0o755)
        self.cuts = 0
        self._committed = threading.Event()
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(f"{self.folder.name}/.s.PGSQL.5432")
        self._socket.listen()
        self._peers: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._begin(self._accept)

    def close(self) -> None:
        for peer in [self._socket, *self._peers]:
            _end(peer)
        for thread in self._threads:
            thread.join(10)
        for peer in [self._socket, *self._peers]:
            peer.close()
        self.folder.cleanup()

    def _begin(self, target: Callable[..., None], *peers: socket.socket) -> None:
        self._threads.append(threading.Thread(target=target, args=peers, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.target)
            self._peers += [client, server]
            self._begin(self._back, server, client)
            self._begin(self._forth, client, server)

    def _forth(self, client: socket.socket, server: socket.socket) -> None:
        said = b""
        while chunk := _received(client):
            said = said[-100_000:] + chunk
            if CLAIM.search(said):
                said, self.left = b"", self.left - 1
                if self.left == 0:
                    self._cut(client, server, chunk)
                    return
            server.sendall(chunk)
        _end(server)

    def _cut(self, client: socket.socket, server: socket.socket, chunk: bytes) -> None:
        self.cuts += 1
        self._committed.clear()
        _end(client)  # first: the answer must not arrive
        if self.passing:
            server.sendall(chunk)
            assert self._committed.wait(10)
        _end(server)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        while chunk := _received(server):
            if b"COMMIT\0" in chunk:
                self._committed.set()
            with contextlib.suppress(OSError):  # cut off
                client.sendall(chunk)
        _end(client)


def _end(peer: socket.socket) -> None:
    with contextlib.suppress(OSError):  # a plain close would wait for the thread that reads from it
        peer.shutdown(socket.SHUT_RDWR)


def _received(peer: socket.socket) -> bytes:
    try:
        return peer.recv(65536)
    except OSError:
        return b""


@pytest.fixture(params=[True, False], ids=["committed", "not committed"])
def proxy(request: pytest.FixtureRequest, processes: Processes) -> Iterator[Proxy]:
    """The workers of the test are on it; the test itself is not."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite is a file, and its commit has no answer that could be lost")
    told = connection.get_connection_params()
    if not str(told.get("host", "")).startswith("/"):
        pytest.skip("the server of TEST_DATABASE_URL is not on a socket")
    proxy = Proxy(f"{told['host']}/.s.PGSQL.{told.get('port') or 5432}", nth=2, passing=request.param)
    place = f"{told['user']}@/{told['dbname']}?host={quote(proxy.folder.name, safe='')}"
    processes.environment["DATABASE_URL"] = f"postgresql://{place}"
    yield proxy
    proxy.close()


def test_nothing_is_sent_on_a_claim_that_nobody_knows_of_and_it_is_taken_back(
    proxy: Proxy, sandbox: Sandbox, processes: Processes
) -> None:
    campaign = builders.campaign_of(sandbox, SIZE)
    worker = processes.start("-m", "tests.faults.worker", "none", 1, campaign.pk)
    assert worker.wait(60) != 0
    assert proxy.cuts == 1
    assert len(sandbox.ledger.acceptances()) == 2  # the pilot, before
    assert Batch.objects.in_flight().count() == int(proxy.passing)
    assert len(list(answers.spool.files())) == 1
    age(answers.spool.files())
    ringing.tick()
    Batch.objects.update(not_before=None)
    ProviderAccount.objects.update(next_request_at=None)
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": SIZE}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    assert_forgotten(campaign)


def age(files: Iterator[Path]) -> None:
    for path in files:
        os.utime(path, (path.stat().st_mtime - 60,) * 2)


def assert_forgotten(campaign: Campaign) -> None:
    assert not list(answers.spool.files())
    assert not Batch.objects.filter(campaign=campaign).in_flight().exists()
