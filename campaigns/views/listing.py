"""The list of campaigns: by status, line, author, month and name; a page at a time, at any number of them."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib.auth import get_user_model
from django.db.models import Count, Exists, OuterRef
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_safe
from persiantools.jdatetime import JalaliDate

from campaigns import reporting, standing
from campaigns.models import Campaign
from campaigns.querysets import CampaignQuerySet
from campaigns.states import CampaignStatus
from campaigns.views import figures
from contacts.paging import keyset_page
from interface import persian
from providers.models import SenderLine

ROWS = 20
MONTHS = 18  # that can be chosen, back from this one
_JALALI: Any = JalaliDate  # it ships no types
_S = CampaignStatus
# The tabs: what is to be done, what goes out, what is over.
TABS: dict[str, tuple[str | Promise, frozenset[CampaignStatus]]] = {
    "drafts": (pgettext_lazy("campaigns", "Drafts"), frozenset({_S.DRAFT, _S.REJECTED})),
    "waiting": (pgettext_lazy("campaigns", "Waiting"), frozenset({_S.PENDING_APPROVAL, _S.SCHEDULED})),
    "running": (pgettext_lazy("campaigns", "Going out"), frozenset({_S.PREPARING, _S.RUNNING, _S.PAUSED})),
    "problems": (pgettext_lazy("campaigns", "With problems"), frozenset({_S.COMPLETED_WITH_PROBLEMS})),
    "ended": (pgettext_lazy("campaigns", "Ended"), frozenset({_S.COMPLETED, _S.CANCELLED, _S.EXPIRED})),
}


class Tab(NamedTuple):
    """A group of statuses with how many campaigns stand there, and its address."""

    name: str
    label: str
    number: int
    url: str


@require_safe
def campaign_list(request: HttpRequest) -> HttpResponse:
    """The campaigns that the filters leave, the newest first; tests only where ``?tests=1`` asks for them."""
    asked = request.GET
    shown = Campaign.objects.filter(is_test=asked.get("tests") == "1")
    chosen = _chosen(shown, asked)
    rows = _in_status(chosen, asked).select_related("line__account", "created_by").annotate(decision=standing.DECISION)
    page = keyset_page(rows, asked.dict(), size=ROWS)
    found = reporting.accountings(page.rows)
    context = {
        "page": page,
        "rows": [_row(campaign, found[campaign.pk]) for campaign in page.rows],
        "tabs": _tabs(chosen, asked),
        "chosen": asked.get("status", ""),
        "query": asked.get("q", "")[:100],
        "lines": SenderLine.objects.filter(Exists(Campaign.objects.filter(line=OuterRef("pk")))).order_by("name", "pk"),
        "authors": _authors(),
        "months": _months(),
        "asked": asked,
        "narrowed": any(asked.get(name) for name in ("status", "q", "line", "by", "month", "tests")),
    }
    return render(request, "campaigns/list.html", context)


def _chosen(campaigns: CampaignQuerySet, asked: QueryDict) -> CampaignQuerySet:
    """By name, line, author and month; an address that makes no sense filters nothing."""
    for word in asked.get("q", "").replace("\0", "").strip()[:100].split()[:5]:
        campaigns = campaigns.filter(name__icontains=word)
    if line := _number(asked.get("line", "")):
        campaigns = campaigns.filter(line=line)
    if author := _number(asked.get("by", "")):
        campaigns = campaigns.filter(created_by=author)
    if span := _span(asked.get("month", "")):
        campaigns = campaigns.filter(created_at__gte=span[0], created_at__lt=span[1])
    return campaigns


def _in_status(campaigns: CampaignQuerySet, asked: QueryDict) -> CampaignQuerySet:
    status = asked.get("status", "")
    if status in TABS:
        return campaigns.filter(status__in=TABS[status][1])
    return campaigns.filter(status=status) if status in CampaignStatus.values else campaigns


def _tabs(campaigns: CampaignQuerySet, asked: QueryDict) -> list[Tab]:
    """One query for all of them: campaigns are counted in thousands, not in millions."""
    numbers = dict(campaigns.order_by().values_list("status").annotate(n=Count("pk")))
    kept = {name: value for name, value in asked.dict().items() if name not in ("status", "after", "before") and value}
    every = Tab("", str(pgettext_lazy("campaigns", "All")), sum(numbers.values()), "?" + urlencode(kept))
    return [every] + [
        Tab(name, str(label), sum(numbers.get(status, 0) for status in of), "?" + urlencode({**kept, "status": name}))
        for name, (label, of) in TABS.items()
    ]


def _row(campaign: Campaign, account: reporting.Accounting) -> tuple[Any, ...]:
    return campaign, account, figures.pieces(account), figures.tells_delivery(campaign)


def _authors() -> list[tuple[int, str]]:
    made = Campaign.objects.filter(created_by=OuterRef("pk"))
    people = get_user_model().objects.filter(Exists(made)).order_by("username")
    return [(person.pk, person.get_full_name() or person.get_username()) for person in people]


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _months() -> list[tuple[str, str]]:
    """The latest months as addresses and as people name them: Jalali in Persian."""
    today = timezone.localdate()
    day = _JALALI(today) if persian.is_persian() else today
    found = []
    for back in range(MONTHS):
        year, month = divmod(day.year * 12 + day.month - 1 - back, 12)
        found.append((f"{year}-{month + 1:02d}", _month_name(year, month + 1)))
    return found


def _month_name(year: int, month: int) -> str:
    if persian.is_persian():
        return f"{_JALALI(year, month, 1).strftime('%B', locale='fa')} {persian.digits(year)}"
    return formats.date_format(dt.date(year, month, 1), "F Y")


def _span(text: str) -> tuple[dt.datetime, dt.datetime] | None:
    """The first moments of a month, ``1405-09`` or ``2026-11``, and of the one after it; None for every other text."""
    year, _dash, month = text.partition("-")
    if not (text.isascii() and year.isdigit() and month.isdigit() and len(text) == 7 and 1 <= int(month) <= 12):
        return None
    following = divmod(int(year) * 12 + int(month), 12)
    try:
        first, last = (_first_day(y, m) for y, m in ((int(year), int(month)), (following[0], following[1] + 1)))
    except (ValueError, OverflowError):
        return None
    return first, last


def _first_day(year: int, month: int) -> dt.datetime:
    day = _JALALI(year, month, 1).to_gregorian() if year < 1700 else dt.date(year, month, 1)
    return timezone.make_aware(dt.datetime.combine(day, dt.time()))
