"""What is unclear in a campaign: the panel on its page, and a person's decision on one request or on all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from campaigns import lifecycle, unclear
from campaigns.models import Batch, Campaign
from campaigns.states import BatchStatus, Reason
from campaigns.unclear import Cost
from interface import persian
from providers import registry
from providers.explaining import explain

PERMISSION = "campaigns.launch_campaign"
SHOWN = 50
AT_ONCE = 5  # the others are folded away
ODD = 10

# What the provider's answers had that its document does not foresee; an unknown word stands as it is.
_ODDITIES: Mapping[str, Promise] = {
    "missing_recipient": gettext_lazy("recipients that the answer does not mention"),
    "foreign_recipient": gettext_lazy("numbers that nobody had asked for"),
    "repeated_recipient": gettext_lazy("recipients that the answer names twice"),
    "repeated_ref": gettext_lazy("ids that were given to several messages"),
    "known_ref": gettext_lazy("ids that earlier messages have already"),
    "missing_ref": gettext_lazy("messages without an id"),
    "unknown_status": gettext_lazy("statuses that the document does not know"),
}


class Row(NamedTuple):
    """An unclear request as the panel shows it. ``why`` and ``asked`` are sentences; ``cost`` of sending it again."""

    batch: Batch
    why: str
    asked: str
    oddities: str
    cost: str
    decidable: bool


class Word(NamedTuple):
    """What a person may decide: what does it, and what is said when it has been done."""

    do: Callable[..., int]
    done: Callable[[int], str]


def context(campaign: Campaign) -> dict[str, Any]:
    """The panel: the first unclear requests, and what all of them come to; as many queries for one as for thousands."""
    batches = Batch.objects.filter(campaign=campaign).unclear().select_related("line__account")
    total = batches.count()
    shown = list(batches[:SHOWN])
    picture = unclear.picture(campaign.pk)
    prices = unclear.prices(campaign, {*picture.by_line, *(batch.line_id for batch in shown)})
    rows = [_row(batch, unclear.cost(prices, {batch.line_id: batch.unclear})) for batch in shown]
    return {
        "unclear_rows": rows[:AT_ONCE],
        "unclear_more": rows[AT_ONCE:],
        "unclear_rest": total - len(shown),
        "unclear_requests": total,
        "decidable": picture,
        "unclear_cost": cost_in_words(unclear.cost(prices, picture.by_line)),
    }


def _row(batch: Batch, cost: Cost | None) -> Row:
    decidable = batch.status != BatchStatus.SENDING
    return Row(batch, _why(batch), _asked(batch), oddities(batch.anomalies), cost_in_words(cost), decidable)


def _why(batch: Batch) -> str:
    explained = explain(batch.line.account.slug, batch.code)
    if explained:
        return explained.meaning
    if batch.unclear < batch.size and not batch.code:
        return _("The provider's answer says nothing certain of these recipients.")
    return str(Reason.LOST_ANSWER.label)


def _asked(batch: Batch) -> str:
    """What the provider has been asked so far, and when it is asked next."""
    can = registry.provider_class(batch.line.account.slug).capabilities
    if can.idempotent:
        return _("Each repeat bears the same key, which the provider does not send twice while it remembers it.")
    if not can.looks_up:
        return _("This provider cannot be asked what became of a request.")
    asked = _("The provider has not been asked yet")
    if batch.poll_round:
        times = {"n": persian.number(batch.poll_round)}
        asked = ngettext("The provider was asked once", "The provider was asked %(n)s times", batch.poll_round) % times
    if batch.poll_at is None:
        return _("%(asked)s, and is not asked any more.") % {"asked": asked}
    if batch.poll_at <= timezone.now():
        return _("%(asked)s; it is being asked now.") % {"asked": asked}
    today = timezone.localdate(batch.poll_at) == timezone.localdate()
    at = persian.date(batch.poll_at, "time" if today else "datetime")
    return _("%(asked)s; next at %(time)s.") % {"asked": asked, "time": at}


def oddities(anomalies: Mapping[str, int]) -> str:
    """What in a provider's answers its document does not foresee, with how often; empty where nothing is."""
    found = [f"{_ODDITIES.get(name, name)}: {persian.number(number)}" for name, number in sorted(anomalies.items())]
    return ("؛ " if persian.is_persian() else "; ").join(found)


def odd_requests(campaign: Campaign) -> list[tuple[Batch, str]]:
    """The first requests of a campaign whose answers were odd, with what was; also where all of it became clear."""
    odd = Batch.objects.filter(campaign=campaign).exclude(anomalies={}).order_by("number")[:ODD]
    return [(batch, oddities(batch.anomalies)) for batch in odd]


def cost_in_words(cost: Cost | None) -> str:
    """An amount, from … to; or that nobody knows."""
    if cost is None:
        return _("unknown, for the line has no tariff")
    if cost.least == cost.most:
        return _("about %(cost)s") % {"cost": persian.rials(cost.least)}
    return _("%(least)s to %(most)s") % {"least": persian.number(cost.least), "most": persian.rials(cost.most)}


def _counted(n: int) -> str:
    said = ngettext("%(n)s message counts as sent now.", "%(n)s messages count as sent now.", n)
    return said % {"n": persian.number(n)}


def _sent(n: int) -> str:
    said = ngettext("%(n)s message goes out once more.", "%(n)s messages go out once more.", n)
    return said % {"n": persian.number(n)}


_WORDS = {
    "count-as-sent": Word(lifecycle.count_as_sent, _counted),
    "send-again": Word(lifecycle.send_again, _sent),
}


@require_http_methods(["GET", "HEAD", "POST"])
def decide(request: HttpRequest, pk: int, word: str) -> HttpResponse:
    """Ask a second time, with count, cost and consequence, as a dialog or a page of its own; then do it.

    ``batch`` names one request, without it the word is for all. Sending again wants to hear that somebody looked.
    """
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    lines = ("line__account", "fallback_line__account")
    campaign = get_object_or_404(Campaign.objects.select_related(*lines), pk=pk)
    asked = request.POST if request.method == "POST" else request.GET
    number = _number(asked.get("batch", ""))
    if request.method == "POST":
        return _do(request, campaign, word, number)
    in_dialog = request.headers.get("HX-Request") == "true"
    facts = {"campaign": campaign, "word": word, "number": number, "in_dialog": in_dialog}
    template = "campaigns/_decide.html" if in_dialog else "campaigns/decide.html"
    response = render(request, template, facts | _question(campaign, word, number))
    patch_vary_headers(response, ["HX-Request"])
    return response


def _number(text: str) -> int | None:
    """A batch's number; None for all of them. Whatever else stands there must not be taken for all."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 11):
        raise Http404
    return int(text)


def _question(campaign: Campaign, word: str, number: int | None) -> dict[str, Any]:
    picture = unclear.picture(campaign.pk, number)
    if not picture.requests:
        return {"problem": unclear.why_not(campaign.pk, number)}
    if word == "send-again" and (problem := lifecycle.why_not_again(campaign)):
        return {"problem": problem}
    batches = Batch.objects.filter(campaign=campaign).unclear().select_related("line__account")
    batch = None if number is None else batches.filter(number=number).first()
    slugs = batches.filter(line__in=picture.by_line).values_list("line__account__slug", flat=True).distinct().order_by()
    return {
        "picture": picture,
        "batch": batch,
        "asked": _asked(batch) if batch else "",
        "cost": cost_in_words(unclear.cost(unclear.prices(campaign, picture.by_line), picture.by_line)),
        "keyed": all(registry.provider_class(slug).capabilities.idempotent for slug in slugs),
    }


def _do(request: HttpRequest, campaign: Campaign, word: str, number: int | None) -> HttpResponse:
    if word == "send-again" and request.POST.get("looked") != "yes":
        messages.error(request, _("Nothing was sent: tick first that you have looked in the provider's panel."))
        return redirect("campaigns:detail", campaign.pk)
    seen = request.POST.get("seen", "") or "nothing"  # a form without it was not made by us
    try:
        n = _WORDS[word].do(campaign.pk, request.user, number, seen=seen)
    except lifecycle.NotAllowed as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _WORDS[word].done(n))
    return redirect("campaigns:detail", campaign.pk)
