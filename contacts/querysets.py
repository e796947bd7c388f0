"""Questions about sets of contacts, phonebooks, suppressions and imports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

if TYPE_CHECKING:
    from contacts.models import Contact, ContactImport, Phonebook, Suppression
    from providers.models import SenderLine

E164_DIGITS = 12  # of an Iranian mobile: 98 and ten digits


class ContactQuerySet(models.QuerySet["Contact"]):
    """Contacts."""

    def with_phone_prefix(self, digits: str) -> ContactQuerySet:
        """Contacts whose Iranian number begins with these E.164 digits; a range of the phone index, not a scan."""
        width = 10 ** max(E164_DIGITS - len(digits), 0)
        first = int(digits) * width
        return self.filter(phone__gte=first, phone__lt=first + width)


class PhonebookQuerySet(models.QuerySet["Phonebook"]):
    """Phonebooks."""

    def ours(self) -> PhonebookQuerySet:
        """Phonebooks that are kept here, not mirrors of a provider's."""
        return self.filter(account=None)


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
        return self.filter(status="running").filter(Q(lease_until=None) | Q(lease_until__lt=Now()))
