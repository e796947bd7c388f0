"""Questions about sets of accounts and lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models.functions import Now

if TYPE_CHECKING:
    from providers.models import ProviderAccount, SenderLine


class ProviderAccountQuerySet(models.QuerySet["ProviderAccount"]):
    """Accounts at providers."""

    def with_open_breaker(self) -> ProviderAccountQuerySet:
        """Accounts whose sending is stopped by their provider's refusals."""
        return self.filter(enabled=True).exclude(breaker="closed")

    def open_breaker(self, account_id: int, code: str, words: str) -> None:
        """Stop an account's sending because its provider refused the account itself; the first reason stays."""
        self.filter(pk=account_id, breaker="closed").update(
            breaker="open", breaker_code=code[:64], breaker_text=words, breaker_at=Now()
        )

    def close_breaker(self, account_id: int) -> bool:
        """Let an account send again; whether it was stopped."""
        cleared = {"breaker": "closed", "breaker_code": "", "breaker_text": "", "breaker_at": None}
        return self.filter(pk=account_id).exclude(breaker="closed").update(**cleared) == 1


class SenderLineQuerySet(models.QuerySet["SenderLine"]):
    """Lines that messages come from."""

    def usable(self) -> SenderLineQuerySet:
        """Lines that a campaign may be composed on."""
        return self.filter(enabled=True, account__enabled=True)
