"""The builder of a segment: its name, and each of its conditions as a row of fields, from the form and back."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.forms.utils import ErrorDict
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from campaigns import segmenting
from campaigns.catalogue import Catalogue
from campaigns.models import Segment
from campaigns.segmenting import MOST_CONDITIONS, vocabulary, wording
from contacts.importing.mapping import ATTRIBUTE, LETTERS
from contacts.models import Contact, ContactImport, Operator
from interface import jalali, masking, persian

ASKED_IMPORTS = 50  # the latest, for the attributes that there are
ASKED_CONTACTS = 200  # from either end
MOST_KEYS = 100
_PREFIX = re.compile(r"[a-z0-9]{1,12}")
_LISTS = (*vocabulary.LISTS, vocabulary.CAMPAIGN)


class Row:
    """A condition as the builder shows it: what was typed, as it was typed, and what is wrong with it."""

    def __init__(self, prefix: str, given: Mapping[str, Any], catalogue: Catalogue) -> None:
        self.prefix = prefix
        self.catalogue = catalogue
        self.field = str(given.get("field") or "")
        self.key = str(given.get("key") or "").replace("\0", "")
        tests = vocabulary.FIELDS.get(self.field, {})
        test = str(given.get("test") or "")
        self.test = test if test in tests else next(iter(tests), "")
        self.kind = tests.get(self.test, vocabulary.NOTHING)
        self.value = given.get("value")
        self.q = str(given.get("q") or "").replace("\0", "").strip()[:100]
        self.errors: dict[str, str] = {}

    @property
    def fields(self) -> list[tuple[str, str]]:
        """What a condition can be about; a hidden number only where it is about that already."""
        shown = masking.may_see_numbers() or self.field == "phone"
        return [(field, str(label)) for field, label in wording.FIELDS.items() if shown or field != "phone"]

    @property
    def tests(self) -> list[tuple[str, str]]:
        """How its field can be compared."""
        return [(test, str(wording.TESTS[test])) for test in vocabulary.FIELDS.get(self.field, {})]

    @property
    def texts(self) -> list[str]:
        """The value as texts: what was typed, or what is kept in the form in which it is typed."""
        listed = self.value if isinstance(self.value, list) else [self.value]
        texts = [str("" if each is None else each).replace("\0", "") for each in listed]
        if self.kind == vocabulary.DATES:
            return ([_typed_day(text) for text in texts] + ["", ""])[:2]
        if self.kind == vocabulary.PREFIX and texts[0].startswith("+98"):
            return [f"0{texts[0][3:]}"]
        return texts

    @property
    def text(self) -> str:
        """The value as one text; several as lines."""
        return "\n".join(self.texts)

    @cached_property
    def choices(self) -> list[tuple[str, str, bool]]:
        """What its value is chosen from: key, name, and whether it is a part of the one before."""
        if self.kind == vocabulary.OPERATORS:
            return [(str(int(operator)), str(operator.label), False) for operator in Operator]
        if self.kind == vocabulary.PHONEBOOKS:
            return [
                (key, f"{row.name} ({persian.number(row.size)})", False) for key, row in self.catalogue.books.items()
            ]
        if self.kind == vocabulary.CAMPAIGN:
            found = self.catalogue.campaigns(self.q, self.texts[0])
            return [(key, f"{row.name} ({persian.number(row.audience)})", False) for key, row in found.items()]
        return list(self._categories()) if self.kind == vocabulary.CATEGORIES else []

    def _categories(self) -> Iterator[tuple[str, str, bool]]:
        for key, main in self.catalogue.mains.items():
            yield key, main.name, False
            for sub, row in self.catalogue.subs(key).items():
                yield sub, row.name, True

    def condition(self) -> dict[str, Any] | None:
        """The condition that it stands for; None where it makes none, and then ``errors`` tell."""
        given = {"field": self.field, "key": self.key, "test": self.test, "value": self.value}
        try:
            found = segmenting.checked_condition(given)
            if self.kind in _LISTS and self.kind != vocabulary.OPERATORS:
                self._refuse_strangers(found)
        except segmenting.InvalidCondition as error:
            self.errors = {error.field: str(error)}
            return None
        self.errors = {}
        return found

    def _refuse_strangers(self, found: dict[str, Any]) -> None:
        """What has been deleted can be chosen no more."""
        ids = found["value"] if isinstance(found["value"], list) else [found["value"]]
        if len(wording.names_of(self.field, ids)) < len(ids):
            raise segmenting.InvalidCondition("value", gettext("Something that was chosen here has been deleted."))


def _typed_day(text: str) -> str:
    """A kept day as people type it; what was typed stays."""
    try:
        return jalali.typed_day(jalali.day_from(text)) if text else ""
    except (ValueError, OverflowError):
        return text


class SegmentForm(forms.Form):
    """A new segment, the one given as ``segment``, or with ``like`` a new one that begins as another.

    Not ``judged``: somebody is still arranging its conditions, and nothing is refused.
    """

    name = forms.CharField(label=_("Name"), max_length=150, widget=forms.TextInput(attrs={"class": "input w-full"}))
    match = forms.ChoiceField(choices=[("all", "all"), ("any", "any")], required=False)

    def __init__(
        self, data: Any = None, *, segment: Segment | None = None, like: Segment | None = None, judged: bool = True
    ) -> None:
        self.segment, self.judged = segment, judged
        self._begins_as = segment or like
        self.acting = ""
        initial = {"match": "all"}
        if self._begins_as:
            initial = {"name": self._begins_as.name, "match": self._begins_as.conditions.get("match", "all")}
        if like:
            initial["name"] = gettext("%(name)s (copy)") % {"name": like.name}
        super().__init__(data, initial=initial)

    def full_clean(self) -> None:
        if self.judged:
            super().full_clean()
        else:
            self._errors, self.cleaned_data = ErrorDict(), {}

    def clean_name(self) -> str:
        name = " ".join(str(self.cleaned_data["name"]).translate(LETTERS).split())
        others = Segment.objects.filter(name=name)
        if (others.exclude(pk=self.segment.pk) if self.segment else others).exists():
            raise forms.ValidationError(gettext("There is a segment of this name already."))
        return name

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        found = [row.condition() for row in self.rows]
        if not self.rows:
            self.add_error(None, gettext("Add at least one condition."))
        elif not all(found):
            self.add_error(None, gettext("A condition is not complete; it is said at its place."))
        return data

    def conditions(self) -> dict[str, Any] | None:
        """The conditions that make sense, as far as they go; None without any."""
        found = [condition for row in self.rows if (condition := row.condition())]
        match = "any" if self["match"].value() == "any" else "all"
        return {"match": match, "conditions": found[:MOST_CONDITIONS]} if found else None

    @cached_property
    def rows(self) -> list[Row]:
        """The rows in their order; one to begin with."""
        catalogue = Catalogue()
        if self.is_bound:
            rows = list(self._posted(catalogue))
            if not self.judged and "add" in self.data and len(rows) < MOST_CONDITIONS:
                rows.append(Row(_new_prefix(), {}, catalogue))
                self.acting = rows[-1].prefix
            return rows
        saved = self._begins_as.conditions.get("conditions", []) if self._begins_as else [{}]
        return [Row(_new_prefix(), condition, catalogue) for condition in saved]

    def _posted(self, catalogue: Catalogue) -> Iterator[Row]:
        removed = None if self.judged else self.data.get("remove")
        prefixes = dict.fromkeys(self.data.getlist("row")[:MOST_CONDITIONS])  # type: ignore[attr-defined]  # a form's data
        for prefix in prefixes:
            if prefix == removed or not _PREFIX.fullmatch(prefix):
                continue
            given = {name: self.data.get(f"{prefix}-{name}") for name in ("field", "key", "test", "q")}
            values = self.data.getlist(f"{prefix}-value")  # type: ignore[attr-defined]  # a form's data
            kind = vocabulary.FIELDS.get(given["field"] or "", {}).get(given["test"] or "")
            many = kind in {*vocabulary.LISTS, vocabulary.DATES}
            yield Row(prefix, given | {"value": values if many else (values[0] if values else "")}, catalogue)

    @property
    def is_full(self) -> bool:
        """No further condition fits."""
        return len(self.rows) >= MOST_CONDITIONS

    @cached_property
    def keys(self) -> list[str]:
        """The attributes that recent imports brought and some contacts have, the commonest first; no scan of all."""
        found: Counter[str] = Counter()
        for mapping in ContactImport.objects.order_by("-pk").values_list("mapping", flat=True)[:ASKED_IMPORTS]:
            columns = mapping.get("columns", []) if isinstance(mapping, dict) else []
            found.update(str(it).partition(":")[2] for it in columns if str(it).startswith(f"{ATTRIBUTE}:"))
        for order in ("pk", "-pk"):
            for attributes in Contact.objects.order_by(order).values_list("attributes", flat=True)[:ASKED_CONTACTS]:
                found.update(list(attributes))
        return [key for key, _number in found.most_common(MOST_KEYS)]


def _new_prefix() -> str:
    return f"r{secrets.token_hex(4)}"
