"""Contacts into a file, to be downloaded as CSV or XLSX for some days.

Each slice appends its rows to a file of ours, whose length is committed with it: a restarted worker cuts off what a
dead one has written beyond that. Attributes become columns as they come up, so a row may be shorter than the last one;
the columns are whole, and cells harmless in a spreadsheet, when it is downloaded. An import takes the file back.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from persiantools.jdatetime import JalaliDate

from contacts.bulk.kinds import CannotGoOn, OfContacts, register
from contacts.bulk.reasons import FILE_GONE
from contacts.models import BulkAction, Contact, JobCategory, Membership, Operator, Phonebook
from interface import persian

_JALALI: Any = JalaliDate  # it ships no types

KEPT: Final = dt.timedelta(days=3)
PERMISSION: Final = "contacts.export_contact"
_FACTS: Final = (
    "pk",
    "phone",
    "first_name",
    "last_name",
    "operator",
    "job_category",
    "created_at",
    "attributes",
)
_NAMES: Final = "، "  # between the phonebooks of a contact


@register(BulkAction.Kind.EXPORT)
class Export(OfContacts):
    """The selected contacts by id. ``params``: ``{"jalali"}``, and as it goes on ``keys`` and ``bytes``."""

    slice_size = 5_000
    permission = PERMISSION
    template = "contacts/_action_export.html"

    def begin(self) -> None:
        super().begin()
        self.action.params |= {"keys": [], "bytes": 0, "jalali": persian.is_persian()}

    def words(self) -> str:
        return _("Export of contacts")

    def change(self, ids: list[int]) -> int:
        path = self._path()
        if self.action.params["bytes"] and not path.is_file():
            raise CannotGoOn(FILE_GONE)
        text = io.StringIO(newline="")
        csv.writer(text).writerows(self._rows(ids))
        path.touch(mode=0o600)
        with path.open("r+b") as file:
            file.truncate(self.action.params["bytes"])
            file.seek(0, io.SEEK_END)
            file.write(text.getvalue().encode("utf-8", "replace"))
            self.action.params["bytes"] = file.tell()
        return len(ids)

    def _path(self) -> Path:
        if not self.action.path:
            settings.EXPORT_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.action.path = str(settings.EXPORT_DIR / f"contacts-{self.action.pk}.csv")
        return Path(self.action.path)

    def _rows(self, ids: list[int]) -> Iterator[list[str]]:
        keys: dict[str, None] = dict.fromkeys(self.action.params["keys"])
        books, categories, operators = _phonebooks(ids), _categories(), dict(Operator.choices)
        day = _days(self.action.params["jalali"])
        facts = Contact.objects.filter(pk__in=ids).order_by("pk").values_list(*_FACTS)
        for pk, phone, first_name, last_name, operator, category, made, attributes in facts:
            keys.update(dict.fromkeys(attributes))
            yield [
                phone,
                first_name,
                last_name,
                str(operators[operator]),
                categories.get(category or 0, ""),
                _NAMES.join(books.get(pk, ())),
                day(made),
                *(str(attributes.get(key, "")) for key in keys),
            ]
        self.action.params["keys"] = list(keys)

    def stopped(self) -> None:
        discard(self.action)

    def link(self) -> tuple[str, str] | None:
        if self.action.status != BulkAction.Status.COMPLETED or not self.action.path:
            return None
        return _("Download as CSV"), reverse("contacts:export_download", args=[self.action.pk])


def _days(jalali: bool) -> Callable[[dt.datetime], str]:
    """What writes a moment's day: as ``1405-01-01`` or ``2026-03-21``. Few days come up, and often."""

    @cache
    def written(day: dt.date) -> str:
        return str(_JALALI(day).strftime("%Y-%m-%d")) if jalali else day.isoformat()

    return lambda at: written(timezone.localtime(at).date())


def _phonebooks(contact_ids: list[int]) -> dict[int, list[str]]:
    names = dict(Phonebook.objects.ours().values_list("pk", "name"))
    found: dict[int, list[str]] = defaultdict(list)
    filed = Membership.objects.filter(contact__in=contact_ids).order_by("pk")
    for contact_id, phonebook_id in filed.values_list("contact_id", "phonebook_id"):
        if phonebook_id in names:
            found[contact_id].append(names[phonebook_id])
    return found


def _categories() -> dict[int, str]:
    return {it.pk: str(it) for it in JobCategory.objects.select_related("parent")}


def header(action: BulkAction) -> list[str]:
    """The names of the columns, in the active language, then the attributes' keys."""
    ours = [_("Phone"), _("First name"), _("Last name"), _("Operator"), _("Job category"), _("Phonebooks"), _("Added")]
    return [*ours, *action.params["keys"]]


def rows(action: BulkAction) -> Iterator[list[str]]:
    """The rows of the finished file, each as long as the header. Raises :class:`FileNotFoundError` where it is gone."""
    path = Path(action.path)
    if not path.is_file():
        raise FileNotFoundError(path.name)
    return _whole(path, len(header(action)))


def _whole(path: Path, width: int) -> Iterator[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            yield row + [""] * (width - len(row))


def discard(action: BulkAction) -> None:
    """Delete the file of an export."""
    if action.path:
        Path(action.path).unlink(missing_ok=True)
        BulkAction.objects.filter(pk=action.pk).update(path="")


def forget_old() -> None:
    """Delete the files of exports that ended days ago; for the tick."""
    old = BulkAction.objects.filter(kind=BulkAction.Kind.EXPORT, finished_at__lt=timezone.now() - KEPT)
    for action in old.exclude(path=""):
        discard(action)
