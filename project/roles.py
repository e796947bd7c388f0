"""The ready roles, as groups with the permissions that each begins with.

A group is made where it does not exist; what an operator then changes of it stays (``manage.py roles --reset`` is the
way back). Looking needs no permission, but whole phone numbers do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

VIEWER, COMPOSER, APPROVER, ADMINISTRATOR = "viewer", "composer", "approver", "administrator"
OURS = ("campaigns", "contacts", "providers")
LABELS: Mapping[str, Promise] = {
    VIEWER: pgettext_lazy("role", "viewer"),
    COMPOSER: pgettext_lazy("role", "composer"),
    APPROVER: pgettext_lazy("role", "approver"),
    ADMINISTRATOR: pgettext_lazy("role", "administrator"),
}
DUTIES: Mapping[str, Promise] = {
    VIEWER: _("Looks at everything. Sees masked phone numbers."),
    COMPOSER: _("Composes campaigns, segments and texts, tries them on a few numbers; keeps contacts and imports."),
    APPROVER: _("Approves and rejects campaigns, launches, pauses and cancels them."),
    ADMINISTRATOR: _("Does everything, including exports, accounts and lines, and who may do what."),
}
_ALL = ("add", "change", "delete")
_COMPOSES = (
    *(f"campaigns.{do}_{what}" for what in ("campaign", "segment", "texttemplate") for do in _ALL),
    "campaigns.test_campaign",
    *(f"contacts.{do}_{what}" for what in ("contact", "phonebook", "jobcategory") for do in ("add", "change")),
    "contacts.add_contactimport",
    "contacts.add_suppression",
    "contacts.see_numbers",
)
_APPROVES = (
    "campaigns.approve_campaign",
    "campaigns.launch_campaign",
    "campaigns.test_campaign",
    "contacts.add_suppression",
    "contacts.see_numbers",
)
_MANAGES_PEOPLE = ("auth.view_user", "auth.add_user", "auth.change_user", "auth.view_group", "auth.change_group")
# What a role may beyond looking; the administrator has every permission of our own models besides.
EXTRA: Mapping[str, Sequence[str]] = {
    VIEWER: (),
    COMPOSER: _COMPOSES,
    APPROVER: _APPROVES,
    ADMINISTRATOR: _MANAGES_PEOPLE,
}


def permissions_of(role: str) -> list[Permission]:
    """The permissions that a role begins with."""
    ours = Q(content_type__app_label__in=OURS)
    wanted = ours if role == ADMINISTRATOR else ours & Q(codename__startswith="view_")
    for name in EXTRA[role]:
        app, codename = name.split(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    return list(Permission.objects.filter(wanted))


@transaction.atomic
def make(*, reset: bool = False) -> list[str]:
    """Make the roles that do not exist; ``reset`` gives the others their first permissions again. Those it wrote."""
    known = set(Group.objects.filter(name__in=LABELS).values_list("name", flat=True))
    written = []
    for role in LABELS:
        if role in known and not reset:
            continue
        group, _made = Group.objects.get_or_create(name=role)
        group.permissions.set(permissions_of(role))
        written.append(role)
    return written


def make_after_migrating(sender: Any, using: str, **_facts: Any) -> None:
    """The receiver of ``post_migrate``: roles come after the permissions of the last of our apps."""
    if using != "default" or sender.label != OURS[0]:
        return
    for app in (*OURS, "auth"):
        create_permissions(apps.get_app_config(app), verbosity=0, interactive=False, using=using)
    make()


def label_of(name: str) -> str:
    """A group's name as people read it: ours are translated."""
    return str(LABELS.get(name, name))


def having(permission: str) -> list[str]:
    """The roles whose group has a permission (``app.codename``) now, as people read them."""
    app, _dot, codename = permission.partition(".")
    groups = Group.objects.filter(permissions__content_type__app_label=app, permissions__codename=codename)
    found = set(groups.values_list("name", flat=True))
    ordered = [name for name in LABELS if name in found] + sorted(found - LABELS.keys())
    return [label_of(name) for name in ordered]
