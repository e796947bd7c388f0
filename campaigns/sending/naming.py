"""The rules of an audience as sets of people: whom each names, and who of them another names.

Recipients keep a stated order: rule by rule; within a phonebook in the order in which contacts were added, in another
campaign's recipients in that campaign's, elsewhere in the order in which contacts were made; pasted numbers that are no
contact come last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from campaigns import segmenting
from campaigns.models import AudienceRule, Campaign, Message
from campaigns.states import statuses_of_outcome
from contacts.models import Contact, JobCategory, Membership

PASTED_LIMIT = 10_000
LAST_ID = 2**63 - 1
Kind, Rule = AudienceRule.Kind, AudienceRule.Rule


class Recipients(NamedTuple):
    """A rule as a set of rows, one a recipient: where their contact and phone are found from those rows.

    ``by_contact``: each of them is a contact, so that two such sets meet by the contacts' keys, with no look at a
    phone; else only the phones tell.
    """

    rows: QuerySet[Any]
    contact: str  # path to the contact, "" where the row is the contact
    phone: str  # path to the phone
    by_contact: bool = True
    numbers: Sequence[str] | None = None  # pasted ones, E.164: who is no contact has no row here, and is named too

    def names(self, outer: Recipients) -> Q:
        """Whether these name somebody whom a row of ``outer`` names."""
        if self.by_contact and outer.by_contact:
            return Q(Exists(self.rows.filter(**{path(self.contact, "pk"): OuterRef(path(outer.contact, "pk"))})))
        return self.name(outer.phone)

    def name(self, phone: str) -> Q:
        """Whether these name the phone at this path of the outer rows."""
        if self.numbers is not None:
            return Q(**{f"{phone}__in": self.numbers})
        return Q(Exists(self.rows.filter(**{self.phone: OuterRef(phone)})))

    def of_rows(self) -> Recipients:
        """These without the pasted numbers that are no contact, which have no row here."""
        return self._replace(numbers=None)

    def without(self, others: Sequence[Recipients]) -> Recipients:
        """Those whom none of the others names."""
        rows = self.rows
        for other in others:
            rows = rows.filter(~other.names(self))
        return self._replace(rows=rows)

    def met_by(self, others: Sequence[Recipients]) -> Recipients:
        """Those whom any of the others names."""
        return self._replace(rows=self.rows.filter(any_of(other.names(self) for other in others)))


def any_of(conditions: Iterable[Q]) -> Q:
    """Whether one of these holds; without any, nothing does."""
    return reduce(or_, conditions, Q(pk__in=[]))


def path(prefix: str, name: str) -> str:
    """A field of what a path leads to."""
    return f"{prefix}__{name}" if prefix else name


def recipients_of(rule: AudienceRule) -> Recipients:
    """The recipients that a rule names."""
    if rule.kind == Kind.PHONEBOOK:
        rows: QuerySet[Any] = _positions(Membership.objects.filter(phonebook=rule.phonebook_id), rule.params)
        if (numbers := rule.params.get("numbers")) is not None:  # none of them is nobody, not the whole phonebook
            rows = rows.filter(contact__phone__in=numbers)
        return Recipients(rows, "contact", "contact__phone")
    if rule.kind == Kind.CAMPAIGN:
        source = rule.source
        assert source is not None  # noqa: S101 - a database constraint
        rows = Message.objects.of(source).filter(phone__isnull=False)
        if outcome := rule.params.get("outcome"):
            rows = rows.filter(status__in=statuses_of_outcome(str(outcome)))
        return Recipients(rows, "contact", "phone", by_contact=False)
    if rule.kind == Kind.SEGMENT:
        assert rule.segment is not None  # noqa: S101 - a database constraint
        return Recipients(segmenting.contacts_of(rule.segment), "", "phone")
    if rule.kind == Kind.NUMBERS:
        numbers = _pasted(rule)
        return Recipients(Contact.objects.filter(phone__in=numbers), "", "phone", numbers=numbers)
    return Recipients(_in_category(rule), "", "phone")


def _positions(rows: QuerySet[Any], params: dict[str, Any]) -> QuerySet[Any]:
    """Only the rows from position ``start`` (from 0, by id), ``size`` of them; all without either.

    By the ids at both ends, which a database finds once, whatever it then does with the rows.
    """
    start, size = int(params.get("start") or 0), params.get("size")
    ids = rows.order_by("pk").values("pk")
    found = rows.filter(pk__gte=Subquery(ids[start : start + 1])) if start else rows
    if size is None:
        return found
    stop = start + int(size)
    return found.filter(pk__lt=Coalesce(Subquery(ids[stop : stop + 1]), Value(LAST_ID)))


def _in_category(rule: AudienceRule) -> QuerySet[Any]:
    # By their keys: a join with their table costs a million contacts twice the time.
    categories = JobCategory.objects.filter(Q(pk=rule.job_category_id) | Q(parent=rule.job_category_id))
    found = Contact.objects.filter(job_category__in=list(categories.values_list("pk", flat=True)))
    operators = rule.params.get("operators") or []
    if not operators:
        return found
    chosen = Q(pk__in=[])
    for operator in operators:
        chosen |= Q(pk__in=_positions(found.filter(operator=operator["id"]), operator).values("pk"))
    return found.filter(chosen)


class Named(NamedTuple):
    """The rules of a campaign as sets, each with its rule, in their order."""

    included: list[tuple[AudienceRule, Recipients]]
    excluded: list[tuple[AudienceRule, Recipients]]

    @property
    def out(self) -> list[Recipients]:
        """The sets that the exclude rules name."""
        return [recipients for _, recipients in self.excluded]


def named(campaign: Campaign) -> Named:
    """Whom a campaign's rules include and exclude."""
    rules = [(rule, recipients_of(rule)) for rule in campaign.audience_rules()]
    included = [(rule, found) for rule, found in rules if rule.rule == Rule.INCLUDE]
    return Named(included, [(rule, found) for rule, found in rules if rule.rule == Rule.EXCLUDE])


def included(campaign: Campaign) -> Iterator[Recipients]:
    """Each include rule's recipients without those that an exclude rule names."""
    found = named(campaign)
    for _rule, recipients in found.included:
        yield recipients.without(found.out)


def contacts(campaign: Campaign) -> QuerySet[Contact]:
    """The contacts that the rules name, each once; pasted numbers that are no contact are not among them."""
    keys = [r.rows.order_by().values(path(r.contact, "pk")) for r in included(campaign)]
    if not keys:
        return Contact.objects.none()
    return Contact.objects.filter(pk__in=keys[0].union(*keys[1:]) if keys[1:] else keys[0])


class Strangers(NamedTuple):
    """The pasted numbers (E.164) that no contact has, each once: those to write to, those left out and by which rule.

    ``listed`` counts them as often as the include rules name them.
    """

    numbers: list[str]
    excluded: dict[str, AudienceRule]
    listed: int


def strangers(campaign: Campaign) -> Strangers:
    """The pasted numbers that no contact has."""
    rules = campaign.audience_rules()
    pasted = [_pasted(rule) for rule in rules if rule.rule == Rule.INCLUDE]
    numbers = dict.fromkeys(number for listed in pasted for number in listed)
    known = set(Contact.objects.filter(phone__in=list(numbers)).values_list("phone", flat=True)) if numbers else set()
    strange = [number for number in numbers if number not in known]
    excluded: dict[str, AudienceRule] = {}
    for rule in rules if strange else ():
        if rule.rule == Rule.EXCLUDE:
            for number in _out_of(strange, rule):
                excluded.setdefault(number, rule)
    listed = sum(number not in known for listed in pasted for number in listed)
    return Strangers([number for number in strange if number not in excluded], excluded, listed)


def _pasted(rule: AudienceRule) -> list[str]:
    numbers = dict.fromkeys(rule.params.get("numbers", [])) if rule.kind == Kind.NUMBERS else {}
    return list(numbers)[:PASTED_LIMIT]


def _out_of(numbers: list[str], rule: AudienceRule) -> set[str]:
    """Who of these strangers an exclude rule names: by their numbers, or as recipients of another campaign."""
    if rule.kind == Kind.CAMPAIGN:
        rows = recipients_of(rule).rows.filter(phone__in=numbers)
        return set(rows.values_list("phone", flat=True))
    return set(numbers).intersection(_pasted(rule))


def alone(who: Named, numbers: list[str]) -> set[str]:
    """Of these strangers those whom no other campaign's recipients bring along: they are counted there."""
    found = set(numbers)
    for _, recipients in who.included:
        if found and not recipients.by_contact:
            found -= set(recipients.rows.filter(phone__in=found).values_list("phone", flat=True))
    return found
