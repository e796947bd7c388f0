"""Where a campaign's messages went and where they were lost: by operator, by account, by reason; and what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.db.models import Sum
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from campaigns import reporting, tallying, unclear
from campaigns.models import Batch, Campaign, Tally
from campaigns.sending import claiming
from campaigns.states import TAKEN, BatchStatus, MessageStatus, Reason
from campaigns.views import recipients
from campaigns.views.figures import TONES
from contacts.models import Operator
from providers.explaining import explain
from providers.models import ProviderAccount

SHOWN = 12  # reasons; the rarer ones are folded away
LOST = (
    MessageStatus.UNDELIVERED,
    MessageStatus.BLOCKED,
    MessageStatus.FAILED,
    MessageStatus.SKIPPED,
    MessageStatus.CANCELLED,
    MessageStatus.EXPIRED,
)


class Part(NamedTuple):
    """A part of a campaign's messages: an operator's, an account's; costs in rial.

    ``share``, 0 to 1, is that of the delivered ones among what was taken by those who tell of delivery; else None.
    """

    label: str
    detail: str
    messages: int
    taken: int
    share: float | None
    cost: int
    refunded: int

    @property
    def width(self) -> str:
        """The share in percent, as a bar reads it."""
        return f"{100 * (self.share or 0):.1f}"


class Loss(NamedTuple):
    """Messages that were lost for one reason: what it means, what may be done; ``url`` leads to their recipients."""

    tone: str
    status: str
    meaning: str
    next_step: str
    code: str
    ours: bool
    messages: int
    url: str


def context(campaign: Campaign) -> dict[str, Any]:
    """The breakdowns, as of ``Campaign.tallied_at``; a small campaign is tallied here where something has moved."""
    tallying.refresh(campaign)
    rows = list(Tally.objects.filter(campaign=campaign).select_related("account"))
    losses = _losses(campaign, rows)
    return {
        "operators": _operators(rows),
        "accounts": _accounts(campaign, rows),
        "losses": losses[:SHOWN],
        "more_losses": losses[SHOWN:],
        "lost": sum(loss.messages for loss in losses),
        "refunded": sum(row.refunded for row in rows),
    }


def _operators(rows: Iterable[Tally]) -> list[Part]:
    grouped: dict[int, list[Tally]] = {}
    for row in rows:
        grouped.setdefault(row.operator, []).append(row)
    return _parts((str(Operator(key).label), "", of) for key, of in grouped.items())


def _accounts(campaign: Campaign, rows: Iterable[Tally]) -> list[Part]:
    lines: dict[ProviderAccount, list[str]] = {}
    for line in claiming.lines_of(campaign):
        lines.setdefault(line.account, []).append(str(line))
    grouped: dict[ProviderAccount, list[Tally]] = {}
    for row in rows:
        if row.account is not None:
            grouped.setdefault(row.account, []).append(row)
    return _parts((str(account), " · ".join(lines.get(account, [])), of) for account, of in grouped.items())


def _parts(named: Iterable[tuple[str, str, list[Tally]]]) -> list[Part]:
    return sorted((_part(*each) for each in named), key=lambda part: -part.messages)


def _part(label: str, detail: str, rows: Iterable[Tally]) -> Part:
    messages = taken = told = delivered = cost = refunded = 0
    for row in rows:
        messages, cost, refunded = messages + row.messages, cost + row.cost, refunded + row.refunded
        if row.status in TAKEN:
            taken += row.messages
            told += row.messages * (row.account is not None and reporting.account_tells_delivery(row.account))
        delivered += row.messages * (row.status == MessageStatus.DELIVERED)
    return Part(label, detail, messages, taken, delivered / told if told else None, cost, refunded)


def _losses(campaign: Campaign, rows: Iterable[Tally]) -> list[Loss]:
    numbers: dict[tuple[str, int, int, str], int] = {}
    for row in rows:
        if row.status in LOST:
            slug = row.account.slug if row.account else campaign.line.account.slug
            key = (slug, row.status, row.reason, row.code)
            numbers[key] = numbers.get(key, 0) + row.messages
    return [_loss(campaign, *key, number) for key, number in sorted(numbers.items(), key=lambda item: -item[1])]


def _loss(campaign: Campaign, slug: str, status: int, reason: int, code: str, messages: int) -> Loss:
    stands, why = MessageStatus(status), Reason(reason)
    explained = None if why is Reason.BY_OPERATOR else explain(slug, code)
    meaning, next_step = explained[:2] if explained else (str(why.label), str(_NEXT.get(why, "")))
    wanted = {"status": stands.name.lower(), "code": code or recipients.NO_CODE}
    if why is not Reason.NONE:
        wanted["reason"] = why.name.lower()
    url = f"{reverse('campaigns:detail', args=[campaign.pk])}?{urlencode(wanted)}#recipients"
    ours = bool(explained and explained.ours)
    url = "" if campaign.pruned_at else url
    return Loss(TONES[stands], str(stands.label), meaning, next_step, code, ours, messages, url)


# What may be done where the provider's code says nothing of it.
_NEXT: Mapping[Reason, Promise] = {
    Reason.SUPPRESSED: gettext_lazy("Nothing has to be done. The list of suppressed numbers says since when, and why."),
    Reason.OPTED_OUT: gettext_lazy("Nothing has to be done: they hear from you again once they ask for it."),
    Reason.BLOCKS_ADVERTISING: gettext_lazy("Service messages still reach them; advertising does not."),
    Reason.CAPPED: gettext_lazy("They are free again after some days; until then a later campaign may take them."),
    Reason.INVALID_FOR_PROVIDER: gettext_lazy("Send to them from a line whose provider carries their numbers."),
    Reason.REFUSED_RECIPIENT: gettext_lazy("Check a few of the numbers; what is right can be sent to again."),
    Reason.REFUSED_REQUEST: gettext_lazy("Correct what the provider says, then send again to those not reached."),
    Reason.EMPTY_TEXT: gettext_lazy("Give the placeholders a fallback word, or fill in what these contacts lack."),
    Reason.OFF_CHANNEL: gettext_lazy("A fallback line would send them an SMS."),
    Reason.TEXT_REFUSED: gettext_lazy("Shorten the text, or send it from another line."),
    Reason.NOT_IN_TIME: gettext_lazy("Send again to those not reached, with more time or a faster pace."),
    Reason.REPORTED: gettext_lazy("Later, most phones that were off or out of reach can be sent to again."),
}


def to_come(campaign: Campaign) -> unclear.Cost | None:
    """What the messages that still wait would cost on their lines; None where a line has no tariff."""
    waiting = Batch.objects.filter(campaign=campaign, status=BatchStatus.PENDING).order_by().values_list("line")
    by_line = dict(waiting.annotate(n=Sum("pending")).filter(n__gt=0))
    return unclear.cost(unclear.prices(campaign, by_line), by_line)
