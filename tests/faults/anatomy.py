"""The processes of a cluster that runs under a watch, told apart by the order in which django-q2 starts them."""

from __future__ import annotations

import subprocess

import psutil


class Cluster:
    """The cluster of a watch as it is now; ``workers`` as many as the tests' processes are told to have."""

    def __init__(self, watch: subprocess.Popen[bytes], workers: int) -> None:
        [self.main] = psutil.Process(watch.pid).children()
        [self.sentinel] = self.main.children()
        parts = sorted(self.sentinel.children(), key=lambda each: (each.create_time(), each.pid))
        self.workers, [self.monitor, self.pusher] = parts[:workers], parts[workers:]

    def is_gone(self) -> bool:
        """Whether nothing of it runs any more."""
        return not any(each.is_running() for each in (self.main, self.sentinel, *self.workers, self.monitor))
