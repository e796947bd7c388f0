"""Questions about sets of contacts, phonebooks, suppressions, imports and mirrorings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import connection, models
from django.db.models import Case, Exists, F, Func, OuterRef, Q, Value, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, Now

if TYPE_CHECKING:
    from contacts.models import (
        BulkAction,
        Contact,
        ContactImport,
        JobCategory,
        Mirroring,
        Phonebook,
        ProviderNumber,
        ReplyInbox,
        Suppression,
        SuppressionFile,
    )
    from providers.models import ProviderAccount, SenderLine

E164_DIGITS = 12  # of an Iranian mobile: 98 and ten digits
STRENGTH = ("opt_out", "manual", "blocked")  # reasons of a suppression, the strongest first
_STALLED = Q(status="running") & (Q(lease_until=None) | Q(lease_until__lt=Now()))


def _lexeme(word: str) -> str:
    """A word that can stand in a query in quotation marks."""
    return word.replace("\0", "").replace("\\", "").replace("'", "''")


def _with_number(digits: str) -> Q:
    found = Q(phone=digits) if 7 <= len(digits) <= 15 else Q(pk=None)
    if len(digits) <= E164_DIGITS and digits.startswith("98"):
        width = 10 ** (E164_DIGITS - len(digits))
        found |= Q(phone__gte=int(digits) * width, phone__lt=(int(digits) + 1) * width)
    return found


class _HasWords(Func):
    """Whether a contact has the words of a ``tsquery``. The expression is that of the index ``contact_words``.

    ``by_index`` decides whether that index may lead to the rows, or each row is looked at.
    """

    output_field = models.BooleanField()

    def __init__(self, query: str, *, by_index: bool = True) -> None:
        super().__init__(F("first_name"), F("last_name"), F("attributes"), Value(query))
        self.by_index = by_index

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **kwargs: Any) -> tuple[str, Any]:
        first, last, attributes, query = (compiler.compile(it) for it in self.get_source_expressions())
        names = f"to_tsvector('simple', {first[0]} || ' ' || {last[0]})"
        values = f"jsonb_to_tsvector('simple', {attributes[0]}, '[\"string\"]')"
        found = f"(({names} || {values}) @@ to_tsquery('simple', {query[0]}))"
        return found if self.by_index else f"({found} IS TRUE)", [*query[1]]


class _HasValue(Func):
    """Whether a text stands in any value of a contact's attributes. SQLite only, where the JSON itself is escaped."""

    output_field = models.BooleanField()

    def __init__(self, text: str) -> None:
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        super().__init__(F("attributes"), Value(f"%{escaped}%"))

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **kwargs: Any) -> tuple[str, Any]:
        attributes, text = (compiler.compile(it) for it in self.get_source_expressions())
        found = f"SELECT 1 FROM json_each({attributes[0]}) WHERE value LIKE {text[0]} ESCAPE '\\'"
        return f"EXISTS ({found})", text[1]


class ContactQuerySet(models.QuerySet["Contact"]):
    """Contacts."""

    def with_words(self, words: Sequence[str], *, by_index: bool = True) -> ContactQuerySet:
        """Contacts in whose names or attributes' values a word begins with each of these.

        By the index on the words (``contact_words``) on PostgreSQL, but where they are few that are looked at one by
        one; on SQLite, which has none, anywhere in a value.
        """
        if connection.vendor == "postgresql":
            query = " & ".join(f"'{word}':*" for word in map(_lexeme, words) if word)
            return self.filter(_HasWords(query, by_index=by_index)) if query else self.none()
        found = self
        for word in words:
            found = found.filter(Q(first_name__icontains=word) | Q(last_name__icontains=word) | Q(_HasValue(word)))
        return found

    def with_attribute(self, key: str, value: str, *, by_index: bool = True) -> ContactQuerySet:
        """Contacts whose attribute ``key`` contains ``value``; the words of the value lead the way to them."""
        found = self.with_words(value.split(), by_index=by_index) if connection.vendor == "postgresql" else self
        return found.alias(_value=KeyTextTransform(key, "attributes")).filter(_value__icontains=value)

    def with_number(self, digits: str) -> ContactQuerySet:
        """Contacts whose E.164 digits are these or, for an Iranian number, begin with them: a range of the index."""
        return self.filter(_with_number(digits))

    def with_suppression(self) -> ContactQuerySet:
        """The contacts, each with ``is_suppressed``: whether anything holds for its number, on whatever line."""
        suppressions = apps.get_model("contacts", "Suppression").objects
        # A range, for equality makes PostgreSQL hash all suppressed numbers where it could look up a page's few.
        held = suppressions.filter(phone__range=(OuterRef("phone"), OuterRef("phone")))
        return self.annotate(is_suppressed=Exists(held))


class JobCategoryQuerySet(models.QuerySet["JobCategory"]):
    """Job categories."""

    def ours(self) -> JobCategoryQuerySet:
        """Categories that are kept here, not mirrors of a provider's."""
        return self.filter(account=None)

    def in_tree_order(self) -> JobCategoryQuerySet:
        """Each main category by name, followed by its subs by name, with the parents at hand."""
        main = Coalesce("parent__name", "name")
        subs_after = F("parent").asc(nulls_first=True)
        return self.select_related("parent").order_by(main, Coalesce("parent", "pk"), subs_after, "name")


class PhonebookQuerySet(models.QuerySet["Phonebook"]):
    """Phonebooks."""

    def ours(self) -> PhonebookQuerySet:
        """Phonebooks that are kept here, not mirrors of a provider's."""
        return self.filter(account=None)


class ProviderNumberQuerySet(models.QuerySet["ProviderNumber"]):
    """Numbers of mirrored phonebooks."""

    def with_number(self, digits: str) -> ProviderNumberQuerySet:
        """Numbers whose E.164 digits are these or, for an Iranian number, begin with them: a range of the index."""
        return self.filter(_with_number(digits))


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    """Numbers that must not be sent to."""

    def for_line(self, line: SenderLine) -> SuppressionQuerySet:
        """The suppressions that hold for messages from this line."""
        scopes = Q(scope="all") | Q(scope="line", line=line)
        if line.is_advertising:
            scopes |= Q(scope="advertising")
        return self.filter(scopes)

    def of(self, phones: Iterable[str]) -> SuppressionQuerySet:
        """The suppressions of these numbers (E.164), whatever they hold for."""
        return self.filter(phone__in=list(phones))

    def with_number(self, digits: str) -> SuppressionQuerySet:
        """Suppressions of the numbers whose E.164 digits are these or, for an Iranian one, begin with them."""
        return self.filter(_with_number(digits))

    def strongest_first(self) -> SuppressionQuerySet:
        """Whose word weighs most comes first: the person's own, then an operator's, then a provider's report."""
        order = [When(reason=reason, then=Value(place)) for place, reason in enumerate(STRENGTH)]
        return self.order_by(Case(*order, default=Value(len(order))), "pk")


class SuppressionFileQuerySet(models.QuerySet["SuppressionFile"]):
    """Files of numbers to be suppressed."""

    def stalled(self) -> SuppressionFileQuerySet:
        """Files that should be running and that no live worker holds."""
        return self.filter(_STALLED)


class ReplyInboxQuerySet(models.QuerySet["ReplyInbox"]):
    """Inboxes of replies."""

    def due(self) -> ReplyInboxQuerySet:
        """Inboxes whose time has come and that no live worker holds."""
        come = Q(next_at=None) | Q(next_at__lte=Now())
        free = Q(lease_until=None) | Q(lease_until__lt=Now())
        return self.filter(come, free)


class ContactImportQuerySet(models.QuerySet["ContactImport"]):
    """Imports."""

    def stalled(self) -> ContactImportQuerySet:
        """Imports that should be running and that no live worker holds."""
        return self.filter(_STALLED)

    def waiting(self) -> ContactImportQuerySet:
        """Imports that can be started: uploaded ones, and rehearsed ones whose file is still kept for it."""
        return self.filter(Q(status="uploaded") | (Q(status="completed", dry_run=True) & ~Q(path="")))

    def live(self) -> ContactImportQuerySet:
        """Imports that can be stopped: running ones and those that wait to be started."""
        return self.filter(Q(status="running") | Q(pk__in=self.waiting().values("pk")))


class MirroringQuerySet(models.QuerySet["Mirroring"]):
    """Mirrorings."""

    def stalled(self) -> MirroringQuerySet:
        """Mirrorings that should be running and that no live worker holds; one that waits is none before its time."""
        return self.filter(_STALLED)

    def of_account(self, account: ProviderAccount) -> MirroringQuerySet:
        """Passes over an account's lines, phonebooks and categories."""
        return self.filter(account=account, phonebook=None)


class BulkActionQuerySet(models.QuerySet["BulkAction"]):
    """Bulk actions."""

    def seen_by(self, user: Any) -> BulkActionQuerySet:
        """Those that this person may look at: an export is for whoever asked for it, and for administrators."""
        if user.has_perm("contacts.change_bulkaction"):
            return self
        return self.exclude(~Q(created_by=user.pk), kind__in=("export", "messages"))

    def stalled(self) -> BulkActionQuerySet:
        """Actions that should be running and that no live worker holds."""
        return self.filter(_STALLED)
