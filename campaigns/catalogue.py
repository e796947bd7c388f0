"""What the rows of an audience choose from: phonebooks and job categories, our own or the mirror of a provider's."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from django.db.models import Q

from campaigns.models import AudienceRule, Campaign, Segment
from contacts.models import JobCategory, Phonebook, ProviderNumber
from contacts.querysets import ProviderNumberQuerySet

SHOWN_CAMPAIGNS = 30  # the newest of those that a search finds


class Catalogue:
    """The phonebooks and categories of an account's provider, or with None our own; each list is asked for once.

    They are found by key: ours by the primary key, the provider's by its id there. What ``named`` rules name stays to
    be chosen, also where the mirror does not have it.
    """

    def __init__(self, account_id: int | None = None, named: Iterable[AudienceRule] = ()) -> None:
        self.account_id = account_id
        self._named = [rule.params for rule in named if rule.kind == AudienceRule.Kind.PROVIDER] if account_id else []

    @property
    def is_empty(self) -> bool:
        """Nothing of this account has been mirrored, and nothing is named."""
        return not (self.books or self.mains)

    @cached_property
    def books(self) -> dict[str, Phonebook]:
        """The phonebooks in their order; of those that the provider has no more, the named ones."""
        named = [ref for params in self._named for ref in params.get("phonebooks", [])]
        named += [params["phonebook"] for params in self._named if "phonebook" in params]
        rows = Phonebook.objects.filter(Q(gone_since=None) | Q(provider_ref__in=named), account=self.account_id)
        found = {self.key(row): row for row in rows.order_by("name", "pk")}
        missing = dict.fromkeys(ref for ref in named if ref not in found)
        return found | {ref: Phonebook(account_id=self.account_id, provider_ref=ref, name=ref) for ref in missing}

    @cached_property
    def mains(self) -> dict[str, JobCategory]:
        """The main job categories in their order."""
        return self._categories[""]

    def subs(self, main: str) -> dict[str, JobCategory]:
        """The sub-categories of a main one."""
        return self._categories.get(main, {}) if main else {}

    @cached_property
    def _categories(self) -> dict[str, dict[str, JobCategory]]:
        named = {(str(params["main"]), str(params.get("sub", ""))) for params in self._named if "main" in params}
        refs = [ref for pair in named for ref in pair]
        rows = JobCategory.objects.filter(Q(gone_since=None) | Q(provider_ref__in=refs), account=self.account_id)
        every = {row.pk: row for row in rows.order_by("name", "pk")}
        found: dict[str, dict[str, JobCategory]] = {"": {self.key(r): r for r in every.values() if r.parent_id is None}}
        for row in every.values():
            if row.parent_id in every:
                row.parent = every[row.parent_id]
                found.setdefault(self.key(row.parent), {})[self.key(row)] = row
        for main, sub in sorted(named):
            parent = found[""].setdefault(main, JobCategory(account_id=self.account_id, provider_ref=main, name=main))
            if sub and sub not in found.setdefault(main, {}):
                found[main][sub] = JobCategory(provider_ref=sub, name=sub, parent=parent)
        return found

    @cached_property
    def segments(self) -> dict[str, Segment]:
        """The segments in their order."""
        return {str(row.pk): row for row in Segment.objects.order_by("name")}

    def campaigns(self, query: str = "", chosen: str = "") -> dict[str, Campaign]:
        """The campaigns whose recipients can be named: the newest that a search finds, and before them the chosen one.

        One lookup for each row that asks; as many as ``SHOWN_CAMPAIGNS`` of however many there are.
        """
        rows = Campaign.objects.real().only("name", "audience", "launched_at", "created_at").order_by("-pk")
        named = rows.filter(audience__isnull=False, pruned_at=None)
        found = [*named.filter(name__icontains=query)[:SHOWN_CAMPAIGNS]] if query else [*named[:SHOWN_CAMPAIGNS]]
        if chosen.isascii() and chosen.isdigit() and chosen not in {str(row.pk) for row in found}:
            found = [*rows.filter(pk=int(chosen[:18])), *found]
        return {str(row.pk): row for row in found}

    def numbers(self, book: str) -> ProviderNumberQuerySet:
        """The numbers of a provider's phonebook, as far as they have been fetched, in its order."""
        row = self.books.get(book)
        found = ProviderNumber.objects.filter(phonebook=row) if row and row.pk else ProviderNumber.objects.none()
        return found.order_by("pk")

    def named_numbers(self, book: str) -> set[str]:
        """The ids of a phonebook's numbers that the named rules name."""
        return {ref for params in self._named if params.get("phonebook") == book for ref in params.get("numbers", [])}

    def key(self, row: Phonebook | JobCategory) -> str:
        """What a row is found by."""
        return str(row.pk) if self.account_id is None else row.provider_ref
