"""Who must not be written to from a line, and the precise reason; in SQL for a freeze, in Python for a batch.

A message is judged by the scopes of the line that it goes out on: the campaign's own, the fallback line or the failover
line. Several suppressions may hold for one number; the strongest gives the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.db.models import Case, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When

from campaigns.states import Reason
from contacts.models import Suppression
from providers.models import SenderLine

REASONS: Final[Mapping[str, Reason]] = {
    Suppression.Reason.OPT_OUT: Reason.OPTED_OUT,
    Suppression.Reason.MANUAL: Reason.SUPPRESSED,
    Suppression.Reason.BLOCKED: Reason.BLOCKS_ADVERTISING,
}
SUPPRESSED: Final = frozenset(REASONS.values())


def reason_for(line: SenderLine, phone: str) -> Case:
    """Why the number at this path of the outer rows gets nothing from a line: a ``Reason``, NONE (0) where it does.

    Whether anything holds is asked first, for almost everybody ends there: PostgreSQL answers it for a million rows
    from one hash of the list.
    """
    held = Suppression.objects.for_line(line).filter(phone=OuterRef(phone))
    words = [When(reason=word, then=Value(int(reason))) for word, reason in REASONS.items()]
    precise = held.strongest_first().values_list(Case(*words, default=Value(int(Reason.SUPPRESSED))))[:1]
    return Case(
        When(Exists(held), then=Subquery(precise, output_field=IntegerField())),
        default=Value(int(Reason.NONE)),
        output_field=IntegerField(),
    )


def reasons_of(line: SenderLine, phones: Iterable[str] | QuerySet[Any, Any]) -> dict[str, Reason]:
    """The reason of each of these numbers (E.164, or a query for them) that gets nothing from a line."""
    held = Suppression.objects.for_line(line).filter(Q(phone__in=phones))
    found: dict[str, Reason] = {}
    for phone, word in held.strongest_first().values_list("phone", "reason"):
        found.setdefault(phone, REASONS.get(word, Reason.SUPPRESSED))
    return found
