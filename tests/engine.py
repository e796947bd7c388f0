"""Settings for the engine under test, shared by the tests in this process and those that start processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

CONNECT_TIMEOUT = 1.0
READ_TIMEOUT = 0.5


def quicken(settings: Any, folder: Path) -> None:
    """Keep the spool in ``folder`` and let calls fail after a moment."""
    settings.SPOOL_DIR = folder / "spool"
    settings.UPLOAD_DIR = folder / "uploads"
    settings.EXPORT_DIR = folder / "exports"
    settings.SEND_CONNECT_TIMEOUT = CONNECT_TIMEOUT
    settings.SEND_READ_TIMEOUT = READ_TIMEOUT
    settings.SEND_PILOT_SIZE = 2
