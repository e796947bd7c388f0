"""Keeping a django-q2 cluster alive: it runs in a process group of its own, and its pulse is a tick from end to end.

django-q2 can hang for ever while its own status is green: a worker or the monitor killed at the wrong moment leaves a
lock that nobody frees. So nothing of its own is asked. The watch rings for a tick on the cluster's own queue; a tick
that this cluster and no other has run and put away stamps its heart (``hearts``); a stamp that stays away makes the
watch kill the whole group and start a new one.
"""

from __future__ import annotations

import contextlib
import ctypes
import datetime as dt
import logging
import os
import signal
import subprocess
import sys
import time
from types import FrameType

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection
from django_q.tasks import async_task

from campaigns import hearts
from campaigns.models import Heartbeat

logger = logging.getLogger(__name__)


PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    """Let the kernel ask this process to stop when the watch dies, even by SIGKILL: no cluster stays behind."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Watch:
    """One cluster and its pulse. Times in seconds."""

    tick_every = 1.0
    ring_again = 10.0  # a tick that was lost with a dead worker is rung for again
    # Without a beat for so long the cluster is hung. One worker never sends (claiming.has_place), so a tick waits for a
    # slice and a poll at most; a single worker may be in a slow call, which lasts up to twice the read timeout.
    grace = 45.0
    if settings.Q_CLUSTER["workers"] < 2:
        grace += settings.SEND_CONNECT_TIMEOUT + 2 * settings.SEND_READ_TIMEOUT
    starting = 10.0  # until the first beat may be expected

    def __init__(self) -> None:
        self.name = hearts.Name()
        self.cluster: subprocess.Popen[bytes] | None = None
        self.stopping = False
        self.deadline = 0.0
        self.rung_at = 0.0
        self.seen_beat: dt.datetime | None = None

    def run(self) -> None:
        """Watch until SIGTERM or SIGINT, then let the cluster finish what it is doing."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        self._start()
        while not self.stopping:
            self._look()
            time.sleep(self.tick_every)
        self._end(patiently=True)
        with contextlib.suppress(DatabaseError):
            hearts.forget(str(self.name))
        self.name.give_back()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True

    def _start(self) -> None:
        connection.close()
        self.cluster = subprocess.Popen(
            ["env", f"WORKER_HEART={self.name}", sys.executable, sys.argv[0], "qcluster"],
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - no thread runs here
        )
        self.deadline = time.monotonic() + self.starting + self.grace
        self.rung_at = 0.0
        logger.info("The cluster runs as process group %s", self.cluster.pid)

    def _look(self) -> None:
        if self.cluster is not None and self.cluster.poll() is not None:
            logger.error("The cluster ended by itself; it is started anew")
            self._end(patiently=False)
            self._start()
            return
        try:
            close_old_connections()
            self._take_pulse()
        except DatabaseError as error:
            # Without a database there is no pulse to miss; the cluster's own connections heal by themselves. A file of
            # SQLite's that stays locked is not away: a process that hangs holds it.
            if "locked" not in str(error):
                self.deadline = time.monotonic() + self.grace
            connection.close()
            logger.error("The database is away (%s)", type(error).__name__)
        if time.monotonic() > self.deadline:
            logger.error(
                "The cluster has not finished a task for %s seconds; it is killed and started anew", self.grace
            )
            self._end(patiently=False)
            self._start()

    def _take_pulse(self) -> None:
        beat = Heartbeat.objects.filter(name=str(self.name)).values_list("beat_at", flat=True).first()
        answered = beat is not None and beat != self.seen_beat  # not "later": a clock may be set back
        if answered:
            self.seen_beat = beat
            self.deadline = time.monotonic() + self.grace
        if answered or time.monotonic() - self.rung_at > self.ring_again:
            self.rung_at = time.monotonic()
            self._ring()

    def _ring(self) -> None:
        try:
            async_task("campaigns.tasks.tick", cluster=str(self.name))
        except DatabaseError:
            raise
        except Exception as error:  # noqa: BLE001 - a Redis broker has errors of its own
            logger.error("The task queue did not take the tick (%s)", type(error).__name__)

    def _end(self, *, patiently: bool) -> None:
        if self.cluster is None:
            return
        if patiently and self.cluster.poll() is None:
            self.cluster.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.cluster.wait(settings.SEND_LEASE)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.cluster.pid, signal.SIGKILL)
        self.cluster.wait()
