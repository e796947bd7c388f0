"""A task whose process dies over it, as one that runs out of memory does."""

from __future__ import annotations

import os
import signal
from pathlib import Path


def die() -> None:
    """Leave a line in the file named by POISONED, and die."""
    with Path(os.environ["POISONED"]).open("a") as log:
        log.write("died\n")
    os.kill(os.getpid(), signal.SIGKILL)
