"""The cast of the tests about approval."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission, User
from django.db.models import F

from campaigns import approving
from campaigns.models import Campaign
from contacts.models import Membership, Phonebook
from providers.models import Tariff
from tests import builders


def person(name: str, *codenames: str) -> User:
    """Somebody with these permissions."""
    user = User.objects.create_user(name, password="irrelevant")
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


def priced_draft(**fields: Any) -> Campaign:
    """A draft for ten people of one phonebook, at 100 rial a part."""
    over = builders.line(builders.account())
    Tariff.objects.create(line=over, rial_per_part=100)
    return builders.draft(over, builders.include(builders.phonebook(builders.contacts(10))), **fields)


def approved(campaign: Campaign, approver: User) -> Campaign:
    """The campaign, submitted and approved."""
    approving.submit(campaign.pk)
    approving.approve(campaign.pk, approver)
    return builders.refreshed(campaign)


def joins(number: int = 1, start: int = 500) -> None:
    """So many further people come into the only phonebook."""
    book = Phonebook.objects.get()
    Membership.objects.bulk_create(
        [Membership(phonebook=book, contact=contact) for contact in builders.contacts(number, start)]
    )
    Phonebook.objects.update(size=F("size") + number)


def decisions(campaign: Campaign) -> list[str]:
    """What was decided, the oldest request first."""
    return list(campaign.approvals.order_by("pk").values_list("decision", flat=True))
