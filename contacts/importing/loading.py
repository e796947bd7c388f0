"""An import's life: started once, run in slices, resumed after a kill at the row that follows the last commit.

A worker holds an import by a lease on the database's clock. Each chunk's rows, refused rows, counts and position are
one transaction, and it begins by locking the import's row under the worker's own name: a worker that has lost its lease
writes nothing. So ``rows_done`` equals the sum of the other counts at every commit.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import DatabaseError, OperationalError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from django_q.tasks import async_task

from contacts import collector
from contacts.importing import categories, cleaning, mapping, merging, reasons
from contacts.importing.ahead import one_ahead
from contacts.importing.categories import Category
from contacts.importing.cleaning import CleanRow, Issue, RefusedRow
from contacts.importing.layout import Row, Rows
from contacts.importing.merging import Into, Span, Tally
from contacts.importing.reading import layout_of, open_rows
from contacts.importing.reasons import UnreadableFile
from contacts.importing.seen import SeenPhones
from contacts.models import ContactImport, ImportIssue, Phonebook
from contacts.querysets import ContactImportQuerySet
from contacts.turns import take_turn

CHUNK_ROWS: Final = 40_000
CHUNK_BYTES: Final = 12 << 20
LEASE: Final = timedelta(seconds=60)
RENEW_EVERY: Final = 200_000  # rows passed over on the way to the place where a resumed import goes on

_Status = ContactImport.Status


class LeaseLost(Exception):
    """Another worker holds the import, or it was cancelled: this one has nothing more to do with it."""


def ring(import_id: int) -> None:
    """Asks the worker, after the commit, to run the import."""
    transaction.on_commit(lambda: async_task("contacts.tasks.run_import", import_id) and None)


def stalled_imports() -> ContactImportQuerySet:
    """Running imports that no live worker holds; ``run`` takes them up again."""
    return ContactImport.objects.stalled()


def run(import_id: int, *, deadline: float | None = None) -> bool:
    """Loads the import's rows until the end, or to the first commit after ``deadline`` (``time.monotonic()``).

    Returns whether the caller has nothing more to do: the import ended, or another worker has it. ``False`` asks to be
    called again. Every call commits at least one chunk.
    """
    owner = _claim(import_id)
    if owner is None:
        return True
    job = ContactImport.objects.get(pk=import_id)
    try:
        return _Loader(job, owner).run(deadline)
    except LeaseLost:
        return True
    except UnreadableFile as error:
        _end(job, owner, _Status.FAILED, error.code)
        return True


def _claim(import_id: int) -> str | None:
    owner = uuid.uuid4().hex
    claimed = ContactImport.objects.stalled().filter(pk=import_id).update(owner=owner, lease_until=Now() + LEASE)
    return owner if claimed else None


def _end(job: ContactImport, owner: str, status: str, error: str = "") -> None:
    path = Path(job.path)
    waits = status == _Status.COMPLETED and job.dry_run and is_upload(path)  # to be started in earnest
    kept = job.path if waits or not job.dry_run else ""
    held = ContactImport.objects.filter(pk=job.pk, owner=owner, status=_Status.RUNNING)
    facts = {"status": status, "error": error, "path": kept, "finished_at": timezone.now()}
    if held.update(owner="", lease_until=None, **facts) and not waits:
        discard(path)


def cancel(import_id: int) -> bool:
    """Stops an import that has not ended, or that was rehearsed and not yet started in earnest; whether it did.

    A worker on it notices before its next commit.
    """
    live = ContactImport.objects.filter(pk=import_id).live()
    cancelled = live.update(status=_Status.CANCELLED, owner="", lease_until=None, finished_at=timezone.now())
    if cancelled:
        discard(Path(ContactImport.objects.values_list("path", flat=True).get(pk=import_id)))
    return bool(cancelled)


def discard(path: Path) -> None:
    """Deletes an uploaded file; a file that was imported from where it lay stays."""
    if is_upload(path):
        path.unlink(missing_ok=True)


def is_upload(path: Path) -> bool:
    """Whether a file is a copy of ours, and not one that is imported from where it lies."""
    return Path(settings.UPLOAD_DIR) in path.parents


def seconds_left(contact_import: ContactImport) -> float | None:
    """How long a running import will still take, if it goes on as fast as since its start; none where nobody knows."""
    it = contact_import
    if it.status != _Status.RUNNING or it.started_at is None or not 0 < it.bytes_done <= it.size:
        return None
    taken = (timezone.now() - it.started_at).total_seconds()
    return taken * (it.size - it.bytes_done) / it.bytes_done


@dataclass(slots=True)
class _Chunk:
    """Consecutive rows of the file: ``size`` of them, sorted into what is loaded, refused and repeated.

    ``offset`` is how far into the file its end is, in bytes and to a block.
    """

    rows: list[CleanRow] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    repeated: int = 0
    size: int = 0
    offset: int = 0
    last: bool = False


class _Loader:
    """One worker's turn at one import."""

    def __init__(self, job: ContactImport, owner: str) -> None:
        self.job = job
        self.owner = owner
        self.done = job.rows_done
        # Those that it was started for: the relation has a deleted phonebook no more.
        self.phonebooks: list[int] = job.mapping.get("phonebooks") or sorted(
            job.phonebooks.values_list("pk", flat=True)
        )
        self.contacts = Span(job.first_contact_id or 0, job.last_contact_id or 0)
        self.memberships = Span(job.first_membership_id or 0, job.last_membership_id or 0)
        self.seen = SeenPhones()

    def run(self, deadline: float | None) -> bool:
        path, job = Path(self.job.path), self.job
        if not path.is_file():
            raise UnreadableFile(reasons.MISSING)
        if path.stat().st_size != job.size:
            raise UnreadableFile(reasons.CHANGED)
        targets: list[str] = job.mapping["columns"]
        mapping.check(targets)
        with open_rows(path, layout_of(job)) as reader:
            known = categories.Known(makes=job.makes_categories)
            clean = cleaning.cleaner(job.header, targets, ascii_json=not merging.keeps_json_parsed(), known=known)
            with collector.at_rest():
                return self._load(reader, clean, deadline)

    def _load(self, reader: Rows, clean: cleaning.Cleaner, deadline: float | None) -> bool:
        rows = iter(reader)
        self._pass_over(islice(rows, self.done), clean)
        with closing(one_ahead(self._chunks(reader, rows, clean))) as chunks:
            for chunk in chunks:
                self._commit(chunk)
                if not chunk.last and deadline is not None and time.monotonic() >= deadline:
                    self._release()
                    return False
        _end(self.job, self.owner, _Status.COMPLETED)
        return True

    def _chunks(self, reader: Rows, rows: Iterator[Row], clean: cleaning.Cleaner) -> Iterator[_Chunk]:
        chunk, began, remember = _Chunk(), reader.volume, self.seen.add
        for line, cells, problem in rows:
            chunk.size += 1
            try:
                if problem:
                    raise RefusedRow(problem)
                row = clean(line, cells)
                if remember(row.phone):
                    chunk.rows.append(row)
                else:
                    chunk.repeated += 1
            except RefusedRow as refusal:
                chunk.issues.append(cleaning.issue(line, cells, refusal.code, refusal.column, refusal.value))
            if chunk.size >= CHUNK_ROWS or reader.volume - began >= CHUNK_BYTES:
                chunk.offset, began = reader.bytes_read, reader.volume
                yield chunk
                chunk = _Chunk()
        chunk.offset, chunk.last = self.job.size, True
        yield chunk

    def _pass_over(self, rows: Iterable[Row], clean: cleaning.Cleaner) -> None:
        """Reads again what is already committed, to know which phones the file has had."""
        for position, (line, cells, problem) in enumerate(rows, 1):
            if not problem:
                with suppress(RefusedRow):
                    self.seen.add(clean(line, cells).phone)
            if position % RENEW_EVERY == 0:
                self._renew()

    def _commit(self, chunk: _Chunk) -> None:
        with transaction.atomic():
            self._hold()
            ids = self._resolve({row.category for row in chunk.rows if row.category})
            rows = self._placed(chunk, ids)
            into = Into(self.job.pk, self.phonebooks, self.job.policy, ids)
            tally = self._merge(rows, into, chunk.issues)
            self._store(chunk.issues)
            for phonebook_id, number in tally.joined.items():
                Phonebook.objects.filter(pk=phonebook_id).update(size=F("size") + number)
            spans = self.contacts | tally.contacts, self.memberships | tally.memberships
            self._count(chunk, tally, spans, merging.suppressed(rows))
        self.done += chunk.size
        self.contacts, self.memberships = spans

    def _hold(self) -> None:
        """The fence: locks the import under our name, takes the turn, then its phonebooks, always in this order."""
        mine = ContactImport.objects.select_for_update().filter(
            pk=self.job.pk, owner=self.owner, status=_Status.RUNNING, rows_done=self.done
        )
        if not mine.exists():
            raise LeaseLost
        if not self.job.dry_run:
            take_turn()
            # Two imports into one phonebook take turns: they would add the same contacts in different orders.
            held = Phonebook.objects.select_for_update().filter(pk__in=self.phonebooks).order_by("pk")
            if not self.phonebooks or list(held.values_list("pk", flat=True)) != self.phonebooks:
                raise UnreadableFile(reasons.PHONEBOOK_GONE)

    def _resolve(self, wanted: Collection[Category]) -> dict[Category, int]:
        if self.job.dry_run:
            return categories.rehearsed(wanted)
        return categories.resolve(wanted, makes=self.job.makes_categories)

    def _placed(self, chunk: _Chunk, ids: Mapping[Category, int]) -> list[CleanRow]:
        """The rows without those whose job category has been deleted since they were read: these join the issues."""
        for row in chunk.rows:
            if row.category and row.category not in ids:
                value = " / ".join(filter(None, row.category))
                chunk.issues.append(cleaning.issue(row.line, row.cells, reasons.CATEGORY_UNKNOWN, value=value))
        return [row for row in chunk.rows if not row.category or row.category in ids]

    def _merge(self, rows: Sequence[CleanRow], into: Into, issues: list[Issue]) -> Tally:
        """Merges the rows; where the database refuses them, halves them until the row at fault is alone.

        That row joins ``issues``.
        """
        if not rows:
            return Tally()
        try:
            with transaction.atomic():
                return merging.rehearse(rows, into) if self.job.dry_run else merging.merge(rows, into)
        except OperationalError:
            raise  # the database itself is in trouble: no row is to blame, and the import goes on later
        except DatabaseError:
            if len(rows) == 1:
                issues.append(cleaning.issue(rows[0].line, rows[0].cells, reasons.DATABASE))
                return Tally()
        half = len(rows) // 2
        return self._merge(rows[:half], into, issues) + self._merge(rows[half:], into, issues)

    def _store(self, issues: list[Issue]) -> None:
        columns = ("contact_import_id", "line", "column", "value", "code", "row")
        merging.insert(ImportIssue, columns, [(self.job.pk, *it[:4], json.dumps(it.cells)) for it in sorted(issues)])

    def _count(self, chunk: _Chunk, tally: Tally, made: tuple[Span, Span], suppressed: int) -> None:
        contacts, memberships = made
        ContactImport.objects.filter(pk=self.job.pk).update(
            rows_done=F("rows_done") + chunk.size,
            new=F("new") + tally.new,
            updated=F("updated") + tally.updated,
            unchanged=F("unchanged") + tally.unchanged,
            repeated=F("repeated") + chunk.repeated,
            refused=F("refused") + len(chunk.issues),
            joined=F("joined") + tally.joined.total(),
            suppressed=F("suppressed") + suppressed,
            first_contact_id=contacts.first or None,
            last_contact_id=contacts.last or None,
            first_membership_id=memberships.first or None,
            last_membership_id=memberships.last or None,
            bytes_done=chunk.offset,
            lease_until=Now() + LEASE,
        )

    def _renew(self) -> None:
        mine = ContactImport.objects.filter(pk=self.job.pk, owner=self.owner, status=_Status.RUNNING)
        if not mine.update(lease_until=Now() + LEASE):
            raise LeaseLost

    def _release(self) -> None:
        ContactImport.objects.filter(pk=self.job.pk, owner=self.owner).update(owner="", lease_until=None)
