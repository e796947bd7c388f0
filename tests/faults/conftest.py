"""Real processes on the test's own database and spool."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import psutil
import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from providers.sandbox import Sandbox, running_sandbox
from tests import engine

if TYPE_CHECKING:
    from tests.faults.web import Web

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A provider on a socket, in this process; its ledger is the oracle."""
    with running_sandbox() as sandbox:
        yield sandbox


class Processes:
    """Starts our processes and sees to it that none outlives the test."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.started: list[subprocess.Popen[bytes]] = []
        self.log: IO[bytes] | None = None  # where their standard error goes, if not to the test's own

    def start(self, *arguments: object) -> subprocess.Popen[bytes]:
        command = [sys.executable, *map(str, arguments)]
        process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=subprocess.DEVNULL, stderr=self.log)
        self.started.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """SIGKILL to a process and everything it has started."""
        self.kill_all([process])

    def kill_all(self, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        """SIGKILL to several and everything they have started, all at once."""
        families = [each for process in processes for each in self.family(process)]
        for each in [*processes, *families]:
            if psutil.pid_exists(each.pid):
                each.send_signal(signal.SIGKILL)
        for process in processes:
            process.wait(10)
        psutil.wait_procs(families, timeout=10)

    def family(self, process: subprocess.Popen[bytes]) -> list[psutil.Process]:
        try:
            found: list[psutil.Process] = psutil.Process(process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        return found


@pytest.fixture
def processes(process_environment: dict[str, str], settings: Settings, tmp_path: Path) -> Iterator[Processes]:
    """Processes that share the test's database and spool, with short times."""
    engine.quicken(settings, tmp_path)
    short: dict[str, Any] = {
        "VAR_DIR": tmp_path,
        "SEND_PILOT_SIZE": settings.SEND_PILOT_SIZE,
        "SEND_CONNECT_TIMEOUT": 1,
        "SEND_READ_TIMEOUT": 5,
        "SEND_SLICE": 2,
        "Q_WORKERS": 3,
    }
    found = Processes(process_environment | {key: str(value) for key, value in short.items()})
    yield found
    for process in found.started:
        found.kill(process)


@pytest.fixture
def machine(processes: Processes, tmp_path: Path) -> Iterator[Callable[..., Processes]]:
    """Makes machines: a name gives one a VAR_DIR of its own; further settings are its own, too. PostgreSQL only."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite is for one machine")
    made: list[Processes] = []

    def make(name: str, **environment: object) -> Processes:
        own = {"VAR_DIR": tmp_path / name, **environment}
        made.append(Processes(processes.environment | {key: str(value) for key, value in own.items()}))
        return made[-1]

    yield make
    for each in made:
        for process in each.started:
            each.kill(process)


@pytest.fixture
def web(processes: Processes) -> Web:
    """The site under gunicorn."""
    from tests.faults.web import Web  # it builds on what is here

    site = Web(processes)
    site.start()
    return site


def until(true: Callable[[], Any], seconds: float = 30.0) -> None:
    """Wait for something to become true; fail where it does not in time."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
