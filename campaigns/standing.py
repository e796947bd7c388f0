"""Whether a campaign's approval stands: asked at its launch and at the freeze, by whoever holds its row."""

from __future__ import annotations

from django.conf import settings
from django.db.models import OuterRef, Subquery, Sum
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from campaigns import sealing
from campaigns.auditing import note
from campaigns.models import Approval, Batch, Campaign
from campaigns.sealing import Figures, Sealed
from campaigns.states import CampaignStatus

VOID = "approval_void"  # the pause code of a campaign that waits again, for it is no longer what was approved
_D = Approval.Decision
STANDING = (_D.REQUESTED, _D.APPROVED)
# What a campaign's request or approval says, to annotate campaigns with; null where there is none.
DECISION = Subquery(Approval.objects.filter(campaign=OuterRef("pk"), decision__in=STANDING).values("decision"))


class Lapsed(Exception):
    """A frozen audience is larger than was approved: nothing of it may be kept. ``sealed`` is what it came to."""

    def __init__(self, sealed: Sealed) -> None:
        super().__init__()
        self.sealed = sealed


def is_required(campaign: Campaign) -> bool:
    """Whether a campaign may go out with an approval only. A test goes to a few numbers of the tester's own."""
    return settings.APPROVAL != "optional" and not campaign.is_test


def of(campaign_id: int) -> Approval | None:
    """The request that waits, or the approval that stands."""
    rows = Approval.objects.filter(campaign=campaign_id, decision__in=STANDING)
    return rows.select_related("requested_by", "decided_by").first()


def matters(campaign: Campaign) -> bool:
    """Whether this campaign goes out under an approval, so that it has to be counted again before it does."""
    return is_required(campaign) or Approval.objects.filter(campaign=campaign, decision=_D.APPROVED).exists()


def why_not_launched(campaign: Campaign) -> str:
    """Why a campaign cannot be launched for want of an approval, as a sentence; empty where it can."""
    if campaign.status == CampaignStatus.PENDING_APPROVAL:
        approval = of(campaign.pk)
        if approval is None or approval.decision != _D.APPROVED:
            return _("This campaign waits for its approval.")
    elif campaign.status == CampaignStatus.DRAFT and is_required(campaign):
        return _("A campaign needs an approval before it is launched: submit it first.")
    return ""


def end(campaign_id: int, decision: Approval.Decision = _D.WITHDRAWN) -> None:
    """Let nothing stand any more: the campaign can be changed from now on, or will never go out."""
    Approval.objects.filter(campaign=campaign_id, decision__in=STANDING).update(decision=decision, decided_at=Now())


def end_request(campaign_id: int) -> None:
    """Nobody waits for a decision any more; what was decided stays on record."""
    rows = Approval.objects.filter(campaign=campaign_id, decision=_D.REQUESTED)
    rows.update(decision=_D.WITHDRAWN, decided_at=Now())


def lapse(campaign: Campaign, now: Sealed | None) -> str:
    """Void the approval of a campaign that is no longer what was approved, and ask for another; why, as a sentence.

    Empty, with nothing changed, where the approval holds or none is needed. The caller holds the campaign's row;
    ``now`` is what was counted before that, and its definition is looked at anew.
    """
    approval = Approval.objects.filter(campaign=campaign, decision=_D.APPROVED).first()
    if approval is None and not is_required(campaign):
        return ""
    now = Sealed(sealing.hashes(campaign), now.figures if now else Figures())
    if approval is None:
        changed = {"approval": _("it has no approval")}
    else:
        changed = sealing.changes(sealing.sealed_from(approval.facts), now)
    if not changed:
        return ""
    if approval and now.figures.recipients is None:  # nobody was asked: what was approved stays the bound
        now = now._replace(figures=sealing.sealed_from(approval.facts).figures)
    end(campaign.pk, _D.VOID)
    asker = approval.requested_by if approval else campaign.created_by
    Approval.objects.create(campaign=campaign, seal=now.seal, facts=now.facts, requested_by=asker)
    why = _("It is no longer what was approved, so it waits for an approval again: %(changes)s.")
    _wait(campaign.pk, why % {"changes": sealing.listed(changed)})
    note("approval_void", campaign.pk, changed=list(changed))
    return why % {"changes": sealing.listed(changed)}


def _wait(campaign_id: int, why: str) -> None:
    facts = {"pause_code": VOID, "pause_text": why}
    if not Campaign.objects.move(campaign_id, CampaignStatus.PENDING_APPROVAL, launched_at=None, **facts):
        Campaign.objects.filter(pk=campaign_id, status=CampaignStatus.PENDING_APPROVAL).update(**facts)


def check_frozen(campaign: Campaign) -> None:
    """Look at a frozen audience once more: it is what really goes out. In the freeze's own savepoint.

    Raises:
        Lapsed: more people than were approved.
    """
    approval = Approval.objects.filter(campaign=campaign, decision=_D.APPROVED).first()
    most = sealing.sealed_from(approval.facts).figures.recipients if approval else None
    if most is None:
        return
    recipients = Batch.objects.filter(campaign=campaign).aggregate(n=Sum("size", default=0))["n"]
    if recipients > most:
        raise Lapsed(Sealed({}, Figures(recipients)))
