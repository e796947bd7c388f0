"""Contacts as a file: begun from a list, downloaded as CSV or XLSX. Both need the permission to export."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from contacts import bulk
from contacts.bulk import exporting
from contacts.filtering import ContactFilter
from contacts.models import BulkAction
from interface import tables


@require_POST
@permission_required(exporting.PERMISSION, raise_exception=True)
def contact_export(request: HttpRequest) -> HttpResponseBase:
    """Begin a file of the contacts that the list shows; a small one comes at once."""
    selection = {"filter": ContactFilter.read(request.POST.dict()).query()}
    action = bulk.start(BulkAction.Kind.EXPORT, selection, {}, request.user)
    if action.status == BulkAction.Status.COMPLETED and action.path:
        return _file(request, action, request.POST.get("format"))
    return redirect(action)


@require_safe
@permission_required(exporting.PERMISSION, raise_exception=True)
def export_download(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The file of an export, while it is kept."""
    done = BulkAction.objects.filter(kind=BulkAction.Kind.EXPORT, status=BulkAction.Status.COMPLETED)
    return _file(request, get_object_or_404(done, pk=pk), request.GET.get("format"))


def _file(request: HttpRequest, action: BulkAction, wanted: str | None) -> HttpResponseBase:
    try:
        rows = exporting.rows(action)
    except FileNotFoundError:
        messages.warning(request, _("The file is no longer kept. Begin the export once more."))
        return redirect(action)
    return tables.download(f"contacts-{action.pk}", tables.kind(wanted), exporting.header(action), rows)
