"""Who holds a batch: a process, named so that another one on the same machine can tell whether it still lives.

A lease protects against everything, but it is long, since a live call must never lose it. Where the owner is a process
of this very machine (same host, same process namespace) and is gone, its batches need not wait for the lease.
"""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path


def this_process() -> str:
    """The name of this process and thread as an owner."""
    pid = os.getpid()
    return f"{place()}/{pid}/{_started(pid)}/{threading.get_ident()}"


def is_gone(owner: str) -> bool:
    """Whether the owner was a process of this machine that has ended; False where that cannot be known."""
    try:
        machine, pid, started, _thread = owner.rsplit("/", 3)
    except ValueError:
        return False
    return machine == place() != "" and started != "" and started != _started(int(pid))


def place() -> str:
    """This machine as owners name it: host, boot and process namespace; an empty text where that cannot be known."""
    try:
        namespace = Path("/proc/self/ns/pid").stat().st_ino
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
    return f"{socket.gethostname()[:60]}/{boot}/{namespace}"


def _started(pid: int) -> str:
    """The start time of a process in clock ticks since boot (field 22 of its stat), or an empty text if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]
