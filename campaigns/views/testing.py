"""Trying a draft on a few numbers: the dialog, what it would come to, and what became of the latest tests."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import testing
from campaigns.composing import templating
from campaigns.drafting import InvalidDraft
from campaigns.models import Campaign, Message
from campaigns.parts.ours import BETWEEN_NUMBERS
from campaigns.states import AWAITING_REPORT
from campaigns.views import asking
from campaigns.views.wording import why_not_sending
from contacts.models import Contact
from interface import masking

FORM = "campaigns/_test_form.html"
PERMISSION = "campaigns.test_campaign"
SHOWN = 3  # tests
REPORTS_AWAITED = dt.timedelta(minutes=10)
MAX_TYPED = 2_000  # characters


class Tried(NamedTuple):
    """A test with what became of each of its messages; before its recipients are fixed there are ``numbers`` alone."""

    campaign: Campaign
    messages: list[Message]
    numbers: list[str]
    notices: list[Any]


def context(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    """What ``_test_send.html`` shows on a draft's pages: the button, or why there is none, and the latest tests."""
    allowed = request.user.has_perm(PERMISSION)
    return {"may_test": allowed, "why_no_test": testing.why_not(campaign) if allowed else ""} | _tests(campaign)


def _tests(campaign: Campaign) -> dict[str, Any]:
    rows = Campaign.objects.filter(made_from=campaign, is_test=True).select_related(
        "line__account", "fallback_line__account", "failover_line__account", "created_by"
    )
    tests = list(rows.prefetch_related("rules").order_by("-pk")[:SHOWN])
    sent: dict[int, list[Message]] = {test.pk: [] for test in tests}
    for message in Message.objects.filter(campaign__in=sent).order_by("pk"):
        sent[message.campaign_id].append(message)
    tried = [_tried(test, sent[test.pk]) for test in tests]
    return {"tests": tried, "tests_polled": any(_goes_on(test) for test in tried)}


def _tried(test: Campaign, sent: list[Message]) -> Tried:
    numbers = [number for rule in test.rules.all() for number in rule.params.get("numbers", [])]
    return Tried(test, sent, [] if sent else numbers, why_not_sending(test))


def _goes_on(tried: Tried) -> bool:
    """Whether news of a test may still come: it is going out, or ended lately and its reports are awaited."""
    if tried.campaign.is_live:
        return True
    ended = tried.campaign.finished_at
    awaited = any(message.status in AWAITING_REPORT for message in tried.messages)
    return awaited and ended is not None and timezone.now() - ended < REPORTS_AWAITED


@require_safe
def tests(request: HttpRequest, pk: int) -> HttpResponse:
    """The latest tests of a draft; asked for again and again until nothing of them is open."""
    campaign = get_object_or_404(Campaign, pk=pk)
    return render(request, "campaigns/_tests.html", {"campaign": campaign, **_tests(campaign)})


@require_http_methods(["GET", "HEAD", "POST"])
def test(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask whom a test goes to and whose text it has, as a dialog or a page; then send it, once a form."""
    campaign = _campaign(request, pk)
    if request.method != "POST":
        return asking.ask(request, campaign, FORM, _offer(request, campaign))
    person, token = _reader(request.POST), asking.token(request)
    try:
        testing.send(campaign.pk, _typed(request.POST), request.user, read_by=person, form_token=token)
    except InvalidDraft as error:
        return asking.ask(request, campaign, FORM, _offer(request, campaign) | {"problem": str(error)})
    except Campaign.DoesNotExist:  # deleted meanwhile
        raise Http404 from None
    if not asking.in_dialog(request):
        messages.success(request, _("The test is on its way."))
        return redirect("campaigns:detail", campaign.pk)
    response = asking.ask(request, campaign, FORM, {"sent": True, "opens_at": testing.opens_at(campaign)})
    response["HX-Trigger"] = "tested"  # the list of tests listens
    return response


@require_POST
def test_sum(request: HttpRequest, pk: int) -> HttpResponse:
    """What the test would come to as it is typed: who reads what, how many parts, what it costs."""
    campaign = _campaign(request, pk)
    facts: dict[str, Any] = {"campaign": campaign, "opens_at": testing.opens_at(campaign)}
    try:
        facts["sum"] = _sum(campaign, request.POST)
    except InvalidDraft as error:
        facts["problem"] = str(error)
    return render(request, "campaigns/_test_sum.html", facts)


def _campaign(request: HttpRequest, pk: int) -> Campaign:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    return get_object_or_404(Campaign.objects.select_related("line__account", "fallback_line__account"), pk=pk)


def _sum(campaign: Campaign, given: Mapping[str, str]) -> testing.Sum | None:
    typed = _typed(given)
    if testing.why_not(campaign) or not any(each.strip() for each in typed):
        return None
    return testing.total(campaign, testing.numbers_of(typed), testing.reader(campaign, _reader(given)))


def _offer(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    """The form: as it was sent, or with the numbers of the person's last test, where they may see them."""
    if why_not := testing.why_not(campaign):
        return {"why_not": why_not}
    known = "\n".join(testing.last_numbers(request.user)) if masking.may_see_numbers() else ""
    typed = request.POST.get("numbers", known)[:MAX_TYPED]
    given = {"numbers": typed, "reader": request.POST.get("reader", "")}
    try:
        found = _sum(campaign, given)
    except InvalidDraft:
        found = None
    return {
        "typed": typed,
        "chosen": given["reader"],
        "readers": _readers(campaign),
        "most": settings.TEST_RECIPIENTS,
        "token": request.POST.get("token") or uuid.uuid4(),
        "sum": found,
        "opens_at": testing.opens_at(campaign),
    }


def _readers(campaign: Campaign) -> list[Contact]:
    """The recipients to choose from; none where everybody gets the same text."""
    return testing.readers(campaign) if templating.parse(campaign.text).is_personal else []


def _typed(given: Mapping[str, str]) -> list[str]:
    return BETWEEN_NUMBERS.split(given.get("numbers", "")[:MAX_TYPED].replace("\r", "\n"))


def _reader(given: Mapping[str, str]) -> int | None:
    """The contact whose text it is; None for each number's own."""
    text = given.get("reader", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Http404
    return int(text)
