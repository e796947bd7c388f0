"""A file becomes an import: kept in a private place, its layout told, its columns guessed, then started once."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from contacts.importing import mapping, reasons
from contacts.importing.layout import Layout
from contacts.importing.loading import discard, ring
from contacts.importing.reading import open_rows
from contacts.importing.reasons import UnreadableFile
from contacts.importing.sniffing import sniff
from contacts.models import ContactImport, Phonebook

GUESS_ROWS = 100
COUNTS = ("rows_done", "bytes_done", "new", "updated", "unchanged", "repeated", "refused", "joined", "suppressed")
EARLIER = 10  # of the same content are told at most


def store(blocks: Iterable[bytes], *, max_bytes: int) -> Path:
    """Writes an upload to a private file of a generated name. Stops, and deletes it, as soon as it is too large."""
    folder = Path(settings.UPLOAD_DIR)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path, size = folder / f"{uuid.uuid4().hex}.csv", 0
    try:
        with path.open("xb") as file:
            for block in blocks:
                size += len(block)
                if size > max_bytes:
                    raise UnreadableFile(reasons.TOO_LARGE)
                file.write(block)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def prepare(path: Path, filename: str, *, user: Any = None) -> ContactImport:
    """An import of the file, not yet started, with its columns guessed. Raises :class:`UnreadableFile`."""
    try:
        layout = sniff(path, max_bytes=settings.IMPORT_MAX_BYTES)
        columns = mapping.guess(layout.header, sample(path, layout, GUESS_ROWS))
    except UnreadableFile:
        discard(path)
        raise
    return ContactImport.objects.create(
        filename=Path(filename).name[:255],
        path=str(path),
        size=path.stat().st_size,
        digest=layout.digest,
        format=layout.format,
        sheet=layout.sheet,
        encoding=layout.encoding,
        delimiter=layout.delimiter,
        header=list(layout.header),
        mapping={"columns": columns, "headless": layout.headless},
        created_by=user,
    )


def earlier(contact_import: ContactImport) -> list[ContactImport]:
    """The imports that brought in the same content, the latest first; not those that were undone."""
    same = ContactImport.objects.filter(digest=contact_import.digest, status=ContactImport.Status.COMPLETED)
    done = same.filter(dry_run=False, undone_at=None).exclude(digest="").exclude(pk=contact_import.pk)
    return list(done.order_by("-pk")[:EARLIER])


def sample(path: Path, layout: Layout, rows: int) -> list[list[str]]:
    """The cells of the first rows that can be read."""
    with open_rows(path, layout) as reader:
        return [cells for _line, cells, problem in islice(reader, rows) if not problem]


def start(
    contact_import: ContactImport,
    columns: Sequence[str],
    *,
    phonebooks: Iterable[Phonebook],
    policy: str = ContactImport.Policy.FILL,
    makes_categories: bool = False,
    dry_run: bool = False,
    in_background: bool = True,
) -> bool:
    """Starts an uploaded or rehearsed import with these targets for its columns; whether it was this call that did.

    After a rehearsal it counts from nothing. Raises :class:`UnreadableFile` without a phone column, and
    :class:`ValueError` where two columns do not go together. A dry run needs no phonebooks.
    """
    mapping.check(columns)
    books = sorted({phonebook.pk: phonebook for phonebook in phonebooks}.items())
    chosen = {"columns": list(columns), "phonebooks": [pk for pk, _phonebook in books]}
    with transaction.atomic():
        started = (
            ContactImport.objects.filter(pk=contact_import.pk)
            .waiting()
            .update(
                status=ContactImport.Status.RUNNING,
                mapping={**contact_import.mapping, **chosen},
                policy=policy,
                makes_categories=makes_categories,
                dry_run=dry_run,
                started_at=timezone.now(),
                finished_at=None,
                **dict.fromkeys(COUNTS, 0),
            )
        )
        if started:
            contact_import.issues.all().delete()
            contact_import.phonebooks.set([phonebook for _pk, phonebook in books])
            if in_background:
                ring(contact_import.pk)
    return bool(started)
