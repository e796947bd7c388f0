"""Who holds a batch: a process, named so that another one on the same machine can tell whether it still lives.

A lease protects against everything, but it is long, since a live call must never lose it. Where the owner is a process
of this very machine (same host, same process namespace) and is gone, its batches need not wait for the lease. The name
tells the disk of its spool, too: on another disk nobody can know what its journal said.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
from pathlib import Path

from django.conf import settings

HIDDEN = "hidden"  # in the place of a start time


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
    return machine == place() != "" and started not in ("", HIDDEN) and _started(int(pid)) not in (started, HIDDEN)


def place() -> str:
    """This machine as owners name it, an empty text where it cannot be known: host, boot, process namespace and disk.

    The kernel gives no two live namespaces the same number, so containers of one host name differ, and another machine
    of that name has another boot.
    """
    try:
        namespace = Path("/proc/self/ns/pid").stat().st_ino
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{socket.gethostname()[:40]}/{boot}/{namespace}/{_disk()}"
    except OSError:
        return ""


def _disk() -> str:
    """The spool's own name, made once: two services with the same one see each other's journals and answers."""
    path = Path(settings.SPOOL_DIR) / "disk"
    try:
        return path.read_text()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = path.with_name(f".disk.{secrets.token_hex(4)}")
        made.write_text(secrets.token_hex(4))
        with contextlib.suppress(FileExistsError):  # another process was first
            os.link(made, path)
        made.unlink()
        return path.read_text()


def _started(pid: int) -> str:
    """The start time of a process in clock ticks since boot (field 22 of its stat).

    An empty text if it is gone, ``HIDDEN`` if it lives and shows nothing of itself: another user's, behind hidepid.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return ""
        except PermissionError:
            pass
        return HIDDEN
    return "" if fields[0] == "Z" else fields[19]
