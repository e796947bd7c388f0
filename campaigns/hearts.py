"""The hearts of the worker services: a row each, stamped by the ticks of its own cluster, watched by its own watch.

Times are the database's, so that machines whose clocks differ agree on who is alive.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import logging
import os
import secrets
import socket
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now

from campaigns import queues
from campaigns.models import Heartbeat

logger = logging.getLogger(__name__)

FRESH = dt.timedelta(seconds=60)  # since the last beat of a heart that beats
GONE = dt.timedelta(days=1)  # after which a service that did not come back is forgotten


class Heart(NamedTuple):
    """A worker service's name, and how long ago a tick last ran from end to end on its cluster."""

    name: str
    age: dt.timedelta

    @property
    def beats(self) -> bool:
        return self.age <= FRESH


def hearts() -> list[Heart]:
    """The hearts of the services that run or have lately stopped without a word, by name."""
    age = ExpressionWrapper(Now() - F("beat_at"), output_field=DurationField())
    return [Heart(*row) for row in Heartbeat.objects.order_by("name").values_list("name", age)]


def beat() -> None:
    """Stamp the heart of the cluster that runs this; outside a cluster there is none."""
    if settings.WORKER_HEART:
        Heartbeat.objects.update_or_create(name=settings.WORKER_HEART, defaults={"beat_at": Now()})


def forget_gone() -> None:
    """Forget the services that have not come back for a day."""
    for name in Heartbeat.objects.filter(beat_at__lt=Now() - GONE).values_list("name", flat=True):
        forget(name)


def forget(name: str) -> None:
    """Remove a heart with its queue: its service has ended."""
    Heartbeat.objects.filter(name=name).delete()
    try:
        queues.drop(name)
    except Exception as error:  # noqa: BLE001 - each broker has errors of its own
        logger.warning("The queue of a worker that is gone could not be deleted (%s)", type(error).__name__)


class Name:
    """The name of one worker service, kept over a crash: a file of the spool that is locked while the service runs.

    The next service that starts here takes the name of one that ended without a word, so a heart that is silent is a
    service that is missing, and not one that was restarted. Two services never have the same name.
    """

    def __init__(self) -> None:
        self._descriptor: int | None = None
        host = socket.gethostname()[:60]
        fresh = f"{host}-{secrets.token_hex(4)}"
        folder = Path(settings.SPOOL_DIR) / "hearts"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            left = sorted(path for path in folder.iterdir() if path.name.rpartition("-")[0] == host)
            self.path = next((path for path in [*left, folder / fresh] if self._lock(path)), folder / fresh)
        except OSError:  # a full or read-only disk: then this name is not kept
            self.path = folder / fresh

    def __str__(self) -> str:
        return self.path.name

    def _lock(self, path: Path) -> bool:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def give_back(self) -> None:
        """The service ends in good order: nobody need take its name over."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
