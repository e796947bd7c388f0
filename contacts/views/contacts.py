"""The list of contacts, adding and deleting one. Everybody signed in may look; changing needs the permission."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from contacts import filing
from contacts.bulk.kinds import permission_of
from contacts.bulk_forms import FORMS, categories
from contacts.filtering import ContactFilter
from contacts.forms import ContactForm
from contacts.models import Contact, Operator, Phonebook
from contacts.paging import KeysetPage
from contacts.querysets import ContactQuerySet
from contacts.views.contact import save
from interface import persian
from interface.jalali import typed_day


def page_of_contacts(request: HttpRequest, contacts: ContactQuerySet) -> KeysetPage[Contact]:
    """One page of these contacts, as the request's search and position ask."""
    query = request.GET.dict()
    return ContactFilter.read(query).page(contacts, query)


@require_safe
def contact_list(request: HttpRequest) -> HttpResponse:
    """All contacts, the newest first; found by number, word or attribute, and narrowed by what is known of them."""
    narrowed = ContactFilter.read(request.GET.dict())
    query = narrowed.query()
    chips = [
        (chip, "?" + urlencode({name: value for name, value in query.items() if name != chip.name}))
        for chip in narrowed.chips()
    ]
    context = {
        "page": narrowed.page(Contact.objects.with_suppression(), request.GET.dict()),
        "phonebooks": Phonebook.objects.ours().only("name"),
        "categories": categories(),
        "operators": Operator.choices,
        "it": narrowed,
        "jalali": persian.is_persian(),
        "since": typed_day(narrowed.since) if narrowed.since else "",
        "query": query,
        "chips": chips,
        "kinds": [kind for kind in FORMS if request.user.has_perm(permission_of(kind))],
    }
    return render(request, "contacts/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("contacts.add_contact", raise_exception=True)
def contact_new(request: HttpRequest) -> HttpResponse:
    """Adds a contact; ``?phonebook=ID`` has that one ticked."""
    initial = {"phonebooks": request.GET.getlist("phonebook")}
    form = ContactForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        contact = save(form)
        messages.success(request, _("The contact was saved."))
        return redirect(contact)
    return render(request, "contacts/contact_new.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
@permission_required("contacts.delete_contact", raise_exception=True)
def contact_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Deletes a contact, also from its phonebooks. A second press finds it gone and says the same."""
    if contact := Contact.objects.filter(pk=pk).first():
        filing.delete(contact)
    messages.success(request, _("The contact was deleted."))
    return redirect("contacts:list")
