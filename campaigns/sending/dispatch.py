"""Sending: claim a batch, call the provider, record the answer; again, until the slice ends or nothing may go out.

The claim is committed before the call and no transaction is open during it. What is not recorded stays claimed, and a
claimed batch is never sent by anybody else: ``reconcile`` decides its fate.
"""

from __future__ import annotations

import contextlib
import logging
import time

from django.conf import settings
from django.db import DatabaseError, Error

from campaigns import witness
from campaigns.sending import answers, jobs, owners
from campaigns.sending.claiming import Claim, Unconfirmed, claim
from campaigns.sending.groups import Group
from campaigns.sending.journals import Journal
from campaigns.sending.recording import Ticket, record
from contacts import collector
from providers import http, registry
from providers.answers import Blame, Outcome, SendAnswer
from providers.base import HttpResponse, InvalidJob, Provider, SendJob, TransportError
from providers.secrets import UndecryptableSecret

logger = logging.getLogger(__name__)

SHORT_WAIT = 1.0  # seconds that a worker waits for its turn rather than end its slice


def work(campaign_id: int, seconds: float) -> str:
    """Send the campaign's batches for about ``seconds``; returns why it stopped: a ``Wait.code``, or ``slice``."""
    owner = owners.this_process()
    end = time.monotonic() + seconds
    try:
        return _work(campaign_id, owner, end)
    finally:
        with contextlib.suppress(Error, OSError):  # the tick tells
            witness.count()  # a backup from the midst of this slice is behind the file now


def _work(campaign_id: int, owner: str, end: float) -> str:
    while time.monotonic() < end:
        try:
            step = claim(campaign_id, owner)
        except Unconfirmed as error:
            lost = error.claim.batch
            _went_away(Ticket(lost.pk, lost.owner, lost.attempt), error)
            raise
        if isinstance(step, Claim):
            with collector.at_rest():
                send(step)
        elif step.seconds is not None and step.seconds <= SHORT_WAIT:
            time.sleep(step.seconds)
        else:
            return step.code
    return "slice"


def send(claimed: Claim) -> None:
    """Carry a claimed batch to its provider and record what came of it."""
    ticket = Ticket(claimed.batch.pk, claimed.batch.owner, claimed.batch.attempt)
    try:
        provider = registry.provider_for(claimed.account)
        job = jobs.prepare(claimed, provider)
        single = provider.capabilities.single
        request = provider.build_send(job) if job and not single else None
    except (UndecryptableSecret, registry.UnknownProvider) as error:
        blame, code = Blame.ACCOUNT, type(error).__name__
        record(ticket, SendAnswer(Outcome.REJECTED, blame=blame, code=code))
        return
    except InvalidJob as error:
        record(ticket, SendAnswer(Outcome.REJECTED, blame=Blame.REQUEST, code=str(error), asked=False))
        return
    except jobs.LostClaim:
        record(ticket, SendAnswer(Outcome.RETRYABLE, code="lost_claim"))
        return
    except DatabaseError as error:
        _went_away(ticket, error)
        return
    if job is None:
        record(ticket, SendAnswer(Outcome.ACCEPTED))
        return
    if request is None:
        _send_group(ticket, claimed, provider, job)
        return
    try:
        response = http.exchange(
            request,
            connect_timeout=settings.SEND_CONNECT_TIMEOUT,
            read_timeout=settings.SEND_READ_TIMEOUT,
            fresh_connection=not provider.capabilities.idempotent,
        )
    except InvalidJob as error:
        record(ticket, SendAnswer(Outcome.REJECTED, blame=Blame.REQUEST, code=str(error), asked=False))
        return
    except TransportError as error:
        _record_failure(ticket, error)
        return
    settle(ticket, provider, job, response)


def _send_group(ticket: Ticket, claimed: Claim, provider: Provider, job: SendJob) -> None:
    """Send a group of single requests and record what came of it; without keys its journal outlives a failure."""
    try:
        journal = None if provider.capabilities.idempotent else Journal(ticket)
    except OSError:
        record(ticket, SendAnswer(Outcome.RETRYABLE, code="journal_not_written"))
        return
    settled = False
    try:
        record(ticket, Group(claimed, provider, job, journal).send())
        settled = True
    except DatabaseError as error:
        logger.error("Batch %s: its answers wait (%s)", ticket.batch_id, type(error).__name__)
        if journal is None:
            _keep_untaken(ticket, "database_away")  # with their keys they may all be sent once more
    finally:
        if journal:
            journal.close(settled=settled)


def _went_away(ticket: Ticket, error: DatabaseError) -> None:
    logger.error("Batch %s: the database went away before the call (%s)", ticket.batch_id, type(error).__name__)
    _keep_untaken(ticket, "database_away")


def _keep_untaken(ticket: Ticket, code: str) -> None:
    """Let the database learn later that nothing was sent; where the disk is full, too, the lease ends in a doubt."""
    try:
        answers.keep_failure(ticket, code)
    except OSError:
        logger.exception("Batch %s: its answer could not be kept on disk", ticket.batch_id)


def _record_failure(ticket: Ticket, error: TransportError) -> None:
    try:
        record(ticket, SendAnswer(error.outcome, code=error.code))
    except DatabaseError:
        if error.outcome is not Outcome.RETRYABLE:
            raise  # the lease ends in the same: unclear
        _keep_untaken(ticket, error.code)


def settle(ticket: Ticket, provider: Provider, job: SendJob, response: HttpResponse) -> None:
    """Keep an answer on disk, record it, and forget the file; a failing database leaves the file for the sweep."""
    try:
        kept = answers.keep(ticket, response)
    except OSError:
        logger.exception("Batch %s: its answer could not be kept on disk", ticket.batch_id)
        kept = None
    try:
        record(ticket, provider.parse_send(job, response))
    except DatabaseError as error:
        if kept is None:
            raise
        logger.error("Batch %s: its answer waits on disk (%s)", ticket.batch_id, type(error).__name__)
        return
    if kept is not None:
        kept.unlink(missing_ok=True)
