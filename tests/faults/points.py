"""The points of a send at which a worker may die; ``worker.arm`` lays the mines."""

from __future__ import annotations

POINTS = (
    "before_the_claim_commits",
    "after_the_claim",
    "before_the_body",
    "after_the_body",
    "after_the_headers",
    "after_the_answer",
    "after_the_spool",
    "in_the_record",
    "after_the_record",
)
# Of a group of single requests: it is recorded as a whole, and nothing of it is spooled.
GROUP_POINTS = (
    "before_the_claim_commits",
    "after_the_claim",
    "before_the_group",
    "before_the_body",
    "after_the_body",
    "after_the_headers",
    "after_the_answer",
    "after_the_group",
    "in_the_record",
    "after_the_record",
)
JOURNAL_POINTS = ("after_the_begin", "after_the_journal")
ONCE_A_BATCH = frozenset(
    {"before_the_claim_commits", "after_the_claim", "before_the_group", "after_the_group"}
    | {"in_the_record", "after_the_record"}
)
WRITES = {"after_the_body": 2}  # times that a request comes by: its headers are written first
