"""What the counters lack: a campaign's messages by account, operator, reason and code, counted from the rows.

Counted now and then, for to count a million rows takes a second: all of a campaign in one statement, which holds no
lock, and then replaced in one short transaction. By the database's clock ``Campaign.tally_at`` is when it is looked at
next, ``tally_lease`` until when somebody has the count: what a worker that died had begun is begun anew after that.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping

from django.db import connection, transaction
from django.db.models import Q

from campaigns.models import Batch, Bulk, Campaign, Tally, TimelinePoint
from campaigns.states import LIVE, MessageStatus
from contacts import phones
from contacts.models import Operator
from providers import clock

SMALL = 50_000  # messages that a page counts itself
SOON = dt.timedelta(seconds=10)
PAUSE = dt.timedelta(seconds=60)  # for up to a million messages; longer for more
LEASE = dt.timedelta(minutes=5)
SLACK = dt.timedelta(minutes=2)  # a point of the timeline is a minute long, and committed a while after its time
AT_ONCE = 20  # campaigns a tick rings for

# Whom a code says nothing of: what is well is alike, whatever the provider calls it.
_PLAIN = ", ".join(str(int(MessageStatus[name])) for name in ("PENDING", "ACCEPTED", "SENT", "DELIVERED"))
_COUNT = """
    SELECT account_id, {operator} AS operator, status, reason,
           CASE WHEN status IN ({plain}) THEN '' ELSE provider_code END AS code,
           count(*), COALESCE(sum(cost), 0), COALESCE(sum(refunded), 0)
    FROM campaigns_message WHERE campaign_id = %s AND id BETWEEN %s AND %s
    GROUP BY 1, 2, 3, 4, 5
"""


def _operator() -> str:
    """The operator that a number points to, as SQL; the same table as ``phones.operator_of``."""
    prefixes: dict[int, list[str]] = {}
    for prefix, operator in phones.PREFIXES.items():
        prefixes.setdefault(operator, []).append(prefix)
    whens = " ".join(
        f"WHEN phone / 10000000 %% 1000 IN ({', '.join(known)}) THEN {operator}" for operator, known in prefixes.items()
    )
    iranian = "phone BETWEEN 989000000000 AND 989999999999"
    return f"CASE WHEN phone IS NULL OR NOT {iranian} THEN {phones.UNKNOWN} {whens} ELSE {phones.OTHER} END"


_COUNT = _COUNT.format(operator=_operator(), plain=_PLAIN)

# A provider's figures of recipients that it has not listed, by its own words.
_FATES: Mapping[str, MessageStatus] = {
    "delivered": MessageStatus.DELIVERED,
    "sent": MessageStatus.SENT,
    "pending": MessageStatus.ACCEPTED,
    "failed": MessageStatus.UNDELIVERED,
    "blacklist": MessageStatus.BLOCKED,
}
_OPERATORS = {"mci": Operator.MCI, "irancell": Operator.IRANCELL, "other": Operator.OTHER}


def due() -> list[int]:
    """The campaigns that are to be looked at and that nobody counts, for the tick."""
    now = clock.now()
    waiting = Campaign.objects.filter(_free(now), tally_at__lte=now).order_by("tally_at")
    return list(waiting.values_list("pk", flat=True)[:AT_ONCE])


def tally(campaign_id: int) -> bool:
    """Count a campaign anew where something has moved since it was counted last; whether this call did."""
    campaign = Campaign.objects.filter(pk=campaign_id).first()
    if campaign is None:
        return False
    now = clock.now()
    if not _wants(campaign, now):
        later = None if campaign.pruned_at else _next_look(campaign, now)
        Campaign.objects.filter(pk=campaign_id, tally_at__lte=now).update(tally_at=later)
        return False
    if not Campaign.objects.filter(_free(now), pk=campaign_id).update(tally_lease=now + LEASE):
        return False
    return _replace(campaign, now, list(_count(campaign)))


@transaction.atomic
def _replace(campaign: Campaign, begun: dt.datetime, rows: list[Tally]) -> bool:
    held = Campaign.objects.filter(pk=campaign.pk, tally_lease=begun + LEASE, pruned_at=None)
    facts = {"tallied_at": begun, "tally_at": _next_look(campaign, clock.now()), "tally_lease": None}
    if not held.update(**facts):
        return False
    Tally.objects.filter(campaign=campaign).delete()
    Tally.objects.bulk_create(rows, batch_size=1_000)
    return True


def refresh(campaign: Campaign) -> None:
    """Bring a small campaign's tally up to date for a page; let the worker look at a large one now."""
    now = clock.now()
    if not _wants(campaign, now):
        return
    if (campaign.audience or 0) > SMALL:
        Campaign.objects.filter(pk=campaign.pk, tally_at__gt=now).update(tally_at=now)
    elif tally(campaign.pk):
        campaign.refresh_from_db(fields=["tallied_at"])


def _free(now: dt.datetime) -> Q:
    """Nobody is counting, or whoever was is gone."""
    return Q(tally_lease=None) | Q(tally_lease__lt=now)


def _wants(campaign: Campaign, now: dt.datetime) -> bool:
    """Whether it is worth counting: not just done, and a message has moved since."""
    if campaign.audience is None or campaign.pruned_at:
        return False
    tallied = campaign.tallied_at
    if tallied is None:
        return True
    return (
        tallied < now - _pause(campaign)
        and TimelinePoint.objects.filter(campaign=campaign, at__gt=tallied - SLACK).exists()
    )


def _pause(campaign: Campaign) -> dt.timedelta:
    size = campaign.audience or 0
    return SOON if size <= SMALL else PAUSE * max(1.0, size / 1_000_000)


def _next_look(campaign: Campaign, now: dt.datetime) -> dt.datetime:
    """Soon while it is live, ever more rarely once it has ended: a report may come after days."""
    ended = campaign.finished_at
    if campaign.status in LIVE or ended is None:
        return now + _pause(campaign)
    return now + max(_pause(campaign), (now - ended) / 4)


def _count(campaign: Campaign) -> Iterator[Tally]:
    with connection.cursor() as cursor:
        ends = (campaign.first_message_id or 0, campaign.last_message_id or 0)
        cursor.execute(_COUNT, [campaign.pk, *ends])
        for account_id, operator, status, reason, code, messages, cost, refunded in cursor.fetchall():
            yield Tally(
                campaign=campaign,
                account_id=account_id,
                operator=operator,
                status=status,
                reason=reason,
                code=code,
                messages=messages,
                cost=cost,
                refunded=refunded,
            )
    yield from _unlisted(campaign)


def _unlisted(campaign: Campaign) -> Iterator[Tally]:
    """The recipients that only the provider knows: by its own figures, as long as these speak of all of them."""
    batches = Batch.objects.filter(campaign=campaign, unlisted__gt=0).select_related("line")
    for batch in batches:
        figures = _figures(batch) or {(Operator.UNKNOWN, MessageStatus(batch.unlisted_status)): batch.unlisted}
        for (operator, status), number in figures.items():
            account = batch.line.account_id if batch.attempt else None
            yield Tally(campaign=campaign, account_id=account, operator=operator, status=status, messages=number)


def _figures(batch: Batch) -> dict[tuple[Operator, MessageStatus], int]:
    found: dict[tuple[Operator, MessageStatus], int] = {}
    for counts in Bulk.objects.filter(batch=batch).values_list("counts", flat=True):
        for name, number in counts.items():
            fate, _dot, whose = name.partition(".")
            if number and fate in _FATES and whose:
                key = (_OPERATORS.get(whose, Operator.OTHER), _FATES[fate])
                found[key] = found.get(key, 0) + number
    return found if sum(found.values()) == batch.unlisted else {}
