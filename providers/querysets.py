"""Questions about sets of accounts and lines, and the one way an account's breaker moves."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

from django.db import models, transaction
from django.db.models import F
from django.db.models.functions import Now

if TYPE_CHECKING:
    from providers.models import ProviderAccount, SenderLine


FAILURES = 3  # calls in a row that came to nothing, after which the breaker opens: each may leave a batch in doubt


class Patience(NamedTuple):
    """How long a breaker stays open before a probe, in seconds: doubled after each probe in vain, up to a limit."""

    first: float
    limit: float

    def after(self, probes: int) -> dt.timedelta:
        """The time to the next probe after so many in vain."""
        return dt.timedelta(seconds=min(self.limit, self.first * 2 ** min(probes, 16)))


REFUSED = Patience(60, 900)  # a key, a credit: somebody has to put it in order
UNREACHABLE = Patience(15, 45)  # an outage ends by itself, and sending must go on within a minute after


class ProviderAccountQuerySet(models.QuerySet["ProviderAccount"]):
    """Accounts at providers. Their breaker: ``closed → open → half_open → closed``, or open again, for longer."""

    def with_open_breaker(self) -> ProviderAccountQuerySet:
        """Accounts whose sending is stopped by their provider's refusals."""
        return self.filter(enabled=True).exclude(breaker="closed")

    def with_low_credit(self) -> ProviderAccountQuerySet:
        """Accounts in use whose credit has fallen below the one to warn at."""
        return self.filter(enabled=True, credit__lt=F("low_credit"))

    def note_error(self, account_id: int, code: str, words: str) -> None:
        """Keep what last went wrong with an account: the provider's code and words, or a word of ours."""
        self.filter(pk=account_id).update(error_code=code[:64], error_text=words, error_at=Now())

    @transaction.atomic
    def open_breaker(self, account_id: int, code: str, words: str, patience: Patience = REFUSED) -> bool:
        """Stop an account's sending: its provider refused it, or cannot be reached. A probe in vain opens it again.

        While it is open the first reason stays: what was under way together is refused together. Whether it was closed.
        """
        account = self.select_for_update(no_key=True).get(pk=account_id)
        if account.breaker == "open":
            return False
        self.note_error(account_id, code, words)
        probes = account.probes + 1 if account.breaker == "half_open" else 0
        self.filter(pk=account_id).update(
            breaker="open",
            breaker_code=code[:64],
            breaker_text=words,
            breaker_at=account.breaker_at if probes else Now(),
            probe_at=Now() + patience.after(probes),
            probes=probes,
            failures=FAILURES if patience is UNREACHABLE else 0,
        )
        return account.breaker == "closed"

    def close_breaker(self, account_id: int) -> bool:
        """Let an account send again; whether it was stopped."""
        stopped = self.filter(pk=account_id).exclude(breaker="closed")
        return stopped.update(**CLEARED) == 1

    def take_probe(self, account_id: int, seconds: float) -> bool:
        """Half open a breaker whose time has come, by the database's clock; whether the caller has the probe.

        One that brings no news within ``seconds`` (its worker died) lets the next one follow.
        """
        due = self.filter(pk=account_id, probe_at__lte=Now()).exclude(breaker="closed")
        return due.update(breaker="half_open", probe_at=Now() + dt.timedelta(seconds=seconds)) == 1

    def return_probe(self, account_id: int) -> None:
        """A probe that said nothing of the account: the next may follow at once."""
        self.filter(pk=account_id, breaker="half_open").update(breaker="open", probe_at=Now())

    def succeeded(self, account: ProviderAccount) -> None:
        """A call came through: it closes a half-open breaker, and what failed before counts no more."""
        if account.failures:
            self.filter(pk=account.pk, breaker="closed").update(failures=0)
        if account.breaker != "closed":
            self.filter(pk=account.pk, breaker="half_open").update(**CLEARED)

    @transaction.atomic
    def failed(self, account_id: int, code: str) -> bool:
        """A call came to nothing through no fault of the account: so many in a row open the breaker. Whether it did."""
        # Once it is open, the number tells why: what was still under way counts neither up nor down.
        failed = {"failures": F("failures") + 1, "error_code": code[:64], "error_text": "", "error_at": Now()}
        self.filter(pk=account_id, breaker="closed").update(**failed)
        account = self.get(pk=account_id)
        if account.failures >= FAILURES or account.breaker == "half_open":
            return self.open_breaker(account_id, code, "", UNREACHABLE)
        return False


CLEARED = {
    "breaker": "closed",
    "breaker_code": "",
    "breaker_text": "",
    "breaker_at": None,
    "probe_at": None,
    "probes": 0,
    "failures": 0,
}


class SenderLineQuerySet(models.QuerySet["SenderLine"]):
    """Lines that messages come from."""

    def usable(self) -> SenderLineQuerySet:
        """Lines that a campaign may be composed on."""
        return self.filter(enabled=True, account__enabled=True)
