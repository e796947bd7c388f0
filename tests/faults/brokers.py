"""A Redis server of a test's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from tests.providers.servers import free_port

NO_REDIS = "!!! THE REDIS BROKER IS NOT TESTED: no redis-server was found (apt-get install redis-server) !!!"


class RedisServer:
    """A real server on a port of its own that keeps nothing on disk: what was in it dies with it."""

    def __init__(self, program: str, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis(port=self.port, socket_timeout=5)
        self._command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while not self._answers():
            assert time.monotonic() < end, "it did not start"
            time.sleep(0.05)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)
        self.client.close()

    def pushes(self) -> int:
        """How many tasks were ever put into it."""
        return int(self.client.info("commandstats").get("cmdstat_rpush", {}).get("calls", 0))

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False


@contextmanager
def running_redis(folder: Path) -> Iterator[RedisServer]:
    """A server that runs; without the program the test is skipped with one loud line, or fails under CI=true."""
    program = shutil.which("redis-server")
    if program is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(NO_REDIS)
    server = RedisServer(program, folder)
    server.start()
    yield server
    server.kill()
