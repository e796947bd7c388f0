"""The first page: what goes out now, what needs a person, what came of the last days."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.cache import cache
from django.db.models import Q, Sum
from django.db.models.functions import TruncDate
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from campaigns import lifecycle, reporting, restoring, witness
from campaigns.hearts import hearts
from campaigns.models import Campaign, StatusCount, TimelinePoint
from campaigns.states import LIVE, CampaignStatus, MessageStatus
from campaigns.views import figures
from contacts.models import ContactImport, Phonebook
from interface import persian
from providers.models import ProviderAccount, SenderLine

DAYS = 7
KEPT = 300  # seconds; days that are over don't change, and to add them up takes longer than the rest of the page
SHOWN = 6
LOST = (MessageStatus.FAILED, MessageStatus.UNDELIVERED, MessageStatus.BLOCKED)


@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """The page; asked for by htmx, its live part alone, with the dialogs that a page without them then needs."""
    polled = bool(getattr(request, "htmx", False))
    context = _context() | _restored()
    context["changed"] = polled and "restored" in context and request.GET.get("seen") != "restored"
    return render(request, "dashboard/_live.html" if polled else "dashboard.html", context)


@require_POST
@permission_required("campaigns.launch_campaign", raise_exception=True)
def restored(request: HttpRequest, answer: str) -> HttpResponse:
    """Take a person's word for what a restored database is: ``sent-meanwhile`` or ``nothing-sent``."""
    if answer not in ("sent-meanwhile", "nothing-sent"):
        raise Http404
    try:
        if answer == "nothing-sent":
            restoring.nothing_sent(request.user)
            messages.success(request, _("Sending goes on."))
        else:
            restoring.sent_meanwhile(request.user)
            messages.success(request, _("What may have been sent is unclear now. Each campaign waits for you."))
    except lifecycle.NotAllowed as error:
        messages.error(request, str(error))
    return redirect("dashboard")


def _restored() -> dict[str, Any]:
    """What a restored database's banner and dialogs tell; nothing in ordinary times."""
    doubted = witness.in_doubt()
    return {} if doubted is None else {"restored": doubted, "stakes": restoring.stakes()}


def _context() -> dict[str, Any]:
    live = list(Campaign.objects.filter(status__in=LIVE).select_related("line__account")[:SHOWN])
    recent = list(Campaign.objects.exclude(status__in=LIVE).select_related("line__account")[:SHOWN])
    accounts = reporting.accountings(live + recent)
    today = _reached_today()

    def rows(campaigns: list[Campaign]) -> list[dict[str, Any]]:
        return [
            {
                "campaign": campaign,
                "account": accounts[campaign.pk],
                "pieces": figures.pieces(accounts[campaign.pk]),
                "tells": figures.tells_delivery(campaign),
            }
            for campaign in campaigns
        ]

    found = hearts()
    silent = [heart for heart in found if not heart.beats]
    return {
        "now": timezone.localtime(),
        "no_worker": len(silent) == len(found),
        "silent": silent,
        "workers": len(found),
        "today": _today(today),
        "live": rows(live),
        "recent": rows(recent),
        "needs": _needs(),
        "steps": _steps() if not recent and not live else [],
        "chart": _chart(today),
    }


def _since_midnight(days: int = 0) -> dt.datetime:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - dt.timedelta(days=days)


def _reached_today() -> list[int]:
    """How many messages were accepted, delivered and lost today."""
    points = TimelinePoint.objects.filter(at__gte=_since_midnight())
    counts = dict(points.values_list("status").annotate(Sum("messages")).order_by())
    shown = [(MessageStatus.ACCEPTED,), (MessageStatus.DELIVERED,), LOST]
    return [sum(counts.get(status, 0) for status in statuses) for statuses in shown]


def _today(reached: list[int]) -> dict[str, int]:
    """What was reached today, and the rial of the campaigns that began today."""
    accepted, delivered, lost = reached
    begun = StatusCount.objects.filter(campaign__started_at__gte=_since_midnight())
    return {
        "accepted": accepted,
        "delivered": delivered,
        "lost": lost,
        "cost": begun.aggregate(rial=Sum("cost"))["rial"] or 0,
    }


def _needs() -> dict[str, Any]:
    """What stands still until a person looks at it."""
    unclear = StatusCount.objects.filter(status=MessageStatus.UNKNOWN, messages__gt=0).select_related("campaign")
    paused = Campaign.objects.filter(status=CampaignStatus.PAUSED).exclude(pause_code__in=["", "operator"])
    sent_back = Campaign.objects.filter(status=CampaignStatus.DRAFT).exclude(pause_code="")
    week = timezone.now() - dt.timedelta(days=DAYS)
    failed = ContactImport.objects.filter(status=ContactImport.Status.FAILED, created_at__gte=week)
    found = {
        "unclear": list(unclear.order_by("-campaign")[:SHOWN]),
        "paused": list(paused[:SHOWN]) + list(sent_back[:SHOWN]),
        "late": list(Campaign.objects.filter(status=CampaignStatus.SCHEDULED, pause_code=Campaign.LATE)[:SHOWN]),
        "breakers": list(ProviderAccount.objects.with_open_breaker()),
        "imports": list(failed[:SHOWN]),
    }
    return found if any(found.values()) else {}


def _steps() -> list[dict[str, Any]]:
    """A new installation's way to its first campaign."""
    return [
        {"title": _("Add an account and a line"), "done": SenderLine.objects.exists(), "url": "providers:accounts"},
        {"title": _("Import contacts"), "done": Phonebook.objects.ours().exists(), "url": "contacts:import_new"},
        {"title": _("Compose a campaign"), "done": Campaign.objects.exists(), "url": "campaigns:compose"},
    ]


def _chart(today: list[int]) -> dict[str, Any]:
    """Accepted, delivered and lost a day, the last week."""
    start = _since_midnight(DAYS - 1)
    days = [(start + dt.timedelta(days=i)).date() for i in range(DAYS)]
    by_day = cache.get_or_set(f"reached-since-{days[0]}", lambda: _reached_before_today(start), KEPT) or {}
    by_day = {**by_day, days[-1]: today}
    series = [(_("accepted"), "c1"), (_("delivered"), "c2"), (_("not reached"), "c3")]
    return {
        "labels": [persian.date(day, "day") for day in days],
        "series": [
            {"label": label, "colour": colour, "values": [by_day.get(day, [0, 0, 0])[i] for day in days]}
            for i, (label, colour) in enumerate(series)
        ],
    }


def _reached_before_today(start: dt.datetime) -> dict[dt.date, list[int]]:
    """How many messages were accepted, delivered and lost on each day since ``start``, without today."""
    rows = (
        TimelinePoint.objects.filter(at__gte=start, at__lt=_since_midnight())
        .annotate(day=TruncDate("at"))
        .values_list("day")
        .order_by("day")
        .annotate(
            accepted=Sum("messages", filter=Q(status=MessageStatus.ACCEPTED), default=0),
            delivered=Sum("messages", filter=Q(status=MessageStatus.DELIVERED), default=0),
            lost=Sum("messages", filter=Q(status__in=LOST), default=0),
        )
    )
    return {day: values for day, *values in rows}
