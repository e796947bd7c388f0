"""Which contacts a list shows and a bulk action takes: a filter as the list's query has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contacts.importing.mapping import LETTERS
from contacts.models import Contact
from contacts.phones import search_digits
from contacts.querysets import ContactQuerySet


def search(contacts: ContactQuerySet, text: str) -> tuple[ContactQuerySet, str]:
    """The contacts that a typed number (whole, or its beginning) or name finds, and the field to page them by."""
    if digits := search_digits(text):
        # By number, so that both the range and the order come from the index on it.
        return contacts.with_number(digits), "phone"
    if words := text.translate(LETTERS).split()[:5]:
        contacts = contacts.with_words(words)
    return contacts, "pk"


def filtered(contacts: ContactQuerySet, query: Mapping[str, Any]) -> tuple[ContactQuerySet, str]:
    """The contacts that a filter leaves, and the field to page them by; a value that means nothing filters nothing."""
    chosen = str(query.get("phonebook", ""))
    if chosen.isascii() and chosen.isdigit():
        contacts = contacts.filter(membership__phonebook=int(chosen[:18]))
    return search(contacts, str(query.get("q", "")).strip()[:100])


def selected(selection: Mapping[str, Any]) -> ContactQuerySet:
    """The contacts of a bulk action's selection (``BulkAction.selection``)."""
    contacts = Contact.objects.all()
    if "ids" in selection:
        contacts = contacts.filter(pk__in=selection["ids"])
    else:
        contacts, _key = filtered(contacts, selection.get("filter", {}))
    return contacts.filter(pk__lte=selection["last"]) if "last" in selection else contacts
