"""The product as people run it: the Procfile's processes on free ports, with the test's database."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import psutil
from django.conf import settings
from honcho.environ import parse_procfile

START_SECONDS = 60.0
STOP_SECONDS = 15.0
_T = TypeVar("_T")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def until(found: Callable[[], _T], what: str, seconds: float = 30.0) -> _T:
    """Ask again and again until the answer is true, and return it; fail with ``what`` was waited for."""
    end = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < end, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.1)
    return answer


def fetched(url: str, content: Any = None) -> tuple[int, bytes]:
    """Status and body of a GET, or of a POST of JSON; status 0 while nothing listens."""
    body = None if content is None else json.dumps(content).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, b""
    except OSError:
        return 0, b""


class Product:
    """The site at ``url`` and its provider at ``provider_url``, once ``healthy()``."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self.web_port, self.sandbox_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.web_port}"
        self.provider_url = f"http://127.0.0.1:{self.sandbox_port}"
        self._environment = dict(environment) | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "WEB_PORT": str(self.web_port),
            "SANDBOX_PORT": str(self.sandbox_port),
            "Q_WORKERS": "2",
        }
        self._log = log
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str) -> None:
        """Start the Procfile's processes of these names; all of them where none is given."""
        procfile = parse_procfile((settings.BASE_DIR / "Procfile").read_text()).processes
        for name in names or procfile:
            with self._log.open("ab") as log:
                self.processes[name] = subprocess.Popen(
                    ["sh", "-c", procfile[name]],
                    cwd=settings.BASE_DIR,
                    env=self._environment,
                    stdout=log,
                    stderr=log,
                )

    def stop(self) -> None:
        """Ask every process to end as an operator would; what is left after a while is killed."""
        family = [
            child
            for process in self.processes.values()
            if process.poll() is None
            for child in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        ]
        for process in self.processes.values():
            process.terminate()
        _gone, left = psutil.wait_procs(family, timeout=STOP_SECONDS)
        for child in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        for process in self.processes.values():
            process.wait(STOP_SECONDS)

    def healthy(self) -> None:
        """Wait until the site says that its worker has run a task, and until the provider answers."""
        until(lambda: fetched(f"{self.url}/health/")[0] == 200, f"health; see {self._log}", START_SECONDS)
        until(lambda: fetched(f"{self.provider_url}/_sandbox/ledger")[0] == 200, "the provider", START_SECONDS)

    def ledger(self) -> dict[str, Any]:
        """What the provider took, as its control endpoint tells it."""
        summary: dict[str, Any] = json.loads(fetched(f"{self.provider_url}/_sandbox/ledger")[1])
        return summary

    def provider(self, action: str, **content: Any) -> None:
        """Tell the provider how to behave: ``faults`` or ``settings``."""
        status, _body = fetched(f"{self.provider_url}/_sandbox/{action}", content)
        assert status == 200, status


def collect_static(environment: Mapping[str, str]) -> None:
    """Collect the static files into VAR_DIR, as the installation does; once is enough."""
    if (Path(environment["VAR_DIR"]) / "static" / "staticfiles.json").exists():
        return
    command = [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"]
    subprocess.run(command, cwd=settings.BASE_DIR, env=dict(environment), check=True, timeout=120)


@contextlib.contextmanager
def running(environment: Mapping[str, str], log: Path) -> Iterator[Product]:
    """The whole product for the length of a ``with`` block."""
    collect_static(environment)
    product = Product(environment, log)
    product.start()
    try:
        product.healthy()
        yield product
    finally:
        product.stop()
        print(log.read_text()[-4000:])  # noqa: T201 - pytest shows it with a failure
