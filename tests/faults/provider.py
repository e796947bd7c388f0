"""The sandbox in a process of its own, and what it can be asked over its socket: its ledger is the oracle."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.providers.servers import free_port

ROOT = Path(__file__).resolve().parents[2]


class RemoteSandbox:
    """A sandbox elsewhere; ``base_url`` goes into an account."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def configure(self, **settings: Any) -> None:
        """Change fields of its ``Behaviour``."""
        self._call("POST", "settings", settings)

    def spoil(self, *rules: dict[str, Any]) -> None:
        """Let requests meet these faults from now on, and no others."""
        self._call("DELETE", "faults")
        self._call("POST", "faults", list(rules))

    def faults_met(self) -> Counter[str]:
        """How often each kind of fault struck."""
        counters = self._call("GET", "ledger")["counters"]
        return Counter({name[7:]: n for name, n in counters.items() if name.startswith("faults_")})

    def acceptances(self) -> Counter[str]:
        """How often each E.164 number was accepted."""
        found: Counter[str] = Counter()
        for request in self._call("GET", "ledger?phones=1")["by_request"]:
            found.update(f"+{phone}" for phone in request["phones"])
        return found

    def _call(self, method: str, action: str, content: Any = None) -> Any:
        body = json.dumps(content).encode()
        request = urllib.request.Request(f"{self.base_url}/_sandbox/{action}", body, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


@contextlib.contextmanager
def sandbox_process(environment: dict[str, str]) -> Iterator[RemoteSandbox]:
    """Run ``manage.py sandbox`` for the length of a ``with`` block; it reports nothing by itself."""
    port = free_port()
    command = [sys.executable, "manage.py", "sandbox", "--port", str(port), "--sent-after", "1e9"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    sandbox = RemoteSandbox(f"http://127.0.0.1:{port}")
    limit = time.monotonic() + 60
    try:
        while True:
            try:
                sandbox.faults_met()
                break
            except OSError:
                assert process.poll() is None, "the sandbox ended"
                assert time.monotonic() < limit, "the sandbox did not start in time"
                time.sleep(0.05)
        yield sandbox
    finally:
        process.kill()
        process.wait()
