"""The audience step: a draft's name, who gets it and who does not, as people fill it in."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
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
from campaigns.step_forms.stepping import StepForm, give, number_field, usable_lines
from contacts.forms import PhonebookChoices
from contacts.models import Phonebook
from interface import masking
from providers.models import ProviderAccount, SenderLine

MOST_ROWS = 100
OURS = "ours"
_PREFIX = re.compile(r"[a-z0-9]{1,12}")
Rule, Kind = AudienceRule.Rule, AudienceRule.Kind


def is_plain(rule: AudienceRule) -> bool:
    """Whether a rule is a tick or a pasted number of the composer: a whole phonebook, or numbers to include."""
    if rule.kind == Kind.NUMBERS:
        return rule.rule == Rule.INCLUDE
    return rule.kind == Kind.PHONEBOOK and not rule.params


class AudienceForm(StepForm):
    """Who gets it: people of ours, or of what the provider of an account keeps (``source``).

    The audience is what is ticked and pasted, and the rows of ``parts``; of its other rules, which are only shown,
    those that stay ticked. Not ``judged``: somebody is still adding and removing rows, and nothing is refused.
    """

    SAVED = ("name", "cap_messages", "cap_days", "sample_size")

    token = forms.UUIDField(widget=forms.HiddenInput, required=False)
    name = forms.CharField(
        label=_("Name"), max_length=drafting.MAX_NAME, widget=forms.TextInput(attrs={"class": "input w-full"})
    )
    source = forms.ChoiceField(label=_("Who gets it"), required=False)
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
    cap_messages = number_field(
        _("Nobody gets more than"),
        capping.MOST_MESSAGES,
        _("Messages, of all campaigns together. Who has had so many already is left out. Empty: no limit."),
    )
    cap_days = number_field(_("in how many days"), capping.MOST_DAYS, _("At most 30, such as 7 for a week."))
    sample_size = number_field(
        _("Only a sample of"),
        drafting.MAX_NATURAL,
        _("So many people, drawn at random from all of them; the same ones until the audience changes."),
    )

    def __init__(self, *args: Any, campaign: Campaign | None = None, judged: bool = True, **kwargs: Any) -> None:
        self.judged = judged
        self._acting = ""
        saved = (
            campaign.rules.select_related("phonebook", "job_category__parent", "source", "segment") if campaign else []
        )
        self._rules = list(saved)
        self.other_rules = [rule for rule in self._rules if not is_plain(rule) and parts.kind_of(rule) is None]
        super().__init__(*args, campaign=campaign, **kwargs)
        give(self, "include", Phonebook.objects.ours())
        give(self, "exclude", Phonebook.objects.ours())
        self.fields["kept"].choices = [(rule.pk, rule.pk) for rule in self.other_rules]  # type: ignore[attr-defined]
        self.fields["source"].choices = [(key, key) for key in self.sources]  # type: ignore[attr-defined]

    def initial_of(self, campaign: Campaign | None) -> dict[str, Any]:
        if campaign is None:
            return {"token": uuid.uuid4()}
        plain = [rule for rule in self._rules if is_plain(rule)]
        numbers = [number for rule in plain if rule.kind == Kind.NUMBERS for number in rule.params.get("numbers", [])]
        if numbers and not masking.may_see_numbers():
            raise PermissionDenied(masking.PERMISSION)  # nobody changes what they do not see
        return super().initial_of(campaign) | {
            "include": [rule.phonebook_id for rule in plain if rule.rule == Rule.INCLUDE and rule.phonebook_id],
            "exclude": [rule.phonebook_id for rule in plain if rule.rule == Rule.EXCLUDE],
            "numbers": "\n".join(numbers),
            "kept": [rule.pk for rule in self.other_rules],
        }

    @cached_property
    def lines(self) -> list[SenderLine]:
        """The lines that can be chosen, and the draft's own."""
        return list(usable_lines(self.campaign.line_id if self.campaign else None))

    @cached_property
    def accounts(self) -> list[ProviderAccount]:
        """The accounts whose provider keeps recipients, of lines that can be chosen."""
        return list({line.account_id: line.account for line in self.lines if checking.keeps_audience(line)}.values())

    @cached_property
    def sources(self) -> dict[str, ProviderAccount | None]:
        """Where the recipients can come from: our own contacts, what each such account keeps."""
        ours: dict[str, ProviderAccount | None] = {OURS: None}
        theirs: dict[str, ProviderAccount | None] = {str(account.pk): account for account in self.accounts}
        if self.lines and not any(not checking.keeps_audience(line) for line in self.lines):
            return theirs
        return ours | theirs

    @cached_property
    def chosen_source(self) -> str:
        """The source that is ticked; the saved one, or else the first."""
        typed = self.data.get(self.add_prefix("source"), "") if self.is_bound else ""
        if typed in self.sources:
            return str(typed)
        line = self.campaign.line if self.campaign else None
        saved = str(line.account_id) if line and checking.keeps_audience(line) else OURS
        return saved if saved in self.sources else next(iter(self.sources))

    @property
    def keeps(self) -> bool:
        """Whether the recipients are what a provider keeps."""
        return self.chosen_source != OURS

    @property
    def suits(self) -> list[SenderLine]:
        """The lines that can go out to the chosen source."""
        account = self.sources.get(self.chosen_source)
        if account is not None:
            return [line for line in self.lines if line.account_id == account.pk]
        return [line for line in self.lines if not checking.keeps_audience(line)]

    def line_for(self, user: Any) -> SenderLine:
        """The draft's line where it suits the source; the one that this person used last, or the first that does."""
        if self.campaign and self.campaign.line in self.suits:
            return self.campaign.line
        mine = Campaign.objects.filter(created_by=user.pk, is_test=False, line__in=self.suits).order_by("-pk")
        last = mine.values_list("line", flat=True).first()
        return next((line for line in self.suits if line.pk == last), self.suits[0])

    def clean_numbers(self) -> list[str]:
        """The pasted numbers as E.164, each once."""
        typed = BETWEEN_NUMBERS.split(str(self.cleaned_data["numbers"]).replace("\r", "\n"))
        try:
            return drafting.numbers_of(number for number in typed if number.strip())
        except drafting.InvalidDraft as error:
            raise ValidationError(str(error)) from None

    def full_clean(self) -> None:
        if self.judged:
            super().full_clean()
        else:
            self._errors, self.cleaned_data = ErrorDict(), {}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        self._check_audience()
        if not {"cap_messages", "cap_days"} & set(self.errors):
            cap = Campaign(line=self.suits[0], cap_messages=data["cap_messages"], cap_days=data["cap_days"])
            if problems := checking.cap_problems(cap):
                self.add_error("cap_messages", problems)
        if self.keeps and data.get("sample_size"):
            draft = Campaign(line=self.suits[0], sample_size=data["sample_size"])
            self.add_error("sample_size", checking.course_problems(draft)["sample_size"])
        return data

    def _check_audience(self) -> None:
        if [part for part in self.parts if part.is_bound and not part.is_valid()]:
            self.add_error("include", gettext("A part of the recipients is not complete."))
        if {"include", "numbers"} & set(self.errors):
            return
        rules = self.rules()
        if not any(rule.rule == Rule.INCLUDE for rule in rules):
            self.add_error("include", gettext("Choose who gets the campaign."))
        elif problems := checking.audience_problems(self.suits[0], rules):
            self.add_error("include", problems)

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
    def keeping_account(self) -> ProviderAccount | None:
        """The account whose provider's lists are shown: the chosen one, or else the first that has any."""
        return self.sources.get(self.chosen_source) or next(iter(self.accounts), None)

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
