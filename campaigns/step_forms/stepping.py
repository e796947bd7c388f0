"""What every step of the composer has: the draft as it is saved, the revision that was looked at, what differs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from campaigns.describing import describe
from campaigns.drafting import content_of
from campaigns.models import AudienceRule, Campaign
from campaigns.step_forms.differing import Difference, shown
from providers.models import SenderLine

UNSEEN = -1  # the revision of a form that names none
SHORT = {"class": "input w-full", "dir": "ltr", "inputmode": "numeric"}


class StepForm(forms.Form):
    """Some fields of a draft. ``campaign`` is the draft as it is saved; None for one that is not made yet."""

    SAVED: ClassVar[tuple[str, ...]] = ()

    revision = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, campaign: Campaign | None = None, initial: Any = None, **kwargs: Any) -> None:
        self.campaign = campaign
        kwargs["initial"] = {**self.initial_of(campaign), **(initial or {})}
        super().__init__(*args, **kwargs)

    def initial_of(self, campaign: Campaign | None) -> dict[str, Any]:
        """What the fields show of the draft."""
        if campaign is None:
            return {}
        shown = {name: getattr(campaign, name) for name in self.SAVED if name in self.base_fields}
        return {name: getattr(value, "pk", value) for name, value in shown.items()}

    def clean_revision(self) -> int:
        found = self.cleaned_data["revision"]
        return UNSEEN if found is None else int(found)

    def content(self) -> dict[str, Any]:
        """The draft's fields as the valid form has them."""
        return {name: self.cleaned_data[name] for name in self.SAVED}

    def rules(self) -> list[AudienceRule] | None:
        """The draft's rules as the form has them; None where they are another step's."""
        return None

    def differences(self, now: Campaign) -> list[Difference]:
        """What the valid form says otherwise than the draft does now."""
        found = [
            Difference(self.label_of(name), shown(value), shown(getattr(now, name)))
            for name, value in self.content().items()
            if name in self.fields and value != getattr(now, name)
        ]
        rules = self.rules()
        if rules is not None and content_of(rules) != content_of(now.rules.all()):
            saved = now.rules.select_related("phonebook", "job_category__parent", "source", "segment")
            account = now.line.account_id
            found.append(Difference(_("Recipients"), describe(rules, account), describe(saved, account)))
        return found

    @property
    def is_touched(self) -> bool:
        """Whether somebody has typed anything into it."""
        return bool(set(self.changed_data) - {"revision"})

    def label_of(self, name: str) -> str:
        return str(self.fields[name].label or name)


def usable_lines(*chosen: int | None) -> QuerySet[SenderLine]:
    """The lines that can be chosen, and those that are."""
    lines = SenderLine.objects.usable() | SenderLine.objects.filter(pk__in=[key for key in chosen if key])
    return lines.select_related("account").order_by("account__name", "sender")


def texts(values: Iterable[Any] | None) -> list[str]:
    """Keys as a template compares them."""
    return [str(value) for value in values or []]


def number_field(label: Any, most: int, help_text: Any) -> forms.IntegerField:
    """A whole number from 1 that may be left out."""
    widget = forms.NumberInput(attrs=SHORT)
    return forms.IntegerField(
        label=label, required=False, min_value=1, max_value=most, help_text=help_text, widget=widget
    )


def add_problems(form: forms.Form, found: Sequence[tuple[str, list[str]]], fallback: str) -> None:
    """Say problems at their fields, each field's first ones only; what has no field here at ``fallback``."""
    for name, problems in found:
        at = name if name in form.fields else fallback
        if problems and at not in form.errors:
            form.add_error(at, problems)


def give(form: forms.Form, name: str, rows: Any) -> None:
    """Give a model choice field its choices."""
    form.fields[name].queryset = rows  # type: ignore[attr-defined]  # a model choice field
