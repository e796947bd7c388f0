"""Deleting events that have had their effect, once nobody can want to look at them any more.

What matched no message is kept, however old: it is what an operator looks for. Events are numbered as they come in, so
the oldest are the first: they are walked through from the first one to the first that is too young, without an index.
"""

from __future__ import annotations

import datetime as dt
import time

from django.conf import settings
from django.utils import timezone

from campaigns.models import DeliveryEvent

CHUNK = 5_000  # events a transaction
SETTLED = (DeliveryEvent.Result.APPLIED, DeliveryEvent.Result.STALE, DeliveryEvent.Result.UNRECOGNISED)


class Forgetting:
    """One process's rounds through the oldest events; it rests for an hour once it is through."""

    rest = 3600.0  # seconds

    def __init__(self) -> None:
        self.next_at = 0.0

    def work(self, seconds: float = 2.0) -> int:
        """Delete what is older than ``EVENTS_KEPT`` days, for about ``seconds``; returns how many events went."""
        now = time.monotonic()
        if now < self.next_at:
            return 0
        cutoff = timezone.now() - dt.timedelta(days=settings.EVENTS_KEPT)
        gone, last = 0, 0
        while time.monotonic() < now + seconds:
            rows = DeliveryEvent.objects.filter(pk__gt=last).order_by("pk")
            chunk = list(rows.values_list("pk", "received_at", "result")[:CHUNK])
            old = [pk for pk, received_at, result in chunk if received_at < cutoff and result in SETTLED]
            gone += DeliveryEvent.objects.filter(pk__in=old).delete()[0]
            if not chunk or chunk[-1][1] >= cutoff:
                self.next_at = now + self.rest
                break
            last = chunk[-1][0]
        return gone


forgetting = Forgetting()
