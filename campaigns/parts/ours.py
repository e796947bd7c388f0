"""Rows about our own contacts, sent to or left out: some of a phonebook, chosen numbers of one, a job category, a
segment, the recipients of another campaign.
"""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns import drafting
from campaigns.describing import OUTCOME_WORDS
from campaigns.models import AudienceRule, Campaign
from campaigns.parts.rows import FOUND, CategoryRow, NaturalField, Part, slice_fields, slice_of
from contacts.filtering import search
from contacts.models import Contact, Membership
from interface import masking, persian

BETWEEN_NUMBERS = re.compile(r"[\n,;،؛\t]+")
Rule, Kind = AudienceRule.Rule, AudienceRule.Kind


class _BookPart(Part):
    """A row about one of our phonebooks: some of its contacts get the campaign, or they do not."""

    side = forms.ChoiceField(choices=Rule.choices, required=False)
    phonebook = forms.ChoiceField()

    def fill(self) -> None:
        self.choose_from("phonebook", self.catalogue.books)

    def fields_of(self, rule: AudienceRule) -> dict[str, Any]:
        return super().fields_of(rule) | {"phonebook": str(rule.phonebook_id)}

    def _rule(self, params: dict[str, Any]) -> AudienceRule:
        book = self.catalogue.books[self.cleaned_data["phonebook"]]
        return AudienceRule(rule=self.cleaned_data["side"] or Rule.INCLUDE, phonebook=book, params=params)


class RangePart(_BookPart):
    """Some of a phonebook's contacts, in the order in which they were added."""

    kind = "range"
    start = NaturalField()
    size = NaturalField()

    def fields_of(self, rule: AudienceRule) -> dict[str, Any]:
        return super().fields_of(rule) | slice_fields(rule.params)

    def rule(self) -> AudienceRule:
        return self._rule(slice_of(self.cleaned_data))


class NumbersPart(_BookPart):
    """Chosen numbers of a phonebook: typed, or found by a search and ticked."""

    kind = "numbers"
    numbers = forms.CharField(required=False)
    found = forms.MultipleChoiceField(required=False)
    q = forms.CharField(required=False, max_length=100)

    def fill(self) -> None:
        super().fill()
        self.choose_from("found", self["found"].value() or [])

    def fields_of(self, rule: AudienceRule) -> dict[str, Any]:
        masking.require()  # nobody changes what they do not see
        return super().fields_of(rule) | {"numbers": "\n".join(rule.params.get("numbers", []))}

    @property
    def typed(self) -> str:
        """The numbers as they were typed, and after them those that were ticked."""
        return "\n".join(filter(None, [self.value("numbers").rstrip(), *(self["found"].value() or [])]))

    def matches(self) -> list[Contact]:
        """The contacts of the phonebook that the search finds."""
        book, query = self.catalogue.books.get(self.value("phonebook")), self.value("q").strip()[:100]
        if book is None or not query or not masking.may_see_numbers():
            return []
        rows, key = search(Contact.objects.filter(membership__phonebook=book), query)
        return list(rows.order_by(key)[:FOUND])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        try:
            typed = BETWEEN_NUMBERS.split(self.typed.replace("\r", "\n"))
            data["numbers"] = drafting.numbers_of(number for number in typed if number.strip())
        except drafting.InvalidDraft as error:
            self.add_error("numbers", str(error))
            return data
        if not data["numbers"]:
            self.add_error("numbers", _("Choose at least one number."))
        elif book := self.catalogue.books.get(data.get("phonebook", "")):
            self._refuse_strangers(book.pk, data["numbers"])
        return data

    def _refuse_strangers(self, book: int, numbers: list[str]) -> None:
        """Numbers that are not in the phonebook would get nothing, without a word."""
        members = Membership.objects.filter(phonebook=book, contact__phone__in=numbers)
        inside = set(members.values_list("contact__phone", flat=True))
        out = [number for number in numbers if number not in inside]
        if not out:
            return
        said = ngettext(
            "%(n)s number is not in this phonebook: %(number)s",
            "%(n)s numbers are not in this phonebook, such as %(number)s",
            len(out),
        )
        self.add_error("numbers", said % {"n": persian.number(len(out)), "number": persian.isolated(out[0])})

    def rule(self) -> AudienceRule:
        return self._rule({"numbers": self.cleaned_data["numbers"]})


class CategoryPart(CategoryRow):
    """A job category of our own contacts."""

    kind = "category"
    side = forms.ChoiceField(choices=Rule.choices, required=False)

    def fields_of(self, rule: AudienceRule) -> dict[str, Any]:
        category = rule.job_category
        assert category is not None  # noqa: S101 - a database constraint
        main = category.parent_id or category.pk
        sub = str(category.pk) if category.parent_id else ""
        return super().fields_of(rule) | {"main": str(main), "sub": sub}

    def clean_main(self) -> str:
        if not self.cleaned_data["main"]:
            raise forms.ValidationError(_("Choose a job category."))
        return str(self.cleaned_data["main"])

    def rule(self) -> AudienceRule:
        data = self.cleaned_data
        category = self.subs[data["sub"]] if data["sub"] else self.catalogue.mains[data["main"]]
        side = data["side"] or Rule.INCLUDE
        return AudienceRule(rule=side, kind=Kind.JOB_CATEGORY, job_category=category, params=self.operators_chosen())


class SegmentPart(Part):
    """Whoever meets a segment's conditions when the campaign is prepared."""

    kind = "segment"
    side = forms.ChoiceField(choices=Rule.choices, required=False)
    segment = forms.ChoiceField(error_messages={"required": gettext_lazy("Choose a segment.")})

    def fill(self) -> None:
        self.choose_from("segment", self.catalogue.segments)

    def fields_of(self, rule: AudienceRule) -> dict[str, Any]:
        return super().fields_of(rule) | {"segment": str(rule.segment_id)}

    def rule(self) -> AudienceRule:
        data = self.cleaned_data
        segment = self.catalogue.segments[data["segment"]]
        return AudienceRule(rule=data["side"] or Rule.INCLUDE, kind=Kind.SEGMENT, segment=segment)


class CampaignPart(Part):
    """The recipients of another campaign: all of them, or those whose message came to an outcome."""

    kind = "campaign"
    side = forms.ChoiceField(choices=Rule.choices, required=False)
    source = forms.ChoiceField(error_messages={"required": gettext_lazy("Choose a campaign.")})
    outcome = forms.ChoiceField(required=False)
    q = forms.CharField(required=False, max_length=100)

    @staticmethod
    def outcomes() -> dict[str, str]:
        """The outcomes to choose from, in words."""
        return {"": _("all its recipients")} | {key: str(words) for key, words in OUTCOME_WORDS.items()}

    def fill(self) -> None:
        self.choose_from("source", self.campaigns)
        self.choose_from("outcome", self.outcomes())

    @cached_property
    def campaigns(self) -> dict[str, Campaign]:
        """The campaigns to choose from: the newest that the search finds, and the chosen one."""
        return self.catalogue.campaigns(self.value("q").strip()[:100], self.value("source"))

    def fields_of(self, rule: AudienceRule) -> dict[str, Any]:
        return super().fields_of(rule) | {"source": str(rule.source_id), "outcome": rule.params.get("outcome", "")}

    def rule(self) -> AudienceRule:
        data = self.cleaned_data
        params = {"outcome": data["outcome"]} if data["outcome"] else {}
        source = self.campaigns[data["source"]]
        return AudienceRule(rule=data["side"] or Rule.INCLUDE, kind=Kind.CAMPAIGN, source=source, params=params)
