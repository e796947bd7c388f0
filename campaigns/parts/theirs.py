"""Rows about what a line's provider keeps: its phonebooks, chosen numbers of one of them, its job categories."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from campaigns.models import AudienceRule
from campaigns.parts.rows import FOUND, CategoryRow, NaturalField, Part, slice_fields, slice_of
from contacts.models import Phonebook, ProviderNumber
from contacts.phones import search_digits
from interface import masking

SHOWN = 40  # chosen numbers that a row shows one by one: a request has a limit of fields
_REF = re.compile(r"[A-Za-z0-9_-]{1,64}")
Kind = AudienceRule.Kind


class JobsPart(CategoryRow):
    """A job category of a provider."""

    kind = "jobs"
    theirs = True

    def fields_of(self, rule: AudienceRule) -> dict[str, Any]:
        return super().fields_of(rule) | {"main": str(rule.params["main"]), "sub": str(rule.params.get("sub", ""))}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("operators") and not data.get("main") and "main" not in self.errors:
            self.add_error("main", _("Choose a job category."))
        return data

    def rule(self) -> AudienceRule | None:
        chosen = {"main": self.cleaned_data["main"], "sub": self.cleaned_data["sub"]}
        params = {key: int(value) for key, value in chosen.items() if value}
        return AudienceRule(kind=Kind.PROVIDER, params=params | self.operators_chosen()) if params else None


class BooksPart(Part):
    """Whole phonebooks of a provider, or a slice of them."""

    kind = "books"
    theirs = True
    books = forms.MultipleChoiceField(required=False)
    start = NaturalField()
    size = NaturalField()

    def fill(self) -> None:
        self.choose_from("books", self.catalogue.books)

    def fields_of(self, rule: AudienceRule) -> dict[str, Any]:
        return {"books": rule.params["phonebooks"], **slice_fields(rule.params)}

    @property
    def ticked(self) -> list[str]:
        """The phonebooks that are chosen."""
        return [str(value) for value in self["books"].value() or []]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if (data.get("start") or data.get("size")) and not data.get("books") and "books" not in self.errors:
            self.add_error("books", _("Choose a phonebook."))
        return data

    def rule(self) -> AudienceRule | None:
        books = self.cleaned_data["books"]
        params = {"phonebooks": books, **slice_of(self.cleaned_data)}
        return AudienceRule(kind=Kind.PROVIDER, params=params) if books else None


class EntriesPart(Part):
    """Chosen numbers of one phonebook of a provider, by the provider's ids of them."""

    kind = "entries"
    theirs = True
    phonebook = forms.ChoiceField()
    numbers = forms.MultipleChoiceField(required=False)
    further = forms.CharField(required=False)  # the chosen ones that are not shown
    q = forms.CharField(required=False, max_length=100)

    def fill(self) -> None:
        self.choose_from("phonebook", self.catalogue.books)
        self.choose_from("numbers", self["numbers"].value() or [])

    def fields_of(self, rule: AudienceRule) -> dict[str, Any]:
        return {"phonebook": rule.params["phonebook"], "further": ",".join(rule.params["numbers"])}

    @property
    def book(self) -> Phonebook | None:
        """The chosen phonebook."""
        return self.catalogue.books.get(self.value("phonebook"))

    @cached_property
    def chosen(self) -> list[str]:
        """The chosen numbers' ids, as far as the phonebook has them."""
        book = self.value("phonebook")
        typed = [*(self["numbers"].value() or []), *self.value("further").split(",")]
        asked = [ref for ref in map(str, typed) if _REF.fullmatch(ref)]
        known = self.catalogue.named_numbers(book) | set(
            self.catalogue.numbers(book).filter(provider_ref__in=asked).values_list("provider_ref", flat=True)
        )
        return [ref for ref in dict.fromkeys(asked) if ref in known]

    def shown(self) -> list[ProviderNumber]:
        """The first of the chosen numbers; one that has not been fetched stands there by its id alone."""
        refs = self.chosen[:SHOWN]
        rows = self.catalogue.numbers(self.value("phonebook")).filter(provider_ref__in=refs)
        found = {row.provider_ref: row for row in rows}
        return [found.get(ref) or ProviderNumber(provider_ref=ref) for ref in refs]

    @property
    def unshown(self) -> list[str]:
        """The ids of the rest of the chosen numbers."""
        return self.chosen[SHOWN:]

    @property
    def is_fetched(self) -> bool:
        """Whether the phonebook's numbers are here to be searched."""
        return self.catalogue.numbers(self.value("phonebook")).exists()

    def matches(self) -> list[ProviderNumber]:
        """The numbers of the phonebook that the search finds and that are not chosen yet."""
        query = self.value("q").strip()[:100]
        if not query:
            return []
        rows = self.catalogue.numbers(self.value("phonebook")).exclude(provider_ref__in=self.chosen)
        if typed := search_digits(query):
            found = rows.with_number(digits) if (digits := masking.findable(typed)) else rows.none()
        else:
            found = rows.filter(name__icontains=query)
        return list(found[:FOUND])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not self.chosen and "phonebook" not in self.errors:
            self.add_error("numbers", _("Choose at least one number."))
        return data

    def rule(self) -> AudienceRule:
        params = {"phonebook": self.cleaned_data["phonebook"], "numbers": self.chosen}
        return AudienceRule(kind=Kind.PROVIDER, params=params)
