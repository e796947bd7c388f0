"""What ``make run`` starts: prepares the database and the static files, then keeps the Procfile's processes running.

The address, the user and the password are printed last, once the site answers its own health check.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import socket
import sys
import threading
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

import django  # noqa: E402
import honcho.manager  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402
from honcho.environ import parse_procfile  # noqa: E402
from honcho.printer import Printer  # noqa: E402

STOP_SECONDS = 30  # the worker finishes the call in flight before it goes
START_SECONDS = 40


def taken_ports() -> list[str]:
    """A sentence for each of our ports that another program holds."""
    sentences = []
    for variable in ("WEB_PORT", "SANDBOX_PORT"):
        port: int = getattr(settings, variable)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                sentences.append(f"Port {port} is taken. Choose another one: make run {variable}={port + 1}")
    return sentences


def static_fingerprint() -> str:
    """Changes whenever the collected static files would: with our own files, and with Django's version."""
    digest = hashlib.sha256(django.__version__.encode())
    for file in sorted(path for path in (ROOT / "static").rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(ROOT)}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def collect_static() -> None:
    """Collects and compresses the static files, unless that was done for these very files."""
    stamp: Path = settings.VAR_DIR / "static.stamp"
    fingerprint = static_fingerprint()
    if stamp.is_file() and stamp.read_text() == fingerprint:
        return
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(fingerprint)


def prepare() -> None:
    """Brings the database, the demo and the static files up to date. Repeating it changes nothing."""
    call_command("migrate", interactive=False, verbosity=0)
    call_command("seed_demo")
    collect_static()
    connections.close_all()


def health() -> int:
    """The HTTP status of the health check; 0 while nothing listens."""
    connection = HTTPConnection("127.0.0.1", settings.WEB_PORT, timeout=5)
    try:
        connection.request("GET", "/health/")
        return connection.getresponse().status
    except (OSError, HTTPException):
        return 0
    finally:
        connection.close()


def password() -> str:
    """The demo administrator's password: the environment's, else the one made at the first start."""
    first: Path = settings.VAR_DIR / "first_password"
    if settings.DEMO_PASSWORD or not first.is_file():
        return settings.DEMO_PASSWORD or "the one you chose"
    return first.read_text().strip()


def announce() -> None:
    """Waits until the site is healthy and tells how to get in."""
    deadline = time.monotonic() + START_SECONDS
    while (status := health()) != 200 and time.monotonic() < deadline:
        time.sleep(1 if status else 0.1)  # once the site answers, each refusal is a line in its log
    if not status:
        return
    lines = [
        "",
        "  Chapar is running.",
        f"  Address:   http://127.0.0.1:{settings.WEB_PORT}/",
        "  User:      admin",
        f"  Password:  {password()}",
        "  Ctrl-C stops it; what you did is kept in var/.",
        "",
    ]
    if status != 200:
        lines.insert(2, f"  Its worker has not reported yet: http://127.0.0.1:{settings.WEB_PORT}/health/ tells why.")
    print("\n".join(lines), flush=True)


class Unheard(io.TextIOBase):
    """An output whose reader may go away (``make run | head``): the processes must still be stopped in good order."""

    def __init__(self, output: TextIO) -> None:
        self.output = output

    def isatty(self) -> bool:
        return self.output.isatty()

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self.output.write(text)
            self.output.flush()
        return len(text)


def serve() -> int:
    """Runs the Procfile's processes until one of them ends or the user stops them. Returns the exit status."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONUNBUFFERED": "1",
        "WEB_PORT": str(settings.WEB_PORT),
        "SANDBOX_PORT": str(settings.SANDBOX_PORT),
    }
    honcho.manager.KILL_WAIT = STOP_SECONDS
    manager = honcho.manager.Manager(printer=Printer(output=Unheard(sys.stdout)))
    for name, command in parse_procfile((ROOT / "Procfile").read_text()).processes.items():
        manager.add_process(name, command, env=environment, cwd=str(ROOT))
    threading.Thread(target=announce, daemon=True).start()
    manager.loop()
    stopped_by_user = manager.returncode in (130, 143)
    return 0 if stopped_by_user else manager.returncode or 1


def main() -> int:
    """Prepares and serves; a sentence and status 1 where a port is taken."""
    if sentences := taken_ports():
        print("\n".join(sentences), file=sys.stderr)
        return 1
    django.setup()
    prepare()
    return serve()


if __name__ == "__main__":
    sys.exit(main())
