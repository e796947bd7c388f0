"""Numbers that must not be sent to: the list, by hand, by file, and lifting one.

Everybody signed in may look; adding and lifting need the model's permission.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from contacts import importing, suppression_files, suppressions
from contacts.importing import UnreadableFile
from contacts.importing.reasons import TOO_LARGE, file_sentence, sentence
from contacts.models import Source, Suppression, SuppressionChange, SuppressionFile
from contacts.paging import keyset_page
from contacts.phones import search_digits
from contacts.querysets import SuppressionQuerySet
from contacts.suppression_forms import FileForm, HandForm
from interface import masking, persian
from providers.models import SenderLine

FORM_BYTES = 1 << 20  # of a request beside its file
SHOWN_CHANGES = 20
SHOWN_FILES = 5
SHOWN_ISSUES = 50
_Status = SuppressionFile.Status


@require_safe
def suppression_list(request: HttpRequest) -> HttpResponse:
    """All suppressions, the newest first; found by number, scope, reason or line. Of one number also what was."""
    query = request.GET.get("q", "").strip()[:100]
    digits = masking.findable(search_digits(query))
    found = _narrowed(request, Suppression.objects.select_related("line", "created_by"))
    if query:
        found = found.with_number(digits) if digits else found.none()
    whole = f"+{digits}" if 10 <= len(digits) <= 15 else ""
    changes = SuppressionChange.objects.filter(phone=whole) if whole else SuppressionChange.objects.none()
    context = {
        "page": keyset_page(found, request.GET.dict()),
        "query": query,
        "chosen": {name: request.GET.get(name, "") for name in ("scope", "reason", "line")},
        "scopes": Suppression.Scope.choices,
        "reasons": Suppression.Reason.choices,
        "lines": SenderLine.objects.order_by("sender"),
        "changes": changes.select_related("line", "changed_by").order_by("-pk")[:SHOWN_CHANGES],
        "narrowed": any(request.GET.get(name) for name in ("q", "scope", "reason", "line")),
    }
    return render(request, "contacts/suppressions.html", context)


def _narrowed(request: HttpRequest, found: SuppressionQuerySet) -> SuppressionQuerySet:
    """By the filters of the query; a value that none of them has is left aside."""
    if (scope := request.GET.get("scope")) in Suppression.Scope.values:
        found = found.filter(scope=scope)
    if (reason := request.GET.get("reason")) in Suppression.Reason.values:
        found = found.filter(reason=reason)
    line = request.GET.get("line", "")
    return found.filter(line=int(line)) if line.isascii() and line.isdigit() and len(line) < 19 else found


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("contacts.add_suppression", raise_exception=True)
def suppression_new(request: HttpRequest) -> HttpResponse:
    """Suppresses typed or pasted numbers; ``?number=`` stands there already."""
    form = HandForm(request.POST or None, initial={"numbers": request.GET.get("number", "")[:40]})
    if request.method == "POST" and form.is_valid():
        numbers = form.cleaned_data["numbers"]
        made = suppressions.suppress(numbers, user=request.user, **form.terms(Source.HAND)._asdict())
        messages.success(request, _told(made, len(numbers) - made))
        return redirect("contacts:suppressions")
    return render(request, "contacts/suppression_new.html", {"form": form}, status=422 if form.errors else 200)


def _told(made: int, known: int) -> str:
    text = ngettext("%(number)s number was suppressed.", "%(number)s numbers were suppressed.", made)
    told = text % {"number": persian.number(made)}
    if known:
        text = ngettext("%(number)s was so before.", "%(number)s were so before.", known)
        told = f"{told} {text % {'number': persian.number(known)}}"
    return told


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("contacts.add_suppression", raise_exception=True)
def suppression_file_new(request: HttpRequest) -> HttpResponse:
    """Takes a file. One that is too large is refused by its length, before the first byte of it is read.

    Exempt, because the CSRF check reads the body; what follows the length check is protected.
    """
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdigit() and int(length) > settings.IMPORT_MAX_BYTES + FORM_BYTES:
        return _upload_page(request, FileForm(), file_sentence(TOO_LARGE), status=413)
    response: HttpResponse = _upload(request)
    return response


@csrf_protect
def _upload(request: HttpRequest) -> HttpResponse:
    form = FileForm(request.POST or None, request.FILES or None)
    problem = ""
    if request.method == "POST" and form.is_valid():
        upload: UploadedFile[bytes] = form.cleaned_data["file"]
        try:
            path = importing.store(upload.chunks(1 << 20), max_bytes=settings.IMPORT_MAX_BYTES)
            terms = form.terms(Source.FILE)
            return redirect(suppression_files.start(path, upload.name or "", terms, request.user))
        except UnreadableFile as error:
            problem = str(error)
    return _upload_page(request, form, problem, status=422 if problem or form.errors else 200)


def _upload_page(request: HttpRequest, form: FileForm, problem: str, *, status: int) -> HttpResponse:
    files = SuppressionFile.objects.select_related("created_by")[:SHOWN_FILES]
    context = {"form": form, "problem": problem, "files": files, "max_bytes": settings.IMPORT_MAX_BYTES}
    return render(request, "contacts/suppression_file_new.html", context, status=status)


@require_safe
def suppression_file(request: HttpRequest, pk: int) -> HttpResponse:
    """What became of a file's rows, and the first of those that were refused."""
    return render(request, "contacts/suppression_file.html", _file_context(pk))


@require_safe
def suppression_file_live(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the page that changes while the file is read. At its end the whole page is loaded once more."""
    context = _file_context(pk)
    response = render(request, "contacts/_suppression_file_live.html", context)
    if context["it"].status != _Status.RUNNING:
        response["HX-Refresh"] = "true"
    return response


@require_POST
@permission_required("contacts.add_suppression", raise_exception=True)
def suppression_file_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Stops a file; what is suppressed by then stays so."""
    if suppression_files.cancel(pk):
        messages.success(request, _("The file was stopped. The numbers that it had suppressed stay so."))
    return redirect("contacts:suppression_file", pk)


def _file_context(pk: int) -> dict[str, Any]:
    it = get_object_or_404(SuppressionFile.objects.select_related("line", "created_by"), pk=pk)
    share = it.bytes_done / it.size if it.size else 0.0
    return {
        "it": it,
        "failure": file_sentence(it.error) if it.status == _Status.FAILED else "",
        "share": round(share * 100),
        "done_share": share,
        "issues": [(line, value, sentence(code)) for line, value, code in it.issues[:SHOWN_ISSUES]],
        "more_issues": max(0, it.refused - SHOWN_ISSUES),
    }


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("contacts.delete_suppression", raise_exception=True)
def suppression_lift(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks, saying what it means, and lifts one. A second press finds it gone and says the same."""
    found = Suppression.objects.select_related("line", "created_by").filter(pk=pk)
    if request.method == "POST":
        suppressions.lift(
            Suppression.objects.filter(pk=pk),
            source=Source.HAND,
            user=request.user,
            note=request.POST.get("note", "").replace("\0", "").strip(),
        )
        messages.success(request, _("The suppression was lifted."))
        return redirect("contacts:suppressions")
    held = found.first()
    if held is None:
        return redirect("contacts:suppressions")
    others = Suppression.objects.of([held.phone]).exclude(pk=pk).select_related("line")
    return render(request, "contacts/suppression_lift.html", {"held": held, "others": others})
