"""Files that outlive a database outage: an answer or an event is on disk, synced, before the database is touched."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings


class Spool:
    """A folder of small files, written whole or not at all.

    A file appears under its name only after its bytes are synced (write to a hidden name, fsync, rename, fsync of the
    folder), so a reader never meets half of one.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def folder(self) -> Path:
        """The folder, made on first use and readable by this user alone."""
        path = Path(settings.SPOOL_DIR) / self.name
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    def write(self, content: bytes, name: str = "") -> Path:
        """Store ``content`` durably and return its path; an existing file of that name is replaced.

        Raises:
            OSError: the disk refused (full, read-only).
        """
        folder = self.folder
        path = folder / (name or secrets.token_hex(16))
        hidden = folder / f".{path.name}.{secrets.token_hex(4)}"
        try:
            with hidden.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            hidden.replace(path)
        except OSError:
            hidden.unlink(missing_ok=True)
            raise
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return path

    @staticmethod
    def name_of_now() -> str:
        """A name that nobody else takes and that sorts by the time, so that ``names`` need not look at the files."""
        return f"{time.time_ns():020d}-{secrets.token_hex(4)}"

    def names(self) -> list[str]:
        """The names of the complete files, sorted. A hundred thousand take a tenth of a second."""
        return sorted(name for name in os.listdir(self.folder) if name[0] != ".")  # noqa: PTH208 - paths cost ten times

    def files(self) -> Iterator[Path]:
        """The complete files, oldest first. Another process may take one away at any moment."""
        found = []
        for path in self.folder.iterdir():
            if not path.name.startswith("."):
                with contextlib.suppress(FileNotFoundError):
                    found.append((path.stat().st_mtime, path))
        return iter([path for _, path in sorted(found)])

    def set_aside(self, path: Path) -> None:
        """Keep a file that cannot be dealt with for a person to look at, out of the way of the others."""
        with contextlib.suppress(FileNotFoundError):
            path.replace(path.with_name(f".unreadable-{path.name}"))
