"""How many a campaign will go to, and why the others get nothing: exact, before it is launched.

It counts what the freeze would write, from the same sets: rule by rule who was not named before, who of those is
excluded, and of the few that are suppressed or have had enough those whom the rules name.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Case, Count, F, QuerySet, Value, When

from campaigns.composing.accounting import Headcount
from campaigns.counting import one_picture
from campaigns.models import AudienceRule, Campaign
from campaigns.sending import capping, naming
from campaigns.sending.naming import Named, Recipients, path
from campaigns.sending.suppressed import REASONS
from campaigns.states import Reason
from contacts.models import Contact, Operator, Suppression
from contacts.querysets import STRENGTH

AT_ONCE = 5_000  # contacts, or suppressed numbers: more are not counted while somebody waits for a page


def takes_long(campaign: Campaign) -> bool:
    """Whether to count an audience may take longer than a page should, told by bounds that cost little."""
    rules = campaign.audience_rules()
    listed = [rule.phonebook.size for rule in rules if rule.kind == AudienceRule.Kind.PHONEBOOK and rule.phonebook]
    if sum(listed) > AT_ONCE:
        return True
    others = campaign.cap_messages or len(listed) < len(rules)
    return _are_many(Suppression.objects.all()) or bool(others and _are_many(Contact.objects.all()))


def _are_many(rows: QuerySet[Any]) -> bool:
    return rows.order_by()[: AT_ONCE + 1].count() > AT_ONCE


def count(campaign: Campaign, *, capped: bool = True) -> Headcount:
    """Count an audience. ``capped``: also who has had enough messages, which may take longer than all else."""
    who, strangers = naming.named(campaign), naming.strangers(campaign)
    with _unhurried():
        barred = _barred(campaign, who, capped=capped)
        alone = naming.alone(who, [*strangers.numbers, *strangers.excluded])
        named, people, excluded = _met(who)
    excluded += sum(number in alone for number in strangers.excluded)
    named, people = named + strangers.listed, people + len(alone)
    strange = sum(number in alone for number in strangers.numbers)
    enough = barred.pop(Reason.CAPPED, 0) if capped else None
    found = Headcount(named, named - people, excluded, barred, enough, 0, strange)
    if not campaign.sample_size:
        return found
    return found._replace(not_drawn=max(0, found.free - campaign.sample_size))


@contextlib.contextmanager
def _unhurried() -> Iterator[None]:
    """All queries see one moment, where that holds up nobody, and are planned for a million keys."""
    if connection.vendor != "postgresql":
        yield
        return
    with one_picture():
        _plan("work_mem = '64MB'")
        _plan("jit = off")  # to compile such a plan takes longer than to run it
        _plan("random_page_cost = 1.1")  # what is looked up has been read before, or is on a fast disk
        yield


def _plan(setting: str) -> None:
    """Set how the rest of the transaction is planned."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL {setting}")


def _met(who: Named) -> tuple[int, int, int]:
    """How many the include rules name in all, how many people those are, and how many of them are excluded."""
    if all(_is_whole(rule) for rule, _ in [*who.included, *who.excluded]):
        # Two phonebooks meet in the order of one index, three times as fast as over a hash of one of them.
        _plan("enable_hashjoin = off")
    named = people = excluded = 0
    before: list[Recipients] = []
    for rule, recipients in who.included:
        found = _size(rule, recipients)
        named += found
        people += found - (recipients.met_by(before).rows.count() if before else 0)
        if who.excluded:
            excluded += recipients.without(before).met_by(who.out).rows.count()
        before.append(recipients.of_rows())
    _plan("enable_hashjoin = on")
    return named, people, excluded


def _is_whole(rule: AudienceRule) -> bool:
    return rule.kind == AudienceRule.Kind.PHONEBOOK and not rule.params


def _size(rule: AudienceRule, recipients: Recipients) -> int:
    return rule.phonebook.size if rule.phonebook and _is_whole(rule) else recipients.rows.count()


# The few that are barred are looked up among the many, one by one: LIMIT and OFFSET keep the planner from reading all
# of them first, which takes seconds for a million. In the order of the index that they are looked up in, its pages are
# read once: half the time.
_HELD = """
    WITH held AS MATERIALIZED (
        SELECT s.phone, s.word, s.id FROM (
            SELECT n.phone, n.word, (SELECT c.id FROM contacts_contact AS c WHERE c.phone = n.phone) AS id
            FROM (SELECT u.phone, min(u.word) AS word FROM ({words}) AS u GROUP BY u.phone ORDER BY u.phone) AS n
        ) AS s ORDER BY s.id
    )
    SELECT held.word, count(*) FROM held WHERE {conditions} GROUP BY held.word
"""
_FOUND = "EXISTS(SELECT 1 FROM ({rows}) AS r WHERE r.found = held.{column} LIMIT 1 OFFSET 0)"


def _barred(campaign: Campaign, who: Named, *, capped: bool) -> dict[Reason, int]:
    """Whom the rules name and something keeps from getting it, by reason."""
    words, params = _words(campaign, capped=capped)
    include, more = _either([recipients for _, recipients in who.included])
    conditions, params = include, [*params, *more]
    if who.out:
        exclude, more = _either(who.out)
        conditions, params = f"{conditions} AND NOT {exclude}", [*params, *more]
    with connection.cursor() as cursor:
        cursor.execute(_HELD.format(words=words, conditions=conditions), params)
        counts = {int(place): int(number) for place, number in cursor.fetchall()}
    found: dict[Reason, int] = {}
    for place, number in counts.items():
        found[_ORDER[place]] = found.get(_ORDER[place], 0) + number
    return found


# By the strength of the word: of several only the strongest is told.
_ORDER: Final = [*(REASONS.get(word, Reason.SUPPRESSED) for word in STRENGTH), Reason.SUPPRESSED, Reason.CAPPED]


def _words(campaign: Campaign, *, capped: bool) -> tuple[str, list[Any]]:
    """The phones that are barred, each with the place of its reason in ``_ORDER``."""
    order = [When(reason=word, then=Value(place)) for place, word in enumerate(STRENGTH)]
    place = Case(*order, default=Value(len(STRENGTH)))
    held = Suppression.objects.for_line(campaign.line).order_by().annotate(word=place).values_list("phone", "word")
    sql, params = held.query.sql_with_params()
    enough = capping.enough(campaign) if capped else None
    if enough is None:
        return sql, list(params)
    capped_sql, more = enough.annotate(word=Value(len(_ORDER) - 1)).values_list("phone", "word").query.sql_with_params()
    return f"{sql} UNION ALL {capped_sql}", [*params, *more]


def _either(sets: Sequence[Recipients]) -> tuple[str, list[Any]]:
    """Whether one of these names somebody who is held, as SQL."""
    found, params = ["false" if connection.vendor == "postgresql" else "0"], list[Any]()
    for recipients in sets:
        try:
            sql, more = _one(recipients)
        except EmptyResultSet:
            continue
        found.append(sql)
        params += more
    return f"({' OR '.join(found)})", params


def _one(recipients: Recipients) -> tuple[str, list[Any]]:
    if recipients.numbers is not None:
        if not recipients.numbers:
            raise EmptyResultSet
        return f"held.phone IN ({', '.join(str(int(number)) for number in recipients.numbers)})", []
    column, key = ("id", path(recipients.contact, "pk")) if recipients.by_contact else ("phone", recipients.phone)
    rows = recipients.rows.order_by().annotate(found=F(key)).values_list("found")
    sql, params = rows.query.sql_with_params()
    return _FOUND.format(rows=sql, column=column), list(params)


def by_operator(campaign: Campaign, people: int) -> dict[int, int]:
    """How many of an audience are with each operator, an estimate by their numbers; ``people`` are all of it.

    Of who is no contact the operator is not known.
    """
    with _unhurried():
        include = [rule for rule in campaign.audience_rules() if rule.rule == AudienceRule.Rule.INCLUDE]
        if len(include) == 1 and _is_whole(include[0]):
            _plan("enable_hashjoin = off")  # by the order of the keys half the time
        found = dict(naming.contacts(campaign).order_by().values_list("operator").annotate(Count("pk")))
    if strange := people - sum(found.values()):
        found[Operator.UNKNOWN] = found.get(Operator.UNKNOWN, 0) + strange
    return {int(operator): number for operator, number in found.items()}
