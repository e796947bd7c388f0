"""What each step of the composer shows around its form, and the marks of the steps."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.urls import reverse

from campaigns.describing import describe
from campaigns.models import Campaign
from campaigns.step_forms import AudienceForm, SendingForm, StepForm, TextForm
from campaigns.step_forms.stepping import texts
from campaigns.views import preview
from campaigns.views.lines import cards
from contacts.models import Phonebook

COURSE = ("expires_at", "messages_per_minute", "pilot_size", "failover_line")
Step = Campaign.Step


class Mark(NamedTuple):
    """A step in the header: where it is, whether it is this one, has been done, and can be gone to."""

    value: str
    label: str
    number: int
    current: bool
    done: bool
    open: bool


def marks(campaign: Campaign | None, current: str) -> list[Mark]:
    """The composer's steps as its header shows them; without a draft only the first can be gone to."""
    order = list(Step)
    reached = order.index(Step(campaign.composed_to)) if campaign else 0
    return [
        Mark(str(step), str(step.label), n + 1, step == current, n < reached, n <= reached)
        for n, step in enumerate(order)
    ]


def context(form: StepForm) -> dict[str, Any]:
    """What the page of this form's step shows beside it."""
    if isinstance(form, AudienceForm):
        return audience(form)
    return _text(form) if isinstance(form, TextForm) else _sending(form) if isinstance(form, SendingForm) else {}


def audience(form: AudienceForm) -> dict[str, Any]:
    """Phonebooks to tick, rows, and what the chosen account's provider keeps."""
    kept = texts(form["kept"].value())
    said = describe(form.other_rules, form.campaign.line.account_id if form.campaign else None)
    query = f"?campaign={form.campaign.pk}" if form.campaign else ""
    return {
        "lines": form.lines,
        "books": list(Phonebook.objects.ours()),
        "included": texts(form["include"].value()),
        "excluded": texts(form["exclude"].value()),
        "others": [(rule, words, str(rule.pk) in kept) for rule, words in zip(form.other_rules, said, strict=True)],
        "account": form.keeping_account,
        "keeps": form.keeps,
        "by_jobs": form.by_jobs,
        "acting": form.acting,
        "removed": not form.judged and "remove" in form.data,
        "narrowed": any(
            form[name].value() or name in form.errors for name in ("cap_messages", "cap_days", "sample_size")
        ),
        "parts_url": reverse("campaigns:parts") + query,
        "count_url": reverse("campaigns:count") + query,
    }


def _text(form: TextForm) -> dict[str, Any]:
    draft = form.draft
    return {"file": draft.file, "line": draft.line} | preview.context(draft, form.lines)


def _sending(form: SendingForm) -> dict[str, Any]:
    shown = zip(cards([each.line for each in form.carried]), form.carried, strict=True)
    choices = [(card, each.problems) for card, each in shown]
    chosen = form.chosen_line
    can = next((card.can for card, _problems in choices if card.line == chosen), None)
    return {
        "able": [(card, problems) for card, problems in choices if not problems or card.line == chosen],
        "unable": [(card, problems) for card, problems in choices if problems and card.line != chosen],
        "chosen_line": chosen,
        "can": can,
        "fallback_chosen": str(form["fallback_line"].value() or ""),
        "failover_chosen": str(form["failover_line"].value() or ""),
        "course_open": any(form[name].value() or name in form.errors for name in COURSE),
    }
