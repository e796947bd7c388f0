"""Drafts that are made of a campaign: its copy, and a further try at those whom it did not reach."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from campaigns import checking, copying, drafting, reporting
from campaigns.drafting import InvalidDraft
from campaigns.models import Campaign
from campaigns.states import MessageStatus
from campaigns.unclear import Cost
from campaigns.views import asking
from campaigns.views.unclear import cost_in_words
from providers.models import SenderLine

PERMISSION = "campaigns.add_campaign"
_WHOM: dict[str, Promise] = {
    "not_delivered": gettext_lazy("not delivered"),
    "failed": gettext_lazy("failed"),
    "cancelled": gettext_lazy("cancelled"),
    "expired": gettext_lazy("expired"),
}
_WHY: dict[str, Promise] = {
    "not_delivered": gettext_lazy("Out of reach, or the phone was off."),
    "failed": gettext_lazy("Certainly not sent. Whom the provider refused it may refuse again."),
    "cancelled": gettext_lazy("Cancelled before they went out."),
    "expired": gettext_lazy("The campaign's time was over before their turn came."),
}


class Whom(NamedTuple):
    """Those of a campaign whose message came to one outcome."""

    outcome: str
    label: str
    why: str
    number: int
    ticked: bool


@require_http_methods(["GET", "HEAD", "POST"])
def clone(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask what the copy is called, as a dialog or a page; then make it and lead to its first step."""
    campaign = _campaign(request, pk)
    if request.method == "POST":
        name = request.POST.get("name", "").replace("\0", "")
        try:
            made = copying.clone(campaign.pk, request.user, name=name, form_token=asking.token(request))
        except InvalidDraft as error:
            messages.error(request, str(error))
            return redirect("campaigns:detail", campaign.pk)
        except Campaign.DoesNotExist:  # deleted meanwhile
            raise Http404 from None
        messages.success(request, _("Here is the copy: go through its steps, then launch it."))
        return redirect("campaigns:edit", made.pk)
    facts = {
        "name": copying.name_of_copy(campaign),
        "longest_name": drafting.MAX_NAME,
        "token": uuid.uuid4(),
        "odd": checking.audience_problems(campaign.line, campaign.audience_rules()),
        "times_passed": any((at := getattr(campaign, name)) and at <= timezone.now() for name in copying.TIMES),
    }
    return asking.ask(request, campaign, "campaigns/_clone_form.html", facts)


@require_http_methods(["GET", "HEAD", "POST"])
def again(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask who is tried again and on which line, with count and cost; then make the draft and show its review."""
    campaign = _campaign(request, pk)
    if problem := copying.why_not_again(campaign):
        return asking.ask(request, campaign, "campaigns/_again_form.html", {"problem": problem})
    given = request.POST if request.method == "POST" else request.GET
    lines = copying.lines_for(campaign)
    line = _line(given, lines)
    if request.method != "POST":
        facts = {"lines": lines, "chosen_line": line, "token": uuid.uuid4()}
        return asking.ask(request, campaign, "campaigns/_again_form.html", facts | _offer(campaign, line, given))
    try:
        if line is None:
            raise InvalidDraft(_("No line can carry it."))
        made = copying.again(
            campaign.pk, given.getlist("outcome"), request.user, line=line, form_token=asking.token(request)
        )
    except InvalidDraft as error:
        messages.error(request, str(error))
        return redirect("campaigns:detail", campaign.pk)
    messages.success(request, _("Here is the draft for them: look at it once more, then launch it."))
    return redirect(made)


def _campaign(request: HttpRequest, pk: int) -> Campaign:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    return get_object_or_404(Campaign.objects.real().select_related("line__account", "file"), pk=pk)


def _line(given: QueryDict, lines: Sequence[SenderLine]) -> SenderLine | None:
    """The chosen line, or the first; None where there is none."""
    chosen = given.get("line")
    if chosen is None:
        return lines[0] if lines else None
    return next((line for line in lines if str(line.pk) == chosen), None)


def _offer(campaign: Campaign, line: SenderLine | None, given: QueryDict) -> dict[str, Any]:
    """The form as it is ticked; at first everybody. An outcome that nobody's message came to is not shown."""
    numbers = {outcome: number for outcome, number in copying.unreached(campaign).items() if number}
    ticked = given.getlist("outcome") if "line" in given else list(numbers)
    costs = copying.prices(campaign, line, numbers) if line else dict.fromkeys(numbers)
    rows = [
        Whom(outcome, str(_WHOM[outcome]), str(_WHY[outcome]), number, outcome in ticked)
        for outcome, number in numbers.items()
    ]
    chosen = [row.outcome for row in rows if row.ticked]
    return {
        "unclear": reporting.accounting(campaign).counts[MessageStatus.UNKNOWN],
        "rows": rows,
        "number": sum(numbers[outcome] for outcome in chosen),
        "cost": cost_in_words(_together([costs[outcome] for outcome in chosen])),
    }


def _together(costs: Sequence[Cost | None]) -> Cost | None:
    known = [cost for cost in costs if cost is not None]
    if len(known) < len(costs):
        return None
    return Cost(sum(cost.least for cost in known), sum(cost.most for cost in known))
