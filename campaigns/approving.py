"""A campaign is submitted, approved, rejected or withdrawn: who may, and what follows.

Every change is conditional and leaves an audit entry; a second click finds it done. What is approved is what the
approver saw, never what it has become since (``sealing``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from campaigns import checking, sealing, standing
from campaigns.auditing import note
from campaigns.launching import SEALED, NotAllowed
from campaigns.models import Approval, AuditEntry, Campaign
from campaigns.sealing import Figures, Sealed
from campaigns.sending import kept
from campaigns.states import EDITABLE, CampaignStatus
from providers.base import ProviderError
from providers.secrets import UndecryptableSecret

if TYPE_CHECKING:
    from campaigns.launching import Actor

PERMISSION = "campaigns.approve_campaign"
MAX_COMMENT = 500
SHORT = 12  # digits of a seal that people compare
_D = Approval.Decision
_NOT_TOLD = gettext_noop("The provider did not tell how many recipients there are and what they cost.")
_AUTHORS = ("created", "revised", "submitted")  # what makes a campaign somebody's own


def submit(campaign_id: int, actor: Actor = None, comment: str = "") -> Approval:
    """Ask for an approval of a draft. It cannot be changed until it is withdrawn, or rejected.

    Raises:
        NotAllowed: it is no draft, something is wrong with it, or its provider does not tell the recipients.
    """
    now = counted(_campaign(campaign_id))
    with transaction.atomic():
        campaign = _held(campaign_id)
        waiting = standing.of(campaign_id)
        if campaign.status == CampaignStatus.PENDING_APPROVAL and waiting and waiting.decision == _D.REQUESTED:
            return waiting
        if not campaign.is_editable:
            raise NotAllowed(_("Only a draft can be submitted for approval."))
        if problems := checking.problems(campaign):
            raise NotAllowed(" ".join(problems))
        if problem := sealing.why_not_counted(campaign, now):
            raise NotAllowed(problem)
        standing.end(campaign_id)
        drafts = Campaign.objects.filter(status__in=EDITABLE)
        drafts.move(campaign_id, CampaignStatus.PENDING_APPROVAL, pause_code="", pause_text="")
        approval = Approval.objects.create(
            campaign=campaign,
            seal=now.seal,
            facts=now.facts,
            requested_by=_person(actor),
            request_comment=comment.strip()[:MAX_COMMENT],
        )
        note("submitted", campaign_id, actor, seal=now.seal[:SHORT])
    return approval


def counted(campaign: Campaign) -> Sealed:
    """A campaign as it is now. Where the provider keeps the recipients it is asked: never in a transaction.

    Raises:
        NotAllowed: the provider did not tell them.
    """
    if not checking.keeps_audience(campaign.line):
        return sealing.seal(campaign)
    try:
        quote = kept.quote(campaign)
    except (ProviderError, UndecryptableSecret):
        raise NotAllowed(_(_NOT_TOLD)) from None
    parts = None if quote.parts is None else quote.recipients * quote.parts
    return Sealed(sealing.hashes(campaign), Figures(quote.recipients, parts, quote.most))


def as_shown(campaign: Campaign, approval: Approval | None, estimate: Any = None) -> Sealed:
    """A campaign as its page shows it; where the provider keeps the recipients, with the figures of the request."""
    if approval is not None and checking.keeps_audience(campaign.line):
        return Sealed(sealing.hashes(campaign), sealing.sealed_from(approval.facts).figures)
    return sealing.seal(campaign, estimate)


def approve(campaign_id: int, actor: Actor = None, comment: str = "", *, seal: str = "") -> Approval:
    """Let a campaign be launched as it is now; ``seal`` is what the approver saw (``sealing.token``).

    Raises:
        NotAllowed: it does not wait (any more), the actor may not, or it is not what they saw; nothing was changed.
    """
    campaign = _campaign(campaign_id)
    now = as_shown(campaign, standing.of(campaign_id))
    with transaction.atomic():
        campaign = _held(campaign_id)
        approval = standing.of(campaign_id)
        if approval is not None and approval.decision == _D.APPROVED and approval.decided_by == _person(actor):
            return approval
        approval = _decidable(campaign, actor)
        if problem := sealing.why_not_seen(campaign, seal, now):
            raise NotAllowed(problem)
        seen = (sealing.seen_by(seal, campaign) if seal else None) or now
        if seen.figures.recipients is None:  # it would stand for any number
            raise NotAllowed(_(_NOT_TOLD))
        approval.seal, approval.facts = seen.seal, seen.facts
        _decide(approval, _D.APPROVED, actor, comment)
        Campaign.objects.filter(pk=campaign_id).update(pause_code="", pause_text="")
        note("approved", campaign_id, actor, seal=seen.seal[:SHORT], **_figures(seen))
    return approval


def _figures(sealed: Sealed) -> dict[str, Any]:
    cost = sealed.figures.cost
    return {"messages": sealed.figures.recipients, "cost": None if cost is None else [cost, cost]}


def reject(campaign_id: int, actor: Actor = None, comment: str = "") -> None:
    """Give a campaign back with a comment: it can be changed and submitted again. Also one that was approved.

    Raises:
        NotAllowed: it does not wait (any more), the actor may not, or there is no comment; nothing was changed.
    """
    if not comment.strip():
        raise NotAllowed(_("Say what should be changed: whoever composed it reads it."))
    with transaction.atomic():
        campaign = _held(campaign_id)
        approval = _decidable(campaign, actor, (_D.REQUESTED, _D.APPROVED))
        _decide(approval, _D.REJECTED, actor, comment)
        waiting = Campaign.objects.filter(status=CampaignStatus.PENDING_APPROVAL)
        waiting.move(campaign_id, CampaignStatus.REJECTED, pause_code="", pause_text="")
        note("rejected", campaign_id, actor)


def withdraw(campaign_id: int, actor: Actor = None) -> None:
    """Make a submitted campaign a draft again, approved or not, so that it can be changed.

    Raises:
        NotAllowed: it is neither waiting nor approved (any more).
    """
    with transaction.atomic():
        campaign = _held(campaign_id)
        if campaign.status != CampaignStatus.PENDING_APPROVAL:
            raise NotAllowed(_("This campaign does not wait for an approval."))
        standing.end(campaign_id)
        Campaign.objects.move(campaign_id, CampaignStatus.DRAFT, pause_code="", pause_text="")
        note("withdrawn", campaign_id, actor)


def why_not_decide(campaign: Campaign, actor: Actor) -> str:
    """Why somebody may not approve or reject a campaign, as a sentence; empty where they may."""
    person = _person(actor)
    if person is None:
        return _("Say who approves it: nobody approves their own campaign.") if _four_eyes() else ""
    if not person.has_perm(PERMISSION):
        return _("You have no permission to approve campaigns.")
    if _four_eyes() and _is_own(campaign, person):
        return _("Nobody approves their own campaign: somebody else has to look at it.")
    return ""


def waiting_for(user: Actor) -> QuerySet[Approval]:
    """The requests that wait for this person's decision, the oldest first."""
    rows = Approval.objects.filter(decision=_D.REQUESTED, campaign__status=CampaignStatus.PENDING_APPROVAL)
    person = _person(user)
    if person is None or not person.has_perm(PERMISSION):
        return rows.none()
    if _four_eyes():  # as _is_own
        own = AuditEntry.objects.filter(campaign=OuterRef("campaign"), action__in=_AUTHORS, actor=person)
        asked = Approval.objects.filter(campaign=OuterRef("campaign"), requested_by=person)
        rows = rows.exclude(campaign__created_by=person).filter(~Exists(own), ~Exists(asked))
    return rows.select_related("campaign__line__account", "requested_by").order_by("pk")


def _four_eyes() -> bool:
    return bool(settings.APPROVAL == "four_eyes")


def _is_own(campaign: Campaign, person: Any) -> bool:
    """Whether this person made a campaign, changed it or submitted it."""
    if campaign.created_by_id == person.pk or campaign.approvals.filter(requested_by=person).exists():
        return True
    return AuditEntry.objects.filter(campaign=campaign, action__in=_AUTHORS, actor=person).exists()


def _person(actor: Actor) -> Any:
    return actor if actor is not None and not isinstance(actor, AnonymousUser) else None


def _campaign(campaign_id: int) -> Campaign:
    return Campaign.objects.select_related(*SEALED).get(pk=campaign_id)


def _held(campaign_id: int) -> Campaign:
    return Campaign.objects.select_for_update(of=("self",)).select_related(*SEALED).get(pk=campaign_id)


def _decidable(
    campaign: Campaign, actor: Actor, decisions: tuple[Approval.Decision, ...] = (_D.REQUESTED,)
) -> Approval:
    """The request of a campaign that this person may decide on, asked of the database at this moment."""
    approval = standing.of(campaign.pk)
    if campaign.status != CampaignStatus.PENDING_APPROVAL or approval is None or approval.decision not in decisions:
        raise NotAllowed(_("This campaign does not wait for an approval."))
    person = _person(actor)
    # Anew: what this person was allowed when the page was asked for may have been taken from them since.
    fresh = get_user_model().objects.filter(pk=person.pk, is_active=True).first() if person else None
    if person is not None and fresh is None:
        raise NotAllowed(_("You have no permission to approve campaigns."))
    if problem := why_not_decide(campaign, fresh):
        raise NotAllowed(problem)
    return approval


def _decide(approval: Approval, decision: Approval.Decision, actor: Actor, comment: str) -> None:
    approval.decision, approval.decided_by, approval.comment = decision, _person(actor), comment.strip()[:MAX_COMMENT]
    approval.decided_at = Now()
    approval.save()
    approval.refresh_from_db(fields=["decided_at"])
