"""Job categories of ours in two levels: the tree with its counts, and what is done to it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Count, Q
from django.db.models.functions import Now

from contacts import elsewhere
from contacts.importing.mapping import LETTERS
from contacts.models import Contact, JobCategory, Operator
from contacts.querysets import ContactQuerySet
from providers.models import ProviderAccount


class CategoryInUse(Exception):
    """Something names the category, so it cannot go."""

    def __init__(self, named_by: list[elsewhere.Naming]) -> None:
        super().__init__(len(named_by))
        self.named_by = named_by


@dataclass(slots=True)
class Branch:
    """A category with its contacts by operator; a main one counts those of its subs, too."""

    category: JobCategory
    by_operator: Counter[int] = field(default_factory=Counter)
    children: list[Branch] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.by_operator.total()

    @property
    def counts(self) -> list[int]:
        """The contacts of each operator, in the order of ``OPERATORS``."""
        return [self.by_operator[operator] for operator in OPERATORS]


AT_ONCE = 20_000  # contacts that a deletion changes; more are a bulk action first
OPERATORS = (Operator.MCI, Operator.IRANCELL, Operator.OTHER, Operator.UNKNOWN)


def clean_name(text: str) -> str:
    """A name as it is stored: letters of the Persian keyboard, single blanks."""
    return " ".join(text.translate(LETTERS).split())


def tree() -> list[Branch]:
    """Our categories by name, subs within their main one, with their counts. Two queries."""
    by_category: dict[int, Counter[int]] = defaultdict(Counter)
    for category_id, operator, number in counted():
        by_category[category_id][operator] += number
    mains: dict[int, Branch] = {}
    subs: list[Branch] = []
    for category in JobCategory.objects.ours().order_by("name"):
        branch = Branch(category, by_category[category.pk])
        if category.parent_id is None:
            mains[category.pk] = branch
        else:
            subs.append(branch)
    for branch in subs:
        main = mains[branch.category.parent_id or 0]
        main.children.append(branch)
        main.by_operator = main.by_operator + branch.by_operator
    return list(mains.values())


def counted() -> Iterable[tuple[int, int, int]]:
    """Category, operator and the number of their contacts: one grouped query over the index ``contact_by_category``."""
    categorised = Contact.objects.filter(job_category__isnull=False).order_by()
    return categorised.values_list("job_category", "operator").annotate(Count("pk"))


def members(category: JobCategory) -> ContactQuerySet:
    """The contacts of a category and of its subs."""
    return Contact.objects.filter(job_category__in=_with_subs(category))


def _with_subs(category: JobCategory) -> list[int]:
    return list(JobCategory.objects.filter(Q(pk=category.pk) | Q(parent=category.pk)).values_list("pk", flat=True))


def hold() -> None:
    """Lock our tree until the transaction's end: one change of it at a time, or two could make a third level."""
    list(JobCategory.objects.select_for_update().ours().order_by("pk").values_list("pk"))


@transaction.atomic
def remove(category: JobCategory, heir: JobCategory | None = None) -> int:
    """Delete a category of ours; its contacts go to ``heir``, or have none. Returns how many there were.

    A main category's subs go under a main heir, joined with those of the same name; else they go with it.

    Raises:
        CategoryInUse: a campaign names it, or a sub that would go with it; nothing was changed.
    """
    hold()
    moved = 0
    if heir and heir.parent_id is None:
        for sub in category.children.order_by("pk"):
            twin = heir.children.filter(name=sub.name).first()
            if twin:
                moved += remove(sub, twin)
            else:
                JobCategory.objects.filter(pk=sub.pk).update(parent=heir)
    going = _with_subs(category)
    if named_by := elsewhere.naming(categories=going):
        raise CategoryInUse(named_by)
    moved += _recategorise(going, heir)
    JobCategory.objects.filter(pk__in=going).delete()
    return moved


def _recategorise(categories: list[int], heir: JobCategory | None) -> int:
    contacts = Contact.objects.filter(job_category__in=categories)
    ids = list(contacts.select_for_update().order_by("pk").values_list("pk", flat=True))  # in the order of all locks
    return contacts.update(job_category=heir, updated_at=Now()) if ids else 0


@transaction.atomic
def copy_to_ours(account: ProviderAccount) -> int:
    """Make the categories that an account's provider keeps ours, where we have none of the name yet; how many."""
    theirs = JobCategory.objects.filter(account=account, gone_since=None).order_by("pk")
    before = JobCategory.objects.ours().count()
    mains = {main.pk: clean_name(main.name) for main in theirs.filter(parent=None)}
    _make((name, None) for name in mains.values())
    ours = dict(JobCategory.objects.ours().filter(parent=None).values_list("name", "pk"))
    subs = theirs.filter(parent__in=mains).values_list("name", "parent")
    _make((clean_name(name), ours[mains[parent]]) for name, parent in subs if parent is not None)
    return JobCategory.objects.ours().count() - before


def _make(named: Iterable[tuple[str, int | None]]) -> None:
    rows = [JobCategory(name=name, parent_id=parent) for name, parent in dict.fromkeys(named)]
    JobCategory.objects.bulk_create(rows, ignore_conflicts=True)
