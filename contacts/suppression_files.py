"""A file of numbers to be suppressed: its phone column is found, and a worker reads it in slices.

A worker holds the file by a lease on the database's clock. Each chunk's suppressions, counts and refused rows are one
transaction, which begins by locking the file's row under the worker's own name: a worker that has lost its lease writes
nothing, and one that follows goes on after the last commit.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from django_q.tasks import async_task

from contacts import phones, suppressions
from contacts.importing import mapping, reasons
from contacts.importing.layout import Layout, Row, Rows
from contacts.importing.loading import discard
from contacts.importing.reading import open_rows
from contacts.importing.reasons import UnreadableFile
from contacts.importing.sniffing import sniff
from contacts.importing.starting import sample
from contacts.models import Source, SuppressionFile
from contacts.suppressions import Terms

CHUNK_ROWS: Final = 20_000
LEASE: Final = timedelta(seconds=60)
SAMPLE_ROWS: Final = 100
KEPT_ISSUES: Final = 1_000
KEPT_CHARS: Final = 60  # of a refused cell

_Status = SuppressionFile.Status


class LeaseLost(Exception):
    """Another worker has the file, or it was cancelled: this one has nothing more to do with it."""


def ring(file_id: int) -> None:
    """Ask the worker, after the commit, to read on."""
    transaction.on_commit(lambda: async_task("contacts.tasks.suppress_file", file_id) and None, robust=True)


def start(path: Path, filename: str, terms: Terms, user: Any = None, *, in_background: bool = True) -> SuppressionFile:
    """Begin with an uploaded file; raises :class:`UnreadableFile`, and the file is gone."""
    try:
        layout = sniff(path, max_bytes=settings.IMPORT_MAX_BYTES)
        columns = mapping.guess(layout.header, sample(path, layout, SAMPLE_ROWS), attributes=False)
        mapping.check(columns)
    except UnreadableFile:
        discard(path)
        raise
    with transaction.atomic():
        job = SuppressionFile.objects.create(
            filename=Path(filename).name[:255],
            path=str(path),
            size=path.stat().st_size,
            layout=asdict(layout),
            column=columns.index(mapping.PHONE),
            scope=terms.scope,
            line=terms.line,
            reason=terms.reason,
            note=terms.note,
            created_by=user,
        )
        if in_background:
            ring(job.pk)
    return job


def cancel(file_id: int) -> bool:
    """Stop a file that is being read; whether it was. What is suppressed by then stays."""
    running = SuppressionFile.objects.filter(pk=file_id, status=_Status.RUNNING)
    stopped = running.update(status=_Status.CANCELLED, owner="", lease_until=None, finished_at=timezone.now())
    if stopped:
        discard(Path(SuppressionFile.objects.values_list("path", flat=True).get(pk=file_id)))
    return bool(stopped)


def run(file_id: int, *, deadline: float | None = None) -> bool:
    """Read rows until the end, or to the first commit after ``deadline`` (``time.monotonic()``).

    Returns whether the caller has nothing more to do. ``False`` asks to be called again.
    """
    owner = uuid.uuid4().hex
    if not SuppressionFile.objects.stalled().filter(pk=file_id).update(owner=owner, lease_until=Now() + LEASE):
        return True
    job = SuppressionFile.objects.select_related("line", "created_by").get(pk=file_id)
    try:
        return _Reader(job, owner).run(deadline)
    except LeaseLost:
        return True
    except UnreadableFile as error:
        _end(job, owner, _Status.FAILED, error.code)
        return True


def _end(job: SuppressionFile, owner: str, status: str, error: str = "") -> None:
    held = SuppressionFile.objects.filter(pk=job.pk, owner=owner, status=_Status.RUNNING)
    if held.update(status=status, error=error, owner="", lease_until=None, finished_at=timezone.now()):
        discard(Path(job.path))


@dataclass(slots=True)
class _Chunk:
    """Consecutive rows: ``size`` of them, the numbers that they hold, and what was refused as [line, value, code]."""

    size: int = 0
    numbers: set[str] = field(default_factory=set)
    issues: list[list[Any]] = field(default_factory=list)
    offset: int = 0
    last: bool = False


class _Reader:
    """One worker's turn at one file."""

    def __init__(self, job: SuppressionFile, owner: str) -> None:
        self.job = job
        self.owner = owner
        self.done = job.rows_done

    def run(self, deadline: float | None) -> bool:
        path = Path(self.job.path)
        if not path.is_file():
            raise UnreadableFile(reasons.MISSING)
        if path.stat().st_size != self.job.size:
            raise UnreadableFile(reasons.CHANGED)
        layout = Layout(**{**self.job.layout, "header": tuple(self.job.layout["header"])})
        with open_rows(path, layout) as reader:
            for chunk in self._chunks(reader, islice(reader, self.done, None)):
                self._commit(chunk)
                if not chunk.last and deadline is not None and time.monotonic() >= deadline:
                    self._release()
                    return False
        _end(self.job, self.owner, _Status.COMPLETED)
        return True

    def _chunks(self, reader: Rows, rows: Iterable[Row]) -> Iterator[_Chunk]:
        chunk = _Chunk()
        for line, cells, problem in rows:
            chunk.size += 1
            value = cells[self.job.column] if self.job.column < len(cells) else cells[0]
            try:
                if problem:
                    raise phones.InvalidPhone(problem)
                chunk.numbers.add(phones.normalise(value))
            except phones.InvalidPhone as error:
                chunk.issues.append([line, value[:KEPT_CHARS].replace("\0", "␀"), error.code])
            if chunk.size >= CHUNK_ROWS:
                chunk.offset = reader.bytes_read
                yield chunk
                chunk = _Chunk()
        chunk.offset, chunk.last = self.job.size, True
        yield chunk

    def _commit(self, chunk: _Chunk) -> None:
        with transaction.atomic():
            held = SuppressionFile.objects.select_for_update().filter(
                pk=self.job.pk, owner=self.owner, status=_Status.RUNNING, rows_done=self.done
            )
            job = held.first()
            if job is None:
                raise LeaseLost
            made = suppressions.suppress(
                chunk.numbers,
                scope=self.job.scope,
                reason=self.job.reason,
                source=Source.FILE,
                line=self.job.line,
                user=self.job.created_by,
                note=self.job.note or self.job.filename,
            )
            SuppressionFile.objects.filter(pk=job.pk).update(
                rows_done=F("rows_done") + chunk.size,
                made=F("made") + made,
                known=F("known") + chunk.size - made - len(chunk.issues),
                refused=F("refused") + len(chunk.issues),
                issues=[*job.issues, *chunk.issues][:KEPT_ISSUES],
                bytes_done=chunk.offset,
                lease_until=Now() + LEASE,
            )
        self.done += chunk.size

    def _release(self) -> None:
        SuppressionFile.objects.filter(pk=self.job.pk, owner=self.owner).update(owner="", lease_until=None)
