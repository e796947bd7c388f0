"""An engine that is wrong on purpose: it sends again when in doubt. The harness must catch it, or it proves nothing.

Whatever is unclear it takes for not sent, a dead worker's batch too, and every try at a message gets a new key.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from campaigns.models import Batch
from campaigns.sending import dispatch, jobs, journals, reconcile
from campaigns.sending.recording import WORKER_DIED, Ticket, record
from providers.answers import Outcome, RecipientResult, SendAnswer
from providers.base import SendJob

ONCE_MORE = SendAnswer(Outcome.RETRYABLE, code=WORKER_DIED)  # the code that goes back to pending without a wait
_single = jobs.single


def install() -> None:
    """Make this process's engine the wrong one."""
    dispatch.record = _record  # type: ignore[attr-defined]
    reconcile._give_up = _give_up
    jobs.single = _with_a_new_key


def _record(ticket: Ticket, answer: SendAnswer) -> bool:
    if answer.outcome is Outcome.UNCLEAR:
        return record(ticket, ONCE_MORE)
    return record(ticket, replace(answer, results=_taken_for_safe(answer.results)))


def _taken_for_safe(results: Sequence[RecipientResult]) -> list[RecipientResult]:
    unclear = Outcome.UNCLEAR
    return [each._replace(outcome=Outcome.RETRYABLE) if each.outcome is unclear else each for each in results]


def _give_up(ticket: Ticket, waiting: set[str]) -> int | None:
    batch = Batch.objects.filter(pk=ticket.batch_id, owner=ticket.owner, attempt=ticket.attempt).first()
    if batch is None or f"{batch.pk}-{batch.attempt}" in waiting:
        return None
    record(ticket, ONCE_MORE)
    journals.forget(ticket)
    return batch.campaign_id


def _with_a_new_key(*args: Any, **named: Any) -> SendJob:
    return replace(_single(*args, **named), idempotency_key=str(uuid.uuid4()))
