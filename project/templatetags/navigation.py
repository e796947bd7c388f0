"""The main menu: ``{% navigation as items %}``."""

from __future__ import annotations

from typing import Any, NamedTuple

from django import template
from django.urls import reverse
from django.utils.translation import gettext as _

register = template.Library()


class Item(NamedTuple):
    """An entry of the menu; ``active`` where the page belongs to it."""

    label: str
    icon: str
    url: str
    active: bool


def _allowed(context: dict[str, Any], permission: str, entry: tuple[str, str, str]) -> list[tuple[str, str, str]]:
    """The entry, for who has the permission."""
    user = context["request"].user if "request" in context else None
    return [entry] if user is not None and user.has_perm(permission) else []


@register.simple_tag(takes_context=True)
def navigation(context: dict[str, Any]) -> list[Item]:
    """The entries, in order. A page belongs to the entry with the longest address that it begins with."""
    entries = [
        (_("Dashboard"), "layout-dashboard", reverse("dashboard")),
        (_("Campaigns"), "megaphone", reverse("campaigns:list")),
        *_allowed(
            context, "campaigns.approve_campaign", (_("Approvals"), "shield-check", reverse("campaigns:approvals"))
        ),
        (_("Messages"), "message-square-text", reverse("campaigns:messages")),
        (_("Texts"), "file-text", reverse("campaigns:texts")),
        (_("Contacts"), "users", reverse("contacts:list")),
        (_("Phonebooks"), "book-user", reverse("contacts:phonebooks")),
        (_("Segments"), "filter", reverse("campaigns:segments")),
        (_("Job categories"), "layers", reverse("contacts:categories")),
        (_("Imports"), "folder-up", reverse("contacts:imports")),
        (_("Exports"), "file-down", reverse("contacts:exports")),
        (_("Suppressions"), "ban", reverse("contacts:suppressions")),
        (_("Accounts and lines"), "plug", reverse("providers:accounts")),
        *_allowed(context, "auth.view_user", (_("People"), "contact", reverse("people"))),
    ]
    path = context["request"].path if "request" in context else ""
    fitting = [url for _label, _icon, url in entries if path == url or (url != "/" and path.startswith(url))]
    current = max(fitting, key=len, default="")
    return [Item(label, icon, url, url == current) for label, icon, url in entries]


# The pages of one thing, with its model: each has its counterpart in the admin.
_THINGS = {
    "campaigns:detail": "campaigns.campaign",
    "campaigns:message": "campaigns.message",
    "campaigns:segment_edit": "campaigns.segment",
    "contacts:contact": "contacts.contact",
    "contacts:phonebook": "contacts.phonebook",
    "contacts:mirrored_phonebook": "contacts.phonebook",
    "contacts:import_detail": "contacts.contactimport",
    "contacts:bulk_action": "contacts.bulkaction",
    "contacts:suppression_file": "contacts.suppressionfile",
    "providers:account": "providers.provideraccount",
}


@register.simple_tag(takes_context=True)
def admin_address(context: dict[str, Any]) -> str:
    """Where the admin has what this page shows, for who may look at it there; empty for the others."""
    request = context.get("request")
    match = getattr(request, "resolver_match", None)
    if request is None or match is None or match.view_name not in _THINGS or not request.user.is_staff:
        return ""
    app, model = _THINGS[match.view_name].split(".")
    if not any(request.user.has_perm(f"{app}.{what}_{model}") for what in ("view", "change")):
        return ""
    return reverse(f"admin:{app}_{model}_change", args=[match.kwargs["pk"]])
