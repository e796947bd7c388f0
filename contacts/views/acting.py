"""Acting on contacts of the list: what is to happen to which of them, once more in words, then the start."""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from contacts import bulk
from contacts.bulk.kinds import permission_of
from contacts.bulk_forms import FORMS, ActionForm
from contacts.filtering import ContactFilter, selected
from contacts.models import BulkAction
from interface import masking, persian

COUNTED = 10_000  # so far a dialog counts
PREFIX = "to"  # of the form's fields: the list's filter has a phonebook and a category of its own
TICKED = 1_000  # ids that a request may tick; a page has fifty


class Selection(NamedTuple):
    """The chosen contacts as a bulk action keeps them, and the list that they were chosen in."""

    chosen: dict[str, Any]
    list_query: dict[str, str]

    @classmethod
    def read(cls, query: QueryDict) -> Selection:
        """``all`` means all that the filter leaves, otherwise the ticked ones."""
        narrowed = ContactFilter.read(query.dict()).query()
        if query.get("all"):
            return cls({"filter": narrowed}, narrowed)
        ids = {int(key) for key in query.getlist("ids") if key.isascii() and key.isdigit() and len(key) < 19}
        return cls({"ids": sorted(ids)[:TICKED]}, narrowed)

    @property
    def address(self) -> str:
        """The list as it was."""
        return f"{reverse('contacts:list')}?{urlencode(self.list_query)}".removesuffix("?")

    def size(self) -> int:
        """How many they are, at most ``COUNTED`` and one."""
        return selected(self.chosen).order_by().values("pk")[: COUNTED + 1].count()


@require_http_methods(["GET", "HEAD", "POST"])
def act(request: HttpRequest) -> HttpResponse:
    """Asks what exactly, and says what and how many; a POST starts it. Sent twice, it starts once.

    For htmx the content of a dialog, otherwise a page.
    """
    query = request.POST if request.method == "POST" else request.GET
    kind = query.get("kind", "")
    if kind not in FORMS:
        raise Http404
    if not request.user.has_perm(permission_of(kind)):
        raise PermissionDenied(permission_of(kind))
    selection = Selection.read(query)
    if ContactFilter.read(selection.list_query).is_withheld:  # the worker, which sees all, would carry it out
        raise PermissionDenied(masking.PERMISSION)
    started = request.method == "POST" and "token" in request.POST
    form = FORMS[kind](request.POST if started else None, prefix=PREFIX)
    if started and form.is_valid():
        return _start(request, BulkAction.Kind(kind), selection, form)
    template = "contacts/_act.html" if request.headers.get("HX-Request") else "contacts/act.html"
    return render(request, template, _context(kind, selection, form, query), status=422 if form.errors else 200)


def _context(kind: str, selection: Selection, form: ActionForm, query: QueryDict) -> dict[str, Any]:
    number = selection.size()
    return {
        "kind": kind,
        "label": BulkAction.Kind(kind).label,
        "form": form,
        "selection": selection,
        "number": number,
        "amount": _amount(number),
        "token": query.get("token") or uuid.uuid4(),
        "chips": list(ContactFilter.read(selection.list_query).chips()) if "filter" in selection.chosen else [],
    }


def _amount(number: int) -> str:
    if number > COUNTED:
        return _("more than %(number)s contacts") % {"number": persian.number(COUNTED)}
    return ngettext("%(number)s contact", "%(number)s contacts", number) % {"number": persian.number(number)}


def _start(request: HttpRequest, kind: BulkAction.Kind, selection: Selection, form: ActionForm) -> HttpResponse:
    action = bulk.start(kind, selection.chosen, form.params(), request.user, token=_token(request))
    if action.status != BulkAction.Status.COMPLETED:
        return redirect(action)
    changed = persian.number(action.changed)
    done = ngettext("Done: %(number)s contact was changed.", "Done: %(number)s contacts were changed.", action.changed)
    messages.success(request, done % {"number": changed})
    return redirect(selection.address)


def _token(request: HttpRequest) -> uuid.UUID | None:
    try:
        return uuid.UUID(request.POST["token"])
    except ValueError:
        return None
