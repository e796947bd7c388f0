"""The composer's form: a draft with its audience, as people fill it in."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from campaigns import checking, drafting
from campaigns.models import AudienceRule, Campaign
from contacts.forms import PhonebookChoices
from contacts.models import Phonebook
from interface.jalali import JalaliDateTimeField
from providers.models import SenderLine

if TYPE_CHECKING:  # Django's own classes take no parameters when the program runs
    LineChoice = forms.ModelChoiceField[SenderLine]
else:
    LineChoice = forms.ModelChoiceField

_BETWEEN_NUMBERS = re.compile(r"[\n,;،؛\t]+")
Rule, Kind = AudienceRule.Rule, AudienceRule.Kind


def is_plain(rule: AudienceRule) -> bool:
    """Whether the composer can show this rule: a whole phonebook, or pasted numbers to include."""
    if rule.kind == Kind.NUMBERS:
        return rule.rule == Rule.INCLUDE
    return rule.kind == Kind.PHONEBOOK and not rule.params


class CampaignForm(forms.Form):
    """A new draft, or the one given as ``campaign``; its other rules, which the composer can't show, are kept."""

    token = forms.UUIDField(widget=forms.HiddenInput, required=False)
    name = forms.CharField(label=_("Name"), max_length=150, widget=forms.TextInput(attrs={"class": "input w-full"}))
    line = LineChoice(SenderLine.objects.none(), label=_("Line"), widget=forms.RadioSelect, empty_label=None)
    include = PhonebookChoices(
        Phonebook.objects.none(), label=_("Send to"), required=False, widget=forms.CheckboxSelectMultiple
    )
    exclude = PhonebookChoices(
        Phonebook.objects.none(), label=_("But not to"), required=False, widget=forms.CheckboxSelectMultiple
    )
    numbers = forms.CharField(
        label=_("Further numbers"),
        required=False,
        help_text=_("One a line, in any form and digits. A number that is in a chosen phonebook too gets one message."),
        widget=forms.Textarea(attrs={"class": "textarea w-full", "rows": 3, "dir": "ltr", "inputmode": "tel"}),
    )
    text = forms.CharField(
        label=_("Text"),
        max_length=checking.MAX_TEXT,
        widget=forms.Textarea(attrs={"class": "textarea w-full h-44 leading-8 text-base", "dir": "auto"}),
    )
    scheduled_at = JalaliDateTimeField(
        label=_("When"),
        required=False,
        help_text=_("Tehran time. Leave it empty to send as soon as you launch the campaign."),
    )
    file = forms.FileField(
        label=_("File"), required=False, max_length=200, widget=forms.FileInput(attrs={"class": "file-input w-full"})
    )
    remove_file = forms.BooleanField(
        label=_("Send without the file"),
        required=False,
        widget=forms.CheckboxInput(attrs={"class": "checkbox checkbox-sm rounded-md"}),
    )

    def __init__(self, *args: Any, campaign: Campaign | None = None, **kwargs: Any) -> None:
        self.campaign = campaign
        rules = campaign.audience_rules() if campaign else []
        self.other_rules = [rule for rule in rules if not is_plain(rule)]
        kwargs["initial"] = {**_initial(campaign, [r for r in rules if is_plain(r)]), **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)
        books = Phonebook.objects.ours()
        self._give("line", _lines(campaign))
        self._give("include", books)
        self._give("exclude", books)

    def _give(self, name: str, rows: QuerySet[Any]) -> None:
        self.fields[name].queryset = rows  # type: ignore[attr-defined]  # a model choice field

    def clean_text(self) -> str:
        """The text with plain newlines: a browser's CR would count as a character of the message."""
        text = str(self.cleaned_data["text"]).replace("\r\n", "\n").replace("\r", "\n")
        problems = checking.text_problems(text)
        if problems:
            raise ValidationError(problems)
        return text

    def clean_numbers(self) -> list[str]:
        """The pasted numbers as E.164, each once."""
        typed = _BETWEEN_NUMBERS.split(str(self.cleaned_data["numbers"]).replace("\r", "\n"))
        try:
            return drafting.numbers_of(number for number in typed if number.strip())
        except drafting.InvalidDraft as error:
            raise ValidationError(str(error)) from None

    def clean_scheduled_at(self) -> Any:
        at = self.cleaned_data["scheduled_at"]
        if at is not None and (problem := checking.time_problem(at)):
            raise ValidationError(problem)
        return at

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        audience = {"include", "numbers"} & set(self.errors)
        if not audience and not any(rule.rule == Rule.INCLUDE for rule in self.rules()):
            self.add_error("include", gettext("Choose who gets the campaign."))
        kept = self.campaign is not None and self.campaign.file_id and not data.get("remove_file")
        if (data.get("file") or kept) and data.get("line") and not checking.takes_files(data["line"]):
            self.add_error("file", gettext("Files go out on Bale lines only."))
        return data

    def rules(self) -> list[AudienceRule]:
        """The rules that the form stands for, as far as it is valid, and the saved ones that it can't show."""
        data = self.cleaned_data
        rules = [*self.other_rules]
        rules += [AudienceRule(rule=Rule.INCLUDE, phonebook=book) for book in data.get("include") or []]
        rules += [AudienceRule(rule=Rule.EXCLUDE, phonebook=book) for book in data.get("exclude") or []]
        if numbers := data.get("numbers"):
            rules.append(AudienceRule(kind=Kind.NUMBERS, params={"numbers": numbers}))
        return rules


def _lines(campaign: Campaign | None) -> QuerySet[SenderLine]:
    lines = SenderLine.objects.usable()
    if campaign is not None:
        lines |= SenderLine.objects.filter(pk=campaign.line_id)
    return lines.select_related("account").order_by("account__name", "sender")


def _initial(campaign: Campaign | None, rules: list[AudienceRule]) -> dict[str, Any]:
    if campaign is None:
        return {"token": uuid.uuid4()}
    numbers = [number for rule in rules if rule.kind == Kind.NUMBERS for number in rule.params.get("numbers", [])]
    return {
        "name": campaign.name,
        "line": campaign.line_id,
        "text": campaign.text,
        "scheduled_at": campaign.scheduled_at,
        "include": [rule.phonebook_id for rule in rules if rule.rule == Rule.INCLUDE and rule.phonebook_id],
        "exclude": [rule.phonebook_id for rule in rules if rule.rule == Rule.EXCLUDE],
        "numbers": "\n".join(numbers),
    }
