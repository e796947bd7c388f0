"""A mirroring's life: started once, run page by page in slices, taken up again after a kill where the last page ended.

A worker holds a mirroring by a lease on the database's clock. No transaction is open during a request. Each page's
rows, counts and position are one transaction, which begins by locking the mirroring's row under the worker's own name:
a worker that has lost its lease writes nothing.
"""

from __future__ import annotations

import time
import uuid
from datetime import timedelta
from functools import partial
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Case, F, When
from django.db.models.functions import Now
from django.utils import timezone
from django_q.tasks import async_task

from contacts.mirroring.asking import ask
from contacts.mirroring.lists import LISTS, List, next_list
from contacts.mirroring.reasons import (
    ALREADY_RUNNING,
    KEEPS_NO_LISTS,
    TOO_FAST,
    WORKER_DIED,
    CannotMirror,
    keeps_lists,
)
from contacts.models import Mirroring, Phonebook
from providers import pacing
from providers.answers import Outcome
from providers.keeping import Page
from providers.models import ProviderAccount

LEASE: Final = timedelta(seconds=60)  # > connect + 2 x read timeout
PATIENCE: Final = {Outcome.RETRYABLE: 10, Outcome.UNCLEAR: 3}  # attempts at a page in a row
DEATHS: Final = 10  # attempts at a page, where some of them cost the worker's life
FIRST_WAIT: Final = 1.0  # seconds after an attempt, doubled after each, unless the provider names its own
LONGEST_WAIT: Final = 60.0
SHORT_WAIT: Final = 2.0  # seconds that a worker waits itself, rather than leave it to the tick

_Status = Mirroring.Status
_Stage = Mirroring.Stage


class LeaseLost(Exception):
    """Another worker has the mirroring, or it is gone: this one has nothing more to do with it."""


def ring(run_id: int) -> None:
    """Ask the worker, after the commit, to go on with a mirroring. Where the broker is away, the tick rings later."""
    transaction.on_commit(partial(_enqueue, run_id), robust=True)


def _enqueue(run_id: int) -> None:
    async_task("contacts.tasks.run_mirroring", run_id)


def start(
    account: ProviderAccount, *, phonebook: Phonebook | None = None, user: Any = None, in_background: bool = True
) -> Mirroring:
    """Begin to mirror an account's lists, or the numbers of one mirrored phonebook of it.

    Raises:
        CannotMirror: the provider keeps none, or it is being done at the moment.
    """
    if not keeps_lists(account.slug):
        raise CannotMirror(KEEPS_NO_LISTS)
    stage = _Stage.NUMBERS if phonebook else _Stage.LINES
    try:
        with transaction.atomic():
            run = Mirroring.objects.create(account=account, phonebook=phonebook, stage=stage, created_by=user)
            if in_background:
                ring(run.pk)
    except IntegrityError:
        raise CannotMirror(ALREADY_RUNNING) from None
    return run


def run(run_id: int, *, deadline: float | None = None) -> bool:
    """Fetch pages until the end, or to the first commit after ``deadline`` (``time.monotonic()``).

    Returns whether the caller has nothing more to do: the mirroring ended or waits, or another worker has it. ``False``
    asks to be called again.
    """
    worker = _Worker(run_id, uuid.uuid4().hex)
    if not worker.claim():
        return True
    try:
        return worker.work(deadline)
    except LeaseLost:
        return True


def _turn(account: ProviderAccount) -> float:
    """Take the account's next turn for a question: 0.0 to go on at once, else the seconds until there is one."""
    if not keeps_lists(account.slug):
        return 0.0  # it will not be asked
    with transaction.atomic():
        turns = pacing.take_turns(account.pk, lane="next_status_at")
    return 0.0 if turns.number else turns.wait


class _Worker:
    """One worker's turn at one mirroring."""

    def __init__(self, run_id: int, owner: str) -> None:
        self.run_id = run_id
        self.owner = owner
        self.mine = Mirroring.objects.filter(pk=run_id, owner=owner, status=_Status.RUNNING)

    def claim(self) -> bool:
        """Take the mirroring where it is free. What a worker died of counts as an attempt."""
        free = Mirroring.objects.stalled().filter(pk=self.run_id)
        attempts = Case(When(owner="", then=F("attempts")), default=F("attempts") + 1)
        return bool(free.update(owner=self.owner, lease_until=Now() + LEASE, attempts=attempts))

    def work(self, deadline: float | None) -> bool:
        while True:
            wait = self._step()
            if wait is None or not self._bide(wait):
                return True
            if deadline is not None and time.monotonic() >= deadline:
                self._update(owner="", lease_until=None)
                return False

    def _step(self) -> float | None:
        """Fetch a page, or try to: the seconds until the next step, or None at the end."""
        job = self._job()
        if job.attempts >= DEATHS:
            self._fail(WORKER_DIED)
            return None
        if wait := _turn(job.account):
            return wait
        page = ask(job.account, LISTS[job.stage](job))
        if page.outcome is not Outcome.ACCEPTED:
            return self._put_off(job, page)
        return None if self._commit(page) else 0.0

    def _job(self) -> Mirroring:
        job = self.mine.select_related("account", "phonebook").first()
        if job is None:
            raise LeaseLost
        return job

    def _update(self, **values: Any) -> None:
        if not self.mine.update(**values):
            raise LeaseLost

    def _bide(self, seconds: float) -> bool:
        """Wait a short while; a longer one is left to the tick, and the mirroring to whoever comes then: False."""
        if seconds > SHORT_WAIT:
            self._update(owner="", lease_until=Now() + timedelta(seconds=seconds))
            return False
        if seconds:
            self._update(lease_until=Now() + LEASE)
            time.sleep(seconds)
        return True

    def _put_off(self, job: Mirroring, page: Page[Any]) -> float | None:
        """The seconds until the page is asked for again, or None: the mirroring has failed."""
        if job.attempts + 1 >= PATIENCE.get(page.outcome, 0):
            self._fail(TOO_FAST if page.outcome is Outcome.RETRYABLE else page.code, page.text)
            return None
        self._update(attempts=F("attempts") + 1)
        return page.retry_after or min(LONGEST_WAIT, FIRST_WAIT * 2**job.attempts)

    def _fail(self, code: str, words: str = "") -> None:
        self._update(
            status=_Status.FAILED,
            error=code[:64],
            error_text=words,
            owner="",
            lease_until=None,
            finished_at=timezone.now(),
        )

    def _commit(self, page: Page[Any]) -> bool:
        """Keep a page and move on; whether it was the last of all."""
        with transaction.atomic():
            job = self._hold()
            asked = LISTS[job.stage](job)
            total = asked.total(page)
            if job.page and total != job.total:
                job.counts["shifted"] = [*job.counts.get("shifted", []), job.stage]
            asked.store(page.rows)
            job.done, job.total = job.done + asked.progress(page), total
            if asked.is_last(page):
                self._close(job, asked)
            else:
                job.page += 1
            ended = job.status != _Status.RUNNING
            job.attempts, job.owner = 0, "" if ended else self.owner
            job.lease_until = None if ended else Now() + LEASE
            job.save()
        return ended

    def _hold(self) -> Mirroring:
        """The fence: locks the mirroring under our name; before it, the phonebook that the numbers go into.

        In this order, for a phonebook that goes takes the passes over its numbers with it.
        """
        phonebook_id = self._job().phonebook_id
        if phonebook_id:
            list(Phonebook.objects.select_for_update(no_key=True).filter(pk=phonebook_id))
        job = self.mine.select_for_update(of=("self",)).select_related("account", "phonebook").first()
        if job is None:
            raise LeaseLost
        return job

    def _close(self, job: Mirroring, asked: List) -> None:
        """End a stage: what was not found is removed, where all was certainly seen; then the next one, or the end."""
        whole = job.total is None or job.total == job.done
        if whole and job.stage not in job.counts.get("shifted", []):
            asked.sweep()
        following = next_list(asked)
        if following is None:
            job.status, job.finished_at = _Status.COMPLETED, timezone.now()
        else:
            job.stage, job.page, job.done, job.total = following, 0, 0, None
