"""What changes in the composer while somebody fills it in: rows and lists, who gets it, when it ends, what it costs."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from campaigns import carrying, checking, forecast, lately, reporting
from campaigns.composing import templating
from campaigns.models import AudienceRule, Campaign
from campaigns.sending import headcount, naming, windows
from campaigns.step_forms import AudienceForm, SendingForm
from campaigns.views import figures, step_pages
from campaigns.views.compose import drafts
from providers.models import Holiday

SHOWN = 5  # recipients by name


def _known(request: HttpRequest) -> Campaign | None:
    """The draft that ``?campaign=`` names."""
    number = request.GET.get("campaign", "")
    found: Campaign | None = None
    if number.isascii() and number.isdigit():
        found = drafts().filter(pk=int(number[:18])).first()
    return found


@require_POST
@permission_required("campaigns.add_campaign", raise_exception=True)
def parts(request: HttpRequest) -> HttpResponse:
    """The recipients anew, after a row was added or removed, something searched, or another source chosen."""
    campaign = _known(request)
    form = AudienceForm(request.POST, campaign=campaign, judged=False)
    context = {"form": form, "campaign": campaign} | step_pages.audience(form)
    response = render(request, "campaigns/_audience.html", context)
    response["HX-Trigger-After-Settle"] = "rows"  # the count listens
    return response


@require_POST
@permission_required("campaigns.add_campaign", raise_exception=True)
def count(request: HttpRequest) -> HttpResponse:
    """Who gets it and who does not, by what the form says so far; and its rows in words."""
    form = AudienceForm(request.POST, campaign=_known(request))
    form.is_valid()  # what is missing or wrong is told; the rest is counted
    context: dict[str, Any] = {"form": form, "keeps": form.keeps, "numbers_errors": form.errors.get("numbers", [])}
    if form.lines and not form.keeps:
        context |= _counted(request, form)
    return render(request, "campaigns/_count.html", context)


def _counted(request: HttpRequest, form: AudienceForm) -> dict[str, Any]:
    data = form.cleaned_data
    campaign = Campaign(line=form.line_for(request.user), sample_size=data.get("sample_size"))
    campaign.form_token = data.get("token")
    if form.campaign:
        campaign.form_token, campaign.send_key = form.campaign.form_token, form.campaign.send_key
    cap = {name: data.get(name) for name in ("cap_messages", "cap_days")}
    if not checking.cap_problems(Campaign(line=campaign.line, **cap)):
        campaign.cap_messages, campaign.cap_days = cap["cap_messages"], cap["cap_days"]
    rules = [rule for rule in form.rules() if rule.kind != AudienceRule.Kind.PROVIDER]
    campaign.proposed_rules = rules
    found = headcount.count(campaign)
    lately.remember(campaign, found)
    return {
        "line": campaign.line,
        "headcount": found,
        "accounting": figures.headcount(found),
        "people": list(naming.contacts(campaign).order_by("pk")[:SHOWN]) if rules else [],
    }


@require_POST
@permission_required("campaigns.change_campaign", raise_exception=True)
def course(request: HttpRequest, pk: int) -> HttpResponse:
    """When a draft would begin and end as the form says so far, and what it costs on each line."""
    draft = get_object_or_404(drafts(), pk=pk)
    form = SendingForm(request.POST, campaign=draft)
    form.is_valid()  # what is missing or wrong stands at its place; the rest is foretold
    campaign = form.as_campaign()
    context: dict[str, Any] = {"campaign": campaign, "keeps": checking.keeps_audience(campaign.line)}
    local = timezone.localtime(max(campaign.scheduled_at or timezone.now(), timezone.now()))
    rests = Holiday.rests_of(campaign.line, local.date())
    context |= {
        "begins": windows.next_opening(campaign.line, local, rests),
        "waits": not windows.is_open(campaign.line, local, rests),
        "today": timezone.localdate(),
    }
    if not context["keeps"]:
        context |= _foretold(campaign, form)
    return render(request, "campaigns/_foretold.html", context)


def _foretold(campaign: Campaign, form: SendingForm) -> dict[str, Any]:
    try:
        audience = lately.audience(campaign)
        estimate = reporting.estimate(campaign, found=audience.headcount, by_operator=audience.by_operator)
    except templating.TemplateError:
        return {}
    sendable = estimate.recipients / (sum(estimate.by_operator.values()) or 1)
    people = {operator: round(number * sendable) for operator, number in estimate.by_operator.items()}
    able = [each.line for each in form.carried if not each.problems and not checking.keeps_audience(each.line)]
    return {
        "estimate": estimate,
        "ends_at": forecast.ends_at(campaign, estimate.recipients),
        "prices": carrying.prices(campaign, able, people),
    }
