"""Questions about sets of campaigns, batches, messages and events; and the one way a message's status changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection, models
from django.db.models import Case, Count, F, Q, Value, When
from django.db.models.functions import Now

from campaigns import counting
from campaigns.counting import Delta
from campaigns.states import (
    CAMPAIGN_MOVES,
    CORRECTIONS,
    MESSAGE_MOVES,
    BatchStatus,
    CampaignStatus,
    MessageStatus,
    Reason,
)

if TYPE_CHECKING:
    from campaigns.models import Batch, Campaign, DeliveryEvent, Message


class StaleMove(Exception):
    """Fewer rows than expected stood where the move starts: the caller's picture is old; nothing may be kept of it."""


class Move(NamedTuple):
    """Where one message goes. ``cost`` and ``old_cost`` in rial; None leaves the reference or the cost as it is.

    Of a message that is blocked ``refunded`` becomes what it had cost; of any other it is empty.
    """

    id: int
    status: int
    reason: int = Reason.NONE
    provider_ref: str | None = None
    code: str = ""
    words: str = ""
    cost: int | None = None
    old_cost: int = 0


_SEPARATOR = "\x1f"  # ASCII's unit separator
_COLUMNS = {  # of a Move, in its order
    "id": "bigint",
    "status": "smallint",
    "reason": "smallint",
    "ref": "text",
    "code": "text",
    "words": "text",
    "cost": "integer",
}
# A blocked message (62) costs nothing: what it had cost was given back, and is remembered while it is blocked.
_MOVE_POSTGRES = """
    UPDATE campaigns_message AS m
    SET status = {status}, reason = {reason}, account_id = COALESCE(%(account)s, m.account_id),
        provider_ref = COALESCE({ref}, m.provider_ref), provider_code = COALESCE({code}, ''),
        provider_text = COALESCE({words}, ''), cost = COALESCE({cost}, m.cost),
        refunded = CASE WHEN {status} = 62 THEN m.cost END, updated_at = now()
    FROM unnest({arrays}) AS r ({names})
    WHERE m.id = r.id AND m.id BETWEEN %(first)s AND %(last)s AND m.campaign_id = %(campaign)s AND m.status = %(old)s
"""
_NOTE_POSTGRES = """
    INSERT INTO campaigns_providerref (account_id, ref, message_id)
    SELECT %s, r.ref, r.id
    FROM unnest(string_to_array(%s, E'\\x1f')::bigint[], string_to_array(%s, E'\\x1f')) AS r (id, ref)
"""
_MOVE_SQLITE = """
    UPDATE campaigns_message
    SET status = %s, reason = %s, account_id = COALESCE(%s, account_id),
        provider_ref = COALESCE(%s, provider_ref), provider_code = %s, provider_text = %s,
        cost = COALESCE(%s, cost), refunded = CASE WHEN %s = 62 THEN cost END,
        updated_at = STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'now')
    WHERE id = %s AND campaign_id = %s AND status = %s
"""
_NOTE_SQLITE = "INSERT INTO campaigns_providerref (account_id, ref, message_id) VALUES (%s, %s, %s)"


def _write_postgres(moves: Sequence[Move], campaign_id: int, old: int, account_id: int | None) -> int:
    columns = dict(zip(_COLUMNS, zip(*moves, strict=True), strict=False))
    ids = columns["id"]
    # Without the id range the planner scans the whole table for every batch (docs/decisions).
    params: dict[str, Any] = {"first": min(ids), "last": max(ids)}
    params |= {"account": account_id, "campaign": campaign_id, "old": old}
    places, arrays = {}, {}
    for name, values in columns.items():
        if name != "id" and values.count(values[0]) == len(values):  # one value for all: nothing to split and join
            places[name] = f"%({name})s::{_COLUMNS[name]}"
            params[name] = None if values[0] is None else str(values[0])
        else:
            places[name] = f"r.{name}"
            arrays[name] = f"string_to_array(%({name})s, E'\\x1f', '')::{_COLUMNS[name]}[]"
            params[name] = _joined(values)
    statement = _MOVE_POSTGRES.format(**places, arrays=", ".join(arrays.values()), names=", ".join(arrays))
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return int(cursor.rowcount)


def _note_postgres(refs: Sequence[tuple[int, str]], account_id: int) -> None:
    ids, texts = zip(*refs, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_NOTE_POSTGRES, [account_id, _joined(ids), _joined(texts)])


def _joined(values: Sequence[object]) -> str:
    """A column as one text, None as an empty one: psycopg's arrays escape every element in Python, which took a third
    of a batch's time.
    """
    texts = ["" if value is None else str(value) for value in values]
    joined = _SEPARATOR.join(texts)
    if joined.count(_SEPARATOR) != len(texts) - 1:
        joined = _SEPARATOR.join(text.replace(_SEPARATOR, " ") for text in texts)
    return joined


def _write_sqlite(moves: Sequence[Move], campaign_id: int, old: int, account_id: int | None) -> int:
    where = (campaign_id, old)
    with connection.cursor() as cursor:
        cursor.executemany(
            _MOVE_SQLITE,
            [
                (
                    int(m.status),
                    int(m.reason),
                    account_id,
                    m.provider_ref,
                    m.code,
                    m.words,
                    m.cost,
                    int(m.status),
                    m.id,
                    *where,
                )
                for m in moves
            ],
        )
        return int(cursor.rowcount)


def _note_sqlite(refs: Sequence[tuple[int, str]], account_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(_NOTE_SQLITE, [(account_id, ref, key) for key, ref in refs])


class CampaignQuerySet(models.QuerySet["Campaign"]):
    """Campaigns."""

    def real(self) -> CampaignQuerySet:
        """Campaigns without the tests of one."""
        return self.filter(is_test=False)

    def running(self) -> CampaignQuerySet:
        """Campaigns that are sending."""
        return self.filter(status=CampaignStatus.RUNNING)

    def due(self) -> CampaignQuerySet:
        """Scheduled campaigns whose time has come, by the database's clock, and that don't wait for a word."""
        return self.filter(status=CampaignStatus.SCHEDULED, scheduled_at__lte=Now()).exclude(pause_code="late")

    def move(self, campaign_id: int, new: CampaignStatus, **facts: Any) -> bool:
        """Move a campaign to ``new`` where the state machine allows it from where it stands; whether it did.

        The only writer of a campaign's status. ``facts`` are further fields, written with it.
        """
        olds = [old for old, news in CAMPAIGN_MOVES.items() if new in news]
        moved = self.filter(pk=campaign_id, status__in=olds).update(status=new, updated_at=Now(), **facts)
        return moved == 1


class BatchQuerySet(models.QuerySet["Batch"]):
    """Batches."""

    def claimable(self) -> BatchQuerySet:
        """Batches that may go out now, by the database's clock, in their order."""
        return self.filter(Q(not_before=None) | Q(not_before__lte=Now()), status=BatchStatus.PENDING).order_by("number")

    def allowed_by(self, campaign: Campaign) -> BatchQuerySet:
        """Those that may go out before somebody lets a campaign with a pilot go on; of any other campaign all."""
        return self.filter(in_pilot=True) if campaign.holds_for_pilot else self

    def in_flight(self) -> BatchQuerySet:
        """Batches that a worker has claimed and not yet recorded."""
        return self.filter(status=BatchStatus.SENDING)

    def unclear(self) -> BatchQuerySet:
        """Batches with messages that may have been sent, in their order."""
        return self.filter(unclear__gt=0).order_by("number")

    def lease_expired(self) -> BatchQuerySet:
        """Claimed batches whose worker did not come back in time."""
        return self.in_flight().filter(lease_until__lt=Now())

    def restate(self, batch: Batch) -> None:
        """Set the status of a batch, which the caller holds, and ``unclear`` from where its messages stand now.

        The next claim counts the attempt up, so an answer to the old one is no longer taken.
        """
        rows = dict(batch.messages().values_list("status").annotate(n=Count("pk")))
        pending, unclear = rows.get(MessageStatus.PENDING, 0), rows.get(MessageStatus.UNKNOWN, 0)
        if batch.unlisted:
            pending += batch.unlisted * (batch.unlisted_status == MessageStatus.PENDING)
            unclear += batch.unlisted * (batch.unlisted_status == MessageStatus.UNKNOWN)
        facts: dict[str, Any]
        if pending:
            facts = {"status": BatchStatus.PENDING, "pending": pending, "not_before": None, "settled_at": None}
        elif batch.status in (BatchStatus.UNKNOWN, BatchStatus.DONE):
            facts = {"status": BatchStatus.UNKNOWN if unclear else BatchStatus.DONE, "pending": 0}
        else:
            facts = {}
        self.filter(pk=batch.pk).update(unclear=unclear, **facts)

    def move_unlisted(
        self, batch: Batch, new: MessageStatus, *, counted_as: MessageStatus | None = None, cost: int = 0
    ) -> int:
        """Move the recipients of a batch that only the provider knows to ``new``; how many they are.

        ``counted_as`` as in ``MessageQuerySet.move``; ``cost`` in rial. In the caller's transaction.
        """
        old = MessageStatus(batch.unlisted_status)
        if not batch.unlisted or new is old:
            return 0
        if new not in MESSAGE_MOVES.get(old, ()):
            raise ValueError(f"no move from {old.name} to {new.name}")
        moved = self.filter(pk=batch.pk, unlisted=batch.unlisted, unlisted_status=old).update(unlisted_status=new)
        if not moved:
            raise StaleMove(f"the unlisted of batch {batch.pk} no longer stand in {old.name}")
        n = batch.unlisted
        deltas = {int(new): Delta(n, cost), int(counted_as or old): Delta(-n)}
        counting.add(batch.campaign_id, deltas, arrived={int(new): n})
        batch.unlisted_status = new
        return n


def _numbers_in_flight(campaign: Campaign) -> list[int]:
    return list(campaign.batches.in_flight().values_list("number", flat=True))


class MessageQuerySet(models.QuerySet["Message"]):
    """Messages. ``move`` and ``move_batch`` are the only writers of a status, and keep the counters with it.

    On PostgreSQL ``delivery.reported`` does the same for reports in bulk.
    """

    def of(self, campaign: Campaign) -> MessageQuerySet:
        """A campaign's messages, by its range of ids: a scan of the primary key, at any size of the table."""
        return self.filter(
            campaign_id=campaign.pk,
            id__gte=campaign.first_message_id or 0,
            id__lte=campaign.last_message_id or 0,
        )

    def standing_in(self, campaign: Campaign, status: MessageStatus) -> MessageQuerySet:
        """A campaign's messages that stand in ``status`` as people see it: a pending row in flight is sending."""
        rows = self.of(campaign)
        if status not in (MessageStatus.PENDING, MessageStatus.SENDING):
            return rows.filter(status=status)
        in_flight = Q(batch_number__in=_numbers_in_flight(campaign))
        return rows.filter(in_flight if status == MessageStatus.SENDING else ~in_flight, status=MessageStatus.PENDING)

    def with_standing(self, campaign: Campaign) -> MessageQuerySet:
        """Each message with ``standing``: its status as people see it, a pending row in flight being sending."""
        in_flight = When(
            status=MessageStatus.PENDING,
            batch_number__in=_numbers_in_flight(campaign),
            then=Value(int(MessageStatus.SENDING)),
        )
        return self.annotate(
            standing=Case(in_flight, default=F("status"), output_field=models.PositiveSmallIntegerField())
        )

    def in_batch(self, batch: Batch) -> MessageQuerySet:
        """The messages of a batch."""
        return self.filter(
            campaign_id=batch.campaign_id,
            id__gte=batch.first_message_id,
            id__lte=batch.last_message_id,
            batch_number=batch.number,
        )

    def move(
        self,
        moves: Sequence[Move],
        *,
        campaign_id: int,
        old: MessageStatus,
        account_id: int | None = None,
        counted_as: MessageStatus | None = None,
        corrects: bool = False,
    ) -> None:
        """Move messages that stand in ``old`` to the status of each move; runs in the caller's transaction.

        ``counted_as`` is the counter they stand in, where it is not ``old``: a pending row of a batch in flight is
        counted as sending. ``corrects``: along ``states.CORRECTIONS`` instead.

        Raises:
            StaleMove: not all of them stand in ``old`` (or in this campaign); the transaction must be given up.
            ValueError: the state machine has no such move.
            IntegrityError: another message of the account has one of the provider's ids.
        """
        if not moves:
            return
        arrived = Counter([m.status for m in moves])
        forbidden = set(arrived) - set((CORRECTIONS if corrects else MESSAGE_MOVES).get(old, ()))
        if forbidden:
            raise ValueError(f"no move from {old.name} to {sorted(map(int, forbidden))}")
        write = _write_postgres if connection.vendor == "postgresql" else _write_sqlite
        if write(moves, campaign_id, int(old), account_id) != len(moves):
            raise StaleMove(f"of {len(moves)} messages not all stand in {old.name}")
        refs = [(m.id, m.provider_ref) for m in moves if m.provider_ref]
        if refs and account_id is not None:
            (_note_postgres if connection.vendor == "postgresql" else _note_sqlite)(refs, account_id)
        costs: Counter[int] = Counter()
        for m in moves:
            costs[m.status] += m.old_cost if m.cost is None else m.cost
        deltas = {status: Delta(n, costs[status]) for status, n in arrived.items()}
        deltas[int(counted_as or old)] = Delta(-len(moves), -sum(m.old_cost for m in moves))
        counting.add(campaign_id, deltas, arrived=arrived)

    def move_batch(
        self,
        batch: Batch,
        *,
        old: MessageStatus,
        new: MessageStatus,
        reason: Reason = Reason.NONE,
        counted_as: MessageStatus | None = None,
    ) -> int:
        """Move every message of a batch that stands in ``old`` to ``new``; returns how many. They cost nothing yet."""
        if new not in MESSAGE_MOVES.get(old, ()):
            raise ValueError(f"no move from {old.name} to {new.name}")
        moved = self.in_batch(batch).filter(status=old).update(status=new, reason=reason, updated_at=Now())
        deltas = {int(new): Delta(moved), int(counted_as or old): Delta(-moved)}
        counting.add(batch.campaign_id, deltas, arrived={int(new): moved})
        if batch.unlisted and batch.unlisted_status == old:
            moved += type(batch).objects.move_unlisted(batch, new, counted_as=counted_as)
        return moved

    def reroute(self, ids: Sequence[int], old: MessageStatus, batch_number: int, code: str, words: str) -> None:
        """Put messages that stand in ``old`` into another batch, with what the first provider said of them."""
        rows = self.filter(pk__in=ids, status=old)
        rerouted = rows.update(
            batch_number=batch_number,
            account=None,
            provider_ref=None,
            reason=Reason.OFF_CHANNEL,
            provider_code=code,
            provider_text=words,
            updated_at=Now(),
        )
        if rerouted != len(ids):
            raise StaleMove(f"of {len(ids)} messages not all stand in {old.name}")


class DeliveryEventQuerySet(models.QuerySet["DeliveryEvent"]):
    """Delivery events."""

    def to_apply(self) -> DeliveryEventQuerySet:
        """Stored and not yet applied, and due for a (further) try."""
        return self.filter(result=0, retry_at__lte=Now()).order_by("retry_at")

    def hasten(self, account_id: int, refs: Sequence[str]) -> None:
        """Try at once what waits for these ids: they have become known late, and its next try may be an hour away."""
        for begin in range(0, len(refs), 1_000):
            chosen = self.filter(account=account_id, provider_ref__in=refs[begin : begin + 1_000], result=0)
            chosen.update(retry_at=Now())
