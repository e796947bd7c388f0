"""What became of batches whose worker did not come back: answers left on disk are recorded, the rest is unclear."""

from __future__ import annotations

import logging
import time
from functools import partial

from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from campaigns.delivery.polling import FIRST_POLL
from campaigns.models import Batch, Campaign, Message
from campaigns.querysets import StaleMove
from campaigns.sending import answers, groups, jobs, journals, owners, pilots
from campaigns.sending.recording import WORKER_DIED, Ticket, record
from campaigns.states import BatchStatus, CampaignStatus, MessageStatus, Reason
from providers import registry
from providers.answers import Outcome, SendAnswer
from providers.base import ProviderError

logger = logging.getLogger(__name__)

FRESH_ANSWER = 5.0  # seconds; a younger file belongs to a worker that is about to record it


def sweep_answers() -> int:
    """Record the answers that were left on disk; returns how many files were dealt with."""
    swept = 0
    for path in answers.spool.files():
        try:
            if 0 <= time.time() - path.stat().st_mtime < FRESH_ANSWER:  # a clock set back makes none fresh for hours
                continue
            kept = answers.read(path)
            _record_kept(kept)
        except (FileNotFoundError, StaleMove):
            continue
        except (OperationalError, InterfaceError) as error:
            logger.error("An answer still waits on disk (%s)", type(error).__name__)
            return swept
        except (ValueError, DatabaseError, ProviderError) as error:
            # It would fail for ever, and hold up its batch and every later answer: the batch is unclear instead.
            logger.error("The answer %s cannot be recorded (%s)", path.name, type(error).__name__)
            answers.spool.set_aside(path)
            continue
        path.unlink(missing_ok=True)
        swept += 1
    return swept


def _record_kept(kept: answers.Kept) -> None:
    found = _with_lines(kept.ticket).first()
    if found is None:
        return
    if kept.response.status == answers.NOTHING_TAKEN:
        record(kept.ticket, SendAnswer(Outcome.RETRYABLE, code=kept.response.body.decode()))
        return
    late = found.status == BatchStatus.UNKNOWN
    rows = jobs.rows_of(found, MessageStatus.UNKNOWN if late else MessageStatus.PENDING)
    provider = registry.provider_class(found.line.account.slug)(found.line.account.base_url, {})
    record(kept.ticket, provider.parse_send(jobs.job_of(found.campaign, found, rows), kept.response))


def _with_lines(ticket: Ticket) -> QuerySet[Batch]:
    """The batch of this attempt, with all that its job is made of."""
    related = ("line__account", "campaign__line__account", "campaign__fallback_line__account", "campaign__file")
    found = Batch.objects.select_related(*related)
    return found.filter(pk=ticket.batch_id, owner=ticket.owner, attempt=ticket.attempt)


def expire_leases() -> list[int]:
    """Give up the batches whose worker is gone: by the lease, or because its process has ended on this machine.

    Where the provider has an idempotency key the batch goes out again with the same one; elsewhere its messages become
    unclear, for nobody knows whether the call arrived. Returns the campaigns concerned.
    """
    concerned = {campaign_id for ticket in journals.sweep() if (campaign_id := _settle_late(ticket)) is not None}
    columns = ("pk", "owner", "attempt")
    expired = {Ticket(*row) for row in Batch.objects.lease_expired().values_list(*columns)}
    held = {Ticket(*row) for row in Batch.objects.in_flight().values_list(*columns)}
    dead = {ticket for ticket in held if owners.is_gone(ticket.owner) or journals.is_over(ticket)}
    waiting = {path.name for path in answers.spool.files()}
    for ticket in sorted(expired | dead):
        campaign_id = _give_up(ticket, waiting)
        if campaign_id is not None:
            concerned.add(campaign_id)
    return sorted(concerned)


def _give_up(ticket: Ticket, waiting: set[str]) -> int | None:
    with transaction.atomic():
        held = _with_lines(ticket).select_for_update(skip_locked=True, of=("self",))
        batch = held.filter(status=BatchStatus.SENDING).first()
        # An answer on disk is better than a doubt: the sweep records it first.
        if batch is None or f"{batch.pk}-{batch.attempt}" in waiting:
            return None
        can = registry.provider_class(batch.line.account.slug).capabilities
        if can.idempotent:
            record(ticket, SendAnswer(Outcome.UNCLEAR, code=WORKER_DIED))
            return batch.campaign_id
        told = journals.read(ticket)
        if told is None and can.single and owners.is_gone(ticket.owner):
            told = journals.Told()  # it ended on this machine before its journal was there, so before any request
        if told is not None:
            record(ticket, _from_journal(batch, told))
            transaction.on_commit(partial(journals.forget, ticket))
            return batch.campaign_id
        if pilots.holds_up(batch):  # before the counters: a claim takes the campaign's row first and then those
            Campaign.objects.move(batch.campaign_id, CampaignStatus.PAUSED, pause_code=pilots.UNCLEAR)
        moved = Message.objects.move_batch(
            batch,
            old=MessageStatus.PENDING,
            new=MessageStatus.UNKNOWN,
            reason=Reason.WORKER_DIED,
            counted_as=MessageStatus.SENDING,
        )
        Batch.objects.filter(pk=batch.pk).update(
            status=BatchStatus.UNKNOWN,
            pending=0,
            unclear=F("unclear") + moved,
            lease_until=None,
            settled_at=Now(),
            code=WORKER_DIED,
            poll_at=Now() + FIRST_POLL,
        )
        logger.error("Batch %s: its worker is gone, %s messages are unclear", batch.pk, moved)
        return batch.campaign_id


def _settle_late(ticket: Ticket) -> int | None:
    """Record what a journal tells of a group that was given up without it; the campaign, if it still was unclear."""
    told = journals.read(ticket)
    batch = _with_lines(ticket).filter(status=BatchStatus.UNKNOWN).first()
    if batch is not None and told is not None:
        record(ticket, _from_journal(batch, told))
    journals.forget(ticket)  # one of another database, too: it has nothing to say of this attempt
    return batch.campaign_id if batch else None


def _from_journal(batch: Batch, told: journals.Told) -> SendAnswer:
    """What became of a group: answered, in doubt where its request had begun, else certainly not sent."""
    account = batch.line.account
    provider = registry.provider_class(account.slug)(account.base_url, {})
    standing = MessageStatus.UNKNOWN if batch.status == BatchStatus.UNKNOWN else MessageStatus.PENDING
    job = jobs.job_of(batch.campaign, batch, jobs.rows_of(batch, standing))
    found = {}
    for recipient in job.recipients:
        if response := told.answers.get(recipient.key):
            found[recipient.key] = provider.parse_send(jobs.single(job, recipient, batch.campaign), response)
        elif recipient.key in told.doubtful:
            found[recipient.key] = SendAnswer(Outcome.UNCLEAR, code=WORKER_DIED)
    return groups.together(job, found, None)


def decide(campaign_id: int, *, sent: bool, number: int | None = None) -> list[tuple[Batch, int]]:
    """Settle what is unclear in a campaign, or in one batch of it, by an operator's word: it was ``sent``, or it goes
    out (again).

    A batch that is with the provider, or that another process is settling this moment, is left to it. Returns the
    batches that it settled, each with how many messages.
    """
    batches = Batch.objects.filter(campaign=campaign_id).unclear()
    if number is not None:
        batches = batches.filter(number=number)
    settled = [(batch, _decide(batch.pk, sent)) for batch in list(batches)]
    return [(batch, messages) for batch, messages in settled if messages]


def _decide(batch_id: int, sent: bool) -> int:
    with transaction.atomic():
        rows = Batch.objects.select_for_update(skip_locked=True, of=("self",))
        batch = rows.filter(pk=batch_id).exclude(status=BatchStatus.SENDING).first()
        if batch is None:
            return 0
        new = MessageStatus.ACCEPTED if sent else MessageStatus.PENDING
        moved = Message.objects.move_batch(batch, old=MessageStatus.UNKNOWN, new=new, reason=Reason.BY_OPERATOR)
        if sent:
            Batch.objects.filter(pk=batch_id).update(accepted=F("accepted") + moved)
        Batch.objects.restate(batch)
        return moved
