"""The composer's form: a draft with its audience, as people fill it in."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms.utils import ErrorDict
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from campaigns import checking, drafting, parts
from campaigns.catalogue import Catalogue
from campaigns.models import AudienceRule, Campaign
from campaigns.parts import Part
from campaigns.parts.ours import BETWEEN_NUMBERS
from campaigns.sending import capping
from contacts.forms import PhonebookChoices
from contacts.models import Phonebook
from interface import masking
from interface.jalali import JalaliDateTimeField
from providers.models import ProviderAccount, SenderLine, UploadedFile

if TYPE_CHECKING:  # Django's own classes take no parameters when the program runs
    LineChoice = forms.ModelChoiceField[SenderLine]
    FileChoice = forms.ModelChoiceField[UploadedFile]
else:
    LineChoice = FileChoice = forms.ModelChoiceField

MOST_ROWS = 100
FILE_AREA = (
    "block h-24 w-full cursor-pointer rounded-box border-2 border-dashed border-base-300 bg-base-200/50 p-4 "
    "text-transparent hover:border-primary focus-visible:border-primary file:invisible"
)
_PREFIX = re.compile(r"[a-z0-9]{1,12}")
Rule, Kind = AudienceRule.Rule, AudienceRule.Kind


def is_plain(rule: AudienceRule) -> bool:
    """Whether a rule is a tick or a pasted number of the composer: a whole phonebook, or numbers to include."""
    if rule.kind == Kind.NUMBERS:
        return rule.rule == Rule.INCLUDE
    return rule.kind == Kind.PHONEBOOK and not rule.params


class CampaignForm(forms.Form):
    """A new draft, or the one given as ``campaign``.

    Its audience is what is ticked and pasted, and the rows of ``parts``; of its other rules, which are only shown,
    those that stay ticked. Not ``judged``: somebody is still adding and removing rows, and nothing is refused.
    """

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
    kept = forms.MultipleChoiceField(label=_("Made elsewhere"), required=False)
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
        label=_("File"), required=False, max_length=200, widget=forms.FileInput(attrs={"class": FILE_AREA})
    )
    kept_file = FileChoice(UploadedFile.objects.all(), required=False)  # uploaded with a form that came back
    remove_file = forms.BooleanField(
        label=_("Send without the file"),
        required=False,
        widget=forms.CheckboxInput(attrs={"class": "checkbox checkbox-sm rounded-md"}),
    )

    fallback_line = LineChoice(SenderLine.objects.none(), label=_("SMS for those who are not on Bale"), required=False)
    copy_text = forms.CharField(
        label=_("Copy button"),
        max_length=200,
        required=False,
        help_text=_("The message gets a button that copies this text, such as a discount code."),
        widget=forms.TextInput(attrs={"class": "input w-full", "dir": "auto"}),
    )
    is_secure = forms.BooleanField(label=_("Secure message"), required=False)

    provider_keeps_time = forms.BooleanField(label=_("The provider keeps the time"), required=False)
    expires_at = JalaliDateTimeField(
        label=_("Not after"),
        required=False,
        help_text=_("Tehran time. What has not gone out by then never will, such as an offer that is over."),
    )
    messages_per_minute = forms.IntegerField(
        label=_("Messages a minute"),
        required=False,
        min_value=1,
        max_value=1_000_000,
        help_text=_("At most so many, for example so that a call centre can keep up. Empty: as fast as the line goes."),
        widget=forms.NumberInput(attrs={"class": "input w-full", "dir": "ltr", "inputmode": "numeric"}),
    )
    cap_messages = forms.IntegerField(
        label=_("Nobody gets more than"),
        required=False,
        min_value=1,
        max_value=capping.MOST_MESSAGES,
        help_text=_("Messages, of all campaigns together. Who has had so many already is left out. Empty: no limit."),
        widget=forms.NumberInput(attrs={"class": "input w-full", "dir": "ltr", "inputmode": "numeric"}),
    )
    cap_days = forms.IntegerField(
        label=_("in how many days"),
        required=False,
        min_value=1,
        max_value=capping.MOST_DAYS,
        help_text=_("At most 30, such as 7 for a week."),
        widget=forms.NumberInput(attrs={"class": "input w-full", "dir": "ltr", "inputmode": "numeric"}),
    )
    sample_size = forms.IntegerField(
        label=_("Only a sample of"),
        required=False,
        min_value=1,
        max_value=drafting.MAX_NATURAL,
        help_text=_("So many people, drawn at random from all of them; the same ones until the audience changes."),
        widget=forms.NumberInput(attrs={"class": "input w-full", "dir": "ltr", "inputmode": "numeric"}),
    )
    failover_line = LineChoice(SenderLine.objects.none(), label=_("If the account is stopped"), required=False)

    def __init__(
        self, *args: Any, campaign: Campaign | None = None, judged: bool = True, initial: Any = None, **kwargs: Any
    ) -> None:
        self.campaign = campaign
        self.judged = judged
        self._acting = ""
        saved = (
            campaign.rules.select_related("phonebook", "job_category__parent", "source", "segment") if campaign else []
        )
        self._rules = list(saved)
        plain = [rule for rule in self._rules if is_plain(rule)]
        self.other_rules = [rule for rule in self._rules if not is_plain(rule) and parts.kind_of(rule) is None]
        kwargs["initial"] = {**_initial(campaign, plain), **(initial or {})}
        super().__init__(*args, **kwargs)
        books = Phonebook.objects.ours()
        self._give("line", _lines(campaign.line_id if campaign else None))
        self._give("include", books)
        self._give("exclude", books)
        self._give("fallback_line", _lines(campaign.fallback_line_id if campaign else None))
        self._give("failover_line", _lines(campaign.failover_line_id if campaign else None))
        self.fields["kept"].choices = [(rule.pk, rule.pk) for rule in self.other_rules]  # type: ignore[attr-defined]
        self.initial["kept"] = [rule.pk for rule in self.other_rules]

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
        typed = BETWEEN_NUMBERS.split(str(self.cleaned_data["numbers"]).replace("\r", "\n"))
        try:
            return drafting.numbers_of(number for number in typed if number.strip())
        except drafting.InvalidDraft as error:
            raise ValidationError(str(error)) from None

    def clean_scheduled_at(self) -> Any:
        at = self.cleaned_data["scheduled_at"]
        if at is not None and (problem := checking.time_problem(at)):
            raise ValidationError(problem)
        return at

    def full_clean(self) -> None:
        if self.judged:
            super().full_clean()
        else:
            self._errors, self.cleaned_data = ErrorDict(), {}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        self._check_audience(data.get("line"))
        if line := data.get("line"):
            self._check_line(line, data)
        kept = data.get("kept_file") or (self.campaign.file if self.campaign else None)
        if data.get("remove_file"):
            kept = None
        if (data.get("file") or kept) and data.get("line") and not checking.takes_files(data["line"]):
            self.add_error("file", gettext("Files go out on Bale lines only."))
        if data.get("line"):
            self._check_course(data, has_file=bool(data.get("file") or kept))
        return data

    def _check_course(self, data: dict[str, Any], *, has_file: bool) -> None:
        names = (
            *("line", "text", "scheduled_at", "expires_at", "messages_per_minute", "failover_line", "copy_text"),
            *("cap_messages", "cap_days", "sample_size"),
        )
        draft = Campaign(
            **{name: data[name] for name in names if data.get(name)}, is_secure=bool(data.get("is_secure"))
        )
        draft.file = UploadedFile() if has_file else None
        for name, problems in checking.course_problems(draft).items():
            if problems and name not in self.errors:
                self.add_error(name, problems)

    def _check_audience(self, line: SenderLine | None) -> None:
        if [part for part in self.parts if part.is_bound and not part.is_valid()]:
            self.add_error("include", gettext("A part of the recipients is not complete."))
        if {"include", "numbers"} & set(self.errors):
            return
        rules = self.rules()
        if not any(rule.rule == Rule.INCLUDE for rule in rules):
            self.add_error("include", gettext("Choose who gets the campaign."))
        elif line and (problems := checking.audience_problems(line, rules)):
            self.add_error("include", problems)

    def _check_line(self, line: SenderLine, data: dict[str, Any]) -> None:
        options = {"copy_text": data.get("copy_text", ""), "secure": data.get("is_secure", False)}
        for name, problems in checking.line_problems_by_field(line, data.get("text", ""), **options).items():
            if problems:
                self.add_error(name, problems)
        if data.get("provider_keeps_time") and "scheduled_at" not in self.errors:
            for problem in checking.schedule_problems(line, data.get("scheduled_at")):
                self.add_error("scheduled_at", problem)
        fallback = data.get("fallback_line")
        if fallback and (problems := checking.fallback_problems(line, fallback, data.get("text", ""))):
            self.add_error("fallback_line", problems)

    def rules(self) -> list[AudienceRule]:
        """The rules that the form stands for, as far as it is valid, and of the saved ones those that stay."""
        data = self.cleaned_data
        kept = data.get("kept") or []
        rules = [rule for rule in self.other_rules if str(rule.pk) in kept]
        rules += [AudienceRule(rule=Rule.INCLUDE, phonebook=book) for book in data.get("include") or []]
        rules += [AudienceRule(rule=Rule.EXCLUDE, phonebook=book) for book in data.get("exclude") or []]
        if numbers := data.get("numbers"):
            rules.append(AudienceRule(kind=Kind.NUMBERS, params={"numbers": numbers}))
        made = [part.rule() for part in self.parts if part.is_bound and part.is_valid()]
        return rules + [rule for rule in made if rule]

    @cached_property
    def lines(self) -> list[SenderLine]:
        """The lines to choose from."""
        return list(self.fields["line"].queryset)  # type: ignore[attr-defined]  # a model choice field

    @cached_property
    def fallbacks(self) -> list[SenderLine]:
        """The lines that can take over from a Bale line, and the one that is to."""
        saved = self.campaign.fallback_line if self.campaign else None
        found = [line for line in self.lines if line.channel == SenderLine.Channel.SMS]
        found = [line for line in found if not checking.keeps_audience(line)]
        return found if saved is None or saved in found else [*found, saved]

    @cached_property
    def stand_ins(self) -> list[SenderLine]:
        """The lines that can take over where the account of another is stopped, and the one that is to."""
        saved = self.campaign.failover_line if self.campaign else None
        found = [line for line in self.lines if not checking.keeps_audience(line)]
        return found if saved is None or saved in found else [*found, saved]

    @cached_property
    def chosen_line(self) -> SenderLine | None:
        """The line that is ticked; where there is but one, that one."""
        value = str(self["line"].value() or "")
        only = self.lines[0] if len(self.lines) == 1 else None
        return next((line for line in self.lines if str(line.pk) == value), only)

    @cached_property
    def keeping_account(self) -> ProviderAccount | None:
        """The account whose provider's lists are shown: the chosen line's, or else the first that has any."""
        keeping = [line for line in self.lines if checking.keeps_audience(line)]
        chosen = next((line for line in keeping if line == self.chosen_line), keeping[0] if keeping else None)
        return chosen.account if chosen else None

    @cached_property
    def theirs(self) -> Catalogue | None:
        """What the provider of that account keeps."""
        account = self.keeping_account
        if account is None:
            return None
        own = self.campaign is not None and self.campaign.line.account_id == account.pk
        return Catalogue(account.pk, self._rules if own else ())

    @cached_property
    def parts(self) -> list[Part]:
        """The rows, in their order; of what the provider keeps, one to begin with."""
        rows = list(self._posted_rows() if self.is_bound else self._saved_rows())
        if self.theirs is not None:
            missing = {"books", "jobs"} - {row.kind for row in rows}
            rows += [parts.KINDS[kind](self.theirs, parts.new_prefix()) for kind in sorted(missing)]
        return rows

    @property
    def keeps(self) -> bool:
        """Whether the chosen line's provider keeps the recipients."""
        return self.chosen_line is not None and checking.keeps_audience(self.chosen_line)

    @property
    def by_jobs(self) -> bool:
        """Whether its job categories are looked at, and not its phonebooks."""
        if self.is_bound and "kept_kind" in self.data:
            return bool(self.data["kept_kind"] == "jobs")
        return any(part.kind == "jobs" and part.given for part in self.parts)

    @property
    def acting(self) -> str:
        """The prefix of the row that somebody has just added or searches in."""
        return self._acting if self.parts else ""

    def _saved_rows(self) -> Iterator[Part]:
        ours = Catalogue()
        for rule in self._rules:
            kind = parts.kind_of(rule)
            catalogue = self.theirs if kind and kind.theirs else ours
            if kind and catalogue:
                yield kind(catalogue, parts.new_prefix(), rule=rule)

    def _posted_rows(self) -> Iterator[Part]:
        ours = Catalogue()
        account = self.keeping_account
        # Rows that were filled from another account's lists mean nothing on this one's.
        theirs = self.theirs if account and self.data.get("kept_account") == str(account.pk) else None
        removed = None if self.judged else self.data.get("remove")
        self._acting = self.data.get("search", "")
        for prefix in dict.fromkeys(self.data.getlist("part")[:MOST_ROWS]):  # type: ignore[attr-defined]  # a form's data
            kind = parts.KINDS.get(self.data.get(f"{prefix}-kind", ""))
            catalogue = theirs if kind and kind.theirs else ours
            if kind and catalogue and prefix != removed and _PREFIX.fullmatch(prefix):
                yield kind(catalogue, prefix, self.data)
        added = None if self.judged else parts.KINDS.get(self.data.get("add", ""))
        catalogue = self.theirs if added and added.theirs else ours
        if added and catalogue:
            self._acting = parts.new_prefix()
            yield added(catalogue, self._acting)


def _lines(chosen: int | None) -> QuerySet[SenderLine]:
    """The lines that can be chosen, and the one that is."""
    lines = SenderLine.objects.usable() | SenderLine.objects.filter(pk=chosen or 0)
    return lines.select_related("account").order_by("account__name", "sender")


def _initial(campaign: Campaign | None, rules: list[AudienceRule]) -> dict[str, Any]:
    if campaign is None:
        return {"token": uuid.uuid4()}
    numbers = [number for rule in rules if rule.kind == Kind.NUMBERS for number in rule.params.get("numbers", [])]
    if numbers:
        masking.require()  # nobody changes what they do not see
    return {
        "name": campaign.name,
        "line": campaign.line_id,
        "text": campaign.text,
        "scheduled_at": campaign.scheduled_at,
        "include": [rule.phonebook_id for rule in rules if rule.rule == Rule.INCLUDE and rule.phonebook_id],
        "exclude": [rule.phonebook_id for rule in rules if rule.rule == Rule.EXCLUDE],
        "numbers": "\n".join(numbers),
        "fallback_line": campaign.fallback_line_id,
        "copy_text": campaign.copy_text,
        "is_secure": campaign.is_secure,
        "provider_keeps_time": campaign.provider_keeps_time,
        "expires_at": campaign.expires_at,
        "messages_per_minute": campaign.messages_per_minute,
        "failover_line": campaign.failover_line_id,
        "cap_messages": campaign.cap_messages,
        "cap_days": campaign.cap_days,
        "sample_size": campaign.sample_size,
    }
