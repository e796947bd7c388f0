"""The composer: a new draft, a draft changed, and the live preview on real recipients."""

from __future__ import annotations

import uuid
from collections import Counter
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from campaigns import attaching, drafting, reporting
from campaigns.composing import templating
from campaigns.composing.preview import previews, template_of
from campaigns.forms import CampaignForm
from campaigns.models import Campaign
from campaigns.sending import audience
from campaigns.states import EDITABLE
from campaigns.views.wording import text_warnings
from contacts.models import Contact, Phonebook
from providers.models import SenderLine, UploadedFile

PREVIEWED = 5  # recipients whose texts the preview shows
SAMPLE = 200  # contacts that are asked for their attributes


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("campaigns.add_campaign", raise_exception=True)
def compose(request: HttpRequest) -> HttpResponse:
    """A new campaign. ``?phonebook=ID`` has that phonebook ticked."""
    initial = {"include": request.GET.getlist("phonebook")}
    made = _made_by_this_form(request)
    form = CampaignForm(request.POST or None, request.FILES or None, campaign=made, initial=initial)
    return _compose(request, form, made)


def _made_by_this_form(request: HttpRequest) -> Campaign | None:
    """The draft that this very form has made, where somebody came back to it by the back button to change something."""
    try:
        token = uuid.UUID(request.POST.get("token", ""))
    except ValueError:
        return None
    drafts = Campaign.objects.filter(status__in=EDITABLE, created_by=request.user.pk)
    return drafts.select_related("line__account", "file").filter(form_token=token).first()


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("campaigns.change_campaign", raise_exception=True)
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Changes a draft; of any other campaign it says that it is none any more."""
    campaign = get_object_or_404(Campaign.objects.select_related("line__account", "file"), pk=pk)
    if not campaign.is_editable:
        messages.error(request, _("This campaign is no draft any more, so it cannot be changed."))
        return redirect(campaign)
    form = CampaignForm(request.POST or None, request.FILES or None, campaign=campaign)
    return _compose(request, form, campaign)


def _compose(request: HttpRequest, form: CampaignForm, campaign: Campaign | None) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        try:
            saved = _save(request, form, campaign)
        except drafting.InvalidDraft as error:
            form.add_error(None, str(error))
        except attaching.InvalidFile as error:
            form.add_error("file", str(error))
        else:
            if "review" in request.POST:
                return redirect(saved)
            messages.success(request, _("The draft was saved."))
            return redirect("campaigns:edit", saved.pk)
    context = {
        "form": form,
        "campaign": campaign,
        "lines": form.fields["line"].queryset,  # type: ignore[attr-defined]  # a model choice field
        "chosen_line": _chosen_line(form),
        "books": list(Phonebook.objects.ours()),
        "included": _texts(form["include"].value()),
        "excluded": _texts(form["exclude"].value()),
        "placeholders": _placeholders(Contact.objects.order_by("-pk")[:SAMPLE]),
    }
    return render(request, "campaigns/compose.html", context, status=422 if form.errors else 200)


def _texts(values: Any) -> list[str]:
    return [str(value) for value in values or []]


def _chosen_line(form: CampaignForm) -> str:
    """The line that is ticked; where there is but one, that one."""
    chosen = form["line"].value()
    lines = form.fields["line"].queryset  # type: ignore[attr-defined]  # a model choice field
    return str(chosen) if chosen else str(lines[0].pk) if len(lines) == 1 else ""


def _save(request: HttpRequest, form: CampaignForm, campaign: Campaign | None) -> Campaign:
    data = form.cleaned_data
    fields: dict[str, Any] = {name: data[name] for name in ("name", "line", "text", "scheduled_at")}
    fields["file"] = _file(data, campaign)
    if campaign is None:
        return drafting.create(**fields, rules=form.rules(), created_by=request.user, form_token=data["token"])
    return drafting.revise(campaign.pk, **fields, rules=form.rules(), actor=request.user)


def _file(data: dict[str, Any], campaign: Campaign | None) -> UploadedFile | None:
    """The file to send along: the uploaded one, or the draft's own, kept for the line's account."""
    given, line = data.get("file"), data["line"]
    if isinstance(given, TemporaryUploadedFile):
        return attaching.attach(line, Path(given.temporary_file_path()), given.name or "", take=True)
    kept = campaign.file if campaign else None
    if kept is None or data.get("remove_file"):
        return None
    return kept if kept.account_id == line.account_id else attaching.attach(line, Path(kept.path), kept.filename)


@require_POST
@permission_required("campaigns.add_campaign", raise_exception=True)
def preview(request: HttpRequest) -> HttpResponse:
    """The composer's fragment: what real recipients will read, how many they are, what it costs, what is wrong."""
    number = request.GET.get("campaign", "")
    known = (
        Campaign.objects.filter(pk=int(number)) if number.isascii() and number.isdigit() else Campaign.objects.none()
    )
    form = CampaignForm(request.POST, campaign=known.first())
    form.is_valid()  # what is missing or wrong is told; the rest is shown
    context: dict[str, Any] = {"form": form, "text_errors": form.errors.get("text", [])}
    line = form.cleaned_data.get("line")
    if line is not None:
        context |= _previewed(line, form)
    return render(request, "campaigns/_preview.html", context)


def _previewed(line: SenderLine, form: CampaignForm) -> dict[str, Any]:
    campaign = Campaign(line=line, text=form.cleaned_data.get("text", ""))
    campaign.proposed_rules = form.rules()
    people = audience.contacts(campaign)
    facts: dict[str, Any] = {"line": line, "placeholders": _placeholders(people.order_by("pk")[:SAMPLE])}
    if not campaign.text:
        return facts
    template = template_of(campaign.text, line.suffix)
    shown = previews(template, people.order_by("pk")[:PREVIEWED], line.part_size)
    estimate = reporting.estimate(campaign)
    texts = [each.text for each in shown] or [template.literal]
    return facts | {
        "previews": shown,
        "literal": template.literal,
        "estimate": estimate,
        "warnings": text_warnings([campaign.text, *texts], estimate.longest),
        "no_tariff": estimate.cost is None and estimate.recipients > 0,
    }


def _placeholders(contacts: Any) -> list[str]:
    """The placeholders that these contacts can fill: their fields, then their attributes, the commonest first."""
    keys = Counter(key for attributes in contacts.values_list("attributes", flat=True) for key in attributes)
    return [*templating.FIELDS, *(key for key, _number in keys.most_common(12))]
