"""The composer: a draft filled in step by step, saved at each step, left and taken up again."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from campaigns import attaching, drafting
from campaigns.models import Campaign, TextTemplate
from campaigns.states import EDITABLE
from campaigns.step_forms import AudienceForm, SendingForm, StepForm, TextForm
from campaigns.views import step_pages
from providers.models import UploadedFile

Step = Campaign.Step
ORDER = list(Step)
FORMS: dict[str, type[StepForm]] = {Step.AUDIENCE: AudienceForm, Step.TEXT: TextForm, Step.SENDING: SendingForm}
LEAVING = frozenset({"to", "save"})  # buttons that lead away from a step, and not only to the next one
ARRANGING = ("add", "remove", "search")  # of rows: the form comes back, and nothing is judged or saved


def drafts() -> Any:
    """Campaigns with what the composer asks of them."""
    return Campaign.objects.select_related("line__account", "fallback_line__account", "failover_line__account", "file")


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("campaigns.add_campaign", raise_exception=True)
def compose(request: HttpRequest) -> HttpResponse:
    """The first step of a draft that is not made yet; ``?phonebook=ID`` is ticked, ``?text=ID`` is its text.

    Who comes back to the form that has made a draft (``token``) is led to that draft.
    """
    sent = request.POST or request.GET
    if (made := _made_by_form(request, sent.get("token", ""))) is not None:
        return redirect(_address(made, Step.AUDIENCE)) if request.method != "POST" else _posted(request, made, "")
    if request.method == "POST":
        return _posted(request, None, "")
    return _page(request, None, Step.AUDIENCE, _form(request, None, Step.AUDIENCE))


def _made_by_form(request: HttpRequest, token: str) -> Campaign | None:
    """The draft that this very form has made."""
    try:
        key = uuid.UUID(token)
    except ValueError:
        return None
    found: Campaign | None = drafts().filter(status__in=EDITABLE, created_by=request.user.pk, form_token=key).first()
    return found


@require_safe
@permission_required("campaigns.change_campaign", raise_exception=True)
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Leads to the step that comes next; of a complete draft to the first, or ``?step=``."""
    campaign = get_object_or_404(drafts(), pk=pk)
    asked = request.GET.get("step", "")
    if campaign.composed_to != Step.REVIEW:
        return redirect(_address(campaign, campaign.composed_to))
    return redirect(_address(campaign, asked if asked in FORMS else Step.AUDIENCE))


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("campaigns.change_campaign", raise_exception=True)
def step(request: HttpRequest, pk: int, step: str) -> HttpResponse:
    """One step of a draft; a step beyond the one that comes next leads there."""
    if step not in FORMS:
        raise Http404
    campaign = get_object_or_404(drafts(), pk=pk)
    if not campaign.is_editable:
        messages.error(request, _("This campaign is no draft any more, so it cannot be changed."))
        return redirect(campaign)
    if ORDER.index(Step(step)) > ORDER.index(Step(campaign.composed_to)):
        return redirect(_address(campaign, campaign.composed_to))
    if request.method == "POST":
        return _posted(request, campaign, step)
    return _page(request, campaign, step, _form(request, campaign, step))


def _form(request: HttpRequest, campaign: Campaign | None, step: str) -> StepForm:
    more: dict[str, Any] = {"campaign": campaign}
    if step == Step.AUDIENCE:
        more["judged"] = not any(action in request.POST for action in ARRANGING)
        more["initial"] = {"include": request.GET.getlist("phonebook")} if campaign is None else None
    sent = (request.POST, request.FILES) if request.method == "POST" else ()
    return FORMS[step](*sent, **more)


def _posted(request: HttpRequest, campaign: Campaign | None, step: str) -> HttpResponse:
    """Saves a step and goes where the button leads; shows it again with what is wrong, or changed meanwhile."""
    step = step or Step.AUDIENCE
    form = _form(request, campaign, step)
    if isinstance(form, AudienceForm) and not (form.judged and form.lines):
        return _page(request, campaign, step, form)
    file = form.attach() if isinstance(form, TextForm) else None
    if not form.is_valid():
        if campaign is not None and LEAVING & set(request.POST) and not form.is_touched:
            return redirect(_way(request, campaign, step))
        return _page(request, campaign, step, form, {"file": file} if file else None)
    try:
        saved = _save(request, campaign, step, form, file)
    except (drafting.InvalidDraft, attaching.InvalidFile) as error:
        form.add_error("line" if isinstance(error, attaching.InvalidFile) else None, str(error))
    except drafting.Outdated as error:
        more = {"stale": form.differences(error.campaign), "revision": error.campaign.revision}
        return _page(request, error.campaign, step, form, more | ({"file": file} if file else {}))
    else:
        if "save" in request.POST:
            messages.success(request, _("The draft was saved."))
        return redirect(_way(request, saved, step))
    return _page(request, campaign, step, form)


def _save(
    request: HttpRequest, campaign: Campaign | None, step: str, form: StepForm, file: UploadedFile | None
) -> Campaign:
    content = form.content()
    if isinstance(form, AudienceForm):
        content["line"] = form.line_for(request.user)
        if campaign is None:
            token = form.cleaned_data["token"]
            text = _kept_text(request)
            rules = form.rules()
            return drafting.begin(**content, text=text, rules=rules, created_by=request.user, form_token=token)
    elif isinstance(form, TextForm):
        content["file"] = file
    elif isinstance(form, SendingForm):
        content["file"] = form.attach()
    if campaign is None:
        raise Http404
    facts = {"step": Step(step), "revision": form.cleaned_data["revision"], "rules": form.rules()}
    return drafting.revise(campaign.pk, actor=request.user, **facts, **content)


def _kept_text(request: HttpRequest) -> str:
    """The text of the template that ``?text=`` names; empty without one."""
    number = request.GET.get("text", "")
    kept = TextTemplate.objects.filter(pk=int(number[:18])) if number.isascii() and number.isdigit() else None
    return (kept.values_list("text", flat=True).first() if kept else None) or ""


def _way(request: HttpRequest, campaign: Campaign, step: str) -> str:
    """Where the button leads: a step by name, the list, or the step after this one."""
    if "save" in request.POST:
        return reverse("campaigns:list")
    wanted = request.POST.get("to", "")
    return _address(campaign, wanted if wanted in Step.values else ORDER[ORDER.index(Step(step)) + 1])


def _address(campaign: Campaign, step: str) -> str:
    if step == Step.REVIEW:
        return campaign.get_absolute_url()
    return reverse("campaigns:step", args=[campaign.pk, str(step)])


def _page(
    request: HttpRequest, campaign: Campaign | None, step: str, form: StepForm, more: dict[str, Any] | None = None
) -> HttpResponse:
    """A step as it stands: with what was typed, what is wrong with it, and the way on, back and out."""
    place = ORDER.index(Step(step))
    context = {
        "form": form,
        "campaign": campaign,
        "step": str(step),
        "steps": step_pages.marks(campaign, step),
        "back": str(ORDER[place - 1]) if place else "",
        "last": ORDER[place + 1] == Step.REVIEW,
        "revision": form["revision"].value() if form.is_bound else getattr(campaign, "revision", 0),
        "unsaved_to": _way(request, campaign, step) if campaign and LEAVING & set(request.POST) else "",
        **step_pages.context(form),
        **(more or {}),
    }
    refused = bool(form.errors) or "stale" in context
    return render(request, "campaigns/compose.html", context, status=422 if refused else 200)
