"""Conditions as one query over contacts, the same people on PostgreSQL and SQLite."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import and_, or_
from typing import Any, Final

from django.db.models import Case, Exists, Expression, F, FloatField, OuterRef, Q, Value, When
from django.db.models.functions import Cast, Left, Replace, StrIndex, Trim
from django.db.models.lookups import Exact, GreaterThan, In, LessThan, Regex
from django.utils import timezone

from campaigns.models import Campaign
from campaigns.querysets import MessageQuerySet
from campaigns.segmenting import birthdays, recent
from campaigns.segmenting.checking import NUMBER
from campaigns.segmenting.texts import Folded, folded, spellings, text_of
from campaigns.states import statuses_of_outcome
from contacts.models import Contact, JobCategory, Membership
from contacts.querysets import ContactQuerySet

_NOBODY: Final = Q(pk__in=[])
ELSEWHERE: Final = frozenset({"phonebook", "last_message", "campaign"})  # fields that another table answers
Condition = Mapping[str, Any]


def contacts_meeting(conditions: Any, now: dt.datetime) -> ContactQuerySet:
    """The contacts that meet checked conditions; without any, nobody does."""
    listed: Sequence[Condition] = conditions.get("conditions", [])
    compiled = [_FIELDS[each["field"]](each, now) for each in listed]
    if conditions.get("match") != "any":
        return Contact.objects.filter(reduce(and_, compiled) if compiled else _NOBODY)
    # What looks into another table is one join for all contacts where it stands alone, behind an OR a look for each.
    parts = [q for each, q in zip(listed, compiled, strict=True) if each["field"] in ELSEWHERE]
    plain = [q for each, q in zip(listed, compiled, strict=True) if each["field"] not in ELSEWHERE]
    if plain or not parts:
        parts.insert(0, reduce(or_, plain, _NOBODY))
    first, *rest = [Contact.objects.filter(part) for part in parts]
    return (
        Contact.objects.filter(pk__in=first.values("pk").union(*(each.values("pk") for each in rest)))
        if rest
        else first
    )


def _text(condition: Condition, now: dt.datetime) -> Q:
    test, value = condition["test"], condition.get("value")
    column = text_of(condition["field"], condition.get("key", ""))
    if test in ("blank", "filled"):
        is_blank = Q(Exact(Trim(column), Value("")))
        return is_blank if test == "blank" else ~is_blank
    if test in ("more", "less"):
        compare = GreaterThan if test == "more" else LessThan
        return Q(compare(_as_number(column), Value(float(str(value)))))
    if test == "birthday":
        return birthdays.within(column, int(value or 0), now)
    if test == "contains":
        sought = folded(str(value))
        return Q(GreaterThan(StrIndex(Folded(column, sought), Value(sought)), 0))
    if test == "begins":
        sought = folded(str(value))
        return Q(Exact(Folded(Left(column, len(sought)), sought), Value(sought)))
    same = _same(column, value if isinstance(value, list) else [str(value)])
    return ~same if test == "is_not" else same


def _same(column: Expression | F, values: Sequence[str]) -> Q:
    """Whether a column has one of these texts, however it is spelt."""
    sought = [folded(value) for value in values]
    written = [spellings(text) for text in sought]
    joined = "".join(sought)
    if all(written):
        return Q(In(Folded(column, joined, letters=False), [text for texts in written for text in texts or ()]))
    return Q(In(Folded(column, joined), sought))


def _as_number(column: Expression | F) -> Expression:
    """A text as a number, its digits of any family, grouped or not; NULL where it is none."""
    pattern = rf"\A{NUMBER.pattern}\Z"
    bare = Trim(column)  # first, for to fold a million texts takes longer than all the rest
    plain = Replace(Folded(Trim(column), "0123456789"), Value("٬"), Value(""))
    plain = Replace(Replace(plain, Value("٫"), Value(".")), Value(","), Value(""))
    return Case(
        When(Regex(bare, pattern), then=Cast(bare, FloatField())),
        When(Regex(plain, pattern), then=Cast(plain, FloatField())),
    )


def _phone(condition: Condition, now: dt.datetime) -> Q:
    """Every number of E.164 that begins so: a range for each length, by the index on numbers."""
    digits = str(condition["value"]).removeprefix("+")
    found = _NOBODY
    lengths = (12,) if digits.startswith("98") else range(max(len(digits), 7), 16)
    for length in lengths:
        if length >= len(digits):
            width = 10 ** (length - len(digits))
            found |= Q(phone__gte=int(digits) * width, phone__lt=(int(digits) + 1) * width)
    return found


def _operator(condition: Condition, now: dt.datetime) -> Q:
    found = Q(operator__in=condition["value"])
    return ~found if condition["test"] == "none_of" else found


def _job_category(condition: Condition, now: dt.datetime) -> Q:
    if condition["test"] in ("blank", "filled"):
        return Q(job_category__isnull=condition["test"] == "blank")
    ids = condition["value"]
    named = JobCategory.objects.filter(Q(pk__in=ids) | Q(parent__in=ids))
    found = Q(job_category__in=list(named.values_list("pk", flat=True)))
    return ~found | Q(job_category__isnull=True) if condition["test"] == "none_of" else found


def _phonebook(condition: Condition, now: dt.datetime) -> Q:
    found = Exists(Membership.objects.filter(phonebook__in=condition["value"], contact=OuterRef("pk")))
    return Q(~found) if condition["test"] == "none_of" else Q(found)


def _added(condition: Condition, now: dt.datetime) -> Q:
    test, value = condition["test"], condition["value"]
    if test == "between":
        first, last = (dt.date.fromisoformat(day) if day else None for day in value)
        found = Q()
        if first:
            found &= Q(created_at__gte=_midnight(first))
        if last:
            found &= Q(created_at__lt=_midnight(last + dt.timedelta(days=1)))
        return found
    since = now - dt.timedelta(days=value)
    return Q(created_at__gte=since) if test == "within" else Q(created_at__lt=since)


def _midnight(day: dt.date) -> dt.datetime:
    return timezone.make_aware(dt.datetime.combine(day, dt.time.min))


def _bale(condition: Condition, now: dt.datetime) -> Q:
    return Q(not_on_bale_since__isnull=condition["test"] == "not_absent")


def _last_message(condition: Condition, now: dt.datetime) -> Q:
    test = condition["test"]
    if test == "never":
        return ~_got(recent.ever())
    since = now - dt.timedelta(days=condition["value"])
    found = _got(recent.since(since, delivered=test == "delivered_within"))
    return ~found if test == "none_within" else found


def _campaign(condition: Condition, now: dt.datetime) -> Q:
    source, test = Campaign.objects.filter(pk=condition["value"]).first(), condition["test"]
    if source is None:
        return _NOBODY
    rows = recent.of(source)
    if test in ("received", "not_received"):
        found = _got(rows.filter(status__in=recent.RECEIVED))
        return ~found if test == "not_received" else found
    return _got(rows.filter(status__in=statuses_of_outcome(test)))


def _got(messages: MessageQuerySet) -> Q:
    return Q(Exists(messages.filter(phone=OuterRef("phone"))))


_FIELDS: Final[Mapping[str, Callable[[Condition, dt.datetime], Q]]] = {
    "first_name": _text,
    "last_name": _text,
    "attribute": _text,
    "phone": _phone,
    "operator": _operator,
    "job_category": _job_category,
    "phonebook": _phonebook,
    "added": _added,
    "bale": _bale,
    "last_message": _last_message,
    "campaign": _campaign,
}
