"""The one place that makes and lifts suppressions, and writes down that it did, in one transaction.

Each reason stands by itself (a row for a number, scope and reason), so nothing is overwritten: what a provider reported
as blocked stays when an opt-out is lifted, and a second reply of 11 changes nothing. Numbers are written and locked in
their order, so that two sets that meet never deadlock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from contacts.models import Source, Suppression, SuppressionChange
from contacts.querysets import SuppressionQuerySet
from providers.models import SenderLine

CHUNK: Final = 10_000  # numbers a statement

_COLUMNS: Final = "phone, scope, line_id, reason, source, note"
# One statement writes both, so that the change tells exactly of what was not there before, whoever else writes.
_MAKE: Final = f"""
    WITH made AS (
        INSERT INTO {Suppression._meta.db_table} ({_COLUMNS}, created_by_id, created_at)
        SELECT phone, %s, %s, %s, %s, %s, %s, %s FROM unnest(%s::bigint[]) AS phone ORDER BY phone
        ON CONFLICT DO NOTHING RETURNING phone
    )
    INSERT INTO {SuppressionChange._meta.db_table} ({_COLUMNS}, changed_by_id, changed_at, made)
    SELECT phone, %s, %s, %s, %s, %s, %s, %s, true FROM made
"""


class Terms(NamedTuple):
    """What is said of each number: where it holds, why, from where; ``line`` with the scope of one line alone."""

    scope: str
    reason: str
    source: str
    line: SenderLine | None = None
    note: str = ""

    @property
    def columns(self) -> dict[str, Any]:
        """The values as both tables have them."""
        line_id = self.line.pk if self.line else None
        fields = {"scope": self.scope, "line_id": line_id, "reason": self.reason, "source": self.source}
        return {**fields, "note": self.note[:200]}


def suppress(
    phones: Iterable[str],
    *,
    scope: str,
    reason: str,
    source: str,
    line: SenderLine | None = None,
    user: Any = None,
    note: str = "",
) -> int:
    """Suppress these numbers (E.164) and write it down; how many were not so before.

    What a reply has made and an operator now says by hand becomes the operator's: no reply lifts it any more.
    """
    terms = Terms(scope, reason, source, line, note)
    wanted = sorted(set(phones), key=int)
    made = 0
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        with transaction.atomic():
            made += _make(chunk, terms, user)
            # After it: what a reply was making meanwhile is there by now.
            if source != Source.REPLY and reason == Suppression.Reason.OPT_OUT:
                _take_over(chunk, terms, user)
    return made


def _make(phones: Sequence[str], terms: Terms, user: Any) -> int:
    if connection.vendor == "postgresql":
        values = [*terms.columns.values(), getattr(user, "pk", None), timezone.now()]
        numbers = "{" + ",".join(phone.removeprefix("+") for phone in phones) + "}"
        with connection.cursor() as cursor:
            cursor.execute(_MAKE, [*values, numbers, *values])
            return int(cursor.rowcount)
    # The only writer: nothing comes between the look and the insert.
    known = set(held(phones, terms).values_list("phone", flat=True))
    new = [phone for phone in phones if phone not in known]
    Suppression.objects.bulk_create(Suppression(phone=phone, created_by=user, **terms.columns) for phone in new)
    _write_down(new, terms, user)
    return len(new)


def held(phones: Sequence[str], terms: Terms) -> SuppressionQuerySet:
    """The suppressions of these numbers that are the same but for their source."""
    return Suppression.objects.of(phones).filter(scope=terms.scope, line=terms.line, reason=terms.reason)


def _take_over(phones: Sequence[str], terms: Terms, user: Any) -> None:
    """Make what replies have made of these the operator's."""
    replied = held(phones, terms).filter(source=Source.REPLY).select_for_update().order_by("phone", "pk")
    taken = list(replied.values_list("phone", flat=True))
    if taken:
        held(taken, terms).update(source=terms.source, note=terms.note[:200], created_by=user)
        _write_down(taken, terms, user)


def _write_down(phones: Iterable[str], terms: Terms, user: Any) -> None:
    SuppressionChange.objects.bulk_create(
        SuppressionChange(phone=phone, made=True, changed_by=user, **terms.columns) for phone in phones
    )


@transaction.atomic
def lift(suppressions: SuppressionQuerySet, *, source: str, user: Any = None, note: str = "") -> int:
    """Lift these suppressions and write it down, with whose word it was; how many were there."""
    rows = list(suppressions.select_related(None).select_for_update(of=("self",)).order_by("phone", "pk"))
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        Suppression.objects.filter(pk__in=[each.pk for each in chunk]).delete()
        SuppressionChange.objects.bulk_create(
            SuppressionChange(
                phone=each.phone,
                scope=each.scope,
                line_id=each.line_id,
                reason=each.reason,
                source=source,
                note=note[:200],
                made=False,
                changed_by=user,
            )
            for each in chunk
        )
    return len(rows)


def lift_rejoined(suppressions: SuppressionQuerySet) -> int:
    """Lift what replies made of these and nothing else: a 12 takes back an 11, not what others have said."""
    made_by_replies = suppressions.filter(reason=Suppression.Reason.OPT_OUT, source=Source.REPLY)
    return lift(made_by_replies, source=Source.REPLY)
