"""The import: upload, columns, check, the import itself, its result with the refused rows, and its undoing.

Nothing starts twice: each step is a conditional update of the import's row, and a page that comes too late leads to
where the import is by now.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.files.uploadedfile import UploadedFile
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from contacts import importing
from contacts.import_forms import ENDINGS, MappingForm, UploadForm
from contacts.importing import UnreadableFile, loading, preview, refused, starting, undoing
from contacts.importing.reasons import TOO_LARGE, file_sentence, sentence
from contacts.importing.undoing import KEPT, CannotUndo
from contacts.models import BulkAction, ContactImport, Phonebook
from contacts.paging import keyset_page
from interface import masking, tables

FORM_BYTES = 1 << 20  # of a request beside its file
SAMPLES = 3  # cells of a column beside its name
SHOWN_ISSUES = 50
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

    Exempt, because the CSRF check reads the body; what follows the length check is protected. The script that shows
    the progress asks for JSON: ``url`` where the import goes on, or the ``problems``.
    """
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdigit() and int(length) > settings.IMPORT_MAX_BYTES + FORM_BYTES:
        return _upload_page(request, UploadForm(), file_sentence(TOO_LARGE), status=413)
    response: HttpResponse = _upload(request)
    return response


@csrf_protect
def _upload(request: HttpRequest) -> HttpResponse:
    initial = {"phonebooks": request.GET.getlist("phonebook")}
    form = UploadForm(request.POST or None, request.FILES or None, initial=initial)
    problem = ""
    if request.method == "POST" and form.is_valid():
        try:
            url = reverse("contacts:import_map", args=[_prepared(request, form.cleaned_data).pk])
        except UnreadableFile as error:
            problem = str(error)
        else:
            return JsonResponse({"url": url}, status=201) if _by_script(request) else redirect(url)
    return _upload_page(request, form, problem, status=422 if problem or form.errors else 200)


def _upload_page(request: HttpRequest, form: UploadForm, problem: str, *, status: int) -> HttpResponse:
    if _by_script(request):
        told = [problem] if problem else [str(error) for errors in form.errors.values() for error in errors]
        return JsonResponse({"problems": told}, status=status)
    limit = settings.IMPORT_MAX_BYTES
    context = {"form": form, "problem": problem, "max_bytes": limit, "endings": ENDINGS}
    return render(request, "contacts/import_new.html", context, status=status)


def _by_script(request: HttpRequest) -> bool:
    return request.method == "POST" and request.headers.get("Accept") == "application/json"


def _prepared(request: HttpRequest, data: dict[str, Any]) -> ContactImport:
    upload: UploadedFile[bytes] = data["file"]
    path = importing.store(upload.chunks(1 << 20), max_bytes=settings.IMPORT_MAX_BYTES)
    contact_import = importing.prepare(path, upload.name or "", user=request.user)
    contact_import.phonebooks.set(data["phonebooks"])
    if data["new_name"]:
        contact_import.mapping["new_phonebook"] = data["new_name"]
        contact_import.save(update_fields=["mapping"])
    return contact_import


def _is_open(contact_import: ContactImport) -> bool:
    """Whether the columns can still be chosen: nothing has been imported."""
    return contact_import.status == _Status.UPLOADED or _is_checked(contact_import)


def _is_checked(contact_import: ContactImport) -> bool:
    return contact_import.dry_run and contact_import.status == _Status.COMPLETED


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("contacts.add_contactimport", raise_exception=True)
def import_map(request: HttpRequest, pk: int) -> HttpResponse:
    """What each column is, with sample rows as they will be stored; then the check. A second press starts nothing."""
    contact_import = get_object_or_404(ContactImport, pk=pk)
    live = bool(request.headers.get("HX-Request")) and request.method == "POST"
    if not _is_open(contact_import):
        url = contact_import.get_absolute_url()
        return HttpResponse(headers={"HX-Redirect": url}) if live else redirect(url)
    earlier = starting.earlier(contact_import)
    prefetch_related_objects(earlier, "created_by", "phonebooks")
    form = MappingForm(contact_import, request.POST or None, asks=bool(earlier))
    if live:
        _remember(contact_import, form)
    elif request.method == "POST" and form.is_valid():
        _check(contact_import, form)
        return redirect(contact_import)
    context = {"it": contact_import, "form": form, "earlier": earlier, **_columns(contact_import, form)}
    template = "contacts/_import_preview.html" if live else "contacts/import_map.html"
    return render(request, template, context, status=422 if form.errors and not live else 200)


def _columns(contact_import: ContactImport, form: MappingForm) -> dict[str, Any]:
    """The columns with some of their cells, and the first rows as they will be stored or why they cannot be."""
    rows = preview.first_rows(contact_import)
    good = [cells for _line, cells, bad in rows if not bad]
    fields = zip(form.column_fields(), form.key_fields(), strict=True)
    columns = [{"field": field, "key": key, "samples": _cells(good, at)} for at, (field, key) in enumerate(fields)]
    problem = form.problem()
    makes = bool(form["makes_categories"].value())
    shown = None if problem else preview.preview(form.header, form.targets(), rows, makes_categories=makes)
    return {"columns": columns, "problem": problem, "preview": shown}


def _cells(rows: list[list[str]], at: int) -> list[str]:
    """The first cells of a column that hold something."""
    return [cells[at] for cells in rows if at < len(cells) and cells[at].strip()][:SAMPLES]


def _remember(contact_import: ContactImport, form: MappingForm) -> None:
    """Keeps what was chosen so far, for whoever loads the page anew; only before the first check."""
    if not form.is_bound or form.problem() or "policy" in form.errors:
        return
    ContactImport.objects.filter(pk=contact_import.pk, status=_Status.UPLOADED).update(
        mapping={**contact_import.mapping, "columns": form.targets(), "again": form.cleaned_data.get("again", False)},
        policy=form.cleaned_data["policy"],
        makes_categories=form.cleaned_data["makes_categories"],
    )


def _check(contact_import: ContactImport, form: MappingForm) -> None:
    contact_import.mapping["again"] = form.cleaned_data["again"]
    importing.start(
        contact_import,
        form.targets(),
        phonebooks=contact_import.phonebooks.all(),
        policy=form.cleaned_data["policy"],
        makes_categories=form.cleaned_data["makes_categories"],
        dry_run=True,
    )


@require_POST
@permission_required("contacts.add_contactimport", raise_exception=True)
def import_start(request: HttpRequest, pk: int) -> HttpResponse:
    """Imports in earnest what was checked: by ``checked`` only what the reader of this page has seen the check of."""
    contact_import = get_object_or_404(ContactImport, pk=pk)
    if _is_checked(contact_import):
        if request.POST.get("checked") != _stamp(contact_import):
            messages.warning(request, _("The columns were changed meanwhile. This is what the import would do now."))
        elif starting.earlier(contact_import) and not contact_import.mapping.get("again"):
            messages.warning(request, _("This file was imported meanwhile. Say whether it is to be imported again."))
            return redirect("contacts:import_map", pk)
        else:
            importing.start(
                contact_import,
                contact_import.mapping["columns"],
                phonebooks=_phonebooks(contact_import),
                policy=contact_import.policy,
                makes_categories=contact_import.makes_categories,
            )
    return redirect("contacts:import_detail", pk)


def _stamp(contact_import: ContactImport) -> str:
    """Tells one check of an import from the next."""
    return contact_import.started_at.isoformat() if contact_import.started_at else ""


def _phonebooks(contact_import: ContactImport) -> list[Phonebook]:
    """The chosen phonebooks and the new one; where all were deleted meanwhile, one named for the file."""
    chosen = list(contact_import.phonebooks.all())
    name = contact_import.mapping.get("new_phonebook") or ("" if chosen else contact_import.filename[:150])
    return [*chosen, Phonebook.objects.get_or_create(name=name, account=None)[0]] if name else chosen


def _progress(contact_import: ContactImport) -> dict[str, Any]:
    it = contact_import
    share = min(99, it.bytes_done * 100 // max(it.size, 1))
    seconds = (timezone.now() - it.started_at).total_seconds() if it.started_at else 0
    return {
        "it": it,
        "share": share,
        "done_share": share / 100,
        "a_second": round(it.rows_done / seconds) if it.rows_done and seconds > 0 else None,
        "left": loading.seconds_left(it) if it.status == _Status.RUNNING else None,
        "failure": file_sentence(it.error) if it.status == _Status.FAILED else "",
        "fresh": it.new + it.updated + it.unchanged,
    }


@never_cache
@require_safe
def import_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Where an import is: being checked, checked, being imported, or ended, with its accounting."""
    contact_import = get_object_or_404(ContactImport, pk=pk)
    if contact_import.status == _Status.UPLOADED:
        return redirect("contacts:import_map", pk)
    issues = [
        {"issue": it, "reason": sentence(it.code)} for it in contact_import.issues.order_by("pk")[: SHOWN_ISSUES + 1]
    ]
    books, undoing = list(contact_import.phonebooks.all()), _undoing_of(contact_import)
    context = {
        **_progress(contact_import),
        "step": _step(contact_import),
        "books": books,
        "again": "?" + urlencode([("phonebook", book.pk) for book in books]) if books else "",
        "issues": issues[:SHOWN_ISSUES],
        "more_issues": len(issues) > SHOWN_ISSUES,
        "checked": _stamp(contact_import) if _is_checked(contact_import) else "",
        "undoing": undoing,
        "kept": sum(undoing.params.get(reason, 0) for reason in KEPT) if undoing else 0,
        "may_undo": _may_undo(contact_import, undoing),
    }
    return render(request, "contacts/import_detail.html", context)


def _step(contact_import: ContactImport) -> int:
    """Where in the wizard it is, of five; what was stopped or failed stays where it was."""
    if contact_import.dry_run:
        return 3
    if contact_import.started_at is None:
        return 2
    return 4 if contact_import.status == _Status.RUNNING else 5


def _may_undo(contact_import: ContactImport, undoing: BulkAction | None) -> bool:
    ended = contact_import.status in (_Status.COMPLETED, _Status.CANCELLED, _Status.FAILED)
    made = bool(contact_import.new or contact_import.joined)
    under_way = undoing is not None and undoing.status == BulkAction.Status.RUNNING
    return ended and made and not contact_import.dry_run and not contact_import.undone_at and not under_way


def _undoing_of(contact_import: ContactImport) -> BulkAction | None:
    """The last undoing of an import, running or ended."""
    undoings = BulkAction.objects.filter(kind=BulkAction.Kind.UNDO, selection__import=contact_import.pk)
    return undoings.order_by("-pk").first()


@never_cache
@require_safe
def import_live(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the page that changes while the import runs. At its end the whole page is loaded once more."""
    contact_import = get_object_or_404(ContactImport, pk=pk)
    response = render(request, "contacts/_import_live.html", _progress(contact_import))
    if contact_import.status != _Status.RUNNING:
        response["HX-Refresh"] = "true"
    return response


@require_POST
@permission_required("contacts.add_contactimport", raise_exception=True)
def import_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Stops an import; the rows that are in stay in. What was only uploaded or checked is thrown away."""
    contact_import = get_object_or_404(ContactImport, pk=pk)
    earnest = contact_import.status == _Status.RUNNING and not contact_import.dry_run
    if not importing.cancel(pk):
        messages.info(request, _("There was nothing to stop any more."))
    elif not earnest:
        messages.success(request, _("The file was thrown away. Nothing was imported."))
        return redirect("contacts:imports")
    else:
        messages.success(request, _("The import was stopped. What it had imported stays."))
    return redirect("contacts:import_detail", pk)


@require_POST
@permission_required(["contacts.add_contactimport", "contacts.delete_contact"], raise_exception=True)
def import_undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Takes back what an import made and nothing else has touched; leads to how far that is."""
    contact_import = get_object_or_404(ContactImport, pk=pk)
    try:
        return redirect(undoing.start(contact_import, request.user))
    except CannotUndo as error:
        messages.error(request, str(error))
        return redirect(contact_import)


@require_safe
@permission_required(masking.PERMISSION, raise_exception=True)
def import_issues(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The refused rows as CSV or XLSX (``format``)."""
    contact_import = get_object_or_404(ContactImport, pk=pk)
    kind = tables.kind(request.GET.get("format"))
    return tables.download(f"refused-{contact_import.pk}", kind, *refused.table(contact_import))
