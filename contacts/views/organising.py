"""A whole phonebook copied, merged into another or split; each starts a bulk action, once a form."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from contacts import bulk, elsewhere
from contacts.bulk.books import named
from contacts.models import BulkAction, Phonebook
from contacts.phonebook_forms import CopyForm, MergeForm, SplitForm

PERMISSION = "contacts.change_phonebook"


@require_safe
@permission_required(PERMISSION, raise_exception=True)
def phonebook_organise(request: HttpRequest, pk: int) -> HttpResponse:
    """The three forms, and the campaigns that name the phonebook and have yet to look who is in it."""
    return _page(request, get_object_or_404(Phonebook.objects.ours(), pk=pk))


def _page(request: HttpRequest, phonebook: Phonebook, **refused: Any) -> HttpResponse:
    token = {"token": uuid.uuid4()}
    forms = {
        "copy": CopyForm(initial=token),
        "merge": MergeForm(phonebook, initial=token),
        "split": SplitForm(phonebook, initial=token),
    }
    context = {
        "phonebook": phonebook,
        "waiting": [it for it in elsewhere.naming(phonebooks=[phonebook.pk]) if it.is_open],
        **forms,
        **refused,
    }
    return render(request, "contacts/phonebook_organise.html", context, status=422 if refused else 200)


@require_POST
@permission_required(["contacts.add_phonebook", PERMISSION], raise_exception=True)
def phonebook_copy(request: HttpRequest, pk: int) -> HttpResponse:
    """All members into a new phonebook."""
    source = get_object_or_404(Phonebook.objects.ours(), pk=pk)
    form = CopyForm(request.POST)
    if known := _started(request):
        return redirect(known)
    if not form.is_valid():
        return _page(request, source, copy=form)
    with transaction.atomic():
        target = form.save()
        return _start(request, BulkAction.Kind.COPY, named(source, target), form.cleaned_data["token"])


@require_POST
@permission_required(PERMISSION, raise_exception=True)
def phonebook_merge(request: HttpRequest, pk: int) -> HttpResponse:
    """All members into another phonebook, and out of this one."""
    if known := _started(request):
        return redirect(known)
    source = get_object_or_404(Phonebook.objects.ours(), pk=pk)
    form = MergeForm(source, request.POST)
    if not form.is_valid():
        return _page(request, source, merge=form)
    delete = form.cleaned_data["delete"] and request.user.has_perm("contacts.delete_phonebook")
    params = {**named(source, form.cleaned_data["into"]), "delete": delete}
    return _start(request, BulkAction.Kind.MERGE, params, form.cleaned_data["token"])


@require_POST
@permission_required(["contacts.add_phonebook", PERMISSION], raise_exception=True)
def phonebook_split(request: HttpRequest, pk: int) -> HttpResponse:
    """All members into new phonebooks."""
    if known := _started(request):
        return redirect(known)
    source = get_object_or_404(Phonebook.objects.ours(), pk=pk)
    form = SplitForm(source, request.POST)
    if not form.is_valid():
        return _page(request, source, split=form)
    data = form.cleaned_data
    params = {
        "from": source.pk,
        "from_name": source.name,
        **{name: data[name] for name in ("by", "number", "random")},
        "delete": data["delete"] and request.user.has_perm("contacts.delete_phonebook"),
    }
    return _start(request, BulkAction.Kind.SPLIT, params, data["token"])


def _started(request: HttpRequest) -> BulkAction | None:
    """The action that this form has started already: a second press finds its phonebook perhaps gone."""
    try:
        token = uuid.UUID(request.POST.get("token", ""))
    except ValueError:
        return None
    return BulkAction.objects.filter(form_token=token).first()


def _start(request: HttpRequest, kind: BulkAction.Kind, params: dict[str, Any], token: uuid.UUID) -> HttpResponse:
    return redirect(bulk.start(kind, {}, params, request.user, token=token))
