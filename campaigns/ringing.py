"""The tick: finds what waits and rings for it. It may run never, twice or in parallel; it changes no message itself.

The heart beats when django-q2 has put a tick away, the last thing that becomes of a task: a cluster in which any part
hangs has none.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.utils import timezone
from django_q.models import Failure, OrmQ

from campaigns import attaching, hearts, lifecycle, restoring, scheduling, tallying, witness
from campaigns.delivery import bulks, polling, webhooks
from campaigns.delivery.forgetting import forgetting
from campaigns.doorbell import ring
from campaigns.models import Batch, Campaign, DeliveryEvent
from campaigns.sending import claiming, reconcile
from campaigns.states import BatchStatus, CampaignStatus
from contacts import bulk, importing, mirroring, replies, suppression_files
from contacts.bulk import writing
from contacts.models import BulkAction, ContactImport, Mirroring, SuppressionFile
from providers import credit

logger = logging.getLogger(__name__)
TICK = "campaigns.tasks.tick"
FAILURES_KEPT = dt.timedelta(days=7)
UPLOADS_KEPT = dt.timedelta(days=7)  # of files whose import nobody has started in earnest


def tick() -> None:
    """One round: start what is due, give up what is lost, and ring for every piece of work that waits."""
    for step in STEPS:
        try:
            step()
        except (OperationalError, InterfaceError):
            raise  # the database is away: no step would get further
        except Exception as error:  # noqa: BLE001 - one campaign's trouble must not stop the others, nor the beat
            logger.error("The tick's %s failed (%s)", step.__name__, type(error).__name__)
    Failure.objects.filter(stopped__lt=timezone.now() - FAILURES_KEPT).delete()


def acknowledged(sender: object, task: dict[str, Any], **named: Any) -> None:
    """Beat where a tick has run from end to end and was taken off the queue; django-q2's monitor calls it.

    A monitor that hangs lets tasks run, but none leaves the queue, and each comes back every quarter of an hour.
    """
    if task["func"] == TICK and task["success"]:
        with contextlib.suppress(OperationalError, InterfaceError):
            hearts.beat()


def _prepare() -> None:
    for campaign_id in Campaign.objects.filter(status=CampaignStatus.PREPARING).values_list("pk", flat=True):
        ring("prepare", campaign_id)


def _expire() -> None:
    for campaign_id in reconcile.expire_leases():
        lifecycle.finish(campaign_id)


def _send() -> None:
    if restoring.is_under_way():
        ring("settle_restored")
    if not witness.doubt():
        for campaign_id in sendable():
            ring("pump", campaign_id)
    for campaign_id in lifecycle.unfinished():
        ring("clear_pending", campaign_id)


def _follow() -> None:
    if DeliveryEvent.objects.to_apply().exists():
        ring("apply_events")
    for batch_id in polling.due():
        ring("poll", batch_id)
    for bulk_id in bulks.due():
        ring("follow_bulk", bulk_id)


def _tally() -> None:
    for campaign_id in tallying.due():
        ring("tally", campaign_id)


def _forget() -> None:
    forgetting.work()


def _import() -> None:
    for import_id in ContactImport.objects.stalled().values_list("pk", flat=True):
        importing.ring(import_id)
    forgotten = ContactImport.objects.waiting().filter(created_at__lt=timezone.now() - UPLOADS_KEPT)
    for import_id in forgotten.values_list("pk", flat=True):
        importing.cancel(import_id)


def _mirror() -> None:
    for run_id in Mirroring.objects.stalled().values_list("pk", flat=True):
        mirroring.ring(run_id)


def _act() -> None:
    for action_id in BulkAction.objects.stalled().values_list("pk", flat=True):
        bulk.ring(action_id)


def _suppress() -> None:
    for file_id in SuppressionFile.objects.stalled().values_list("pk", flat=True):
        suppression_files.ring(file_id)


def _listen() -> None:
    for account_id in replies.due():
        replies.ring(account_id)


def _ask_for_credit() -> None:
    for account_id in credit.due():
        ring("ask_for_credit", account_id)


def _forget_lost_tasks() -> None:
    """Delete the tasks whose process died over them: django-q2 would try them again for ever. Here it is rung anew."""
    now, cluster = timezone.now(), settings.Q_CLUSTER
    # Taken means locked until the retry. It may have waited for a task that took its whole time, and taken its own.
    lost = now + dt.timedelta(seconds=cluster["retry"] - 2 * cluster["timeout"])
    OrmQ.objects.filter(lock__gt=now, lock__lt=lost).delete()


STEPS = (
    witness.count,
    scheduling.start_due,
    scheduling.expire_due,
    _prepare,
    reconcile.sweep_answers,
    webhooks.sweep,
    _expire,
    _send,
    _follow,
    _tally,
    _import,
    _mirror,
    _act,
    _suppress,
    _listen,
    _ask_for_credit,
    attaching.forget_unused,
    writing.forget_old,
    hearts.forget_gone,
    _forget,
    _forget_lost_tasks,
)


def sendable() -> list[int]:
    """The running campaigns that have a batch to send, nothing in its way, and a place for another call; and the
    running ones with nothing left open, which only wait to be finished.
    """
    found = []
    lines = ("line__account", "fallback_line__account", "failover_line__account")
    running = Campaign.objects.running().select_related(*lines)
    for campaign in running:
        batches = Batch.objects.filter(campaign=campaign)
        if not batches.filter(status__in=[BatchStatus.PENDING, BatchStatus.SENDING]).exists():
            lifecycle.finish(campaign.pk)
        elif claiming.can_send(campaign) and claiming.has_place(campaign):
            found.append(campaign.pk)
        elif campaign.holds_for_pilot:
            lifecycle.finish(campaign.pk)
    return found
