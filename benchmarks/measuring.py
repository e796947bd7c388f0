"""What the benchmarks share: a database of their own, each way in a process of its own, and a table of ratios.

Wall time on a shared machine says little; the ratio to a floor that was measured in the same run, and CPU seconds (of
the process and its database backend) say more.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def database(kind: str) -> Iterator[dict[str, str]]:
    """An empty, migrated database (``postgres`` or ``sqlite``) as the environment for processes that use it."""
    with tempfile.TemporaryDirectory(prefix="chapar-benchmark-", ignore_cleanup_errors=True) as temporary:
        directory = Path(temporary)
        directory.chmod(0o755)  # an embedded server started by root runs as a user of its own
        with _server(kind, directory) as url:
            environment = os.environ | {
                "DATABASE_URL": url,
                "DJANGO_SETTINGS_MODULE": "project.settings",
                "LOG_LEVEL": "ERROR",
                "READ_DOT_ENV": "false",
                "VAR_DIR": str(directory / "var"),
            }
            manage(environment, "migrate", "--verbosity", "0")
            yield environment


@contextmanager
def _server(kind: str, directory: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{directory / 'benchmark.sqlite3'}"
    elif given := os.environ.get("BENCHMARK_DATABASE_URL"):
        yield given
    else:
        from tests.postgres import embedded_postgres

        with embedded_postgres(directory, durable=True) as url:
            yield url


def manage(environment: Mapping[str, str], *arguments: str) -> None:
    """Run a management command on the benchmark's database."""
    subprocess.run([sys.executable, "manage.py", *arguments], env=environment, check=True, cwd=ROOT)


def in_process(environment: Mapping[str, str], module: str, *arguments: str) -> dict[str, Any]:
    """Run one way of a benchmark in a process of its own and return its figures."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    answer = subprocess.run(command, env=environment, check=True, cwd=ROOT, stdout=subprocess.PIPE)
    figures: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return figures


def measure(way: Callable[[], int | Mapping[str, float]]) -> None:
    """Run a way in this process and print its figures as JSON: rows, wall and CPU seconds, peak memory in MB.

    A way returns the rows that it did, or figures of its own with ``rows`` among them.
    """
    from django.db import connection

    connection.ensure_connection()
    backend = connection.connection.info.backend_pid if connection.vendor == "postgresql" else None
    began, spent = time.monotonic(), cpu(backend)
    told = way()
    figures = {"wall": time.monotonic() - began, "cpu": cpu(backend) - spent}
    figures |= {"memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    print(json.dumps(figures | (dict(told) if isinstance(told, Mapping) else {"rows": told})))


def resident() -> float:
    """The memory of this process now, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def medians(rounds: Sequence[Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """The median of each figure of each way over interleaved rounds."""
    return {
        way: {name: statistics.median(each[way][name] for each in rounds) for name in figures}
        for way, figures in rounds[0].items()
    }


def cpu(backend: int | None) -> float:
    """The CPU seconds of this process, and of the database's process that serves it."""
    seconds = time.process_time()
    if backend is not None:
        fields = Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()
        seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds


def report(title: str, figures: Mapping[str, Mapping[str, Any]], floor: str, notes: Sequence[str] = ()) -> None:
    """Print each way's figures and its ratio to the floor's, a row of work for a row of work."""
    base = figures[floor]
    print(title)
    for way, it in figures.items():
        scale = base["rows"] / it["rows"]
        wall, cpu = it["wall"] * scale, it["cpu"] * scale
        scaled = "" if scale == 1 else f"   (scaled from {it['rows']:,.0f} rows)"
        print(
            f"  {way:22} {wall:8.1f} s wall {wall / base['wall']:7.2f}x   {cpu:8.1f} s CPU {cpu / base['cpu']:7.2f}x"
            f"   peak {it['memory']:5.0f} MB{scaled}"
        )
    for note in notes:
        print(f"  {note}")
