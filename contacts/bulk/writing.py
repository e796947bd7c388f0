"""Kinds of bulk actions that write a file, to be downloaded as CSV or XLSX for some days.

Each slice appends its rows to a file of ours, whose length is committed with it: a restarted worker cuts off what a
dead one has written beyond that. Cells are made harmless in a spreadsheet when the file is downloaded.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import mmap
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.conf import settings
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from contacts.bulk.kinds import CannotGoOn, Kind
from contacts.bulk.reasons import FILE_GONE
from contacts.models import BulkAction
from interface import masking

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

KINDS: Final = (BulkAction.Kind.EXPORT, BulkAction.Kind.MESSAGES)
KEPT: Final = dt.timedelta(days=3)
ANEW: Final[dict[str, Any]] = {"bytes": 0, "keys": []}  # what an export keeps in its parameters as it goes on
SOUGHT: Final = 20  # numbers that are looked for in kept files; for more of them every file goes


class ToFile(Kind):
    """A kind that writes the rows of its ids. ``params`` has ``language`` and, as it goes on, ``bytes`` and ``keys``.

    ``permission``, and that to see numbers, is asked for at the start and at the download.
    """

    template = "contacts/_action_export.html"
    prefix: ClassVar[str]  # of the file's name

    @classmethod
    def allows(cls, user: AbstractBaseUser | AnonymousUser) -> bool:
        """Whether this person may start one and download what it wrote."""
        return user.has_perms([cls.permission, masking.PERMISSION])  # type: ignore[union-attr]  # ours has permissions

    @abstractmethod
    def header(self) -> list[str]:
        """The names of the columns, in the active language."""

    @abstractmethod
    def written(self, ids: list[int]) -> Iterable[Sequence[object]]:
        """The rows of these ids, words in the active language; a row may be shorter than the header."""

    def begin(self) -> None:
        super().begin()
        self.action.params |= {**ANEW, "language": translation.get_language() or settings.LANGUAGE_CODE}

    def change(self, ids: list[int]) -> int:
        path = self._path()
        if self.action.params["bytes"] and not path.is_file():
            raise CannotGoOn(FILE_GONE)
        text, rows = io.StringIO(newline=""), 0
        write = csv.writer(text).writerow
        with self.in_its_language():
            for row in self.written(ids):
                write(row)
                rows += 1
        path.touch(mode=0o600)
        with path.open("r+b") as file:
            file.truncate(self.action.params["bytes"])
            file.seek(0, io.SEEK_END)
            file.write(text.getvalue().encode("utf-8", "replace"))
            self.action.params["bytes"] = file.tell()
        return rows

    def in_its_language(self) -> translation.override:
        """A context in the language of who began it, wherever the worker runs and whoever downloads it."""
        return translation.override(self.action.params.get("language") or settings.LANGUAGE_CODE)

    def _path(self) -> Path:
        if not self.action.path:
            settings.EXPORT_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.action.path = str(settings.EXPORT_DIR / f"{self.prefix}-{self.action.pk}.csv")
        return Path(self.action.path)

    def finish(self) -> None:
        """Where nothing was found, the file has no rows."""
        self._path().touch(mode=0o600)

    def stopped(self) -> None:
        discard(self.action)

    def link(self) -> tuple[str, str] | None:
        if self.action.status != BulkAction.Status.COMPLETED or not self.action.path:
            return None
        return _("Download as CSV"), reverse("contacts:export_download", args=[self.action.pk])

    def table(self) -> tuple[list[str], Iterator[Sequence[object]]]:
        """The header and the rows of the finished file, each as long as it.

        Raises :class:`FileNotFoundError` where it is gone.
        """
        path = Path(self.action.path)
        if not self.action.path or not path.is_file():
            raise FileNotFoundError(path.name)
        with self.in_its_language():
            header = self.header()
        return header, self._whole(path, len(header))

    def _whole(self, path: Path, width: int) -> Iterator[Sequence[object]]:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                yield self.cells(row + [""] * (width - len(row)))

    def cells(self, row: list[str]) -> Sequence[object]:
        """A row of the file as its cells; what is a number in a spreadsheet may become one."""
        return row


def expires_at(action: BulkAction) -> dt.datetime | None:
    """When the file of a finished export is deleted; None where there is none."""
    return action.finished_at + KEPT if action.path and action.finished_at else None


def discard(action: BulkAction) -> None:
    """Delete the file of an export."""
    if action.path:
        Path(action.path).unlink(missing_ok=True)
        BulkAction.objects.filter(pk=action.pk).update(path="")


def forget_old() -> None:
    """Delete the files of exports that ended days ago; for the tick."""
    old = BulkAction.objects.filter(kind__in=KINDS, finished_at__lt=timezone.now() - KEPT)
    for action in old.exclude(path=""):
        discard(action)


def forget(phones: Sequence[str], changed_at: dt.datetime | None) -> None:
    """Throw away the kept files that may hold people who are being erased: their numbers (E.164), or what they were.

    In the caller's transaction. ``changed_at`` is when any of them was last changed: a file from before then may have
    them under another number. An export that is under way begins anew, without them.
    """
    kept = BulkAction.objects.filter(kind__in=KINDS).exclude(path="").select_for_update(no_key=True, of=("self",))
    for action in kept.order_by("pk"):
        older = changed_at is not None and action.created_at <= changed_at
        if not (older or len(phones) > SOUGHT or _names(Path(action.path), phones)):
            continue
        Path(action.path).unlink(missing_ok=True)
        if action.status == BulkAction.Status.RUNNING:
            begun_anew = {"position": 0, "done": 0, "changed": 0, "params": {**action.params, **ANEW}}
            BulkAction.objects.filter(pk=action.pk).update(**begun_anew)
        else:
            BulkAction.objects.filter(pk=action.pk).update(path="")


def _names(path: Path, phones: Sequence[str]) -> bool:
    """Whether any of the numbers stands in a file."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return any(content.find(_bare(phone)) >= 0 for phone in phones)
    except (FileNotFoundError, ValueError):  # gone, or empty
        return False


def _bare(phone: str) -> bytes:
    """The digits that a number has in every form: an Iranian one may stand with 0, 98 or neither before them."""
    return phone.removeprefix("+98").removeprefix("+").encode()
