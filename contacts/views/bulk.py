"""Bulk actions: the list of them, and one with its progress. Everybody signed in may look."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from contacts import bulk
from contacts.bulk import writing
from contacts.bulk.kinds import kind_of
from contacts.bulk.reasons import sentence
from contacts.models import BulkAction
from contacts.paging import keyset_page

_Status = BulkAction.Status


def _context(action: BulkAction) -> dict[str, Any]:
    kind = kind_of(action)
    share = action.done / action.total if action.total else 0.0
    return {
        "action": action,
        "kind": kind,
        "link": kind.link(),
        "share": 1.0 if action.status == _Status.COMPLETED else min(0.99, share),
        "failure": sentence(action.error) if action.status == _Status.FAILED else "",
    }


@require_safe
def action_list(request: HttpRequest) -> HttpResponse:
    """All bulk actions but exports, the newest first: those are listed to whom they belong."""
    actions = BulkAction.objects.exclude(kind__in=writing.KINDS).select_related("created_by")
    page = keyset_page(actions, request.GET.dict())
    return render(request, "contacts/actions.html", {"page": page})


@require_safe
def action_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """What an action does, how far it is, and in the end what came of it."""
    action = get_object_or_404(BulkAction.objects.seen_by(request.user).select_related("created_by"), pk=pk)
    context = _context(action)
    context["may_stop"] = action.status == _Status.RUNNING and request.user.has_perm(context["kind"].permission)
    return render(request, "contacts/action.html", context)


@require_safe
def action_live(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the page that changes while the action runs. At its end the whole page is loaded once more."""
    action = get_object_or_404(BulkAction.objects.seen_by(request.user), pk=pk)
    response = render(request, "contacts/_action_live.html", _context(action))
    if action.status != _Status.RUNNING:
        response["HX-Refresh"] = "true"
    return response


@require_POST
def action_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Stops an action; what it has done stays done."""
    action = get_object_or_404(BulkAction.objects.seen_by(request.user), pk=pk)
    if not request.user.has_perm(kind_of(action).permission):
        raise PermissionDenied
    if bulk.cancel(pk):
        messages.success(request, _("The action was stopped. What it had done stays done."))
    return redirect(action)
