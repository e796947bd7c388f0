"""A contact's life, the newest first: its messages, imports and suppressions, and when it was made.

Read in pages by time. A page ends at a moment, and the next begins with that moment, without as many happenings of it
as were shown: no two share a cursor and none is left out, though several may be of one transaction.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.utils import timezone
from django.utils.translation import gettext as _

from contacts import elsewhere
from contacts.elsewhere import Happening
from contacts.models import Contact, ContactImport, Membership, Suppression, SuppressionChange
from interface import persian

PAGE = 20
MAX_SKIP = 1_000


class Page(NamedTuple):
    """Some happenings, and the query string of the older ones (empty where there are none)."""

    happenings: list[Happening]
    older: str


def page(contact: Contact, query: Mapping[str, Any]) -> Page:
    """The page that ``until`` and ``skip`` of the query ask for; what is no moment gives the first one."""
    until, skip = _cursor(query)
    wanted = skip + PAGE + 1
    found = [*elsewhere.happenings(contact.phone, wanted, until), *_ours(contact)]
    if until is not None:
        found = [happening for happening in found if happening.at <= until]
    found.sort(key=lambda happening: happening.at, reverse=True)
    shown = found[skip : skip + PAGE]
    if len(found) <= skip + PAGE:
        return Page(shown, "")
    last = shown[-1].at
    shared = sum(happening.at == last for happening in found[: skip + PAGE])
    return Page(shown, "?" + urlencode({"until": last.isoformat(), "skip": shared}))


def _cursor(query: Mapping[str, Any]) -> tuple[dt.datetime | None, int]:
    try:
        until = dt.datetime.fromisoformat(str(query.get("until", "")))
        skip = int(str(query.get("skip", "0"))[:6])
    except ValueError:
        return None, 0
    if timezone.is_naive(until) or not 0 <= skip <= MAX_SKIP:
        return None, 0
    return until, skip


def _ours(contact: Contact) -> Iterator[Happening]:
    """What is known here: few, so all of it."""
    yield from _suppressions(contact)
    yield from _imports(contact)
    if contact.made_in is None:
        yield Happening(contact.created_at, "user-plus", _("The contact was added"))
    if contact.updated_at > contact.created_at:
        yield Happening(contact.updated_at, "pencil", _("Last change of what is known of it"))


def _imports(contact: Contact) -> Iterator[Happening]:
    """The imports that made it or put it into phonebooks."""
    books: dict[int, list[str]] = {contact.made_in: []} if contact.made_in else {}
    filed = Membership.objects.filter(contact=contact, made_in__isnull=False).order_by("pk")
    for import_id, name in filed.values_list("made_in", "phonebook__name"):
        books.setdefault(import_id or 0, []).append(persian.isolated(name))
    known = ContactImport.objects.only("filename", "created_at", "started_at").in_bulk(books)
    for import_id, names in books.items():
        made = import_id == contact.made_in
        it = known.get(import_id)
        facts = [_("the contact was made")] if made else []
        if names:
            facts.append(_("put into %(phonebooks)s") % {"phonebooks": "، ".join(names)})
        title = _("Import of “%(file)s”") % {"file": persian.isolated(it.filename)} if it else _("Import")
        at = contact.created_at if made or it is None else (it.started_at or it.created_at)
        yield Happening(at, "folder-up", title, " · ".join(facts), it.get_absolute_url() if it else "")


def _suppressions(contact: Contact) -> Iterator[Happening]:
    """What was suppressed and lifted; and what holds since before that was written down."""
    changes = list(SuppressionChange.objects.filter(phone=contact.phone).select_related("line").order_by("pk"))
    for it in changes:
        icon, tone = ("ban", "warning") if it.made else ("circle-check", "success")
        title = _("The number was suppressed") if it.made else _("The suppression was lifted")
        yield Happening(it.changed_at, icon, title, _held(it), tone=tone)
    told = {(it.scope, it.line_id, it.reason) for it in changes}
    for held in Suppression.objects.of([contact.phone]).select_related("line").order_by("pk"):
        if (held.scope, held.line_id, held.reason) not in told:
            yield Happening(held.created_at, "ban", _("The number was suppressed"), _held(held), tone="warning")


def _held(it: Suppression | SuppressionChange) -> str:
    scope = str(it.line) if it.line else str(it.get_scope_display())
    facts = [persian.isolated(scope), str(it.get_reason_display()), it.source_label, it.note]
    return " · ".join(filter(None, facts))
