"""A draft is sent on its way, as it was seen and approved."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from campaigns import checking, sealing, standing, witness
from campaigns.auditing import note
from campaigns.doorbell import ring
from campaigns.models import Campaign
from campaigns.states import CampaignStatus
from providers import clock

Actor = AbstractBaseUser | AnonymousUser | None
SEALED = ("line__account", "fallback_line__account", "failover_line__account", "file")  # what a seal looks at


class NotAllowed(Exception):
    """What was asked for is not possible (now); the text is a sentence for people."""


def launch(campaign_id: int, actor: Actor = None, seal: str = "") -> CampaignStatus:
    """Send a draft on its way: now, or at its time; one that is too late starts at once. Returns its status then.

    ``seal`` is what the page showed (``sealing.token``). One that is no longer what was approved waits again.

    Raises:
        NotAllowed: it is no draft any more, lacks an approval, is not what was seen, or something is wrong with it.
    """
    campaign = Campaign.objects.select_related(*SEALED).get(pk=campaign_id)
    now = sealing.seal(campaign) if seal or standing.matters(campaign) else None
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update(of=("self",)).select_related(*SEALED).get(pk=campaign_id)
        _check_launch(campaign, seal, now)
        lapsed = standing.lapse(campaign, now)
        if not lapsed:
            status = _launched(campaign, actor)
    if lapsed:
        raise NotAllowed(lapsed)
    return status


def _check_launch(campaign: Campaign, seal: str, now: sealing.Sealed | None) -> None:
    late = campaign.status == CampaignStatus.SCHEDULED and campaign.pause_code == Campaign.LATE
    if campaign.status not in (CampaignStatus.DRAFT, CampaignStatus.PENDING_APPROVAL) and not late:
        raise NotAllowed(_("This campaign has been launched already."))
    if witness.in_doubt():
        raise NotAllowed(_("The database was restored: nothing is sent until somebody decides on the dashboard."))
    if problem := standing.why_not_launched(campaign):
        raise NotAllowed(problem)
    if problem := sealing.why_not_seen(campaign, seal, now):
        raise NotAllowed(problem)
    if problems := checking.problems(campaign):
        raise NotAllowed(" ".join(problems))


def _launched(campaign: Campaign, actor: Actor) -> CampaignStatus:
    late = campaign.status == CampaignStatus.SCHEDULED
    due = None if campaign.provider_keeps_time else campaign.scheduled_at
    later = due is not None and due > clock.now()
    status = CampaignStatus.SCHEDULED if later else CampaignStatus.PREPARING
    Campaign.objects.move(campaign.pk, status, launched_at=Now(), pause_code="", pause_text="")
    note("started_late" if late else "launched", campaign.pk, actor)
    if not later:
        ring("prepare", campaign.pk)
    return status
