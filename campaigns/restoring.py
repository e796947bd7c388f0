"""What an operator says of a database that was restored or moved, and what follows from it.

Either messages may have gone out since the backup: whatever it says is still to be sent becomes unclear, and nothing
starts by itself. Or it was only moved: everything goes on. Until one of them is said, nothing is claimed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction
from django.db.models import F, QuerySet, Sum
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext as _

from campaigns import standing, witness
from campaigns.auditing import note
from campaigns.delivery.polling import FIRST_POLL
from campaigns.doorbell import ring
from campaigns.lifecycle import OPEN_BATCHES, NotAllowed
from campaigns.models import Batch, Campaign, Message, StatusCount, Witness
from campaigns.states import BatchStatus, CampaignStatus, MessageStatus, Reason

if TYPE_CHECKING:
    from campaigns.lifecycle import Actor

CODE = "restored"
GOING_ON = (CampaignStatus.RUNNING, CampaignStatus.PAUSED)
NOT_STARTED = (CampaignStatus.SCHEDULED, CampaignStatus.PREPARING)


class Stakes(NamedTuple):
    """What a confirmation is about: running campaigns, those that have not begun, and messages still to be sent."""

    running: int
    not_started: int
    messages: int


def stakes() -> Stakes:
    """What would go out, or become unclear."""
    status = dict(Campaign.objects.filter(status__in=(*GOING_ON, *NOT_STARTED)).values_list("pk", "status"))
    open_ones = (MessageStatus.PENDING, MessageStatus.SENDING)
    counts = StatusCount.objects.filter(campaign__status__in=GOING_ON, status__in=open_ones)
    running = sum(one == CampaignStatus.RUNNING for one in status.values())
    not_started = sum(one in NOT_STARTED for one in status.values())
    return Stakes(running, not_started, counts.aggregate(n=Sum("messages"))["n"] or 0)


def nothing_sent(actor: Actor = None) -> Stakes:
    """It was only moved, copied or failed over without a loss: go on as if nothing had been.

    Raises:
        NotAllowed: there is nothing to confirm (any more), or the other answer is being carried out.
    """
    with transaction.atomic():
        row = witness.held()
        if not row.doubt or row.is_settling:
            raise NotAllowed(_("There is nothing to confirm any more."))
        at_stake = stakes()
        note("confirmed_nothing_sent", None, actor, doubt=row.doubt, **at_stake._asdict())
        witness.begin_anew(row)
    return at_stake


def sent_meanwhile(actor: Actor = None, *, seconds: float = 5.0) -> Stakes:
    """A backup was restored, and messages may have gone out since it was taken: send none of them again by itself.

    Running campaigns pause, those that have not begun are drafts again, and what was to be sent becomes unclear; of a
    great many messages the worker does the rest. Also without a doubt of ours: of a machine that was set back whole
    nothing can be noticed.

    Raises:
        NotAllowed: this is being carried out already.
    """
    with transaction.atomic():
        row = witness.held()
        if row.is_settling:
            raise NotAllowed(_("This has been confirmed already."))
        at_stake = stakes()
        code = row.doubt or Witness.Doubt.DECLARED
        Witness.objects.filter(pk=row.pk).update(doubt=code, doubted_at=Coalesce("doubted_at", Now()), is_settling=True)
        note("confirmed_sent_meanwhile", None, actor, doubt=code, **at_stake._asdict())
        _stop(actor)
        ring("settle_restored")
    settle(seconds)
    return at_stake


def _stop(actor: Actor) -> None:
    words = _("The database was restored from a backup; messages may have gone out since it was taken.")
    facts = {"pause_code": CODE, "pause_text": words}
    for campaign in Campaign.objects.filter(status__in=(CampaignStatus.RUNNING, *NOT_STARTED)).order_by("pk"):
        if campaign.status == CampaignStatus.RUNNING:
            Campaign.objects.move(campaign.pk, CampaignStatus.PAUSED, **facts)
        else:
            Campaign.objects.move(campaign.pk, CampaignStatus.DRAFT, launched_at=None, **facts)
            standing.end(campaign.pk)
        note("stopped_by_restore", campaign.pk, actor)


def is_under_way() -> bool:
    """Whether what was confirmed is still being carried out."""
    return Witness.objects.filter(is_settling=True).exists()


def settle(seconds: float) -> bool:
    """Make unclear what may have been sent after the backup, a batch a transaction; whether all of it is done."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with transaction.atomic():
            batch = _open_batches().select_for_update(skip_locked=True, of=("self",)).first()
            if batch is not None:
                _make_unclear(batch)
            elif not _open_batches().exists():
                _end()
                return True
    return not is_under_way()


def _open_batches() -> QuerySet[Batch]:
    found = Batch.objects.filter(campaign__status__in=GOING_ON, status__in=OPEN_BATCHES)
    return found.select_related("campaign").order_by("campaign", "number")


def _make_unclear(batch: Batch) -> None:
    """Its request went out at any time since the campaign began, if it did: that is what a look-up goes by."""
    moved = Message.objects.move_batch(
        batch,
        old=MessageStatus.PENDING,
        new=MessageStatus.UNKNOWN,
        reason=Reason.RESTORED,
        counted_as=MessageStatus.SENDING if batch.status == BatchStatus.SENDING else None,
    )
    Batch.objects.filter(pk=batch.pk).update(
        status=BatchStatus.UNKNOWN,
        pending=0,
        unclear=F("unclear") + moved,
        lease_until=None,
        not_before=None,
        claimed_at=Coalesce(F("claimed_at"), batch.campaign.started_at),
        settled_at=Now(),
        code=CODE,
        poll_at=Now() + FIRST_POLL,
        poll_round=0,
    )


def _end() -> None:
    row = witness.held()
    if row.is_settling:
        witness.begin_anew(row)
