"""Contacts into a file. Attributes become columns as they come up; an import takes the file back."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _
from persiantools.jdatetime import JalaliDate

from contacts.bulk.kinds import OfContacts, register
from contacts.bulk.writing import ToFile
from contacts.models import BulkAction, Contact, JobCategory, Membership, Operator, Phonebook
from interface import persian

_JALALI: Any = JalaliDate  # it ships no types

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
class Export(ToFile, OfContacts):
    """The selected contacts by id. ``params``: ``{"jalali"}``, and as it goes on ``keys``, the attributes'."""

    slice_size = 5_000
    permission = PERMISSION
    prefix = "contacts"

    def begin(self) -> None:
        super().begin()
        self.action.params["jalali"] = persian.is_persian()

    def words(self) -> str:
        return _("Export of contacts")

    def header(self) -> list[str]:
        """The names of the columns, in the active language, then the attributes' keys."""
        ours = [_("Phone"), _("First name"), _("Last name"), _("Operator"), _("Job category"), _("Phonebooks")]
        return [*ours, _("Added"), *self.action.params["keys"]]

    def written(self, ids: list[int]) -> Iterator[list[str]]:
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
