"""Workers by the hundred: one process that has loaded the product forks one for every order that it reads.

A Python process that starts costs a second, a fork ten milliseconds, and it is a process like any other: it has a pid
and connections of its own, and SIGKILL ends it wherever it is. The nursery itself never touches the database.

Orders and answers are lines of JSON: ``{"fork": {...}}`` gets the pid, ``{"ended": true}`` what has ended since, as
``[pid, exit status as subprocess tells it, time]``.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NamedTuple, Self

ROOT = Path(__file__).resolve().parents[2]
PR_SET_PDEATHSIG = 1


class End(NamedTuple):
    """How a worker ended: negative like ``Popen.returncode`` where a signal did it; ``at`` in Unix seconds."""

    pid: int
    status: int
    at: float


class Nursery:
    """The nursery as its user sees it. Its workers end with it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.alive: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait(10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def fork(self, **job: Any) -> int:
        """Let a worker out (see ``worker.labour`` for the fields of a job); its pid."""
        pid = int(self._ask({"fork": job}))
        self.alive.add(pid)
        return pid

    def ended(self) -> list[End]:
        """The workers that have ended since the last look."""
        ends = [End(*end) for end in self._ask({"ended": True})]
        self.alive -= {end.pid for end in ends}
        return ends

    def wait(self, seconds: float = 60.0) -> list[End]:
        """Wait until every worker has ended; how they did."""
        limit = time.monotonic() + seconds
        ends = self.ended()
        while self.alive:
            assert time.monotonic() < limit, "a worker did not end in time"
            time.sleep(0.01)
            ends += self.ended()
        return ends

    def strike(self, pid: int, number: int = signal.SIGKILL) -> None:
        """Send a signal to a worker that may have ended already."""
        if pid in self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _ask(self, question: dict[str, Any]) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


class _Matron:
    """The nursery's own side."""

    def __init__(self) -> None:
        self._ends: list[tuple[int, int, float]] = []
        signal.signal(signal.SIGCHLD, self._reap)

    def _reap(self, number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                self._ends.append((found[0], os.waitstatus_to_exitcode(found[1]), time.time()))

    def serve(self) -> None:
        for line in iter(sys.stdin.readline, ""):
            order = json.loads(line)
            sys.stdout.write(json.dumps(self._bear(order["fork"]) if "fork" in order else self._told()) + "\n")
            sys.stdout.flush()

    def _told(self) -> list[tuple[int, int, float]]:
        told = []
        while self._ends:  # one by one: a signal may come in between
            told.append(self._ends.pop(0))
        return told

    def _bear(self, job: dict[str, Any]) -> int:
        matron = os.getpid()
        pid = os.fork()
        if not pid:
            status = 1
            try:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                os.dup2(os.open(os.devnull, os.O_RDWR), sys.stdin.fileno())
                os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
                if os.getppid() == matron:
                    worker.labour(**job)
                    status = 0
            except BaseException:  # noqa: BLE001 - nothing may climb into the matron's loop
                traceback.print_exc()
            finally:
                os._exit(status)
        return pid


if __name__ == "__main__":
    import django

    django.setup()
    from tests.faults import worker

    worker.preload()
    _Matron().serve()
