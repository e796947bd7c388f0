"""How many a campaign will go to, and why the others get nothing: exact, before it is launched.

It counts what the freeze would write, from the same sets: rule by rule who was not named before, who of those is
excluded, and of the few that are suppressed or have had enough those whom the rules name.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from functools import reduce
from operator import and_
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Case, Count, Min, Q, QuerySet, Value, When

from campaigns.counting import one_picture
from campaigns.models import AudienceRule, Campaign
from campaigns.sending import barring, capping, naming
from campaigns.sending.naming import Named, Recipients, any_of
from campaigns.sending.suppressed import REASONS, reason_for
from campaigns.states import Reason
from contacts.models import Operator, Suppression
from contacts.querysets import STRENGTH


class Headcount(NamedTuple):
    """The accounting of an audience: ``named`` − ``repeated`` − ``excluded`` − suppressed − ``capped`` − ``not_drawn``
    = ``recipients``.

    ``named`` counts people as often as the include rules name them. ``suppressed`` is by reason. ``capped`` is None
    where it was not asked for; they are among the recipients then. ``strangers`` of the recipients are no contacts.
    """

    named: int
    repeated: int
    excluded: int
    suppressed: Mapping[Reason, int]
    capped: int | None
    not_drawn: int
    strangers: int

    @property
    def all_suppressed(self) -> int:
        """The suppressed, whatever the reason."""
        return sum(self.suppressed.values())

    @property
    def free(self) -> int:
        """Whom nothing keeps from getting it, before a sample is drawn."""
        return self.named - self.repeated - self.excluded - self.all_suppressed - (self.capped or 0)

    @property
    def recipients(self) -> int:
        """Who gets it."""
        return self.free - self.not_drawn


def count(campaign: Campaign, *, capped: bool = True) -> Headcount:
    """Count an audience. ``capped``: also who has had enough messages, which may take longer than all else."""
    with _unhurried():
        who, strangers = naming.named(campaign), naming.strangers(campaign)
        named, people, excluded = _met(who)
        suppressed = _suppressed(campaign, who)
        alone = _alone(who, [*strangers.numbers, *strangers.excluded])
        numbers = [number for number in strangers.numbers if number in alone]
        enough = _capped(campaign, who, numbers) if capped else None
    excluded += sum(number in alone for number in strangers.excluded)
    named, people = named + strangers.listed, people + len(alone)
    found = Headcount(named, named - people, excluded, suppressed, enough, 0, len(numbers))
    if not campaign.sample_size:
        return found
    return found._replace(not_drawn=max(0, found.free - campaign.sample_size))


@contextlib.contextmanager
def _unhurried() -> Iterator[None]:
    """All queries see one moment, where that holds up nobody, and are planned for a million keys in memory."""
    if connection.vendor != "postgresql":
        yield
        return
    with one_picture(), connection.cursor() as cursor:
        # To compile such a plan takes longer than to run it.
        cursor.execute("SET LOCAL work_mem = '64MB'; SET LOCAL jit = off")
        yield


def _met(who: Named) -> tuple[int, int, int]:
    """How many the include rules name in all, how many people those are, and how many of them are excluded."""
    named = people = excluded = 0
    before: list[Recipients] = []
    for rule, recipients in who.included:
        found = _size(rule, recipients)
        named += found
        people += found - (recipients.met_by(before).rows.count() if before else 0)
        if who.excluded:
            excluded += recipients.without(before).met_by(who.out).rows.count()
        before.append(recipients)
    return named, people, excluded


def _size(rule: AudienceRule, recipients: Recipients) -> int:
    whole = rule.phonebook is not None and not rule.params
    return rule.phonebook.size if whole and rule.phonebook else recipients.rows.count()


def _named(who: Named) -> Q:
    """Whether the rules include the phone of a row, and none excludes it."""
    found = any_of(recipients.name("phone") for _, recipients in who.included)
    return reduce(and_, (~recipients.name("phone") for recipients in who.out), found)


def _suppressed(campaign: Campaign, who: Named) -> dict[Reason, int]:
    """By reason. From the few suppressed to the many people: the other way round takes seconds for a million."""
    order = [When(reason=word, then=Value(place)) for place, word in enumerate(STRENGTH)]
    held = Suppression.objects.for_line(campaign.line).filter(_named(who)).order_by()
    strongest = held.values("phone").annotate(word=Min(Case(*order, default=Value(len(order)))))
    counts: dict[Reason, int] = {}
    for place, number in _tally(strongest.values_list("word")):
        reason = REASONS.get(STRENGTH[place], Reason.SUPPRESSED) if place < len(STRENGTH) else Reason.SUPPRESSED
        counts[reason] = counts.get(reason, 0) + number
    return counts


def _tally(rows: QuerySet[Any, Any]) -> list[tuple[int, int]]:
    """How often each value stands in a column of a grouped query."""
    try:
        sql, params = rows.query.sql_with_params()
    except EmptyResultSet:
        return []
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT q.word, count(*) FROM ({sql}) AS q GROUP BY q.word", params)
        return [(int(value), int(number)) for value, number in cursor.fetchall()]


def _alone(who: Named, numbers: list[str]) -> set[str]:
    """Of these strangers those whom no other campaign's recipients bring along: they are counted there."""
    alone = set(numbers)
    for _, recipients in who.included:
        if alone and not recipients.by_contact:
            alone -= set(recipients.rows.filter(phone__in=alone).values_list("phone", flat=True))
    return alone


def _capped(campaign: Campaign, who: Named, strangers: list[str]) -> int:
    """Who would get it but has had enough messages."""
    enough = capping.enough(campaign)
    if enough is None:
        return 0
    found, before = 0, list[Recipients]()
    for _, recipients in who.included:
        rows = recipients.without([*before, *who.out]).rows.annotate(held=reason_for(campaign.line, recipients.phone))
        found += rows.filter(held=0, **{f"{recipients.phone}__in": enough}).count()
        before.append(recipients)
    reasons = barring.reasons(campaign, strangers)
    return found + sum(reason is Reason.CAPPED for reason in reasons.values())


def by_operator(campaign: Campaign, people: int) -> dict[int, int]:
    """How many of an audience are with each operator, an estimate by their numbers; ``people`` are all of it.

    Of who is no contact the operator is not known.
    """
    with _unhurried():
        found = dict(naming.contacts(campaign).order_by().values_list("operator").annotate(Count("pk")))
    if strange := people - sum(found.values()):
        found[Operator.UNKNOWN] = found.get(Operator.UNKNOWN, 0) + strange
    return {int(operator): number for operator, number in found.items()}
