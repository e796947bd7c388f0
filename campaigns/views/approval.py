"""Approval on screen: the panel of a campaign's review, what is decided there, and what waits for a decision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from campaigns import approving, lifecycle, sealing, standing
from campaigns.composing.pricing import Estimate
from campaigns.models import Approval, Campaign
from campaigns.sealing import Figures, Sealed
from campaigns.states import CampaignStatus
from contacts.paging import keyset_page

ROWS = 20
EARLIER = 5
LAUNCH = "campaigns.launch_campaign"
CHANGE = "campaigns.change_campaign"
_D = Approval.Decision


def context(
    request: HttpRequest, campaign: Campaign, estimate: Estimate | None = None, *, counted: bool = True
) -> dict[str, Any]:
    """What the review page needs to know of approval; ``estimate`` spares counting the audience once more.

    ``launchable``: this person may, and nothing is in the way (else ``why_not_launchable``); ``seal`` for each form;
    ``approval`` that waits or stands; ``changed`` since it was asked for. A page that shows no figures (``counted`` is
    false) has no seal, and nothing can be launched or approved there.
    """
    approval = standing.of(campaign.pk) if campaign.status == CampaignStatus.PENDING_APPROVAL else None
    now = approving.as_shown(campaign, approval, estimate) if counted else None
    why_not = standing.why_not_launched(campaign)
    may_launch = request.user.has_perm(LAUNCH)
    return {
        "approval": approval,
        "launchable": counted and may_launch and not why_not and campaign.status != CampaignStatus.REJECTED,
        "why_not_launchable": why_not if may_launch else "",
        "seal": sealing.token(campaign, now) if now else "",
        **_panel(request, campaign, approval, now),
    }


def seal_of_late(campaign: Campaign) -> str:
    """For the form that starts a campaign whose time has passed: its page shows its definition, and counts nothing."""
    return sealing.token(campaign, Sealed(sealing.hashes(campaign), Figures()))


def _panel(request: HttpRequest, campaign: Campaign, approval: Approval | None, now: Sealed | None) -> dict[str, Any]:
    """What ``_approval.html`` shows and offers."""
    waits = approval is not None and approval.decision == _D.REQUESTED
    may_approve, may_change = request.user.has_perm(approving.PERMISSION), request.user.has_perm(CHANGE)
    why_not = approving.why_not_decide(campaign, request.user) if approval else ""
    earlier = campaign.approvals.exclude(pk=approval.pk if approval else 0).select_related("decided_by")
    changed = sealing.changes(sealing.sealed_from(approval.facts), now) if approval and now else {}
    return {
        "approval_required": standing.is_required(campaign),
        "four_eyes": settings.APPROVAL == "four_eyes",
        "seal_shown": approval.seal[: approving.SHORT] if approval else "",
        "approval_waits": waits,
        "approval_changed": list(changed.values()),
        "may_submit": campaign.is_editable and may_change,
        "may_withdraw": campaign.status == CampaignStatus.PENDING_APPROVAL and may_change,
        "may_approve": now is not None and waits and may_approve and not why_not,
        "may_reject": approval is not None and may_approve and not why_not,
        "why_not_decide": why_not if may_approve else "",
        "earlier_approvals": earlier[:EARLIER],
        "last_rejection": earlier.first() if campaign.status == CampaignStatus.REJECTED else None,
    }


class Word(NamedTuple):
    """What may be said of a campaign: the permission it takes, what does it, what is said when it has been done."""

    permission: str
    do: Callable[[HttpRequest, int, str], object]
    done: Promise


def _submit(request: HttpRequest, pk: int, comment: str) -> object:
    return approving.submit(pk, request.user, comment)


def _approve(request: HttpRequest, pk: int, comment: str) -> object:
    return approving.approve(pk, request.user, comment, seal=request.POST.get("seal", ""))


def _reject(request: HttpRequest, pk: int, comment: str) -> None:
    approving.reject(pk, request.user, comment)


def _withdraw(request: HttpRequest, pk: int, _comment: str) -> None:
    approving.withdraw(pk, request.user)


_WORDS = {
    "submit": Word(CHANGE, _submit, gettext_lazy("The campaign waits for an approval now.")),
    "approve": Word(approving.PERMISSION, _approve, gettext_lazy("The campaign is approved: it can be launched.")),
    "reject": Word(approving.PERMISSION, _reject, gettext_lazy("The campaign was rejected: it can be changed.")),
    "withdraw": Word(CHANGE, _withdraw, gettext_lazy("The campaign is a draft again.")),
}


@require_POST
def say(request: HttpRequest, pk: int, word: str) -> HttpResponse:
    """Submit, approve, reject or withdraw a campaign. A second click finds it done and says so."""
    if word not in _WORDS:
        raise Http404
    if not request.user.has_perm(_WORDS[word].permission):
        raise PermissionDenied(_WORDS[word].permission)
    get_object_or_404(Campaign, pk=pk)
    try:
        _WORDS[word].do(request, pk, request.POST.get("comment", "").replace("\0", ""))
    except Campaign.DoesNotExist:  # deleted meanwhile
        raise Http404 from None
    except lifecycle.NotAllowed as error:
        messages.error(request, str(error))
    else:
        messages.success(request, str(_WORDS[word].done))
    return redirect("campaigns:detail", pk)


@permission_required(approving.PERMISSION, raise_exception=True)
@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    """What waits for this person's decision, what waits for somebody else's, and what was decided."""
    decided = request.GET.get("tab") == "decided"
    mine = approving.waiting_for(request.user)
    facts: dict[str, Any] = {"tab": "decided" if decided else "waiting"}
    if decided:
        rows = Approval.objects.exclude(decision__in=[_D.REQUESTED, _D.WITHDRAWN])
        rows = rows.select_related("campaign__line__account", "requested_by", "decided_by")
        return render(request, "campaigns/approvals.html", facts | _page(rows, request))
    waiting = Approval.objects.filter(decision=_D.REQUESTED, campaign__status=CampaignStatus.PENDING_APPROVAL)
    rows = waiting.select_related("campaign__line__account", "requested_by")
    facts["mine"] = set(mine.values_list("pk", flat=True))
    return render(request, "campaigns/approvals.html", facts | _page(rows, request))


def _page(rows: Any, request: HttpRequest) -> dict[str, Any]:
    return {"page": keyset_page(rows, request.GET.dict(), size=ROWS)}
