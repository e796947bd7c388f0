"""The pace of an account, kept across every worker on every machine: turns are handed out by the account's row."""

from __future__ import annotations

import datetime as dt

from django.db.models import Q
from django.db.models.functions import Now

from providers.models import ProviderAccount


def take_turn(account_id: int) -> float:
    """Take the account's next turn: 0.0 to go now, else the seconds until there is one, and no turn is taken.

    Runs in the caller's transaction and holds the account's row until it ends, so that two workers never share a turn.
    """
    account = (
        ProviderAccount.objects.select_for_update(no_key=True)
        .filter(pk=account_id)
        .values_list("requests_per_second", "next_request_at", Now())
        .get()
    )
    pace, due, now = account
    if due is not None and due > now:
        return float((due - now).total_seconds())
    if pace:
        interval = dt.timedelta(seconds=1 / pace)
        ProviderAccount.objects.filter(pk=account_id).update(next_request_at=now + interval)
    return 0.0


def hold(account_id: int, seconds: float) -> None:
    """Give out no turn for ``seconds``: the provider asked to slow down, or cannot be reached.

    Without it every batch of a campaign would be refused once by itself.
    """
    until = Now() + dt.timedelta(seconds=seconds)
    later = Q(next_request_at=None) | Q(next_request_at__lt=until)
    ProviderAccount.objects.filter(later, pk=account_id).update(next_request_at=until)
