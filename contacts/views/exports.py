"""Files to download: the list of a person's exports, and a file of contacts begun from a list.

Both the start and the download need the permission to export what is in it, and the one to see numbers.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from contacts import announcing, bulk
from contacts.bulk import writing
from contacts.bulk.exporting import Export
from contacts.bulk.kinds import kind_of
from contacts.bulk.reasons import sentence
from contacts.bulk.writing import ToFile
from contacts.filtering import ContactFilter
from contacts.models import BulkAction
from contacts.paging import keyset_page
from interface import tables

ROWS = 20
_Status = BulkAction.Status


class Row(NamedTuple):
    """An export as the list shows it. ``share`` of 0 to 1; ``size`` in bytes, as CSV; without a file no ``expires``."""

    action: BulkAction
    words: str
    share: float
    size: int
    expires: dt.datetime | None
    failure: str
    allowed: bool


@require_POST
def contact_export(request: HttpRequest) -> HttpResponseBase:
    """Begin a file of the contacts that the list shows; a small one comes at once."""
    if not Export.allows(request.user):
        raise PermissionDenied
    selection = {"filter": ContactFilter.read(request.POST.dict()).query()}
    params = {"by": request.user.pk, "language": get_language()}
    return begun(request, bulk.start(BulkAction.Kind.EXPORT, selection, params, request.user))


def begun(request: HttpRequest, action: BulkAction) -> HttpResponseBase:
    """What follows the start of an export: its file, or the list where it is seen to come."""
    if action.status == _Status.COMPLETED and action.path:
        return _file(request, action, request.POST.get("format"))
    if action.status == _Status.RUNNING:
        announcing.await_end(request, action)
        messages.info(request, _("The file is being made. You may leave this page: you will be told when it is ready."))
    return redirect("contacts:exports")


@require_safe
def export_list(request: HttpRequest) -> HttpResponse:
    """A person's exports, the newest first; a part of it that runs is polled."""
    actions = BulkAction.objects.filter(kind__in=writing.KINDS, created_by=request.user.pk)
    page = keyset_page(actions, request.GET.dict(), size=ROWS)
    rows = [_row(request, action) for action in page.rows]
    context = {
        "page": page,
        "rows": rows,
        "runs": any(row.action.status == _Status.RUNNING for row in rows),
    }
    return render(request, "contacts/exports.html", context)


def _row(request: HttpRequest, action: BulkAction) -> Row:
    kind = _kind(action)
    share = min(0.99, action.done / action.total) if action.total else 0.0
    failure = sentence(action.error) if action.status == _Status.FAILED else ""
    expires = writing.expires_at(action) if action.status == _Status.COMPLETED else None
    size = int(action.params.get("bytes", 0))
    return Row(action, kind.words(), share, size, expires, failure, kind.allows(request.user))


def _kind(action: BulkAction) -> ToFile:
    kind = kind_of(action)
    assert isinstance(kind, ToFile)  # noqa: S101 - what is asked for is one of writing.KINDS
    return kind


@require_safe
def export_download(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The file of an export of one's own, while it is kept; an administrator may have everybody's."""
    done = BulkAction.objects.seen_by(request.user).filter(kind__in=writing.KINDS, status=_Status.COMPLETED)
    action = get_object_or_404(done, pk=pk)
    if not _kind(action).allows(request.user):
        raise PermissionDenied
    return _file(request, action, request.GET.get("format"))


@require_POST
def export_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete the file of an export of one's own; one that is under way is stopped."""
    own = BulkAction.objects.filter(kind__in=writing.KINDS, created_by=request.user.pk)
    action = get_object_or_404(own, pk=pk)
    if bulk.cancel(pk):
        messages.success(request, _("The export was stopped, and what it had written deleted."))
    else:
        writing.discard(action)
        messages.success(request, _("The file was deleted."))
    return redirect("contacts:exports")


def _file(request: HttpRequest, action: BulkAction, wanted: str | None) -> HttpResponseBase:
    kind = _kind(action)
    try:
        header, rows = kind.table()
    except FileNotFoundError:
        messages.warning(request, _("The file is no longer kept. Begin the export once more."))
        return redirect("contacts:exports")
    return tables.download(f"{kind.prefix}-{action.pk}", tables.kind(wanted), header, rows)
