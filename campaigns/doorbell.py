"""Ringing for work. A task carries integer ids only; one that is lost is rung for again by the tick."""

from __future__ import annotations

import logging
from functools import partial

from django.db import transaction
from django_q.tasks import async_task

logger = logging.getLogger(__name__)


def ring(task: str, *ids: int) -> None:
    """Queue ``campaigns.tasks.<task>`` once the current transaction has committed.

    A broker that is away must not undo what has been committed: the tick rings again when it is back.
    """
    transaction.on_commit(partial(_enqueue, f"campaigns.tasks.{task}", *ids))


def _enqueue(path: str, *ids: int) -> None:
    try:
        async_task(path, *ids)
    except Exception as error:  # noqa: BLE001 - each broker has errors of its own
        logger.error("The task queue did not take %s (%s)", path, type(error).__name__)
