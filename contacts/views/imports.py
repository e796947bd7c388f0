"""The import: upload, mapping of columns, progress, result, and the refused rows to download."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from contacts import importing
from contacts.forms import MappingForm, UploadForm
from contacts.importing import UnreadableFile, cleaning, reading, refused, starting
from contacts.importing.reasons import TOO_LARGE, file_sentence, sentence
from contacts.models import ContactImport, Phonebook
from contacts.paging import keyset_page
from interface import tables

FORM_BYTES = 1 << 20  # of a request beside its file
SAMPLE_ROWS = 5
_Status = ContactImport.Status


@require_safe
def import_list(request: HttpRequest) -> HttpResponse:
    """All imports, the newest first."""
    imports = ContactImport.objects.select_related("created_by").prefetch_related("phonebooks")
    return render(request, "contacts/imports.html", {"page": keyset_page(imports, request.GET.dict())})


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("contacts.add_contactimport", raise_exception=True)
def import_new(request: HttpRequest) -> HttpResponse:
    """Takes a file. One that is too large is refused by its length, before the first byte of it is read.

    Exempt, because the CSRF check reads the body; what follows the length check is protected.
    """
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdigit() and int(length) > settings.IMPORT_MAX_BYTES + FORM_BYTES:
        form = UploadForm()
        context = {"form": form, "problem": file_sentence(TOO_LARGE), "max_bytes": settings.IMPORT_MAX_BYTES}
        return render(request, "contacts/import_new.html", context, status=413)
    response: HttpResponse = _upload(request)
    return response


@csrf_protect
def _upload(request: HttpRequest) -> HttpResponse:
    initial = {"phonebook": request.GET.get("phonebook")}
    form = UploadForm(request.POST or None, request.FILES or None, initial=initial)
    problem = ""
    if request.method == "POST" and form.is_valid():
        try:
            return redirect("contacts:import_map", _prepared(request, form.cleaned_data).pk)
        except UnreadableFile as error:
            problem = str(error)
    context = {"form": form, "problem": problem, "max_bytes": settings.IMPORT_MAX_BYTES}
    return render(request, "contacts/import_new.html", context, status=422 if problem or form.errors else 200)


def _prepared(request: HttpRequest, data: dict[str, Any]) -> ContactImport:
    upload: UploadedFile[bytes] = data["file"]
    path = importing.store(upload.chunks(1 << 20), max_bytes=settings.IMPORT_MAX_BYTES)
    contact_import = importing.prepare(path, upload.name or "", user=request.user)
    if data["phonebook"]:
        contact_import.phonebooks.set([data["phonebook"]])
    else:
        contact_import.mapping["new_phonebook"] = data["new_name"]
        contact_import.save(update_fields=["mapping"])
    return contact_import


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("contacts.add_contactimport", raise_exception=True)
def import_map(request: HttpRequest, pk: int) -> HttpResponse:
    """What each column is, with sample rows as they will be stored; then the start. A second press starts nothing."""
    contact_import = get_object_or_404(ContactImport, pk=pk)
    if contact_import.status != _Status.UPLOADED:
        return redirect(contact_import)
    form = MappingForm(contact_import, request.POST or None)
    if request.method == "POST" and "preview" not in request.POST and form.is_valid():
        importing.start(
            contact_import,
            form.targets(),
            phonebooks=_phonebooks(contact_import),
            policy=form.cleaned_data["policy"],
        )
        return redirect(contact_import)
    rows = _sample(contact_import)
    context = {
        "it": contact_import,
        "form": form,
        "columns": [
            {"field": field, "samples": [row[number] for row in rows if number < len(row)][:3]}
            for number, field in enumerate(form.column_fields())
        ],
        "preview": _preview(contact_import, form.targets(), rows),
    }
    if request.headers.get("HX-Request"):
        return render(request, "contacts/_import_preview.html", context)
    return render(request, "contacts/import_map.html", context, status=422 if form.errors else 200)


def _phonebooks(contact_import: ContactImport) -> list[Phonebook]:
    """The chosen phonebooks, or the new one of the chosen name."""
    if chosen := list(contact_import.phonebooks.all()):
        return chosen
    name = contact_import.mapping.get("new_phonebook") or contact_import.filename[:150]
    return [Phonebook.objects.get_or_create(name=name, account=None)[0]]


def _sample(contact_import: ContactImport) -> list[list[str]]:
    try:
        return starting.sample(Path(contact_import.path), reading.layout_of(contact_import), SAMPLE_ROWS)
    except FileNotFoundError:
        return []


def _preview(contact_import: ContactImport, targets: list[str], rows: list[list[str]]) -> dict[str, Any]:
    """The sample rows as they will be stored, or why they will be refused."""
    if "phone" not in targets:
        return {"keys": [], "rows": []}
    clean = cleaning.cleaner(contact_import.header, targets)
    keys = [target.partition(":")[2] for target in targets if target.startswith("attribute:")]
    shown: list[dict[str, Any]] = []
    for line, cells in enumerate(rows, 1):
        try:
            row = clean(line, cells)
        except cleaning.RefusedRow as refusal:
            shown.append({"problem": sentence(refusal.code), "value": refusal.value[:100]})
        else:
            stored = cleaning.attributes_of(row)
            shown.append({"row": row, "phone": f"+{row.phone}", "values": [stored.get(key, "") for key in keys]})
    return {"keys": keys, "rows": shown}


def _context(contact_import: ContactImport) -> dict[str, Any]:
    it = contact_import
    share = 100 if it.status == _Status.COMPLETED else min(99, it.bytes_done * 100 // max(it.size, 1))
    failed = it.status == _Status.FAILED
    return {"it": it, "share": share, "done_share": share / 100, "failure": file_sentence(it.error) if failed else ""}


@require_safe
def import_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """How far an import is, and in the end its accounting."""
    contact_import = get_object_or_404(ContactImport, pk=pk)
    if contact_import.status == _Status.UPLOADED:
        return redirect("contacts:import_map", pk)
    issues = [{"issue": issue, "reason": sentence(issue.code)} for issue in contact_import.issues.order_by("pk")[:20]]
    return render(request, "contacts/import_detail.html", {**_context(contact_import), "issues": issues})


@require_safe
def import_live(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the page that changes while the import runs. At its end the whole page is loaded once more."""
    contact_import = get_object_or_404(ContactImport, pk=pk)
    response = render(request, "contacts/_import_live.html", _context(contact_import))
    if contact_import.status != _Status.RUNNING:
        response["HX-Refresh"] = "true"
    return response


@require_POST
@permission_required("contacts.add_contactimport", raise_exception=True)
def import_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Stops an import; the rows that are in stay in."""
    if importing.cancel(pk):
        messages.success(request, _("The import was stopped. What it had imported stays."))
    return redirect("contacts:import_detail", pk)


@require_safe
def import_issues(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The refused rows as CSV or XLSX (``format``)."""
    contact_import = get_object_or_404(ContactImport, pk=pk)
    kind = tables.kind(request.GET.get("format"))
    return tables.download(f"refused-{contact_import.pk}", kind, *refused.table(contact_import))
