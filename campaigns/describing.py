"""An audience's rules in words, as the composer, the review and the campaign's page show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns.catalogue import Catalogue
from campaigns.models import AudienceRule
from campaigns.states import MessageStatus
from contacts.models import Operator
from interface import persian

SHOWN_NAMES = 3  # of several phonebooks in one rule
Kind = AudienceRule.Kind


# The outcomes that states.OUTCOMES names.
OUTCOME_WORDS: Mapping[str, Promise] = {
    "delivered": gettext_lazy("those who got it"),
    "undelivered": gettext_lazy("those who did not get it"),
    "failed": gettext_lazy("those whose message failed"),
    "taken": gettext_lazy("those whose message the provider took"),
    "awaiting": gettext_lazy("those whose report is still awaited"),
    "unsent": gettext_lazy("those who were never sent it"),
    "not_delivered": gettext_lazy("those to whom it was not delivered, without those who block it"),
    "cancelled": gettext_lazy("those whose message was cancelled"),
    "expired": gettext_lazy("those whose message expired"),
    "unreached": gettext_lazy("those whom it did not reach"),
}


class Described(NamedTuple):
    """A rule in words: whether it leaves people out, the names of what it names, and which part of that is meant."""

    excludes: bool
    names: list[str]
    facts: str


def describe(rules: Iterable[AudienceRule], account_id: int | None = None) -> list[Described]:
    """The rules in words; ``account_id`` is that of the line, for what its provider keeps."""
    rules = list(rules)
    theirs = Catalogue(account_id, rules)
    return [described(rule, theirs) for rule in rules]


def described(rule: AudienceRule, theirs: Catalogue) -> Described:
    """One rule in words; ``theirs`` has the names of what a provider keeps."""
    names, facts = _theirs(rule.params, theirs) if rule.kind == Kind.PROVIDER else _ours(rule)
    return Described(rule.rule == AudienceRule.Rule.EXCLUDE, names, facts)


def _ours(rule: AudienceRule) -> tuple[list[str], str]:
    params = rule.params
    if rule.kind == Kind.PHONEBOOK:
        assert rule.phonebook is not None  # noqa: S101 - a database constraint
        if chosen := params.get("numbers"):
            return [str(rule.phonebook)], _chosen(len(chosen))
        whole = _numbers(rule.phonebook.size)
        return [str(rule.phonebook)], slice_in_words(params) or whole
    if rule.kind == Kind.JOB_CATEGORY:
        return [str(rule.job_category)], operators_in_words(params)
    if rule.kind == Kind.CAMPAIGN:
        return [_("recipients of “%(name)s”") % {"name": rule.source}], outcome_in_words(params.get("outcome", ""))
    if rule.kind == Kind.SEGMENT:
        return [str(rule.segment)], _("segment")
    pasted = len(params.get("numbers", []))
    return [], ngettext("%(n)s pasted number", "%(n)s pasted numbers", pasted) % {"n": persian.number(pasted)}


def _theirs(params: Mapping[str, Any], theirs: Catalogue) -> tuple[list[str], str]:
    if "main" in params:
        main, sub = str(params["main"]), str(params.get("sub", ""))
        row = theirs.subs(main)[sub] if sub else theirs.mains[main]
        return [str(row)], operators_in_words(params)
    if "phonebook" in params:
        return [theirs.books[params["phonebook"]].name], _chosen(len(params["numbers"]))
    books = [theirs.books[ref] for ref in params["phonebooks"]]
    names = [book.name for book in books[:SHOWN_NAMES]]
    if further := len(books) - len(names):
        names.append(_("%(n)s more") % {"n": persian.number(further)})
    return names, slice_in_words(params) or _numbers(sum(book.size for book in books))


def outcome_in_words(outcome: str) -> str:
    """Which of a campaign's recipients: by what became of their message; all of them: empty."""
    if outcome in OUTCOME_WORDS:
        return str(OUTCOME_WORDS[outcome])
    return str(MessageStatus[outcome.upper()].label) if outcome else ""


def _chosen(number: int) -> str:
    return ngettext("%(n)s chosen number", "%(n)s chosen numbers", number) % {"n": persian.number(number)}


def _numbers(number: int) -> str:
    return ngettext("%(n)s number", "%(n)s numbers", number) % {"n": persian.number(number)}


def slice_in_words(params: Mapping[str, Any]) -> str:
    """Which of them, as people count (from 1): numbers 11 to 60, the first 50, from number 11 on; all: empty."""
    start, size = int(params.get("start") or 0), params.get("size")
    if size is None:
        return _("from number %(first)s on") % {"first": persian.number(start + 1)} if start else ""
    if start:
        ends = {"first": persian.number(start + 1), "last": persian.number(start + int(size))}
        return _("numbers %(first)s to %(last)s") % ends
    return _("the first %(n)s") % {"n": persian.number(int(size))}


def operators_in_words(params: Mapping[str, Any]) -> str:
    """The operators of a job category with their slices; all operators: a word for that."""
    words = []
    for operator in params.get("operators") or []:
        known = operator["id"] in Operator.values
        name = str(Operator(operator["id"]).label) if known else persian.digits(operator["id"])
        part = slice_in_words(operator)
        words.append(f"{name} ({part})" if part else name)
    return _(", ").join(words) if words else _("all operators")
