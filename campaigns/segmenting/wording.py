"""Conditions as a person says them, with the names of what they name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns.models import Campaign
from contacts.models import JobCategory, Operator, Phonebook
from interface import persian

Condition = Mapping[str, Any]
Names = Mapping[int, str]
Named = Mapping[str, Names]  # by field
FIELDS: Final[Mapping[str, Promise]] = {
    "first_name": gettext_lazy("First name"),
    "last_name": gettext_lazy("Last name"),
    "phone": gettext_lazy("Number"),
    "attribute": gettext_lazy("Attribute"),
    "operator": gettext_lazy("Operator (estimate)"),
    "job_category": gettext_lazy("Job category"),
    "phonebook": gettext_lazy("Phonebook"),
    "added": gettext_lazy("Added"),
    "bale": gettext_lazy("On Bale"),
    "last_message": gettext_lazy("Last message"),
    "campaign": gettext_lazy("Campaign"),
}
TESTS: Final[Mapping[str, Promise]] = {
    "is": gettext_lazy("is"),
    "is_not": gettext_lazy("is not"),
    "contains": gettext_lazy("contains"),
    "begins": gettext_lazy("begins with"),
    "one_of": gettext_lazy("is one of"),
    "none_of": gettext_lazy("is none of"),
    "filled": gettext_lazy("is filled in"),
    "blank": gettext_lazy("is empty"),
    "more": gettext_lazy("is a number above"),
    "less": gettext_lazy("is a number below"),
    "birthday": gettext_lazy("is a date whose anniversary comes within (days)"),
    "within": gettext_lazy("in the last (days)"),
    "before": gettext_lazy("longer ago than (days)"),
    "between": gettext_lazy("between two days"),
    "absent": gettext_lazy("is known to have no account"),
    "not_absent": gettext_lazy("may have an account"),
    "delivered_within": gettext_lazy("delivered in the last (days)"),
    "none_within": gettext_lazy("none in the last (days)"),
    "never": gettext_lazy("none ever"),
    "received": gettext_lazy("was written to in"),
    "not_received": gettext_lazy("was not written to in"),
    "delivered": gettext_lazy("got it, delivered, in"),
    "undelivered": gettext_lazy("did not get it in"),
    "failed": gettext_lazy("the message failed in"),
    "taken": gettext_lazy("the provider took it in"),
    "awaiting": gettext_lazy("still awaits its report in"),
    "unsent": gettext_lazy("was never sent to in"),
    "not_delivered": gettext_lazy("it was not delivered to, nor blocked by, in"),
    "cancelled": gettext_lazy("the message was cancelled in"),
    "expired": gettext_lazy("the message expired in"),
    "unreached": gettext_lazy("was not reached in"),
}
_TEXT: Final[Mapping[str, Promise]] = {
    "is": gettext_lazy("%(field)s is “%(value)s”"),
    "is_not": gettext_lazy("%(field)s is not “%(value)s”"),
    "contains": gettext_lazy("%(field)s contains “%(value)s”"),
    "begins": gettext_lazy("%(field)s begins with “%(value)s”"),
    "one_of": gettext_lazy("%(field)s is one of: %(value)s"),
    "filled": gettext_lazy("%(field)s is filled in"),
    "blank": gettext_lazy("%(field)s is empty"),
    "more": gettext_lazy("%(field)s is above %(value)s"),
    "less": gettext_lazy("%(field)s is below %(value)s"),
}
_CAMPAIGN: Final[Mapping[str, Promise]] = {
    "received": gettext_lazy("was written to in “%(name)s”"),
    "not_received": gettext_lazy("was not written to in “%(name)s”"),
    "delivered": gettext_lazy("got the message of “%(name)s”, delivered"),
    "undelivered": gettext_lazy("did not get the message of “%(name)s”"),
    "failed": gettext_lazy("the message of “%(name)s” failed"),
    "taken": gettext_lazy("the provider took the message of “%(name)s”"),
    "awaiting": gettext_lazy("the message of “%(name)s” still awaits its report"),
    "unsent": gettext_lazy("was never sent the message of “%(name)s”"),
    "not_delivered": gettext_lazy("the message of “%(name)s” was not delivered to them, nor blocked by them"),
    "cancelled": gettext_lazy("the message of “%(name)s” was cancelled"),
    "expired": gettext_lazy("the message of “%(name)s” expired"),
    "unreached": gettext_lazy("was not reached by “%(name)s”"),
}


def sentences(conditions: Any, names: Named | None = None) -> list[str]:
    """Each of the checked conditions in words; ``names`` as of ``names_in``, asked for where they are not given."""
    names = names_in([conditions]) if names is None else names
    return [_SENTENCES[each["field"]](each, names.get(each["field"], {})) for each in _listed_in(conditions)]


def sentence(conditions: Any, names: Named | None = None) -> str:
    """All of them as one sentence."""
    glue = _(", or ") if conditions.get("match") == "any" else _(", and ")
    return glue.join(sentences(conditions, names))


def missing(conditions: Any, names: Named | None = None) -> bool:
    """Whether they name something that has been deleted since."""
    names = names_in([conditions]) if names is None else names
    return any(ids - names[field].keys() for field, ids in _named_ids([conditions]).items())


def names_in(many: Iterable[Any]) -> Named:
    """The names of what any of these conditions name, as far as it is there: one look a kind."""
    return {field: names_of(field, ids) for field, ids in _named_ids(many).items()}


def names_of(field: str, ids: Iterable[int]) -> dict[int, str]:
    """The names of those rows that there are."""
    rows = _ROWS[field].filter(pk__in=list(ids))
    return {row.pk: str(row) for row in (rows.select_related("parent") if field == "job_category" else rows)}


def _named_ids(many: Iterable[Any]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for each in (each for conditions in many for each in _listed_in(conditions)):
        value = each.get("value")
        if each["field"] in _ROWS and value is not None:
            found.setdefault(each["field"], set()).update(value if isinstance(value, list) else [value])
    return found


def _listed_in(conditions: Any) -> Sequence[Condition]:
    listed: Sequence[Condition] = conditions.get("conditions", [])
    return listed


_ROWS: Final[Mapping[str, Any]] = {
    "phonebook": Phonebook.objects.ours(),
    "job_category": JobCategory.objects.filter(account=None),
    "campaign": Campaign.objects.all(),
}


def _days(number: int) -> str:
    return ngettext("%(n)s day", "%(n)s days", number) % {"n": persian.number(number)}


def _quoted(texts: Iterable[object]) -> str:
    return _(", ").join(persian.isolated(text) for text in texts)


def _text(condition: Condition, names: Names) -> str:
    test, value = condition["test"], condition.get("value")
    field = persian.isolated(condition["key"]) if "key" in condition else str(FIELDS[condition["field"]])
    if test == "birthday":
        if not value:
            return _("the anniversary of %(field)s is today") % {"field": field}
        return _("the anniversary of %(field)s is today or in the next %(days)s") % {
            "field": field,
            "days": _days(int(value)),
        }
    if isinstance(value, list):
        said = _quoted(value)
    else:
        said = persian.digits(value) if test in ("more", "less") else persian.isolated(value)
    return str(_TEXT[test]) % {"field": field, "value": said}


def _phone(condition: Condition, names: Names) -> str:
    digits = str(condition["value"])
    shown = f"0{digits[3:]}" if digits.startswith("+98") else digits
    return _("the number begins with %(value)s") % {"value": persian.isolated(shown)}


def _operator(condition: Condition, names: Names) -> str:
    labels = _(", ").join(str(Operator(key).label) for key in condition["value"])
    says = (
        _("the operator is none of: %(names)s") if condition["test"] == "none_of" else _("the operator is: %(names)s")
    )
    return says % {"names": labels}


def _listed(condition: Condition, names: Names) -> str:
    return _quoted(names.get(key) or _("(deleted)") for key in condition["value"])


def _job_category(condition: Condition, names: Names) -> str:
    test = condition["test"]
    if test == "blank":
        return _("has no job category")
    if test == "filled":
        return _("has a job category")
    says = _("the job category is none of: %(names)s") if test == "none_of" else _("the job category is: %(names)s")
    return says % {"names": _listed(condition, names)}


def _phonebook(condition: Condition, names: Names) -> str:
    says = _("is in none of: %(names)s") if condition["test"] == "none_of" else _("is in one of: %(names)s")
    return says % {"names": _listed(condition, names)}


def _added(condition: Condition, names: Names) -> str:
    test, value = condition["test"], condition["value"]
    if test == "within":
        return _("was added in the last %(days)s") % {"days": _days(value)}
    if test == "before":
        return _("was added more than %(days)s ago") % {"days": _days(value)}
    first, last = (persian.date(dt.date.fromisoformat(day)) if day else "" for day in value)
    if first and last:
        return _("was added from %(first)s to %(last)s") % {"first": first, "last": last}
    return (
        _("was added from %(first)s on") % {"first": first} if first else _("was added up to %(last)s") % {"last": last}
    )


def _bale(condition: Condition, names: Names) -> str:
    return _("is known not to be on Bale") if condition["test"] == "absent" else _("is not known to be missing on Bale")


def _last_message(condition: Condition, names: Names) -> str:
    test = condition["test"]
    if test == "never":
        return _("was never written to")
    says = {
        "within": _("was written to in the last %(days)s"),
        "delivered_within": _("got a message, delivered, in the last %(days)s"),
        "none_within": _("was not written to in the last %(days)s"),
    }[test]
    return says % {"days": _days(condition["value"])}


def _campaign(condition: Condition, names: Names) -> str:
    name = names.get(condition["value"]) or _("(deleted)")
    return str(_CAMPAIGN[condition["test"]]) % {"name": persian.isolated(name)}


_SENTENCES: Final[Mapping[str, Callable[[Condition, Names], str]]] = {
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
