"""The parts of an audience as rows of the composer: each a form of its own, from a rule to its fields and back.

A row's fields carry its prefix, and ``part`` lists the prefixes in their order. People count from one: the place that
a rule calls 0 is number 1 here.
"""

from __future__ import annotations

import secrets

from campaigns.models import AudienceRule
from campaigns.parts.ours import CampaignPart, CategoryPart, NumbersPart, RangePart, SegmentPart
from campaigns.parts.rows import OPERATORS, Part
from campaigns.parts.theirs import BooksPart, EntriesPart, JobsPart

__all__ = ["KINDS", "Part", "kind_of", "new_prefix"]
Rule, Kind = AudienceRule.Rule, AudienceRule.Kind

KINDS: dict[str, type[Part]] = {
    part.kind: part
    for part in (RangePart, NumbersPart, CategoryPart, SegmentPart, CampaignPart, BooksPart, EntriesPart, JobsPart)
}


def kind_of(rule: AudienceRule) -> type[Part] | None:
    """The row that a rule is edited in; None for one that has none (a whole phonebook is only ticked)."""
    params = rule.params
    operators = [operator["id"] for operator in params.get("operators", [])]
    if len(set(operators)) < len(operators) or set(operators) - set(OPERATORS):
        return None
    if rule.kind == Kind.PROVIDER and rule.rule == Rule.INCLUDE:
        return JobsPart if "main" in params else EntriesPart if "phonebook" in params else BooksPart
    if rule.kind == Kind.JOB_CATEGORY:
        return CategoryPart
    if rule.kind == Kind.SEGMENT:
        return SegmentPart
    if rule.kind == Kind.CAMPAIGN:
        return CampaignPart if params.get("outcome", "") in CampaignPart.outcomes() else None
    if rule.kind == Kind.PHONEBOOK and params:
        chosen, sliced = "numbers" in params, {"start", "size"} & set(params)
        return (None if sliced else NumbersPart) if chosen else RangePart
    return None


def new_prefix() -> str:
    """A prefix for a new row."""
    return f"r{secrets.token_hex(4)}"
