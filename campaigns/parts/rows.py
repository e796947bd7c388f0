"""What every row of an audience has: its fields under a prefix, its rule, its words; and how slices are typed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from django import forms
from django.utils.functional import cached_property

from campaigns import drafting
from campaigns.catalogue import Catalogue
from campaigns.describing import Described, described
from campaigns.models import AudienceRule
from contacts.models import JobCategory, Operator
from interface import persian

FOUND = 12  # numbers that a search shows
OPERATORS = (Operator.MCI, Operator.IRANCELL, Operator.OTHER)


class NaturalField(forms.IntegerField):
    """A whole number from 1 in any digits; may be left out."""

    widget = forms.TextInput

    def __init__(self) -> None:
        super().__init__(min_value=1, max_value=drafting.MAX_NATURAL, required=False)

    def to_python(self, value: Any) -> int | None:
        return super().to_python(persian.ascii_digits(str(value or "")).replace(",", "").strip())


def slice_of(data: Mapping[str, Any], prefix: str = "") -> dict[str, int]:
    """A rule's ``start`` and ``size`` from the fields of that name: the first one is 1 there and 0 here."""
    found = {"start": (data.get(f"{prefix}start") or 1) - 1, "size": data.get(f"{prefix}size")}
    return {key: value for key, value in found.items() if value}


def slice_fields(params: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    start = int(params.get("start") or 0)
    return {f"{prefix}start": start + 1 if start else None, f"{prefix}size": params.get("size")}


class Part(forms.Form):
    """One row. ``theirs``: of what a line's provider keeps, else of our own contacts."""

    kind: ClassVar[str]
    theirs: ClassVar[bool] = False

    def __init__(self, catalogue: Catalogue, prefix: str, data: Any = None, rule: AudienceRule | None = None) -> None:
        self.catalogue = catalogue
        self.given = rule
        super().__init__(data, prefix=prefix, initial=self.fields_of(rule) if rule else {})
        self.fill()

    @property
    def template(self) -> str:
        """Where its fields are drawn."""
        return f"campaigns/parts/{self.kind}.html"

    def fill(self) -> None:
        """Give the fields their choices."""

    def fields_of(self, rule: AudienceRule) -> dict[str, Any]:
        """The fields' values that stand for a rule."""
        return {"side": rule.rule}

    def rule(self) -> AudienceRule | None:
        """The rule that its valid fields stand for; None for a row that was left blank."""
        raise NotImplementedError

    @cached_property
    def says(self) -> Described | None:
        """The row in words, where it makes sense."""
        rule = (self.rule() if self.is_valid() else None) if self.is_bound else self.given
        return described(rule, self.catalogue) if rule else None

    def value(self, name: str) -> str:
        """A field's value as it stands on the page."""
        return str(self[name].value() or "").replace("\0", "")

    def choose_from(self, name: str, keys: Iterable[str]) -> None:
        self.fields[name].choices = [(key, key) for key in keys]  # type: ignore[attr-defined]  # a choice field


class CategoryRow(Part):
    """A row about a job category: a main or a sub one, of all operators or of some, each with a slice of its own."""

    main = forms.ChoiceField(required=False)
    sub = forms.ChoiceField(required=False)
    operators = forms.TypedMultipleChoiceField(
        choices=[(int(operator), operator.label) for operator in OPERATORS], coerce=int, required=False
    )

    op1_start, op1_size = NaturalField(), NaturalField()
    op2_start, op2_size = NaturalField(), NaturalField()
    op13_start, op13_size = NaturalField(), NaturalField()

    def fill(self) -> None:
        self.choose_from("main", self.catalogue.mains)
        self.choose_from("sub", self.subs)

    @property
    def subs(self) -> dict[str, JobCategory]:
        """The sub-categories of the chosen main one."""
        return self.catalogue.subs(self.value("main"))

    def slices(self) -> Iterator[tuple[Operator, bool, forms.BoundField, forms.BoundField]]:
        """The operators, whether each is ticked, and the fields of its slice."""
        ticked = [str(value) for value in self["operators"].value() or []]
        for operator in OPERATORS:
            yield operator, str(int(operator)) in ticked, self[f"op{operator}_start"], self[f"op{operator}_size"]

    def fields_of(self, rule: AudienceRule) -> dict[str, Any]:
        operators = rule.params.get("operators", [])
        found = super().fields_of(rule) | {"operators": [operator["id"] for operator in operators]}
        for operator in operators:
            found |= slice_fields(operator, f"op{operator['id']}_")
        return found

    def operators_chosen(self) -> dict[str, Any]:
        found = [{"id": key, **slice_of(self.cleaned_data, f"op{key}_")} for key in self.cleaned_data["operators"]]
        return {"operators": found} if found else {}
