"""A phonebook split into new ones: into equal parts, by size, by operator or by job category.

Members keep their order within a part. At random, each slice draws its parts from the places that are left, as cards
are dealt from one pack: sizes come out the same, and a restarted worker goes on with what is left.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from django.db.models import F
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from contacts.bulk.books import OfPhonebook
from contacts.bulk.kinds import register
from contacts.importing import merging
from contacts.models import BulkAction, JobCategory, Membership, Operator, Phonebook
from interface import persian

MAX_PARTS = 200
EQUAL, SIZE, OPERATOR, CATEGORY = "equal", "size", "operator", "category"
MAX_NAME = 150
_random = random.SystemRandom()


@register(BulkAction.Kind.SPLIT)
class Split(OfPhonebook):
    """``params``: ``{"from", "from_name", "by", "number"?, "random"?, "delete"?, "no_category"}``.

    ``number`` is that of the parts, or of the members of each. Kept there as it goes on: ``parts``, the phonebook of
    each key that has come up; ``left``, at random, the places of each part.
    """

    template = "contacts/_action_books.html"

    def begin(self) -> None:
        super().begin()
        params = self.action.params
        params["total"] = total = self.count()
        if params["by"] == SIZE:
            params["left"] = [min(params["number"], total - start) for start in range(0, total, params["number"])]
        elif params["by"] == EQUAL:
            whole, more = divmod(total, params["number"])
            params["left"] = [whole + (part < more) for part in range(params["number"])]

    def change(self, ids: list[int]) -> int:
        known: dict[str, int] = self.action.params.setdefault("parts", {})
        self.hold(*known.values())
        rows = self.members().filter(pk__gte=ids[0], pk__lte=ids[-1]).order_by("pk")
        facts = list(rows.values_list("contact_id", "contact__operator", "contact__job_category"))
        keys = self._keys([it[1] for it in facts], [it[2] for it in facts])
        for key in sorted(set(keys) - known.keys()):
            known[key] = self._new(key).pk
        members = [(known[key], contact) for key, (contact, _operator, _category) in zip(keys, facts, strict=True)]
        merging.insert(Membership, ("phonebook_id", "contact_id"), members)
        for phonebook_id, number in sorted(Counter(phonebook for phonebook, _contact in members).items()):
            Phonebook.objects.filter(pk=phonebook_id).update(size=F("size") + number)
        return len(members)

    def _keys(self, operators: Sequence[int], categories: Sequence[int | None]) -> list[str]:
        """Of each member the key of its part."""
        if self.action.params["by"] == OPERATOR:
            return [str(operator) for operator in operators]
        if self.action.params["by"] == CATEGORY:
            return [str(category or 0) for category in categories]
        return [f"{part + 1:05}" for part in self._dealt(len(operators))]

    def _dealt(self, number: int) -> list[int]:
        """The next parts, and those places taken from what is left; beyond the last place, the last part."""
        left: list[int] = self.action.params["left"]
        if self.action.params.get("random"):
            dealt = _random.sample(range(len(left)), k=number, counts=left)
        else:
            dealt = []
            for part, places in enumerate(left):
                dealt += [part] * min(places, number - len(dealt))
        for part, taken in Counter(dealt).items():
            left[part] -= taken
        return dealt

    def _new(self, key: str) -> Phonebook:
        """A phonebook for a part, under a name that is free."""
        base, number = f"{self.action.params['from_name']} – {self._label(key)}", 1
        name = base[:MAX_NAME]
        while Phonebook.objects.ours().filter(name=name).exists():
            number += 1
            name = f"{base[: MAX_NAME - 8]} ({number})"
        return Phonebook.objects.create(name=name)

    def _label(self, key: str) -> str:
        if self.action.params["by"] == OPERATOR:
            return str(Operator(int(key)).label)
        if self.action.params["by"] == CATEGORY:
            category = JobCategory.objects.select_related("parent").filter(pk=int(key)).first()
            return str(category) if category else _("no job category")
        return persian.digits(int(key))

    def finish(self) -> None:
        if self.action.params.get("delete"):
            self.delete_source()

    def words(self) -> str:
        params = self.action.params
        names = {"name": self.name(), "n": persian.number(params.get("number"))}
        if params["by"] == EQUAL:
            words = ngettext("Split “%(name)s” into %(n)s part", "Split “%(name)s” into %(n)s parts", params["number"])
            return words % names
        if params["by"] == SIZE:
            return _("Split “%(name)s” into parts of %(n)s") % names
        if params["by"] == OPERATOR:
            return _("Split “%(name)s” by operator") % names
        return _("Split “%(name)s” by job category") % names

    def link(self) -> tuple[str, str] | None:
        return _("To the phonebooks"), reverse("contacts:phonebooks")

    def phonebooks(self) -> list[Phonebook]:
        """The parts that are there, in their order."""
        known = Phonebook.objects.in_bulk(self.action.params.get("parts", {}).values())
        return [known[pk] for _key, pk in sorted(self.action.params.get("parts", {}).items()) if pk in known]
