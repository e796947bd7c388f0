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
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from campaigns import attaching, checking, drafting, reporting, ways
from campaigns.composing import segments, templating
from campaigns.composing.preview import Preview, previews, template_of
from campaigns.describing import describe
from campaigns.forms import CampaignForm
from campaigns.models import AudienceRule, Campaign
from campaigns.sending import naming
from campaigns.states import EDITABLE
from campaigns.views import figures
from campaigns.views.lines import cards
from campaigns.views.wording import text_warnings
from contacts.models import Contact, Phonebook
from providers.models import SenderLine, UploadedFile

ARRANGING = ("add", "remove", "search")  # of rows: the form comes back, and nothing is judged or saved
SAVED = (
    *("name", "line", "text", "scheduled_at", "provider_keeps_time", "expires_at", "messages_per_minute"),
    *("fallback_line", "failover_line", "copy_text", "is_secure"),
    *("cap_messages", "cap_days", "sample_size"),
)
COURSE = ("expires_at", "messages_per_minute", "failover_line")
PREVIEWED = 5  # recipients whose texts the preview shows
SAMPLE = 200  # contacts that are asked for their attributes


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("campaigns.add_campaign", raise_exception=True)
def compose(request: HttpRequest) -> HttpResponse:
    """A new campaign. ``?phonebook=ID`` has that phonebook ticked."""
    initial = {"include": request.GET.getlist("phonebook")}
    return _compose(request, _made_by_this_form(request), initial)


def _made_by_this_form(request: HttpRequest) -> Campaign | None:
    """The draft that this very form has made, where somebody came back to it by the back button to change something."""
    try:
        token = uuid.UUID(request.POST.get("token", ""))
    except ValueError:
        return None
    drafts = Campaign.objects.filter(status__in=EDITABLE, created_by=request.user.pk)
    return (
        drafts.select_related("line__account", "fallback_line__account", "failover_line__account", "file")
        .filter(form_token=token)
        .first()
    )


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("campaigns.change_campaign", raise_exception=True)
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Changes a draft; of any other campaign it says that it is none any more."""
    campaign = get_object_or_404(
        Campaign.objects.select_related("line__account", "fallback_line__account", "failover_line__account", "file"),
        pk=pk,
    )
    if not campaign.is_editable:
        messages.error(request, _("This campaign is no draft any more, so it cannot be changed."))
        return redirect(campaign)
    return _compose(request, campaign)


def _compose(request: HttpRequest, campaign: Campaign | None, initial: Any = None) -> HttpResponse:
    judged = not any(action in request.POST for action in ARRANGING)
    sent = (request.POST or None, request.FILES or None)
    form = CampaignForm(*sent, campaign=campaign, initial=initial, judged=judged)
    file = _file(form) if request.method == "POST" and judged else None
    if request.method == "POST" and judged and form.is_valid():
        try:
            saved = _save(request, form, file)
        except drafting.InvalidDraft as error:
            form.add_error(None, str(error))
        else:
            if "review" in request.POST:
                return redirect(saved)
            messages.success(request, _("The draft was saved."))
            return redirect("campaigns:edit", saved.pk)
    lines = cards(form.lines)
    context = audience_of_form(form) | {
        "lines": lines,
        "chosen_line": form.chosen_line,
        "chosen": next((card for card in lines if card.line == form.chosen_line), None),
        "fallback_chosen": str(form["fallback_line"].value() or ""),
        "failover_chosen": str(form["failover_line"].value() or ""),
        "course_open": any(form[name].value() or name in form.errors for name in COURSE),
        "placeholders": _placeholders(Contact.objects.order_by("-pk")[:SAMPLE]),
        "file": file or (campaign.file if campaign else None),
    }
    return render(request, "campaigns/compose.html", context, status=422 if form.errors else 200)


def audience_of_form(form: CampaignForm) -> dict[str, Any]:
    """What the composer's recipients show: phonebooks to tick, rows, and what the chosen line's provider keeps."""
    kept = _texts(form["kept"].value())
    said = describe(form.other_rules, form.campaign.line.account_id if form.campaign else None)
    rules = zip(form.other_rules, said, strict=True)
    address = reverse("campaigns:parts")
    return {
        "form": form,
        "campaign": form.campaign,
        "books": list(Phonebook.objects.ours()),
        "included": _texts(form["include"].value()),
        "excluded": _texts(form["exclude"].value()),
        "others": [(rule, words, str(rule.pk) in kept) for rule, words in rules],
        "account": form.keeping_account,
        "keeps": form.keeps,
        "by_jobs": form.by_jobs,
        "acting": form.acting,
        "removed": not form.judged and "remove" in form.data,
        "parts_url": f"{address}?campaign={form.campaign.pk}" if form.campaign else address,
    }


def _texts(values: Any) -> list[str]:
    return [str(value) for value in values or []]


def _save(request: HttpRequest, form: CampaignForm, file: UploadedFile | None) -> Campaign:
    data, campaign = form.cleaned_data, form.campaign
    fields: dict[str, Any] = {name: data[name] for name in SAVED}
    fields["file"] = file
    if campaign is None:
        return drafting.create(**fields, rules=form.rules(), created_by=request.user, form_token=data["token"])
    return drafting.revise(campaign.pk, **fields, rules=form.rules(), actor=request.user)


def _file(form: CampaignForm) -> UploadedFile | None:
    """The file to send along, kept for the line's account: the uploaded one, or the draft's own; else an error of its.

    Looked at whatever is wrong with the rest of the form: nobody uploads half a gigabyte again for a missing name.
    """
    form.is_valid()
    data, line = form.cleaned_data, form.cleaned_data.get("line")
    if line is None or "file" in form.errors:
        return None
    given, kept = data.get("file"), data.get("kept_file") or (form.campaign.file if form.campaign else None)
    try:
        if isinstance(given, TemporaryUploadedFile):
            return attaching.attach(line, Path(given.temporary_file_path()), given.name or "", take=True)
        if kept is None or data.get("remove_file"):
            return None
        return kept if kept.account_id == line.account_id else attaching.attach(line, Path(kept.path), kept.filename)
    except attaching.InvalidFile as error:
        form.add_error("file", str(error))
        return None


def _known(request: HttpRequest) -> Campaign | None:
    """The draft that ``?campaign=`` names."""
    number = request.GET.get("campaign", "")
    drafts = Campaign.objects.select_related(
        "line__account", "fallback_line__account", "failover_line__account", "file"
    )
    return drafts.filter(pk=int(number[:18])).first() if number.isascii() and number.isdigit() else None


@require_POST
@permission_required("campaigns.add_campaign", raise_exception=True)
def parts(request: HttpRequest) -> HttpResponse:
    """The composer's recipients anew, after a row was added or removed, something searched, or another line chosen."""
    form = CampaignForm(request.POST, campaign=_known(request), judged=False)
    response = render(request, "campaigns/_audience.html", audience_of_form(form))
    response["HX-Trigger-After-Settle"] = "rows"  # the preview listens
    return response


@require_POST
@permission_required("campaigns.add_campaign", raise_exception=True)
def preview(request: HttpRequest) -> HttpResponse:
    """The composer's fragment: what real recipients will read, how many they are, what it costs, what is wrong."""
    form = CampaignForm(request.POST, campaign=_known(request))
    form.is_valid()  # what is missing or wrong is told; the rest is shown
    context: dict[str, Any] = {"form": form, "text_errors": form.errors.get("text", [])}
    line = form.cleaned_data.get("line")
    if line is not None:
        context |= _previewed(line, form)
    return render(request, "campaigns/_preview.html", context)


def _previewed(line: SenderLine, form: CampaignForm) -> dict[str, Any]:
    data = form.cleaned_data
    campaign = Campaign(line=line, text=data.get("text", ""), fallback_line=data.get("fallback_line"))
    if not checking.cap_problems(
        Campaign(line=line, **{name: data.get(name) for name in ("cap_messages", "cap_days")})
    ):
        campaign.cap_messages, campaign.cap_days = data.get("cap_messages"), data.get("cap_days")
    campaign.sample_size = data.get("sample_size")
    campaign.proposed_rules = [rule for rule in form.rules() if rule.kind != AudienceRule.Kind.PROVIDER]
    facts = {"line": line, "copy_text": data.get("copy_text", ""), "is_secure": data.get("is_secure", False)}
    if checking.keeps_audience(line):
        return facts | {"keeps": True} | _previewed_text(campaign, [])
    people = naming.contacts(campaign)
    facts["placeholders"] = _placeholders(people.order_by("pk")[:SAMPLE])
    if not campaign.text:
        return facts
    shown = previews(template_of(campaign.text, line.suffix), people.order_by("pk")[:PREVIEWED], line.part_size)
    estimate = reporting.estimate(campaign)
    return facts | {
        "estimate": estimate,
        "accounting": figures.headcount(estimate.headcount),
        "no_tariff": estimate.cost is None and estimate.recipients > 0,
        "rest": ways.rest(campaign),
        **_previewed_text(campaign, shown, estimate.longest),
    }


def _previewed_text(campaign: Campaign, shown: list[Preview], longest: int = 0) -> dict[str, Any]:
    """The text as it will be read, and what its writer should know of it."""
    if not campaign.text:
        return {}
    literal = template_of(campaign.text, campaign.line.suffix).literal
    counted = segments.count(literal, campaign.line.part_size)
    texts = [each.text for each in shown] or [literal]
    return {
        "previews": shown,
        "literal": literal,
        "segments": counted,
        "warnings": text_warnings([campaign.text, *texts], longest or counted.parts),
    }


def _placeholders(contacts: Any) -> list[str]:
    """The placeholders that these contacts can fill: their fields, then their attributes, the commonest first."""
    keys = Counter(key for attributes in contacts.values_list("attributes", flat=True) for key in attributes)
    return [*templating.FIELDS, *(key for key, _number in keys.most_common(12))]
