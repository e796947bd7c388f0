"""The panels of a campaign's page that only some campaigns have: which way its messages went, and its bulks."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db.models import Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns import checking, reporting, ways
from campaigns.delivery.bulks import FINAL_STATES
from campaigns.models import Batch, Bulk, Campaign
from campaigns.states import MessageStatus
from campaigns.views.wording import Notice
from contacts.models import Operator
from providers.answers import Outcome
from providers.explaining import explain
from providers.keeping import NOT_SENT, BulkState

# The figures of a provider's report by its own words; one that is not here stands as it was said.
_FATES = {
    "delivered": gettext_lazy("delivered"),
    "sent": gettext_lazy("with the operator"),
    "pending": gettext_lazy("waiting"),
    "failed": gettext_lazy("not delivered"),
    "blacklist": gettext_lazy("on the operator's blacklist"),
}
_OPERATORS = {"mci": Operator.MCI.label, "irancell": Operator.IRANCELL.label, "other": Operator.OTHER.label}


def context(campaign: Campaign, account: reporting.Accounting) -> dict[str, Any]:
    """What of it this campaign has."""
    if checking.keeps_audience(campaign.line):
        return _followed(campaign, account)
    return _went(campaign, account)


def _went(campaign: Campaign, account: reporting.Accounting) -> dict[str, Any]:
    tells = reporting.tells_delivery(campaign.line)
    found = ways.ways(campaign)
    if found is None:
        return {"tells_delivery": tells, "delivered_share": account.delivered_share if tells else None}
    rest_tells = reporting.tells_delivery(found.rest.line)
    # Who Bale took is not asked about any more: the share is that of the SMS.
    by_sms = found.rest.accepted if rest_tells else 0
    return {
        "tells_delivery": tells,
        "rest_tells": rest_tells,
        "delivered_share": account.counts[MessageStatus.DELIVERED] / by_sms if by_sms else None,
        "ways": found,
        "saving": ways.saving(campaign, found) if found.first.accepted and not campaign.pruned_at else None,
    }


class Followed(NamedTuple):
    """A bulk with the colour of its state, and its figures: a row a fate, a number an operator."""

    bulk: Bulk
    tone: str
    operators: list[str]
    rows: list[tuple[str, list[int]]]


def _followed(campaign: Campaign, account: reporting.Accounting) -> dict[str, Any]:
    unlisted = Batch.objects.filter(campaign=campaign).aggregate(n=Sum("unlisted", default=0))["n"]
    bulks = list(Bulk.objects.filter(batch__campaign=campaign).order_by("pk"))
    return {
        "tells_delivery": True,
        "delivered_share": account.delivered_share,
        "kept": True,
        "unlisted": unlisted,
        "never_listed": bool(bulks) and all(bulk.state in NOT_SENT for bulk in bulks),
        "bulks": [_follow(bulk) for bulk in bulks],
        "bulk_notices": [notice for bulk in bulks if (notice := _notice(campaign, bulk))],
    }


def _follow(bulk: Bulk) -> Followed:
    tone = "badge-primary"
    if bulk.state in NOT_SENT:
        tone = "badge-error"
    elif bulk.state == BulkState.SENT:
        tone = "badge-success"
    elif bulk.state == BulkState.AWAITING_APPROVAL:
        tone = "badge-warning"
    figures = {tuple(name.split(".", 1)): number for name, number in bulk.counts.items() if "." in name}
    operators = list(dict.fromkeys(key for _fate, key in sorted(figures, key=lambda pair: _place(pair[1]))))
    rows = [
        (str(_FATES.get(fate, fate)), [figures.get((fate, key), 0) for key in operators])
        for fate in dict.fromkeys([*_FATES, *(fate for fate, _key in figures)])
    ]
    return Followed(bulk, tone, [str(_OPERATORS.get(o, o)) for o in operators], [row for row in rows if any(row[1])])


def _place(operator: str) -> int:
    return list(_OPERATORS).index(operator) if operator in _OPERATORS else len(_OPERATORS)


def _notice(campaign: Campaign, bulk: Bulk) -> Notice | None:
    """What a person has to know of a bulk: that nothing of it goes out, that it does after all, that it waits."""
    explained = explain(campaign.line.account.slug, bulk.code)
    if bulk.state in NOT_SENT and bulk.state != BulkState.CANCELLED:
        title = _("The provider sent nothing of its request %(ref)s: %(state)s.")
        told = {"ref": bulk.provider_ref, "state": bulk.get_state_display()}
        return Notice("error", title % told, "", bulk.code, bulk.words, explained=explained)
    if bulk.cancel_answer not in ("", Outcome.ACCEPTED) and bulk.state not in FINAL_STATES:
        title = _("The provider did not cancel its request %(ref)s: it may send it, or has sent it.")
        why = explain(campaign.line.account.slug, bulk.cancel_answer)
        return Notice("warning", title % {"ref": bulk.provider_ref}, "", bulk.cancel_answer, explained=why)
    if bulk.state == BulkState.AWAITING_APPROVAL:
        return Notice("info", _("The provider has not approved the text yet."), explained=explained)
    return None
