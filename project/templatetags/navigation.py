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


@register.simple_tag(takes_context=True)
def navigation(context: dict[str, Any]) -> list[Item]:
    """The entries, in order. A page belongs to the entry with the longest address that it begins with."""
    entries = [
        (_("Dashboard"), "layout-dashboard", reverse("dashboard")),
        (_("Campaigns"), "megaphone", reverse("campaigns:list")),
        (_("Messages"), "message-square-text", reverse("campaigns:messages")),
        (_("Contacts"), "users", reverse("contacts:list")),
        (_("Phonebooks"), "book-user", reverse("contacts:phonebooks")),
        (_("Segments"), "filter", reverse("campaigns:segments")),
        (_("Job categories"), "layers", reverse("contacts:categories")),
        (_("Imports"), "folder-up", reverse("contacts:imports")),
        (_("Exports"), "file-down", reverse("contacts:exports")),
        (_("Suppressions"), "ban", reverse("contacts:suppressions")),
        (_("Accounts and lines"), "plug", reverse("providers:accounts")),
    ]
    path = context["request"].path if "request" in context else ""
    fitting = [url for _label, _icon, url in entries if path == url or (url != "/" and path.startswith(url))]
    current = max(fitting, key=len, default="")
    return [Item(label, icon, url, url == current) for label, icon, url in entries]
