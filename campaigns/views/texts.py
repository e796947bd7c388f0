"""Kept texts: the list, one of them, choosing one in the composer and keeping what is being written there.

Everybody signed in may look; changing needs the permission.
"""

from __future__ import annotations

from typing import NamedTuple

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns.composing import segments, templating
from campaigns.models import TextTemplate
from campaigns.text_forms import TAKEN, TextForm
from campaigns.views.preview import SAMPLE, chips, typed
from contacts.models import Contact
from contacts.paging import keyset_page

CHOICES = 20  # the most that the composer's dialog offers at once


class Listed(NamedTuple):
    """A kept text with its segments, counted without recipients' own words, and its placeholders' names."""

    text: TextTemplate
    segments: segments.Segments
    names: list[str]


@require_safe
def text_list(request: HttpRequest) -> HttpResponse:
    """The kept texts, the newest first; ``?q=`` finds by name and text."""
    page = keyset_page(_found(request).select_related("created_by"), request.GET)
    facts = {"page": page, "listed": [_listed(text) for text in page.rows], "q": _asked(request)}
    return render(request, "campaigns/texts/list.html", facts)


@require_safe
def text_choices(request: HttpRequest) -> HttpResponse:
    """The composer's fragment: the kept texts that ``?q=`` finds, to put into the text being written."""
    found = list(_found(request).order_by("-updated_at")[: CHOICES + 1])
    facts = {"listed": [_listed(text) for text in found[:CHOICES]], "more": len(found) > CHOICES, "q": _asked(request)}
    return render(request, "campaigns/texts/_choices.html", facts)


def _asked(request: HttpRequest) -> str:
    return request.GET.get("q", "").replace("\0", "").strip()[:100]


def _found(request: HttpRequest) -> QuerySet[TextTemplate]:
    asked = _asked(request)
    texts = TextTemplate.objects.all()
    return texts.filter(Q(name__icontains=asked) | Q(text__icontains=asked)) if asked else texts


def _listed(text: TextTemplate) -> Listed:
    try:
        template = templating.parse(text.text)
    except templating.TemplateError:  # written in the admin before texts were checked there
        return Listed(text, segments.count(text.text), [])
    return Listed(text, segments.count(template.literal), template.names)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("campaigns.add_texttemplate", raise_exception=True)
def text_new(request: HttpRequest) -> HttpResponse:
    """Keeps a new text."""
    return _write(request, TextTemplate(created_by_id=request.user.pk))


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("campaigns.change_texttemplate", raise_exception=True)
def text_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Changes a kept text. The campaigns that began with it keep theirs."""
    return _write(request, get_object_or_404(TextTemplate, pk=pk))


def _write(request: HttpRequest, text: TextTemplate) -> HttpResponse:
    form = TextForm(request.POST or None, instance=text)
    if request.method == "POST" and (_kept_already(request, text) or keep(form)):
        messages.success(request, _("The text was saved."))
        return redirect("campaigns:texts")
    facts = {
        "form": form,
        "kept": TextTemplate.objects.filter(pk=text.pk).first(),  # as it is saved, whatever the form says
        "placeholders": chips(Contact.objects.order_by("-pk")[:SAMPLE]),
    }
    return render(request, "campaigns/texts/edit.html", facts, status=422 if form.errors else 200)


def _kept_already(request: HttpRequest, text: TextTemplate) -> bool:
    """Whether this very text has just been kept: the second of two clicks hears no complaint."""
    name = " ".join(request.POST.get("name", "").replace("\0", "").split())
    same = TextTemplate.objects.filter(name=name, text=typed(request), created_by=request.user.pk)
    return text._state.adding and same.exists()


def keep(form: TextForm) -> bool:
    """Save what the form says; whether it could be, else the form says why not."""
    if not form.is_valid():
        return False
    try:
        with transaction.atomic():
            form.save()
    except IntegrityError:  # another of this name was saved since the form looked
        form.add_error("name", str(TAKEN))
        return False
    return True


@require_POST
@permission_required("campaigns.add_texttemplate", raise_exception=True)
def text_keep(request: HttpRequest) -> HttpResponse:
    """Keeps the text that is being written in the composer: a fragment that says so, or what is wrong."""
    content = {"name": request.POST.get("keep_name", ""), "text": request.POST.get("text", "")}
    form = TextForm(content, instance=TextTemplate(created_by_id=request.user.pk))
    kept = keep(form)
    return render(request, "campaigns/texts/_kept.html", {"form": form, "kept": kept})


@require_POST
@permission_required("campaigns.delete_texttemplate", raise_exception=True)
def text_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Deletes a kept text. A second press finds it gone and says the same."""
    TextTemplate.objects.filter(pk=pk).delete()
    messages.success(request, _("The text was deleted."))
    return redirect("campaigns:texts")
