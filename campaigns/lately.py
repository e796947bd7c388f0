"""Whom a draft goes to, as it was counted lately: for what is shown while somebody composes it.

A million are not counted at each keystroke, nor once for every step of the composer. What is reviewed, sealed or
launched is counted anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from django.core.cache import cache

from campaigns import drafting, reporting
from campaigns.composing.accounting import Headcount
from campaigns.models import Campaign
from campaigns.sending import headcount, naming, sampling

COUNTED_FOR = 60  # seconds that a count is good for
SHARED_FOR = 600  # seconds that the operators of as many people are: of them only the shares are shown


class Audience(NamedTuple):
    """Who gets a draft, whatever its text: how many of all ``by_operator`` whom its rules name, and the first."""

    headcount: Headcount
    by_operator: Mapping[int, int]
    first: Sequence[int]  # keys of contacts


def audience(campaign: Campaign) -> Audience:
    """Whom a draft goes to; counted where that was not done of late for the same rules, line, cap and sample."""
    said = _said(campaign)
    counted = _key("headcount", campaign, said)
    found: Headcount | None = cache.get(counted)
    if found is None:
        found = headcount.count(campaign)
        cache.set(counted, found, COUNTED_FOR)
    return Audience(found, _by_operator(campaign, said, found.audience), _first(campaign, said))


def remember(campaign: Campaign, found: Headcount) -> None:
    """Keep what was counted just now."""
    cache.set(_key("headcount", campaign, _said(campaign)), found, COUNTED_FOR)


def _by_operator(campaign: Campaign, said: str, people: int) -> Mapping[int, int]:
    key = _key("operators", campaign, said, people)
    found: Mapping[int, int] | None = cache.get(key)
    if found is None:
        found = headcount.by_operator(campaign, people)
        cache.set(key, found, SHARED_FOR)
    return found


def _first(campaign: Campaign, said: str) -> Sequence[int]:
    key = _key("first", campaign, said)
    found: Sequence[int] | None = cache.get(key)
    if found is None:
        found = list(naming.contacts(campaign).order_by("pk").values_list("pk", flat=True)[: reporting.SAMPLE])
        cache.set(key, found, COUNTED_FOR)
    return found


def _said(campaign: Campaign) -> str:
    """What an audience depends on, as far as the draft says it; a phonebook that has grown is another one."""
    rules = campaign.audience_rules()
    facts = [(rule.phonebook and rule.phonebook.size, rule.segment and rule.segment.conditions) for rule in rules]
    course = (campaign.line_id, campaign.line.kind, campaign.cap_messages, campaign.cap_days, campaign.sample_size)
    return json.dumps([drafting.content_of(rules), facts, course], default=str)


def _key(what: str, campaign: Campaign, *facts: object) -> str:
    return f"{what}:{sampling.key_of(campaign)}:{hashlib.sha256(repr(facts).encode()).hexdigest()}"
