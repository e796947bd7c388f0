"""One contact: who it is, whether it may be sent to, its timeline, and the form that changes it.

Everybody signed in may look; changing needs the permission.
"""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from contacts import filing, timeline
from contacts.forms import ContactForm
from contacts.models import Contact, Phonebook, Suppression
from interface import masking


@require_http_methods(["GET", "HEAD", "POST"])
def contact_page(request: HttpRequest, pk: int) -> HttpResponse:
    """A contact's page; a form that is sent changes it."""
    may_change = request.user.has_perm("contacts.change_contact") and masking.may_see_numbers()
    if request.method == "POST" and not may_change:
        raise PermissionDenied
    contact = get_object_or_404(Contact.objects.select_related("job_category__parent"), pk=pk)
    form = ContactForm(request.POST or None, instance=contact) if may_change else None
    if request.method == "POST" and form is not None:
        if form.is_valid():
            save(form)
            messages.success(request, _("The contact was saved."))
            return redirect(contact)
        contact = Contact.objects.select_related("job_category__parent").get(pk=pk)  # without what was typed
    context = {
        "contact": contact,
        "form": form,
        "phonebooks": Phonebook.objects.ours().filter(membership__contact=contact),
        "suppressions": Suppression.objects.of([contact.phone]).select_related("line").strongest_first(),
        "timeline": timeline.page(contact, request.GET.dict()),
        "is_later_page": "until" in request.GET,
    }
    return render(request, "contacts/contact.html", context, status=422 if form and form.errors else 200)


def save(form: ContactForm) -> Contact:
    """Save the contact and put it into the chosen phonebooks."""
    with transaction.atomic():
        filing.hold(form.instance, form.cleaned_data["phonebooks"])
        contact: Contact = form.save()
        filing.file_into(contact, form.cleaned_data["phonebooks"])
    return contact


@require_safe
def contact_timeline(request: HttpRequest, pk: int) -> HttpResponse:
    """Older happenings, for the end of the timeline."""
    contact = get_object_or_404(Contact, pk=pk)
    context = {"contact": contact, "timeline": timeline.page(contact, request.GET.dict())}
    return render(request, "contacts/_timeline.html", context)
