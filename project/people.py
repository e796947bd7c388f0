"""The people who work with Chapar, and who of them may do what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from campaigns.auditing import note
from contacts.paging import keyset_page
from project import roles
from project.people_forms import PersonForm, role_of

LOOK, MAKE, CHANGE = "auth.view_user", "auth.add_user", "auth.change_user"
ROWS = 50
# What the page tells of each role, by the permission that stands for it.
DUTIES: Mapping[str, Promise] = {
    "campaigns.add_campaign": gettext_lazy("compose campaigns"),
    "campaigns.test_campaign": gettext_lazy("send tests to chosen numbers"),
    "campaigns.approve_campaign": gettext_lazy("approve and reject campaigns"),
    "campaigns.launch_campaign": gettext_lazy("launch, pause and cancel campaigns"),
    "campaigns.add_segment": gettext_lazy("build segments"),
    "campaigns.add_texttemplate": gettext_lazy("keep texts"),
    "contacts.see_numbers": gettext_lazy("see whole phone numbers"),
    "contacts.change_contact": gettext_lazy("change contacts and phonebooks"),
    "contacts.delete_contact": gettext_lazy("delete contacts"),
    "contacts.add_contactimport": gettext_lazy("import files"),
    "contacts.add_suppression": gettext_lazy("suppress numbers"),
    "contacts.delete_suppression": gettext_lazy("lift suppressions"),
    "contacts.export_contact": gettext_lazy("export contacts"),
    "campaigns.export_message": gettext_lazy("export messages"),
    "providers.change_provideraccount": gettext_lazy("manage accounts and lines"),
    CHANGE: pgettext_lazy("duty", "manage people"),
}


class Duty(NamedTuple):
    """One row of the table of who may do what: a duty, and for each role its name and whether it has it."""

    words: Promise
    held: list[tuple[str, bool]]


@require_safe
@permission_required(LOOK, raise_exception=True)
def people(request: HttpRequest) -> HttpResponse:
    """Everybody with an account, the newest first, and what each role may do."""
    found = User.objects.prefetch_related("groups")
    page = keyset_page(found, request.GET.dict(), size=ROWS)
    rows = [(user, roles.label_of(role_of(user)) if role_of(user) else "") for user in page.rows]
    groups = _groups()
    context = {
        "page": page,
        "rows": rows,
        "roles": [(roles.label_of(group.name), roles.DUTIES.get(group.name, "")) for group in groups],
        "duties": _duties(groups),
    }
    return render(request, "people/list.html", context)


def _groups() -> list[Group]:
    """The ready roles in their order, then an operator's own groups."""
    known = {group.name: group for group in Group.objects.prefetch_related("permissions__content_type")}
    ready = [known.pop(name) for name in roles.LABELS if name in known]
    return [*ready, *(known[name] for name in sorted(known))]


def _duties(groups: list[Group]) -> list[Duty]:
    held = [
        (roles.label_of(group.name), {f"{p.content_type.app_label}.{p.codename}" for p in group.permissions.all()})
        for group in groups
    ]
    return [Duty(words, [(role, name in having) for role, having in held]) for name, words in DUTIES.items()]


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(MAKE, raise_exception=True)
def person_new(request: HttpRequest) -> HttpResponse:
    """Makes an account with a role and a first password."""
    form = PersonForm(request.POST or None, by=_self(request))
    if request.method == "POST" and form.is_valid():
        user = form.save()
        note("person_made", None, request.user, id=user.pk, role=form.cleaned_data.get("role"))
        messages.success(request, _("The account was made: tell its owner the user name and the first password."))
        return redirect("people")
    return _form(request, form)


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(CHANGE, raise_exception=True)
@transaction.atomic
def person(request: HttpRequest, pk: int) -> HttpResponse:
    """Changes somebody's name, role or password, or shuts them out. Only a superuser changes a superuser."""
    user = get_object_or_404(User, pk=pk)
    if user.is_superuser and not request.user.is_superuser:
        raise PermissionDenied
    form = PersonForm(request.POST or None, instance=user, by=_self(request))
    if request.method == "POST" and form.is_valid():
        form.save()
        if form.is_own:
            update_session_auth_hash(request, user)
        facts = {"role": form.cleaned_data.get("role"), "active": user.is_active}
        note("person_changed", None, request.user, id=user.pk, **facts)
        messages.success(request, pgettext("person", "The account was saved."))
        return redirect("people")
    return _form(request, form)


def _self(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - the permission says so
    return request.user


def _form(request: HttpRequest, form: PersonForm) -> HttpResponse:
    facts: dict[str, Any] = {"form": form, "duties": {**roles.DUTIES, "": _("May look, and nothing else.")}}
    return render(request, "people/person.html", facts, status=422 if form.errors else 200)
