"""Why somebody whom the rules name gets nothing from a campaign: suppressed, or enough messages lately."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Case, Expression, IntegerField, Value, When
from django.db.models.lookups import GreaterThan

from campaigns.models import Campaign
from campaigns.sending import capping
from campaigns.sending.suppressed import reason_for, reasons_of
from campaigns.states import Reason
from contacts.models import Suppression


def reason(campaign: Campaign, phone: str) -> Expression:
    """The ``Reason`` for which the number at this path of the rows is skipped; NONE (0) where it is written to."""
    suppressed: Expression = Value(int(Reason.NONE), output_field=IntegerField())
    if Suppression.objects.for_line(campaign.line).exists():  # else a million rows are spared the question
        suppressed = reason_for(campaign.line, phone)
    enough = capping.enough(campaign)
    if enough is None:
        return suppressed
    return Case(
        When(GreaterThan(suppressed, 0), then=suppressed),
        When(**{f"{phone}__in": enough}, then=Value(int(Reason.CAPPED))),
        default=Value(int(Reason.NONE)),
        output_field=IntegerField(),
    )


def reasons(campaign: Campaign, phones: Sequence[str]) -> dict[str, Reason]:
    """The same for these numbers (E.164), of those who are skipped."""
    if not phones:
        return {}
    enough = capping.enough(campaign)
    capped = [] if enough is None else enough.filter(phone__in=phones)
    return dict.fromkeys(map(str, capped), Reason.CAPPED) | reasons_of(campaign.line, phones)
