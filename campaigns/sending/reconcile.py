"""What became of batches whose worker did not come back: answers left on disk are recorded, the rest is unclear."""

from __future__ import annotations

import logging
import time

from django.db import DatabaseError, transaction
from django.db.models.functions import Now

from campaigns.models import Batch, Campaign, Message
from campaigns.sending import answers, jobs, owners
from campaigns.sending.claiming import PILOT
from campaigns.sending.recording import Ticket, record
from campaigns.states import BatchStatus, CampaignStatus, MessageStatus, Reason
from providers import registry
from providers.base import Outcome, SendAnswer

logger = logging.getLogger(__name__)

FRESH_ANSWER = 5.0  # seconds; a younger file belongs to a worker that is about to record it


def sweep_answers() -> int:
    """Record the answers that were left on disk; returns how many files were dealt with."""
    swept = 0
    for path in answers.spool.files():
        try:
            if time.time() - path.stat().st_mtime < FRESH_ANSWER:
                continue
            kept = answers.read(path)
            _record_kept(kept)
        except FileNotFoundError:
            continue
        except ValueError:
            logger.error("A file in the answers' spool is not readable: %s", path.name)
            path.replace(path.with_name(f".unreadable-{path.name}"))
            continue
        except DatabaseError as error:
            logger.error("An answer still waits on disk (%s)", type(error).__name__)
            return swept
        path.unlink(missing_ok=True)
        swept += 1
    return swept


def _record_kept(kept: answers.Kept) -> None:
    batch = Batch.objects.select_related("campaign__line__account", "campaign__file").filter(pk=kept.ticket.batch_id)
    found = batch.filter(owner=kept.ticket.owner, attempt=kept.ticket.attempt).first()
    if found is None:
        return
    late = found.status == BatchStatus.UNKNOWN
    rows = jobs.rows_of(found, MessageStatus.UNKNOWN if late else MessageStatus.PENDING)
    provider = registry.provider_class(found.campaign.line.account.slug)(found.campaign.line.account.base_url, {})
    record(kept.ticket, provider.parse_send(jobs.job_of(found.campaign, found, rows), kept.response))


def expire_leases() -> list[int]:
    """Give up the batches whose worker is gone: by the lease, or because its process has ended on this machine.

    Where the provider has an idempotency key the batch goes out again with the same one; elsewhere its messages become
    unclear, for nobody knows whether the call arrived. Returns the campaigns concerned.
    """
    expired = set(Batch.objects.lease_expired().values_list("pk", flat=True))
    held = Batch.objects.in_flight().exclude(pk__in=expired).values_list("pk", "owner")
    dead = {pk for pk, owner in held if owners.is_gone(owner)}
    waiting = {path.name for path in answers.spool.files()}
    concerned = set()
    for pk in sorted(expired | dead):
        campaign_id = _give_up(pk, waiting)
        if campaign_id is not None:
            concerned.add(campaign_id)
    return sorted(concerned)


def _give_up(batch_id: int, waiting: set[str]) -> int | None:
    with transaction.atomic():
        batch = (
            Batch.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("campaign__line__account")
            .filter(pk=batch_id, status=BatchStatus.SENDING)
            .first()
        )
        # An answer on disk is better than a doubt: the sweep records it first.
        if batch is None or f"{batch.pk}-{batch.attempt}" in waiting:
            return None
        account = batch.campaign.line.account
        if registry.provider_class(account.slug).capabilities.idempotent:
            record(Ticket(batch.pk, batch.owner, batch.attempt), SendAnswer(Outcome.UNCLEAR, code="worker_died"))
            return batch.campaign_id
        moved = Message.objects.move_batch(
            batch,
            old=MessageStatus.PENDING,
            new=MessageStatus.UNKNOWN,
            reason=Reason.WORKER_DIED,
            counted_as=MessageStatus.SENDING,
        )
        Batch.objects.filter(pk=batch.pk).update(
            status=BatchStatus.UNKNOWN, pending=0, lease_until=None, settled_at=Now(), code="worker_died"
        )
        if batch.number == PILOT:
            Campaign.objects.move(batch.campaign_id, CampaignStatus.PAUSED, pause_code="pilot_unclear")
        logger.error("Batch %s: its worker is gone, %s messages are unclear", batch.pk, moved)
        return batch.campaign_id
