"""Which contacts a list shows and a bulk action takes: a filter as the list's query has it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from contacts.importing.mapping import LETTERS, attribute_key
from contacts.models import Contact, ContactImport, JobCategory, Operator, Phonebook, Suppression
from contacts.paging import KeysetPage, keyset_page, searched_page
from contacts.phones import search_digits
from contacts.querysets import ContactQuerySet
from interface import masking, persian
from interface.jalali import day_from

MAX_QUERY = 100  # characters of a search
MAX_WORDS = 5
NEAR = 20_000  # ids that are looked at one by one: 20 ms
NEAR_WORDS = 4_000  # a row's words take longer


class Chip(NamedTuple):
    """A filter in words, and the name in the query that it goes by."""

    name: str
    words: str


def search(contacts: ContactQuerySet, text: str, *, by_index: bool = True) -> tuple[ContactQuerySet, str]:
    """The contacts that a typed text finds, and the field to page them by.

    The text is a number (whole, or its beginning, in any form), ``key: value`` for one attribute, or beginnings of
    words of names and attributes; without ``by_index`` each contact is looked at for these.
    """
    if typed := search_digits(text):
        digits = masking.findable(typed)
        if not digits:
            return contacts.none(), "phone"
        # By number, so that both the range and the order come from the index on it.
        return contacts.with_number(digits), "phone"
    key, colon, value = text.translate(LETTERS).partition(":")
    if colon and key.strip() and value.strip():
        words = " ".join(value.split())
        return contacts.with_attribute(attribute_key(key), words, by_index=by_index), "pk"
    if typed_words := text.translate(LETTERS).split()[:MAX_WORDS]:
        contacts = contacts.with_words(typed_words, by_index=by_index)
    return contacts, "pk"


@dataclass(frozen=True, slots=True)
class ContactFilter:
    """What narrows the list, read from its query: a value that means nothing narrows nothing."""

    q: str = ""
    phonebook: int | None = None
    operator: int | None = None
    category: int | None = None  # a main one with its sub-categories
    suppressed: bool | None = None
    since: dt.date | None = None
    off_bale: bool = False
    made_in: int | None = None

    @classmethod
    def read(cls, query: Mapping[str, Any]) -> ContactFilter:
        """The filter that a query, or the stored one of a bulk action, stands for."""
        operator = _integer(query.get("operator"))
        return cls(
            q=" ".join(str(query.get("q") or "").replace("\0", "").split())[:MAX_QUERY],
            phonebook=_integer(query.get("phonebook")),
            operator=operator if operator in Operator.values else None,
            category=_integer(query.get("category")),
            suppressed={"yes": True, "no": False}.get(str(query.get("suppressed"))),
            since=_day(query.get("since")),
            off_bale=query.get("bale") == "off",
            made_in=_integer(query.get("import")),
        )

    def query(self) -> dict[str, str]:
        """The query that stands for it, without what narrows nothing."""
        said = {True: "yes", False: "no", None: ""}[self.suppressed]
        values = {
            "q": self.q,
            "phonebook": self.phonebook,
            "operator": self.operator,
            "category": self.category,
            "suppressed": said,
            "since": self.since and self.since.isoformat(),
            "bale": "off" if self.off_bale else "",
            "import": self.made_in,
        }
        return {name: str(value) for name, value in values.items() if value not in (None, "")}

    def __bool__(self) -> bool:
        return bool(self.query())

    def contacts(self, contacts: ContactQuerySet) -> tuple[ContactQuerySet, str]:
        """Those of these contacts that it leaves, and the field to page them by."""
        return search(self._narrowed(contacts), self.q)

    def _narrowed(self, contacts: ContactQuerySet) -> ContactQuerySet:
        """Those that it leaves before anything is searched."""
        if self.phonebook is not None:
            contacts = contacts.filter(membership__phonebook=self.phonebook)
        if self.operator is not None:
            contacts = contacts.filter(operator=self.operator)
        if self.category is not None:
            subs = JobCategory.objects.filter(parent=self.category).values_list("pk", flat=True)
            contacts = contacts.filter(job_category__in=[self.category, *subs])
        if self.suppressed is not None:
            held = Exists(Suppression.objects.filter(phone=OuterRef("phone")))
            contacts = contacts.filter(held if self.suppressed else ~held)
        if self.since is not None:
            contacts = contacts.filter(created_at__gte=timezone.make_aware(dt.datetime.combine(self.since, dt.time())))
        if self.off_bale:
            contacts = contacts.filter(not_on_bale_since__isnull=False)
        if self.made_in is not None:
            contacts = contacts.filter(made_in=self.made_in, pk__range=_made_by(self.made_in))
        return contacts

    def page(self, contacts: ContactQuerySet, query: Mapping[str, Any]) -> KeysetPage[Contact]:
        """The page of these contacts that a query's ``after`` or ``before`` asks for."""
        narrowed = self._narrowed(contacts)
        found, key = search(narrowed, self.q)
        if key == "phone" or not self:
            return keyset_page(found, query, key=key, ascending=key == "phone")
        if not self.q:
            return searched_page(found, query, NEAR)
        return searched_page(found, query, NEAR_WORDS, search(narrowed, self.q, by_index=False)[0])

    @property
    def is_withheld(self) -> bool:
        """Whether it searches by a part of a number, and whole numbers are hidden from whoever asks."""
        typed = search_digits(self.q)
        return bool(typed) and not masking.findable(typed)

    def chips(self) -> Iterator[Chip]:
        """What it narrows by, in words, in the order of the form."""
        if self.q:
            yield Chip("q", _("Search: %(text)s") % {"text": persian.isolated(self.q)})
        if self.phonebook is not None:
            name = Phonebook.objects.filter(pk=self.phonebook).values_list("name", flat=True).first() or "—"
            yield Chip("phonebook", _("Phonebook: %(name)s") % {"name": persian.isolated(name)})
        if self.operator is not None:
            yield Chip("operator", _("Operator: %(name)s") % {"name": Operator(self.operator).label})
        if self.category is not None:
            category = JobCategory.objects.select_related("parent").filter(pk=self.category).first()
            yield Chip("category", _("Job category: %(name)s") % {"name": persian.isolated(category or "—")})
        if self.suppressed is not None:
            held, free = pgettext("contacts", "Suppressed"), pgettext("contacts", "Not suppressed")
            yield Chip("suppressed", held if self.suppressed else free)
        if self.since is not None:
            yield Chip("since", _("Added since %(day)s") % {"day": persian.date(self.since)})
        if self.off_bale:
            yield Chip("bale", _("Not on Bale"))
        if self.made_in is not None:
            name = ContactImport.objects.filter(pk=self.made_in).values_list("filename", flat=True).first() or "—"
            yield Chip("import", _("Made by the import %(file)s") % {"file": persian.isolated(name)})


def _integer(value: Any) -> int | None:
    text = str(value or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _made_by(import_id: int) -> tuple[int, int]:
    """The ids between which an import's contacts stand; of one that made nobody or is gone a range of none."""
    ends = ContactImport.objects.filter(pk=import_id).values_list("first_contact_id", "last_contact_id").first()
    first, last = ends or (None, None)
    return (1, 0) if first is None or last is None else (first, last)


def _day(value: Any) -> dt.date | None:
    try:
        return day_from(str(value or ""))
    except (ValueError, OverflowError):
        return None


def selected(selection: Mapping[str, Any]) -> ContactQuerySet:
    """The contacts of a bulk action's selection (``BulkAction.selection``)."""
    contacts = Contact.objects.all()
    if "ids" in selection:
        contacts = contacts.filter(pk__in=selection["ids"])
    else:
        contacts, _key = ContactFilter.read(selection.get("filter", {})).contacts(contacts)
    return contacts.filter(pk__lte=selection["last"]) if "last" in selection else contacts
