"""The queues that a cluster listens on: the one that all clusters share, and before it one of its own, for its pulse.

On a shared queue any cluster may take any tick: a healthy one could go without for minutes while the others are
quicker, and be killed for it. What lies in the queue that is named for its heart is taken by this cluster alone, and a
backlog of other tasks does not delay it.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django_q.brokers import get_broker
from django_q.brokers.orm import ORM
from django_q.brokers.redis_broker import Redis


class DatabaseQueue(ORM):  # type: ignore[misc]  # django-q2 ships no types
    """Tasks in the database."""

    def dequeue(self) -> Any:
        """One task of the cluster's own queue, or else of the shared one; waits a moment where there is none."""
        if settings.WORKER_HEART:
            own = ORM(settings.WORKER_HEART)
            if own.queue_size():
                return own.dequeue()
        return super().dequeue()


class RedisQueue(Redis):  # type: ignore[misc]
    """Tasks in Redis."""

    def dequeue(self) -> Any:
        """The same: Redis looks at the queues in their order."""
        keys = [self.list_key]
        if settings.WORKER_HEART:
            keys.insert(0, f"django_q:{settings.WORKER_HEART}:q")  # as the broker of that name has it
        taken = self.connection.blpop(keys, 1)
        return [(None, taken[1])] if taken else None


def drop(heart: str) -> None:
    """Delete a cluster's own queue, with what is left in it."""
    get_broker(heart).delete_queue()
