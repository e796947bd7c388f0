"""Which requests of a group had begun, and what they were answered: on disk, so that a crash leaves few in doubt.

One file a group, a line an event, each line synced before the request it speaks of. A worker that comes back (or
another one on the same disk) reads from it who was certainly not sent to, and who was answered; only the rest, those
under way at the moment of the crash, is unclear.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

from django.conf import settings

from campaigns.delivery.spool import Spool
from campaigns.models import Batch
from campaigns.sending import owners
from campaigns.sending.recording import Ticket
from campaigns.states import BatchStatus
from providers.base import HttpResponse

spool = Spool("journals")


class Journal:
    """The journal of one attempt at a batch; several threads write to it."""

    def __init__(self, ticket: Ticket) -> None:
        self.path = _path(ticket)
        self._lock = threading.Lock()
        # Emptied: what lies there under this name is of another database.
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            self._write({"owner": ticket.owner})
        except OSError:
            os.close(self._file)
            raise
        descriptor = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def begun(self, key: int) -> None:
        """A request is about to go out."""
        self._write({"begun": key})

    def untaken(self, key: int) -> None:
        """A request certainly never reached the provider."""
        with contextlib.suppress(OSError):
            self._write({"untaken": key})

    def answered(self, key: int, response: HttpResponse) -> None:
        """A request was answered; a disk that refuses to hear it must not undo the answer."""
        body = base64.b64encode(response.body).decode()
        with contextlib.suppress(OSError):
            self._write({"answered": key, "status": response.status, "body": body})

    def close(self, *, settled: bool) -> None:
        """Forget the journal of a recorded group; any other is kept, and says that its group is over."""
        if settled:
            self.path.unlink(missing_ok=True)
        else:
            with contextlib.suppress(OSError):
                self._write({"over": True})
        os.close(self._file)

    def _write(self, line: dict[str, Any]) -> None:
        raw = b"\n" + json.dumps(line).encode() + b"\n"  # after half a line, on a full disk, it begins anew
        with self._lock:
            if os.write(self._file, raw) != len(raw):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file)


class Told:
    """What a journal tells: the answers by message id, and the messages whose request began without an answer."""

    def __init__(self) -> None:
        self.answers: dict[int, HttpResponse] = {}
        self.doubtful: set[int] = set()
        self.over = False  # nobody works on the group any more


def read(ticket: Ticket) -> Told | None:
    """What the journal of this attempt tells; None without one, or where it is not ours to read."""
    told = Told()
    try:
        lines = _path(ticket).read_bytes().split(b"\n")
    except FileNotFoundError:
        return None
    for raw in lines:
        with contextlib.suppress(ValueError, KeyError, TypeError):  # the last line may have been cut by the crash
            line = json.loads(raw)
            if "begun" in line:
                told.doubtful.add(int(line["begun"]))
            elif "untaken" in line:
                told.doubtful.discard(int(line["untaken"]))
            elif "answered" in line:
                told.answers[int(line["answered"])] = HttpResponse(int(line["status"]), base64.b64decode(line["body"]))
                told.doubtful.discard(int(line["answered"]))
            elif "over" in line:
                told.over = True
            elif line["owner"] != ticket.owner:
                return None
    return told


def is_over(ticket: Ticket) -> bool:
    """Whether the group of this attempt ended and could not be recorded."""
    told = read(ticket)
    return told is not None and told.over


def sweep() -> list[Ticket]:
    """Remove the journals of attempts that are settled: their worker ended between the record and the removal.

    Returns the attempts that were given up whole, by a machine that does not see this disk, and whose worker is gone.
    """
    given_up = []
    for path in spool.files():
        batch_id, _dash, attempt = path.name.partition("-")
        if not (batch_id.isdecimal() and attempt.isdecimal()):
            continue
        batch = Batch.objects.filter(pk=int(batch_id), attempt=int(attempt)).first()
        if batch is None or batch.status not in (BatchStatus.SENDING, BatchStatus.UNKNOWN):
            path.unlink(missing_ok=True)
        elif batch.status == BatchStatus.UNKNOWN:
            ticket = Ticket(batch.pk, batch.owner, batch.attempt)
            if owners.is_gone(ticket.owner) or is_over(ticket) or _is_old(path):
                given_up.append(ticket)
    return given_up


def _is_old(path: Path) -> bool:
    """Whether nothing was written to a journal for longer than a worker may hold its batch."""
    try:
        return time.time() - path.stat().st_mtime > float(settings.SEND_LEASE)
    except FileNotFoundError:
        return False


def forget(ticket: Ticket) -> None:
    """Remove the journal of a settled attempt."""
    _path(ticket).unlink(missing_ok=True)


def _path(ticket: Ticket) -> Path:
    return spool.folder / f"{ticket.batch_id}-{ticket.attempt}"
