"""One campaign: its review, its course, its recipients, its controls."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from campaigns import checking, drafting, forecast, lifecycle, reporting
from campaigns.composing import segments, templating
from campaigns.hearts import hearts
from campaigns.models import Campaign
from campaigns.sending import claiming
from campaigns.states import AWAITING_REPORT, CampaignStatus, MessageStatus
from campaigns.views import (
    approval,
    breakdown,
    figures,
    history,
    left_out,
    panels,
    recipients,
    related,
    review,
    testing,
    unclear,
    unusable,
)
from campaigns.views.wording import why_not_sending
from interface import persian

AWAITS_WORKER = (CampaignStatus.SCHEDULED, CampaignStatus.PREPARING, CampaignStatus.RUNNING)
REPORTS_AWAITED = dt.timedelta(minutes=10)  # reports that come later than this are found on the next visit


@require_safe
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One campaign. A draft is shown for review; any other with its course and its recipients."""
    campaign = _campaign(pk)
    if stranger := unusable.provider_unknown(campaign):
        return unusable.page(request, campaign, stranger)
    controls = _controls(request, campaign)
    context = {"campaign": campaign, "controls": controls, "seen": _seen(campaign, controls)}
    context |= history.context(request, campaign)
    if campaign.is_editable or campaign.status == CampaignStatus.PENDING_APPROVAL:
        reviewed = review.context(request, campaign)
        counted = not reviewed["counting"]
        context |= reviewed | approval.context(request, campaign, reviewed.get("estimate"), counted=counted)
        context |= testing.context(request, campaign)
        context["launchable"] = context["launchable"] and not context["problems"]
        return render(request, "campaigns/review.html", context)
    context |= _live(campaign) | recipients.context(request, campaign) | _text(campaign)
    context |= related.context(campaign)
    context["buckets"] = left_out.buckets(campaign)
    context["seal"] = approval.seal_of_late(campaign) if "launch" in controls else ""
    context["odd_requests"] = unclear.odd_requests(campaign)
    return render(request, "campaigns/detail.html", context)


@require_safe
def live(request: HttpRequest, pk: int) -> HttpResponse:
    """What changes while a campaign goes out; polled by its page until it has ended and no fresh report is awaited.

    ``?seen=`` names the status, the controls and the pause that the page shows: with others come the parts that
    depend on them.
    """
    campaign = _campaign(pk)
    if unusable.provider_unknown(campaign):
        return HttpResponse(headers={"HX-Refresh": "true"})
    controls = _controls(request, campaign)
    seen = _seen(campaign, controls)
    changed = request.GET.get("seen") != seen
    facts = {"campaign": campaign, "changed": changed, "polled": True, "controls": controls, "seen": seen}
    context = facts | _live(campaign)
    if changed and "launch" in controls:
        context["seal"] = approval.seal_of_late(campaign)
    response = render(request, "campaigns/_live.html", context)
    if changed or not context["polls"]:
        response["HX-Trigger"] = "moved"  # the list of recipients listens
    return response


def _seen(campaign: Campaign, controls: Iterable[str]) -> str:
    return "-".join([campaign.status, *sorted(controls), *filter(None, [campaign.pause_code])])


def _campaign(pk: int) -> Campaign:
    return get_object_or_404(
        Campaign.objects.select_related(
            "line__account", "fallback_line__account", "failover_line__account", "file", "created_by"
        ),
        pk=pk,
    )


def _live(campaign: Campaign) -> dict[str, Any]:
    account = reporting.accounting(campaign)
    waiting = account.counts[MessageStatus.PENDING]
    running = campaign.status == CampaignStatus.RUNNING
    obstacles = claiming.obstacles(campaign) if running else []
    has_way = running and claiming.has_way(campaign)
    stopped = forecast.is_stopped(obstacles, has_way=has_way)
    left = waiting + account.counts[MessageStatus.SENDING]
    rate = forecast.seen_rate(campaign) if has_way else None
    found = panels.context(campaign, account) | {
        "account": account,
        "polls": campaign.is_live or _awaits_reports(campaign, account),
        "pieces": figures.pieces(account),
        "empty": [(status.name.lower(), status.label) for status, n in account.counts.items() if not n],
        "share_done": account.settled / account.audience if account.audience else 0.0,
        "rate": rate,
        "ends_at": forecast.ends_at(campaign, left, stopped=stopped, seen=rate),
        "today": timezone.localdate(),
        "notices": why_not_sending(campaign, obstacles),
        "no_worker": campaign.status in AWAITS_WORKER and not any(heart.beats for heart in hearts()),
        "unclear": account.counts[MessageStatus.UNKNOWN],
        "chart": figures.course(campaign),
    }
    found |= _waiting(campaign, waiting) | breakdown.context(campaign)
    return found | unclear.context(campaign) if account.counts[MessageStatus.UNKNOWN] else found


def _waiting(campaign: Campaign, waiting: int) -> dict[str, Any]:
    """What has not gone out yet, and what it would cost: for the figures and in every dialog."""
    if not campaign.is_live or campaign.audience is None:
        return {"open": 0, "open_count": "", "open_cost": "", "to_come": ""}
    cost = unclear.cost_in_words(breakdown.to_come(campaign))
    fresh = {
        "open_count": _kept_fresh("open-count", persian.number(waiting)),
        "open_cost": _kept_fresh("open-cost", cost),
    }
    return {"open": waiting, "to_come": cost if waiting else "", **fresh}


def _kept_fresh(css: str, words: str) -> SafeString:
    """Words in a dialog that is already on the page: each poll replaces them by their class."""
    return format_html('<span class="{}">{}</span>', css, words)


def _awaits_reports(campaign: Campaign, account: reporting.Accounting) -> bool:
    """Whether it ended lately and the provider has yet to report on some of its messages."""
    ended = campaign.finished_at
    waiting = any(account.counts[status] for status in AWAITING_REPORT)
    return waiting and ended is not None and timezone.now() - ended < REPORTS_AWAITED


def _text(campaign: Campaign) -> dict[str, Any]:
    """The text as sent, with its segments where everybody got the same."""
    text = campaign.sent_text or campaign.text
    try:
        personal = templating.parse(campaign.text).is_personal
    except templating.TemplateError:
        personal = False
    return {"sent_text": text, "segments": None if personal else segments.count(text, campaign.line.part_size)}


# What may be done by whom, and what is said when it has been done.
_ACTIONS: dict[str, tuple[str, Callable[..., Any], Any]] = {
    "launch": ("campaigns.launch_campaign", lifecycle.launch, gettext_lazy("The campaign is on its way.")),
    "take-back": (
        "campaigns.launch_campaign",
        lifecycle.take_back,
        gettext_lazy("The campaign is a draft again: change it, then launch it anew."),
    ),
    "pause": (
        "campaigns.launch_campaign",
        lifecycle.pause,
        gettext_lazy("The campaign is paused: nothing further goes out."),
    ),
    "resume": ("campaigns.launch_campaign", lifecycle.resume, gettext_lazy("The campaign goes on.")),
    "cancel": (
        "campaigns.launch_campaign",
        lifecycle.cancel,
        gettext_lazy("The campaign is cancelled: what was pending will not be sent."),
    ),
    "delete-draft": ("campaigns.delete_campaign", drafting.discard, gettext_lazy("The draft was deleted.")),
}


_CARRIED = {"launch": ("seal",), "resume": ("seen",)}  # what a form tells of the page that its reader saw


@require_POST
def control(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    """Launch, pause, resume or cancel a campaign, or delete a draft. A second click finds it done and says so."""
    if action not in _ACTIONS:
        raise Http404
    permission, do, done = _ACTIONS[action]
    if not request.user.has_perm(permission):
        raise PermissionDenied(permission)
    if not Campaign.objects.filter(pk=pk).exists():
        if action == "delete-draft":
            return redirect("campaigns:list")
        raise Http404
    try:
        do(pk, request.user, **{name: request.POST.get(name, "") for name in _CARRIED.get(action, ())})
    except Campaign.DoesNotExist:  # deleted meanwhile
        raise Http404 from None
    except (lifecycle.NotAllowed, drafting.InvalidDraft) as error:
        messages.error(request, str(error))
        return redirect("campaigns:detail", pk)
    messages.success(request, str(done))
    return redirect("campaigns:list") if action == "delete-draft" else redirect("campaigns:detail", pk)


_BEFORE = {  # what makes sense before it is launched
    CampaignStatus.DRAFT: ("launch", "delete-draft"),
    CampaignStatus.REJECTED: ("delete-draft",),
    CampaignStatus.PENDING_APPROVAL: ("launch", "cancel"),
}


def _controls(request: HttpRequest, campaign: Campaign) -> dict[str, bool]:
    """The actions that make sense now and that this person may take, as a template looks them up."""
    status = campaign.status
    sensible = set(_BEFORE.get(CampaignStatus(status), ()))
    if status == CampaignStatus.SCHEDULED:
        sensible |= {"take-back", "launch"} if campaign.pause_code == Campaign.LATE else {"take-back"}
    keeps = checking.keeps_audience(campaign.line)
    if status == CampaignStatus.RUNNING and not (keeps and lifecycle.is_all_away(campaign.pk)):
        sensible.add("pause")
    if status == CampaignStatus.PAUSED:
        sensible.add("resume")
    if campaign.is_live:
        sensible.add("cancel")
    if status in lifecycle.DECIDABLE:
        sensible.add("count-as-sent")
    if not lifecycle.why_not_again(campaign):
        sensible.add("send-again")
    decisions = dict.fromkeys(("count-as-sent", "send-again"), unclear.PERMISSION)
    permissions = decisions | {action: permission for action, (permission, _do, _done) in _ACTIONS.items()}
    allowed = {action for action in sensible if request.user.has_perm(permissions[action])}
    if campaign.is_editable and request.user.has_perm("campaigns.change_campaign"):
        allowed.add("edit")
    return {action.replace("-", "_"): True for action in allowed}
