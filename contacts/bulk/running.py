"""A bulk action's life: started once, run in slices, resumed after a kill at the id that follows the last commit.

A worker holds an action by a lease on the database's clock. Each slice, its counts and its position are one
transaction, which begins by locking the action's row under the worker's own name: a worker that has lost its lease
writes nothing.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
import uuid
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Final

from django.db import DatabaseError, IntegrityError, OperationalError, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django_q.tasks import async_task

from contacts.bulk.kinds import CannotGoOn, kind_of
from contacts.bulk.reasons import DATABASE
from contacts.models import BulkAction

logger = logging.getLogger(__name__)
LEASE: Final = timedelta(seconds=60)
AT_ONCE: Final = 1_000  # so many are done in the request itself

_Status = BulkAction.Status


class LeaseLost(Exception):
    """Another worker holds the action, or it was cancelled: this one has nothing more to do with it."""


def ring(action_id: int) -> None:
    """Ask the worker, after the commit, to go on with an action. Where the broker is away, the tick rings later."""
    transaction.on_commit(partial(_enqueue, action_id), robust=True)


def _enqueue(action_id: int) -> None:
    async_task("contacts.tasks.run_bulk_action", action_id)


def start(
    kind: BulkAction.Kind,
    selection: Mapping[str, Any],
    params: Mapping[str, Any],
    user: Any = None,
    *,
    token: uuid.UUID | None = None,
) -> BulkAction:
    """Begin an action; one of at most ``AT_ONCE`` has been done on return, unless it failed or waits for its worker.

    The same one starts once: with a ``token`` (of the form it was made by) ever, otherwise while it is running.
    """
    digest = hashlib.sha256(json.dumps([kind, selection, params], sort_keys=True).encode()).hexdigest()
    action = BulkAction(
        kind=kind, selection=dict(selection), params=dict(params), created_by=user, form_token=token, digest=digest
    )
    if known := _known(digest, token):
        return known
    try:
        with transaction.atomic():
            job = kind_of(action)
            job.begin()
            few = len(job.next_ids(0, AT_ONCE + 1)) <= AT_ONCE
            action.save()
            if not few:
                ring(action.pk)
    except IntegrityError:
        if known := _known(digest, token):
            return known
        raise
    if few:
        run(action.pk)
        action.refresh_from_db()
    return action


def _known(digest: str, token: uuid.UUID | None) -> BulkAction | None:
    same = Q(digest=digest, status=_Status.RUNNING)
    return BulkAction.objects.filter(same | Q(form_token=token) if token else same).order_by("pk").first()


def run(action_id: int, *, deadline: float | None = None) -> bool:
    """Do slices until the end, or to the first commit after ``deadline`` (``time.monotonic()``).

    Returns whether the caller has nothing more to do: the action ended, or another worker has it. ``False`` asks to be
    called again. Every call commits at least one slice.
    """
    worker = _Worker(action_id, uuid.uuid4().hex)
    if not worker.claim():
        return True
    try:
        return worker.work(deadline)
    except LeaseLost:
        return True


def cancel(action_id: int) -> bool:
    """Stop an action that has not ended; whether it did. A worker on it notices before its next commit."""
    return _end(BulkAction.objects.filter(pk=action_id, status=_Status.RUNNING), action_id, status=_Status.CANCELLED)


def _end(running: Any, action_id: int, **facts: Any) -> bool:
    ended = running.update(owner="", lease_until=None, finished_at=timezone.now(), **facts)
    if ended:
        kind_of(BulkAction.objects.get(pk=action_id)).stopped()
    return bool(ended)


class _Worker:
    """One worker's turn at one action."""

    def __init__(self, action_id: int, owner: str) -> None:
        self.action_id = action_id
        self.owner = owner
        self.mine = BulkAction.objects.filter(pk=action_id, owner=owner, status=_Status.RUNNING)

    def claim(self) -> bool:
        free = BulkAction.objects.stalled().filter(pk=self.action_id)
        return bool(free.update(owner=self.owner, lease_until=Now() + LEASE))

    def work(self, deadline: float | None) -> bool:
        try:
            self._count()
            while self._slice():
                if deadline is not None and time.monotonic() >= deadline:
                    self.mine.update(owner="", lease_until=None)
                    return False
        except CannotGoOn as error:
            _end(self.mine, self.action_id, status=_Status.FAILED, error=error.code)
        except OperationalError:
            raise  # the database itself is in trouble: the action goes on later
        except DatabaseError as error:
            logger.error("Bulk action %s: the database refused a slice (%s)", self.action_id, type(error).__name__)
            _end(self.mine, self.action_id, status=_Status.FAILED, error=DATABASE)
        return True

    def _count(self) -> None:
        action = self.mine.first()
        if action is not None and action.total is None:
            self.mine.update(total=kind_of(action).count(), lease_until=Now() + LEASE)

    def _slice(self) -> bool:
        """Do one slice; whether there may be another."""
        with transaction.atomic():
            action = self.mine.select_for_update(of=("self",)).first()
            if action is None:
                raise LeaseLost
            job = kind_of(action)
            ids = job.next_ids(action.position, job.slice_size)
            if ids:
                self._keep(action, position=ids[-1], done=F("done") + len(ids), changed=F("changed") + job.change(ids))
            else:
                job.finish()
                # What was selected may have become more or fewer meanwhile.
                ended = {"status": _Status.COMPLETED, "owner": "", "finished_at": timezone.now()}
                self._keep(action, total=F("done"), **ended)
        return bool(ids)

    def _keep(self, action: BulkAction, **facts: Any) -> None:
        lease = None if facts.get("status") else Now() + LEASE
        self.mine.update(params=action.params, path=action.path, lease_until=lease, **facts)
