"""Phonebooks: the list, and one with its contacts. Everybody signed in may look; changing needs the permission."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import ProtectedError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from contacts import filing
from contacts.forms import PhonebookForm
from contacts.importing.mapping import LETTERS
from contacts.models import Contact, Phonebook
from contacts.views.contacts import page_of_contacts
from contacts.views.mirrors import keeping_accounts

SORTS = {"name": "name", "largest": "-size", "smallest": "size", "newest": "-pk", "oldest": "pk"}
SHOWN = 200


@require_http_methods(["GET", "HEAD", "POST"])
def phonebook_list(request: HttpRequest) -> HttpResponse:
    """The phonebooks kept here with their sizes, found by name and sorted, a form for a new one, and the way to those
    kept at providers.
    """
    _check_post(request, "contacts.add_phonebook")
    form = PhonebookForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        phonebook = form.save()
        messages.success(request, _("The phonebook was made."))
        return redirect(phonebook)
    query = request.GET.get("q", "").replace("\0", "").strip()[:100]
    sort = request.GET.get("sort", "") if request.GET.get("sort", "") in SORTS else "name"
    found = Phonebook.objects.ours().filter(name__icontains=query.translate(LETTERS)).order_by(SORTS[sort], "name")
    shown = list(found[: SHOWN + 1])
    context = {
        "phonebooks": shown[:SHOWN],
        "more": len(shown) > SHOWN,
        "shown": SHOWN,
        "query": query,
        "sort": sort,
        "form": form,
        "accounts": keeping_accounts(),
    }
    return render(request, "contacts/phonebooks.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def phonebook_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One phonebook: its contacts, its name to change. A provider's has a page of its own."""
    _check_post(request, "contacts.change_phonebook")
    phonebook = get_object_or_404(Phonebook, pk=pk)
    if phonebook.account_id:
        return redirect(phonebook)
    form = PhonebookForm(request.POST or None, instance=phonebook)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("The phonebook was renamed."))
        return redirect(phonebook)
    if form.errors:
        phonebook.refresh_from_db()
    context = {
        "phonebook": phonebook,
        "form": form,
        "page": page_of_contacts(request, Contact.objects.filter(membership__phonebook=phonebook)),
        "query": request.GET.get("q", ""),
    }
    return render(request, "contacts/phonebook.html", context, status=422 if form.errors else 200)


@require_POST
@permission_required("contacts.change_phonebook", raise_exception=True)
def phonebook_remove(request: HttpRequest, pk: int, contact_id: int) -> HttpResponse:
    """Takes a contact out of a phonebook; the contact itself stays."""
    phonebook = get_object_or_404(Phonebook.objects.ours(), pk=pk)
    if contact := Contact.objects.filter(pk=contact_id).first():
        filing.remove(contact, phonebook.pk)
    messages.success(request, _("The contact was taken out of the phonebook."))
    return redirect(phonebook)


@require_POST
@permission_required("contacts.delete_phonebook", raise_exception=True)
def phonebook_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Deletes a phonebook; its contacts stay. One that a campaign uses stays too."""
    try:
        with transaction.atomic():
            # Locked before its memberships go: nobody adds one in between that would be left over.
            phonebook = Phonebook.objects.ours().select_for_update().filter(pk=pk).first()
            if phonebook is None:
                return redirect("contacts:phonebooks")
            phonebook.delete()
    except ProtectedError:
        messages.error(request, _("A campaign uses this phonebook, so it cannot be deleted."))
        return redirect("contacts:phonebook", pk)
    messages.success(request, _("The phonebook was deleted. Its contacts are still there."))
    return redirect("contacts:phonebooks")


def _check_post(request: HttpRequest, permission: str) -> None:
    if request.method == "POST" and not request.user.has_perm(permission):
        raise PermissionDenied
