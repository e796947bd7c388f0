"""What came of a campaign: our rows held against the provider's ledger, as one summary."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from campaigns import reporting
from campaigns.models import Batch, Campaign, Message
from campaigns.states import TAKEN, MessageStatus

# Of these we say that the provider certainly does not have them.
NOT_TAKEN = frozenset(
    {MessageStatus.PENDING, MessageStatus.FAILED, MessageStatus.SKIPPED, MessageStatus.CANCELLED, MessageStatus.EXPIRED}
)


@dataclass(frozen=True)
class Tally:
    """Counts of recipients. ``lost``: taken there and not here, or here and not there. ``doubled``: taken twice.

    ``unclear`` of which ``unclear_taken`` had been taken; ``settled`` were unclear, or would have been, and are not:
    by an answer kept on disk, by a late one, by a journal, by a look-up. ``open``: without an outcome.
    """

    recipients: int
    taken: int
    lost: int
    doubled: int
    unclear: int
    unclear_taken: int
    settled: int
    open: int
    balanced: bool
    counters_match: bool
    statuses: Mapping[str, int] = field(default_factory=dict)

    @property
    def well(self) -> bool:
        return not (self.lost or self.doubled or self.open) and self.balanced and self.counters_match


def tally(
    campaign: Campaign, taken: Counter[str], deaths: Mapping[int, float], lease: float, looked_up: int = 0
) -> Tally:
    """Hold a campaign against what a provider took.

    ``deaths``: when each worker was killed, in Unix seconds by pid. ``lease`` of a batch in seconds. ``looked_up``: how
    many the look-ups settled.
    """
    campaign.refresh_from_db()
    audit = reporting.audit(campaign)
    ours: dict[str, MessageStatus] = {}
    for phone, status in Message.objects.of(campaign).values_list("phone", "status"):
        ours[str(phone)] = MessageStatus(status)
    unclear = {phone for phone, status in ours.items() if status is MessageStatus.UNKNOWN}
    denied = sum(status in NOT_TAKEN and phone in taken for phone, status in ours.items())
    invented = sum(status in TAKEN and phone not in taken for phone, status in ours.items())
    statuses = Counter(status.name.lower() for status in ours.values())
    return Tally(
        recipients=len(ours),
        taken=len(taken),
        lost=denied + invented + len(taken.keys() - ours.keys()),
        doubled=sum(times > 1 for times in taken.values()),
        unclear=len(unclear),
        unclear_taken=len(unclear & taken.keys()),
        settled=sum(_settled_late(campaign, deaths, lease)) + looked_up,
        open=statuses["pending"] + statuses["sending"],
        balanced=audit.recount.balanced,
        counters_match=audit.counters_match,
        statuses=statuses,
    )


def _settled_late(campaign: Campaign, deaths: Mapping[int, float], lease: float) -> Iterator[int]:
    """For each batch that was recorded after its worker's end or its lease's: how many of it the provider took."""
    leased = dt.timedelta(seconds=lease)
    batches = Batch.objects.filter(campaign=campaign, accepted__gt=0, settled_at__isnull=False)
    for owner, claimed, settled, accepted in batches.values_list("owner", "claimed_at", "settled_at", "accepted"):
        death = deaths.get(int(owner.rsplit("/", 3)[1]), float("inf"))
        if settled and (settled.timestamp() > death or (claimed and settled > claimed + leased)):
            yield accepted
