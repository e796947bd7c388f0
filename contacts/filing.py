"""Contacts in and out of phonebooks, by hand: the sizes that the lists show move in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.db.models import F

from contacts import erasing
from contacts.models import Contact, Membership, Phonebook


@transaction.atomic
def file_into(contact: Contact, phonebooks: Iterable[Phonebook]) -> None:
    """Makes these, of the phonebooks kept here, the ones that the contact is in. Mirrors of a provider's stay."""
    wanted = {phonebook.pk for phonebook in phonebooks}
    held = set(
        Membership.objects.filter(contact=contact, phonebook__account=None).values_list("phonebook_id", flat=True)
    )
    for phonebook_id in sorted(wanted | held):
        if phonebook_id not in held:
            add(contact, phonebook_id)
        elif phonebook_id not in wanted:
            remove(contact, phonebook_id)


def hold(contact: Contact, phonebooks: Iterable[Phonebook]) -> None:
    """Locks these phonebooks and those that the contact is in, before the contact is written: so everybody does it."""
    held = Membership.objects.filter(contact=contact.pk).values_list("phonebook_id", flat=True)
    wanted = {*held, *(phonebook.pk for phonebook in phonebooks)}
    list(Phonebook.objects.select_for_update().filter(pk__in=wanted).order_by("pk"))


@transaction.atomic
def add(contact: Contact, phonebook_id: int) -> bool:
    """Adds a contact to a phonebook; whether it was not in it."""
    Phonebook.objects.select_for_update().get(pk=phonebook_id)
    _membership, created = Membership.objects.get_or_create(phonebook_id=phonebook_id, contact=contact)
    if created:
        Phonebook.objects.filter(pk=phonebook_id).update(size=F("size") + 1)
    return created


@transaction.atomic
def remove(contact: Contact, phonebook_id: int) -> bool:
    """Takes a contact out of a phonebook; whether it was in it."""
    list(Phonebook.objects.select_for_update().filter(pk=phonebook_id))
    deleted, _by_model = Membership.objects.filter(phonebook_id=phonebook_id, contact=contact).delete()
    if deleted:
        Phonebook.objects.filter(pk=phonebook_id).update(size=F("size") - 1)
    return bool(deleted)


def delete(contact: Contact) -> None:
    """Deletes a contact: the person is erased everywhere."""
    erasing.erase([contact.pk])
