"""Questions about sets of contacts, phonebooks, suppressions, imports and mirrorings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

if TYPE_CHECKING:
    from contacts.models import (
        Contact,
        ContactImport,
        Mirroring,
        Phonebook,
        ProviderNumber,
        Suppression,
    )
    from providers.models import ProviderAccount, SenderLine

E164_DIGITS = 12  # of an Iranian mobile: 98 and ten digits
_STALLED = Q(status="running") & (Q(lease_until=None) | Q(lease_until__lt=Now()))


def _with_number(digits: str) -> Q:
    found = Q(phone=digits) if 7 <= len(digits) <= 15 else Q(pk=None)
    if len(digits) <= E164_DIGITS and digits.startswith("98"):
        width = 10 ** (E164_DIGITS - len(digits))
        found |= Q(phone__gte=int(digits) * width, phone__lt=(int(digits) + 1) * width)
    return found


class ContactQuerySet(models.QuerySet["Contact"]):
    """Contacts."""

    def with_number(self, digits: str) -> ContactQuerySet:
        """Contacts whose E.164 digits are these or, for an Iranian number, begin with them: a range of the index."""
        return self.filter(_with_number(digits))


class PhonebookQuerySet(models.QuerySet["Phonebook"]):
    """Phonebooks."""

    def ours(self) -> PhonebookQuerySet:
        """Phonebooks that are kept here, not mirrors of a provider's."""
        return self.filter(account=None)


class ProviderNumberQuerySet(models.QuerySet["ProviderNumber"]):
    """Numbers of mirrored phonebooks."""

    def with_number(self, digits: str) -> ProviderNumberQuerySet:
        """Numbers whose E.164 digits are these or, for an Iranian number, begin with them: a range of the index."""
        return self.filter(_with_number(digits))


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    """Numbers that must not be sent to."""

    def for_line(self, line: SenderLine) -> SuppressionQuerySet:
        """The suppressions that hold for messages from this line."""
        scopes = Q(scope="all") | Q(scope="line", line=line)
        if line.is_advertising:
            scopes |= Q(scope="advertising")
        return self.filter(scopes)


class ContactImportQuerySet(models.QuerySet["ContactImport"]):
    """Imports."""

    def stalled(self) -> ContactImportQuerySet:
        """Imports that should be running and that no live worker holds."""
        return self.filter(_STALLED)


class MirroringQuerySet(models.QuerySet["Mirroring"]):
    """Mirrorings."""

    def stalled(self) -> MirroringQuerySet:
        """Mirrorings that should be running and that no live worker holds; one that waits is none before its time."""
        return self.filter(_STALLED)

    def of_account(self, account: ProviderAccount) -> MirroringQuerySet:
        """Passes over an account's lines, phonebooks and categories."""
        return self.filter(account=account, phonebook=None)
