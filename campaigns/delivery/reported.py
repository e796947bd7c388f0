"""Reports onto messages in bulk, on PostgreSQL: what ``applying`` does event by event, in a few statements.

To bring events and messages into Python and back took 55 µs of CPU an event. The status of a message is written here by
the rules of ``MessageQuerySet.move``, and counted in the same transaction. Rows are taken in one order, for recording
takes them too: messages by their ids, then counters.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from django.db import connection

from campaigns import counting
from campaigns.counting import Delta
from campaigns.models import DeliveryEvent, StatusCount
from campaigns.states import CORRECTIONS, RANK, STATUS_OF_REPORT, MessageStatus, Reason, reason_of_report
from providers.answers import Report

Result = DeliveryEvent.Result


class Waits(NamedTuple):
    """How long an event that matches nothing waits for its next try, and when it is given up."""

    soon: dt.timedelta
    young: dt.timedelta
    longest: dt.timedelta
    give_up: dt.timedelta


class Applied(NamedTuple):
    """How many events were taken, the campaigns whose messages moved, and the messages of people who blocked us.

    ``contradicting`` are the events of messages whose final reports contradict each other: they are held, no more.
    """

    events: int
    campaigns: set[int]
    blocked: list[int]
    contradicting: list[int]


class Moved(NamedTuple):
    """Messages of a campaign that went from one status to another; costs in rial; ``blocked`` are their ids."""

    campaign_id: int
    old: int
    new: int
    messages: int
    old_cost: int
    cost: int
    blocked: list[int] | None


def _case(column: str, values: dict[str | int, int], other: str = "NULL") -> str:
    whens = " ".join(f"WHEN {value!r} THEN {result}" for value, result in values.items())
    return f"CASE {column} {whens} ELSE {other} END"


_STATUS = _case("e.report", {str(report): int(status) for report, status in STATUS_OF_REPORT.items()})
_RANK = _case("e.report", {str(report): RANK[status] for report, status in STATUS_OF_REPORT.items()})
_STANDS = _case("m.status", {int(status): rank for status, rank in RANK.items()})
_FINAL = ", ".join(str(int(status)) for status in CORRECTIONS)
_REASON = _case("j.new", {int(status): int(reason_of_report(status)) for status in STATUS_OF_REPORT.values()})

# For 10,000 events and a million messages PostgreSQL would rather read the whole table than its index 10,000 times,
# which takes many times as long, and longer with every message.
_PLAN = "SET LOCAL enable_seqscan TO off; SET LOCAL enable_hashjoin TO off; SET LOCAL enable_mergejoin TO off"

# In this order: events that nobody else has in hand; their messages, by the provider's id; those held, by our id.
# ``moves``: the report ranks above where the message stands and above all reports of it that came before this one.
_APPLY = f"""
    WITH due AS MATERIALIZED (
        SELECT id, account_id, provider_ref, report, code, words, cost, statement_timestamp() - received_at AS age
        FROM campaigns_deliveryevent
        WHERE result = 0 AND retry_at <= statement_timestamp() ORDER BY retry_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ), matched AS MATERIALIZED (
        SELECT due.*, found.id AS found_id
        FROM due LEFT JOIN LATERAL (
            SELECT message_id AS id FROM campaigns_providerref
            WHERE account_id = due.account_id AND ref = due.provider_ref LIMIT 1
        ) AS found ON true
        ORDER BY found.id
    ), seen AS MATERIALIZED (
        SELECT e.id, e.report, e.code, e.words, e.cost, e.age, {_STATUS} AS new, {_RANK} AS rank,
               m.id AS message_id, m.campaign_id, m.status AS old, {_STANDS} AS stands, COALESCE(m.cost, 0) AS old_cost
        FROM matched AS e LEFT JOIN LATERAL (
            SELECT id, campaign_id, account_id, provider_ref, status, cost FROM campaigns_message
            WHERE id = e.found_id FOR NO KEY UPDATE
        ) AS m ON m.account_id = e.account_id AND m.provider_ref = e.provider_ref
    ), j AS MATERIALIZED (
        SELECT seen.*, rank > GREATEST(stands, max(rank) OVER earlier) AS moves, max(rank) OVER whole AS furthest,
               message_id IS NOT NULL AND COALESCE(LEAST(min(new) FILTER (WHERE new IN ({_FINAL})) OVER whole, stood)
                     <> GREATEST(max(new) FILTER (WHERE new IN ({_FINAL})) OVER whole, stood), false) AS contradicts
        FROM (SELECT *, CASE WHEN old IN ({_FINAL}) THEN old END AS stood FROM seen) AS seen
        WINDOW whole AS (PARTITION BY message_id),
               earlier AS (PARTITION BY message_id ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ), moved AS (
        UPDATE campaigns_message AS m
        SET status = j.new, reason = {_REASON}, provider_code = j.code, provider_text = j.words,
            cost = COALESCE(CASE WHEN j.new = {MessageStatus.BLOCKED:d} THEN 0 ELSE j.cost END, m.cost),
            refunded = CASE WHEN j.new = {MessageStatus.BLOCKED:d} THEN m.cost END, updated_at = statement_timestamp()
        FROM j WHERE j.moves AND j.rank = j.furthest AND m.id = j.message_id AND NOT j.contradicts
        RETURNING m.id, m.campaign_id, j.old, j.new, j.old_cost, COALESCE(m.cost, 0) AS cost
    ), forgotten AS (
        UPDATE campaigns_message AS m SET reason = {Reason.FORGOTTEN:d}
        FROM (
            SELECT DISTINCT message_id FROM j
            WHERE report = '{Report.FORGOTTEN}' AND COALESCE(furthest, 0) <= stands AND NOT contradicts
        ) AS j
        WHERE m.id = j.message_id
    ), marked AS (
        UPDATE campaigns_deliveryevent AS e
        SET result = CASE WHEN j.message_id IS NULL THEN {Result.UNMATCHED:d} WHEN j.rank IS NULL
                          THEN {Result.UNRECOGNISED:d} WHEN j.moves THEN {Result.APPLIED:d} ELSE {Result.STALE:d} END,
            retry_at = NULL
        FROM j WHERE e.id = j.id AND CASE WHEN j.message_id IS NULL THEN j.age > %(give_up)s ELSE NOT j.contradicts END
    ), kept AS (
        UPDATE campaigns_deliveryevent AS e
        SET tries = e.tries + 1, retry_at = statement_timestamp() + CASE WHEN j.age < %(young)s THEN %(soon)s
                                                                    ELSE LEAST(j.age / 4, %(longest)s) END
        FROM j WHERE e.id = j.id AND j.message_id IS NULL AND j.age <= %(give_up)s
    )
    SELECT campaign_id, old, new, count(*), sum(old_cost), sum(cost),
           array_agg(id) FILTER (WHERE new = {MessageStatus.BLOCKED:d}), (SELECT count(*) FROM due),
           (SELECT array_agg(id) FROM j WHERE contradicts), (SELECT array_agg(campaign_id) FROM j WHERE contradicts)
    FROM moved GROUP BY GROUPING SETS ((), (campaign_id, old, new))
"""


def apply(limit: int, waits: Waits) -> Applied:
    """Apply up to ``limit`` events that wait.

    In the caller's transaction. Events that another worker has in hand are left to it.
    """
    with connection.cursor() as cursor:
        cursor.execute(_PLAN)
        cursor.execute(_APPLY, {"limit": limit, **waits._asdict()})
        rows = cursor.fetchall()
    number, contradicting, theirs = rows[0][-3:]
    moved = [Moved(*row[:-3]) for row in rows if row[0] is not None]
    campaigns = {each.campaign_id for each in moved}
    # All counters at once and in order: one after the other, two workers would wait for each other's.
    counters = StatusCount.objects.filter(campaign__in=campaigns.union(theirs or ()))
    list(counters.order_by("campaign_id", "status").select_for_update())
    _count(moved)
    return Applied(number, campaigns, [pk for each in moved for pk in each.blocked or ()], contradicting or [])


def _count(moved: Sequence[Moved]) -> None:
    deltas: dict[int, dict[int, Delta]] = defaultdict(lambda: defaultdict(lambda: Delta(0)))
    arrived: dict[int, Counter[int]] = defaultdict(Counter)
    for each in moved:
        of = deltas[each.campaign_id]
        of[each.old] = Delta(of[each.old].messages - each.messages, of[each.old].cost - each.old_cost)
        of[each.new] = Delta(of[each.new].messages + each.messages, of[each.new].cost + each.cost)
        arrived[each.campaign_id][each.new] += each.messages
    for campaign_id in sorted(deltas):
        counting.add(campaign_id, deltas[campaign_id], arrived=arrived[campaign_id])
