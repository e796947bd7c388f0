"""The pace of an account, kept across every worker on every machine: turns are handed out by the account's row."""

from __future__ import annotations

import datetime as dt

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
    pace, next_at, now = account
    if not pace:
        return 0.0
    due = max(next_at or now, now)
    if due > now:
        return float((due - now).total_seconds())
    interval = dt.timedelta(seconds=1 / pace)
    ProviderAccount.objects.filter(pk=account_id).update(next_request_at=due + interval)
    return 0.0
