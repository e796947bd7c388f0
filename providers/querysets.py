"""Questions about sets of accounts and lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from providers.models import ProviderAccount, SenderLine


class ProviderAccountQuerySet(models.QuerySet["ProviderAccount"]):
    """Accounts at providers."""

    def with_open_breaker(self) -> ProviderAccountQuerySet:
        """Accounts whose sending is stopped by their provider's refusals."""
        return self.filter(enabled=True).exclude(breaker="closed")


class SenderLineQuerySet(models.QuerySet["SenderLine"]):
    """Lines that messages come from."""

    def usable(self) -> SenderLineQuerySet:
        """Lines that a campaign may be composed on."""
        return self.filter(enabled=True, account__enabled=True)
