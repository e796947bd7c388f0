"""The review of a draft: everything that it will come to, on one page, before anything goes out."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from campaigns import checking, forecast, previewing, reporting, ways
from campaigns.composing import pricing, segments, templating
from campaigns.composing.preview import template_of
from campaigns.describing import describe
from campaigns.models import Campaign
from campaigns.sending import headcount, kept, windows
from campaigns.views import figures, step_pages
from campaigns.views.cautioning import Advice, advice
from campaigns.views.lines import cards
from campaigns.views.wording import Notice, why_not_sending
from contacts.models import Contact, Operator
from providers.base import ProviderError
from providers.explaining import explain
from providers.models import Holiday
from providers.secrets import UndecryptableSecret


def context(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    """What the page shows. ``?quote`` asks the provider at once, where no script fetches its answer afterwards.

    ``counting``: the audience may be large, so the page comes without figures, and fetches itself with ``?counted``.
    """
    rules = campaign.rules.select_related("phonebook", "job_category__parent", "source", "segment")
    line, now = campaign.line, timezone.localtime()
    begin = max(campaign.scheduled_at or now, now)
    rests = Holiday.rests_of(line, begin.date())
    facts = {
        "steps": step_pages.marks(campaign, Campaign.Step.REVIEW),
        "unfinished": campaign.composed_to != Campaign.Step.REVIEW,
        "problems": checking.problems(campaign),
        "notices": why_not_sending(campaign),
        "rules": describe(rules, line.account_id),
        "card": cards([line])[0],
        "keeps": checking.keeps_audience(line),
        "in_the_past": campaign.scheduled_at is not None and campaign.scheduled_at <= now,
        "waits_until": None if windows.is_open(line, begin, rests) else windows.next_opening(line, begin, rests),
        "today": now.date(),
        "counting": _counts_later(request, campaign),
    }
    if facts["counting"]:
        return facts
    try:
        template = template_of(campaign.text, line.suffix)
        people = [] if facts["keeps"] else reporting.sampled(campaign, template)
        facts |= _kept(campaign) if facts["keeps"] else _ours(campaign, people)
        facts["advice"] = _advice(campaign, people)
    except templating.TemplateError:  # the problems say so
        return facts
    return facts | (_quoted(campaign) if facts["keeps"] and "quote" in request.GET else {})


def _counts_later(request: HttpRequest, campaign: Campaign) -> bool:
    if "counted" in request.GET or checking.keeps_audience(campaign.line):
        return False
    return headcount.takes_long(campaign)


class Row(NamedTuple):
    """What one operator's recipients come to: people, parts, and rial (None without a tariff)."""

    operator: str
    recipients: int
    parts: int
    cost: int | None


def _rows(estimate: pricing.Estimate) -> list[Row]:
    """The estimate by operator, the most people first; an operator of nobody is left out."""
    share = estimate.recipients / (sum(estimate.by_operator.values()) or 1)
    people = {operator: round(number * share) for operator, number in estimate.by_operator.items()}
    rows = [Row(_operator(each.operator), people[each.operator], each.parts, each.cost) for each in estimate.charges]
    return sorted((row for row in rows if row.recipients), key=lambda row: -row.recipients)


def _ours(campaign: Campaign, people: list[Contact]) -> dict[str, Any]:
    estimate = reporting.estimate(campaign, operators=True, sample=people)
    shown = reporting.sample_previews(campaign) if campaign.text else []
    return {
        "estimate": estimate,
        "accounting": figures.headcount(estimate.headcount),
        "by_operator": _rows(estimate) if campaign.text else [],
        "previews": shown,
        "rest": ways.rest(campaign) if campaign.text else None,
        "no_tariff": estimate.cost is None and estimate.recipients > 0,
        "ends_at": forecast.ends_at(campaign, estimate.recipients),
        "pilot": campaign.pilot_size if (campaign.pilot_size or 0) < estimate.recipients else None,
    }


def _kept(campaign: Campaign) -> dict[str, Any]:
    text = template_of(campaign.text, campaign.line.suffix).literal
    counted = segments.count(text, campaign.line.part_size)
    return {"literal": text, "segments": counted}


def _advice(campaign: Campaign, people: list[Contact]) -> list[Advice]:
    """What should be known of the text; it is repaired in its step, not here."""
    return (
        [each._replace(repaired=None) for each in advice(previewing.cautions(campaign, people))]
        if campaign.text
        else []
    )


class Share(NamedTuple):
    """How many of a provider's recipients are with an operator."""

    operator: str
    recipients: int


def _quoted(campaign: Campaign) -> dict[str, Any]:
    """The provider's count and price, or in words why it did not tell them."""
    try:
        quote = kept.quote(campaign)
    except (ProviderError, UndecryptableSecret) as error:
        return {"asked": True, "refusal": _refusal(campaign, error)}
    credit = campaign.line.account.credit
    shares = [Share(_operator(key), number) for key, number in sorted(quote.by_operator.items())]
    return {
        "asked": True,
        "quote": quote,
        "shares": shares if quote.by_operator.keys() != {0} else [],
        "too_little": credit is not None and quote.least is not None and credit < quote.least,
    }


def _operator(key: int) -> str:
    if key == Operator.UNKNOWN:
        return _("operator not told")
    return str(Operator(key).label) if key in Operator.values else str(key)


def _refusal(campaign: Campaign, error: Exception) -> Notice:
    code = type(error).__name__ if isinstance(error, UndecryptableSecret) else str(error)
    words = error.words if isinstance(error, kept.NotTold) else ""
    explained = explain(campaign.line.account.slug, code)
    title = _("The provider did not tell how many recipients there are and what they cost.")
    return Notice("error", title, "", code, words, explained=explained)


@require_safe
def quote(request: HttpRequest, pk: int) -> HttpResponse:
    """The panel with the provider's count and price, fetched when the page is there: it may take seconds.

    ``?dialog``: the page has a dialog to launch it, which says both too.
    """
    campaign = get_object_or_404(Campaign.objects.select_related("line__account"), pk=pk)
    if not checking.keeps_audience(campaign.line):
        raise Http404
    facts = {"campaign": campaign, "dialog": "dialog" in request.GET, **_quoted(campaign)}
    return render(request, "campaigns/_quote.html", facts)
