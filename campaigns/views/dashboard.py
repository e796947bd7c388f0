"""The first page: what needs a person, what goes out now and over which line, what came of the last days."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.cache import cache
from django.db.models import Q, Sum
from django.db.models.functions import TruncDate
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from campaigns import forecast, lifecycle, reporting, restoring, standing, traffic, witness
from campaigns.hearts import hearts
from campaigns.models import Campaign, StatusCount, TimelinePoint
from campaigns.states import LIVE, CampaignStatus, MessageStatus
from campaigns.views import figures, needs
from contacts.models import Phonebook
from interface import persian
from providers import registry
from providers.models import SenderLine

SPANS = (7, 30)  # days of the chart
KEPT = 86_400  # seconds; days that are over don't change, and to add them up takes longer than the rest of the page
FRESH = 5  # seconds; a page that is open asks every three
FORECAST = 15  # seconds; a campaign's end moves slowly, and to foretell it takes several queries
SHOWN = 6
LINES = 20  # the busiest
LOST = (MessageStatus.FAILED, MessageStatus.UNDELIVERED, MessageStatus.BLOCKED)


@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """The page; asked for by htmx, its live part alone, with the dialogs that a page without them then needs."""
    htmx = getattr(request, "htmx", None)
    if htmx and htmx.target == "deliveries":
        return render(request, "dashboard/_deliveries.html", _deliveries(request))
    context = _context(request) | _restored()
    if not htmx:
        return render(request, "dashboard.html", context | _deliveries(request))
    context["changed"] = "restored" in context and request.GET.get("seen") != "restored"
    return render(request, "dashboard/_live.html", context)


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


def _context(request: HttpRequest) -> dict[str, Any]:
    real = Campaign.objects.filter(is_test=False).select_related("line__account")
    live = list(real.filter(status__in=LIVE)[:SHOWN])
    past = real.exclude(status__in=[*LIVE, CampaignStatus.DRAFT]).annotate(decision=standing.DECISION)
    recent = list(past[:SHOWN])
    accounts = reporting.accountings(live + recent)
    found = hearts()
    silent = [heart for heart in found if not heart.beats]
    waiting = needs.needs(request.user)
    return {
        "now": timezone.localtime(),
        "no_worker": len(silent) == len(found),
        "silent": silent,
        "workers": len(found),
        "today": _today(_reached_today()),
        "live": [_row(campaign, accounts[campaign.pk], _course(campaign, accounts[campaign.pk])) for campaign in live],
        "recent": [_row(campaign, accounts[campaign.pk], {}) for campaign in recent],
        "needs": waiting,
        "urgency": needs.most_urgent(waiting),
        "providers": _providers(),
        "steps": [] if live or recent else _steps(),
    }


def _row(campaign: Campaign, account: reporting.Accounting, course: dict[str, Any]) -> dict[str, Any]:
    pieces, tells = figures.pieces(account), figures.tells_delivery(campaign)
    return {"campaign": campaign, "account": account, "pieces": pieces, "tells": tells, **course}


def _course(campaign: Campaign, account: reporting.Accounting) -> dict[str, Any]:
    """A live campaign's rate, messages a minute, and when it will have gone out; looked up anew every few seconds."""

    def looked_up() -> dict[str, Any]:
        left = account.audience - account.settled
        rate = forecast.seen_rate(campaign) if campaign.status == CampaignStatus.RUNNING else None
        return {"rate": rate and rate * 60, "ends_at": forecast.ends_at(campaign, left, seen=rate)}

    return cache.get_or_set(f"course-of-{campaign.pk}-{campaign.status}", looked_up, FORECAST) or {}


class Provider(NamedTuple):
    """A provider's lines on the dashboard, with the traffic of each and of all."""

    label: str
    traffic: traffic.Traffic
    lines: list[tuple[SenderLine, traffic.Traffic]]


def _providers() -> list[Provider]:
    """The lines that are in use, by provider; the busiest first."""
    return cache.get_or_set(f"traffic-by-provider-{get_language()}", _look_at_lines, FRESH) or []


def _look_at_lines() -> list[Provider]:
    lines = list(SenderLine.objects.select_related("account"))
    found = traffic.by_line(lines)
    used = [line for line in lines if found[line.pk].is_any]
    groups: dict[str, list[tuple[SenderLine, traffic.Traffic]]] = {}
    for line in sorted(used, key=lambda line: found[line.pk].volume, reverse=True)[:LINES]:
        groups.setdefault(line.account.slug, []).append((line, found[line.pk]))
    return [
        Provider(_(registry.label_of(slug)), traffic.together(each for _line, each in rows), rows)
        for slug, rows in groups.items()
    ]


def _reached_today() -> list[int]:
    """How many messages were accepted, delivered and lost today."""
    points = TimelinePoint.objects.filter(at__gte=traffic.midnight())
    counts = dict(points.values_list("status").annotate(Sum("messages")).order_by())
    shown = [(MessageStatus.ACCEPTED,), (MessageStatus.DELIVERED,), LOST]
    return [sum(counts.get(status, 0) for status in statuses) for statuses in shown]


def _today(reached: list[int]) -> dict[str, int]:
    """What was reached today, and the rial of the campaigns that began today."""
    accepted, delivered, lost = reached
    begun = StatusCount.objects.filter(campaign__started_at__gte=traffic.midnight())
    return {
        "accepted": accepted,
        "delivered": delivered,
        "lost": lost,
        "cost": begun.aggregate(rial=Sum("cost"))["rial"] or 0,
    }


def _steps() -> list[dict[str, Any]]:
    """A new installation's way to its first campaign."""
    return [
        {"title": _("Add an account and a line"), "done": SenderLine.objects.exists(), "url": "providers:accounts"},
        {"title": _("Import contacts"), "done": Phonebook.objects.ours().exists(), "url": "contacts:import_new"},
        {"title": _("Compose a campaign"), "done": Campaign.objects.exists(), "url": "campaigns:compose"},
    ]


def _deliveries(request: HttpRequest) -> dict[str, Any]:
    """Accepted, delivered and not reached a day, in the days that were asked for, as a chart and as a table."""
    asked = request.GET.get("days", "")
    length = next((days for days in SPANS if asked == str(days)), SPANS[0])
    today = timezone.localdate()
    days = [today - dt.timedelta(days=ago) for ago in reversed(range(length))]
    reached = _reached_before(days[:-1]) | {today: _reached_today()}
    series = [(_("accepted"), "c1"), (_("delivered"), "c2"), (_("not reached"), "c3")]
    chart = {
        "labels": [persian.date(day, "day") for day in days],
        "series": [
            {"label": label, "colour": colour, "values": [reached[day][i] for day in days]}
            for i, (label, colour) in enumerate(series)
        ],
    }
    return {"chart": chart, "span": length, "spans": SPANS, "days": [(day, reached[day]) for day in reversed(days)]}


def _reached_before(days: list[dt.date]) -> dict[dt.date, list[int]]:
    """The same of days that are over: what was counted on one never changes, so each is added up once."""
    keys = {day: f"reached-on-{day}" for day in days}
    known = cache.get_many(keys.values())
    missing = [day for day in days if keys[day] not in known]
    if missing:
        found = _reached_on(missing[0], missing[-1])
        fresh = {keys[day]: found.get(day, [0, 0, 0]) for day in missing}
        cache.set_many(fresh, KEPT)
        known |= fresh
    return {day: known[keys[day]] for day in days}


def _reached_on(first: dt.date, last: dt.date) -> dict[dt.date, list[int]]:
    """How many messages were accepted, delivered and lost on each day from ``first`` to ``last``."""
    start, end = (timezone.make_aware(dt.datetime.combine(day, dt.time())) for day in (first, last + dt.timedelta(1)))
    rows = (
        TimelinePoint.objects.filter(at__gte=start, at__lt=end)
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
