"""What the clock does to a campaign: it starts one whose time has come, asks where that is long past, and ends one.

Every time here is the database's: a machine whose clock is wrong starts nothing early and ends nothing late.
"""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from campaigns import witness
from campaigns.auditing import note
from campaigns.doorbell import ring
from campaigns.models import Batch, Campaign
from campaigns.states import BatchStatus, CampaignStatus

UNFROZEN = (CampaignStatus.PENDING_APPROVAL, CampaignStatus.SCHEDULED, CampaignStatus.PREPARING)
SENDING = (CampaignStatus.RUNNING, CampaignStatus.PAUSED)


def start_due() -> None:
    """Set the scheduled campaigns preparing whose time has come."""
    if witness.doubt():
        return
    for campaign_id in Campaign.objects.due().values_list("pk", flat=True):
        # Of those that are due still: from a draft the same move is a launch, and somebody may have taken it back.
        if not hold_late(campaign_id) and Campaign.objects.due().move(campaign_id, CampaignStatus.PREPARING):
            note("time_came", campaign_id)
            ring("prepare", campaign_id)


def hold_late(campaign_id: int) -> bool:
    """Hold a campaign that should have begun more than ``SCHEDULE_LATENESS`` seconds ago: somebody is asked instead.

    Nobody was there to start it: a worker was down, a machine was off. Its text may be out of date by now.
    """
    limit = Now() - dt.timedelta(seconds=settings.SCHEDULE_LATENESS)
    # A time that the provider keeps is none of ours: such a campaign is prepared when it is launched.
    on_time = Q(provider_keeps_time=False, scheduled_at__gte=limit)
    if not Campaign.objects.filter(pk=campaign_id, launched_at__lt=limit).exclude(on_time).exists():
        return False
    facts = {"pause_code": Campaign.LATE, "pause_text": ""}
    scheduled = Campaign.objects.filter(pk=campaign_id, status=CampaignStatus.SCHEDULED)
    with transaction.atomic():
        held = scheduled.exclude(pause_code=Campaign.LATE).update(**facts)
        preparing = Campaign.objects.filter(status=CampaignStatus.PREPARING)
        if not held and not preparing.move(campaign_id, CampaignStatus.SCHEDULED, **facts):
            return True
        note("held_late", campaign_id)
    return True


def expire_due() -> None:
    """End the campaigns whose time is over and that still have something to send; what is out is followed further."""
    if witness.doubt():  # what a restored database takes for unsent may have been sent
        return
    waiting = Exists(Batch.objects.filter(campaign=OuterRef("pk"), status=BatchStatus.PENDING))
    unsent = Q(status__in=UNFROZEN) | (Q(status__in=SENDING) & waiting)
    for campaign_id in Campaign.objects.filter(unsent, expires_at__lte=Now()).values_list("pk", flat=True):
        with transaction.atomic():
            cleared = {"pause_code": "", "pause_text": ""}
            if not Campaign.objects.move(campaign_id, CampaignStatus.EXPIRED, **cleared):
                continue
            Campaign.objects.filter(pk=campaign_id, audience=None).update(finished_at=Now())
            note("expired", campaign_id)
            ring("clear_pending", campaign_id)
