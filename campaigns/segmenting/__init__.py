"""Segments: saved filters over contacts, as conditions that are checked, compiled to a query and said in words.

Conditions are ``{"match": "all" | "any", "conditions": [{"field", "key"?, "test", "value"?}]}``, one level, at most
``MOST_CONDITIONS``; ``vocabulary`` has the fields with their tests, and what value each test takes.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from campaigns.segmenting.checking import MOST_CONDITIONS, InvalidCondition, checked, checked_condition
from campaigns.segmenting.compiling import contacts_meeting
from contacts.querysets import ContactQuerySet
from providers import clock

if TYPE_CHECKING:
    from campaigns.models import Segment

__all__ = [
    "MOST_CONDITIONS",
    "InvalidCondition",
    "campaigns_in",
    "checked",
    "checked_condition",
    "contacts_matching",
    "contacts_of",
]


def contacts_of(segment: Segment, now: dt.datetime | None = None) -> ContactQuerySet:
    """The contacts that meet a segment's conditions ``now``, unordered, each once. Asks for campaigns and batches."""
    return contacts_matching(segment.conditions, now)


def contacts_matching(conditions: Any, now: dt.datetime | None = None) -> ContactQuerySet:
    """The contacts that meet checked conditions; without a condition nobody does."""
    return contacts_meeting(conditions, now or clock.now())


def campaigns_in(conditions: Any) -> set[int]:
    """The campaigns whose recipients checked conditions ask for."""
    return {int(each["value"]) for each in conditions.get("conditions", []) if each["field"] == "campaign"}
