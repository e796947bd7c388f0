"""The lists that a provider keeps, as stages of a mirroring: what is asked for, and how a page of it is stored.

Everything here but ``build`` and ``parse`` runs in the transaction of a page, which holds the mirroring's row.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from django.db import models, transaction
from django.db.models import F, ProtectedError, QuerySet
from django.db.models.functions import Coalesce, Now

from contacts.models import JobCategory, Mirroring, Phonebook, ProviderNumber
from providers.base import HttpRequest, HttpResponse
from providers.keeping import (
    KeepingProvider,
    ListedCategory,
    ListedLine,
    ListedNumber,
    ListedPhonebook,
    Page,
)
from providers.models import SenderLine
from providers.registry import provider_class

MAX_SIZE = 2**31 - 1
MAX_REF = 64
MAX_NAME = 150
_Stage = Mirroring.Stage


class List(ABC):
    """One stage of a mirroring. ``store`` and ``sweep`` add to ``run.counts``; ``rows`` are the page's."""

    stage: ClassVar[str]

    def __init__(self, run: Mirroring) -> None:
        self.run = run

    @abstractmethod
    def build(self, provider: KeepingProvider) -> HttpRequest:
        """The request for the next page."""

    @abstractmethod
    def parse(self, provider: KeepingProvider, response: HttpResponse) -> Page[Any]: ...

    @abstractmethod
    def store(self, rows: Sequence[Any]) -> None:
        """Keep the rows of a page."""

    @abstractmethod
    def sweep(self) -> None:
        """Remove what the provider no longer has: every page is in, and ``run.pk`` stands on all that was found."""

    def total(self, page: Page[Any]) -> int | None:
        """How many things the stage is about, as far as it is known."""
        return page.total

    def progress(self, page: Page[Any]) -> int:
        """How many of them this page has dealt with."""
        return len(page.rows)

    def is_last(self, page: Page[Any]) -> bool:
        """Whether the stage ends with this page, the ``run.page``-th one (from 0)."""
        return not page.rows or (page.last_page is not None and self.run.page + 1 >= page.last_page)

    def _count(self, what: str, number: int) -> None:
        if number or what == self.stage:
            self.run.counts[what] = self.run.counts.get(what, 0) + number


class Lines(List):
    """The account's lines. One that is known stays as the operator has set it, also where the provider lost it."""

    stage = _Stage.LINES

    def build(self, provider: KeepingProvider) -> HttpRequest:
        return provider.build_lines(self.run.page + 1)

    def parse(self, provider: KeepingProvider, response: HttpResponse) -> Page[ListedLine]:
        return provider.parse_lines(response)

    def store(self, rows: Sequence[ListedLine]) -> None:
        listed = {row.sender: row for row in rows if _usable(row.sender)}
        known = SenderLine.objects.filter(account_id=self.run.account_id, sender__in=listed)
        new = [listed[sender] for sender in listed.keys() - set(known.values_list("sender", flat=True))]
        SenderLine.objects.bulk_create([self._line(row) for row in sorted(new)])
        self.run.senders = sorted({*self.run.senders, *listed})
        self.run.counts[self.stage] = len(self.run.senders)
        self._count("lines_new", len(new))

    def _line(self, row: ListedLine) -> SenderLine:
        return SenderLine(
            account_id=self.run.account_id,
            sender=row.sender,
            name=_name(row.name)[:100],
            kind=SenderLine.Kind.ADVERTISING,
            channel=provider_class(self.run.account.slug).capabilities.channels[0],
            part_size=row.part_size,
        )

    def sweep(self) -> None:
        """Nothing: a line is the operator's, and campaigns went out over it."""


class Phonebooks(List):
    """The phonebooks, without their numbers."""

    stage = _Stage.PHONEBOOKS

    def build(self, provider: KeepingProvider) -> HttpRequest:
        return provider.build_phonebooks(self.run.page + 1)

    def parse(self, provider: KeepingProvider, response: HttpResponse) -> Page[ListedPhonebook]:
        return provider.parse_phonebooks(response)

    def _mirrors(self) -> QuerySet[Phonebook]:
        return Phonebook.objects.filter(account_id=self.run.account_id)

    def store(self, rows: Sequence[ListedPhonebook]) -> None:
        listed = {
            row.ref: {"name": _name(row.name) or row.ref, "size": min(max(row.size, 0), MAX_SIZE)}
            for row in rows
            if _usable(row.ref)
        }
        new = _merge(self._mirrors(), self.run, listed, Phonebook)
        self._count(self.stage, len(listed))
        self._count("phonebooks_new", new)

    def sweep(self) -> None:
        # Their rows first: a pass over the numbers of one takes its phonebook's row before its own.
        gone = list(self._mirrors().exclude(seen_in=self.run.pk).select_for_update().order_by("pk"))
        removed = sum(map(_remove, gone))
        self._count("phonebooks_removed", removed)
        self._count("phonebooks_gone", len(gone) - removed)


class Categories(List):
    """The main job categories, in one answer."""

    stage = _Stage.CATEGORIES

    def build(self, provider: KeepingProvider) -> HttpRequest:
        return provider.build_categories()

    def parse(self, provider: KeepingProvider, response: HttpResponse) -> Page[ListedCategory]:
        return provider.parse_categories(response)

    def is_last(self, page: Page[ListedCategory]) -> bool:
        return True

    def _mirrors(self) -> QuerySet[JobCategory]:
        return JobCategory.objects.filter(account_id=self.run.account_id, parent=None)

    def store(self, rows: Sequence[ListedCategory]) -> None:
        listed = {row.ref: {"name": _name(row.name) or row.ref} for row in rows if _usable(row.ref)}
        new = _merge(self._mirrors(), self.run, listed, JobCategory)
        self._count(self.stage, len(listed))
        self._count("categories_new", new)

    def sweep(self) -> None:
        removed, gone = 0, list(self._mirrors().exclude(seen_in=self.run.pk))
        for main in gone:
            if _remove(main):  # its sub-categories with it
                removed += 1
            else:
                list(map(_remove, main.children.all()))
        self._count("categories_removed", removed)
        self._count("categories_gone", len(gone) - removed)


class Subcategories(List):
    """The sub-categories: a whole answer for each of the main categories that the stage before has found."""

    stage = _Stage.SUBCATEGORIES

    def __init__(self, run: Mirroring) -> None:
        super().__init__(run)
        found = JobCategory.objects.filter(account_id=run.account_id, parent=None, seen_in=run.pk).order_by("pk")
        self._mains = [main for main in found if main.provider_ref.isdecimal()]

    @property
    def is_empty(self) -> bool:
        return not self._mains

    @property
    def _main(self) -> JobCategory:
        return self._mains[self.run.page]

    def build(self, provider: KeepingProvider) -> HttpRequest:
        return provider.build_subcategories(int(self._main.provider_ref))

    def parse(self, provider: KeepingProvider, response: HttpResponse) -> Page[ListedCategory]:
        return provider.parse_categories(response)

    def total(self, page: Page[ListedCategory]) -> int | None:
        return len(self._mains)

    def progress(self, page: Page[ListedCategory]) -> int:
        return 1

    def is_last(self, page: Page[ListedCategory]) -> bool:
        return self.run.page + 1 >= len(self._mains)

    def store(self, rows: Sequence[ListedCategory]) -> None:
        main = self._main
        mirrors = JobCategory.objects.filter(parent=main)
        listed = {row.ref: {"name": _name(row.name) or row.ref} for row in rows if _usable(row.ref)}
        new = _merge(mirrors, self.run, listed, lambda **values: JobCategory(parent=main, **values))
        gone = list(mirrors.exclude(seen_in=self.run.pk))
        removed = sum(map(_remove, gone))
        self._count(self.stage, len(listed))
        self._count("subcategories_new", new)
        self._count("subcategories_removed", removed)
        self._count("subcategories_gone", len(gone) - removed)

    def sweep(self) -> None:
        """Nothing more: each answer was the whole of its main category."""


class Numbers(List):
    """The numbers of one phonebook."""

    stage = _Stage.NUMBERS

    def build(self, provider: KeepingProvider) -> HttpRequest:
        return provider.build_numbers(self._phonebook.provider_ref, self.run.page + 1)

    def parse(self, provider: KeepingProvider, response: HttpResponse) -> Page[ListedNumber]:
        return provider.parse_numbers(response)

    @property
    def _phonebook(self) -> Phonebook:
        assert self.run.phonebook is not None  # noqa: S101 - a mirroring of this stage has one
        return self.run.phonebook

    def store(self, rows: Sequence[ListedNumber]) -> None:
        listed = {row.ref: row for row in rows if _usable(row.ref) and row.phone}
        mirrors = ProviderNumber.objects.filter(phonebook=self._phonebook)
        known = mirrors.filter(provider_ref__in=listed).count()
        ProviderNumber.objects.bulk_create(
            [
                ProviderNumber(
                    phonebook=self._phonebook,
                    provider_ref=row.ref,
                    phone=row.phone,
                    name=_name(row.name),
                    seen_in=self.run.pk,
                )
                for row in listed.values()
            ],
            update_conflicts=True,
            unique_fields=["phonebook", "provider_ref"],
            update_fields=["phone", "name", "seen_in"],
        )
        self._count(self.stage, len(listed))
        self._count("numbers_new", len(listed) - known)
        self._count("numbers_unusable", sum(1 for row in rows if not row.phone))

    def sweep(self) -> None:
        gone = ProviderNumber.objects.filter(phonebook=self._phonebook).exclude(seen_in=self.run.pk)
        self._count("numbers_removed", gone.delete()[0])


LISTS: Mapping[str, type[List]] = {each.stage: each for each in (Lines, Phonebooks, Categories, Subcategories, Numbers)}


def next_list(done: List) -> str | None:
    """The stage that follows, or None at the end."""
    match done.stage:
        case _Stage.LINES:
            return _Stage.PHONEBOOKS
        case _Stage.PHONEBOOKS:
            return _Stage.CATEGORIES
        case _Stage.CATEGORIES:
            return None if Subcategories(done.run).is_empty else _Stage.SUBCATEGORIES
    return None


def _usable(ref: str) -> bool:
    return 0 < len(ref) <= MAX_REF


def _name(text: str) -> str:
    return " ".join(text.split())[:MAX_NAME]


def _merge(
    mirrors: QuerySet[Any], run: Mirroring, listed: Mapping[str, Mapping[str, Any]], make: Callable[..., models.Model]
) -> int:
    """Make the mirrors of a page equal to what was listed, by the provider's ids; returns how many are new.

    No upsert: the unique constraints are partial, and the mirroring's row keeps every other writer out.
    """
    known = {row.provider_ref: row for row in mirrors.filter(provider_ref__in=listed)}
    changed = []
    for ref, row in known.items():
        if any(getattr(row, field) != value for field, value in listed[ref].items()):
            for field, value in listed[ref].items():
                setattr(row, field, value)
            changed.append(row)
    if changed:
        mirrors.bulk_update(changed, list(listed[changed[0].provider_ref]))
    new = [make(account_id=run.account_id, provider_ref=ref, **listed[ref]) for ref in listed if ref not in known]
    mirrors.bulk_create(new)
    mirrors.filter(provider_ref__in=listed).update(seen_in=run.pk, gone_since=None)
    return len(new)


def _remove(row: Phonebook | JobCategory) -> bool:
    """Delete a mirror; one that a campaign names stays, with the time since when the provider has it no more."""
    try:
        with transaction.atomic():
            row.delete()
    except ProtectedError:
        type(row).objects.filter(pk=row.pk).update(gone_since=Coalesce(F("gone_since"), Now()))
        return False
    return True
