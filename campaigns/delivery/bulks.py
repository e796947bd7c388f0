"""Following what a provider that keeps the recipients makes of a request: its state, then the recipients it sent to.

A 200 can still end rejected, unfunded or invalid. So the campaign follows the bulk's state by a plan; once it is final
the recipients in the provider's report are read (``listing``). A cancelled campaign's bulks are cancelled on the way.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Sequence

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from campaigns.delivery import foretold, listing
from campaigns.models import Batch, Bulk
from campaigns.sending import claiming, kept
from campaigns.states import CampaignStatus
from providers import registry
from providers.answers import Blame, Outcome
from providers.keeping import NOT_SENT, BulkAnswer, BulkState
from providers.secrets import UndecryptableSecret

logger = logging.getLogger(__name__)

PLAN = tuple(  # between two looks, after the request was accepted
    dt.timedelta(seconds=seconds)
    for seconds in (5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 3_600, 3_600, 14_400, 43_200, 86_400, 86_400, 86_400)
)
SETTLED = 3  # looks after which a scheduled bulk has surely been checked
GIVE_UP = dt.timedelta(days=30) + claiming.LONGEST_AHEAD
FINAL_STATES = frozenset(str(state) for state in (*NOT_SENT, BulkState.SENT))


def begin(batch: Batch, refs: Sequence[str]) -> None:
    """Follow the bulks that the provider made of a batch; in the caller's transaction."""
    Bulk.objects.bulk_create(
        [Bulk(batch=batch, provider_ref=ref, poll_at=Now() + PLAN[0]) for ref in refs], ignore_conflicts=True
    )


def due() -> list[int]:
    """The bulks whose look is due, the longest waiting first; at most a hundred at a time."""
    return list(Bulk.objects.filter(poll_at__lte=Now()).order_by("poll_at").values_list("pk", flat=True)[:100])


def under_way(campaign_id: int) -> bool:
    """Whether a bulk of the campaign has not come to its final state, or its recipients are still being listed."""
    bulks = Bulk.objects.filter(batch__campaign=campaign_id, poll_at__isnull=False)
    listing = bulks.filter(state=BulkState.SENT, is_complete=False)
    return bulks.exclude(state__in=FINAL_STATES).exists() or listing.exists()


def follow(bulk_id: int, seconds: float = 10.0) -> int | None:
    """Look once what became of a bulk; returns its campaign, or None where another worker is at it.

    The next look is planned before this one is made; one that fails is made good by the next.
    """
    with transaction.atomic():
        bulk = (
            Bulk.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("batch__line__account", "batch__campaign")
            .filter(pk=bulk_id, poll_at__lte=Now())
            .first()
        )
        if bulk is None:
            return None
        _plan_next(bulk)
    if not bulk.batch.line.account.enabled:
        return bulk.batch.campaign_id
    try:
        if _is_to_be_cancelled(bulk):
            _cancel(bulk)
        if not bulk.is_complete:
            _look(bulk)
        if bulk.state == BulkState.SENT:
            listing.read(bulk, time.monotonic() + seconds)
    except kept.NotTold as error:
        logger.warning("Account %s: a look at a bulk failed (%s)", bulk.batch.line.account_id, error.code)
    except (UndecryptableSecret, registry.UnknownProvider) as error:
        logger.warning("Account %s: a look at a bulk failed (%s)", bulk.batch.line.account_id, type(error).__name__)
    return bulk.batch.campaign_id


def _plan_next(bulk: Bulk) -> None:
    """Plan the next look. A bulk that waits for its time is left alone until then, unless it is yet to be cancelled;
    one without a final state is looked at daily after the plan, for a month.
    """
    now, following = timezone.now(), bulk.poll_round + 1
    later: dt.datetime | None = now + PLAN[min(following, len(PLAN) - 1)]
    due = claiming.send_time(bulk.batch.campaign)
    if due is not None and following > SETTLED and not _is_to_be_cancelled(bulk):
        later, following = due + PLAN[0], SETTLED
    elif following >= len(PLAN):
        patience = dt.timedelta(0) if bulk.state == BulkState.SENT else GIVE_UP
        later = later if now - bulk.created_at < patience else None
    Bulk.objects.filter(pk=bulk.pk).update(poll_at=later, poll_round=following)


def _look(bulk: Bulk) -> None:
    provider = kept.provider_of(bulk.batch.line.account)
    answer = provider.parse_bulk(bulk.provider_ref, kept.ask(provider.build_bulk(bulk.provider_ref)))
    if answer.outcome is not Outcome.ACCEPTED:
        raise kept.NotTold(answer.code, answer.text)
    counts = answer.counts
    figures = provider.parse_bulk_counts(kept.ask(provider.build_bulk_counts(bulk.provider_ref)))
    if figures.outcome is Outcome.ACCEPTED:
        counts = {**counts, **figures.counts}
    _write_state(bulk, answer, dict(counts))


@transaction.atomic
def _write_state(bulk: Bulk, answer: BulkAnswer, counts: dict[str, int]) -> None:
    """Write where a bulk stands. A final state stays; the figures of one whose recipients are being read may change."""
    batch, campaign = foretold.hold(bulk)
    bulk.refresh_from_db(fields=["state", "poll_round", "poll_at"])
    if bulk.state in NOT_SENT:
        return
    bulk.counts, bulk.recipients = counts, answer.recipients or bulk.recipients
    if bulk.state != BulkState.SENT:
        bulk.state, bulk.code, bulk.words = str(answer.state), answer.code[:64], answer.text
        if answer.state is BulkState.SENT:  # however long that took, its report has all its time
            bulk.poll_round = min(bulk.poll_round, SETTLED)
            bulk.poll_at = timezone.now() + PLAN[bulk.poll_round]
    if answer.state in NOT_SENT and bulk.state != BulkState.SENT:
        bulk.poll_at = None
    bulk.save(update_fields=["state", "code", "words", "counts", "recipients", "poll_round", "poll_at"])
    if bulk.state in NOT_SENT:
        foretold.write_off(bulk, batch, campaign)


def hasten(campaign_id: int) -> bool:
    """Have the campaign's bulks that are not final looked at next; whether there are any. Before a cancelled
    campaign's bulk is looked at, it is cancelled.
    """
    waiting = Bulk.objects.filter(batch__campaign=campaign_id).exclude(state__in=FINAL_STATES)
    return waiting.update(poll_at=Now(), poll_round=0) > 0


def cancel(campaign_id: int) -> None:
    """Ask the provider now not to send a cancelled campaign's bulks that wait for their time.

    What fails is tried again at the bulk's next look; what the provider refuses goes its way.
    """
    waiting = Bulk.objects.filter(batch__campaign=campaign_id, poll_at__lte=Now()).exclude(state__in=FINAL_STATES)
    for bulk_id in list(waiting.values_list("pk", flat=True)):
        follow(bulk_id)


def _is_to_be_cancelled(bulk: Bulk) -> bool:
    """Whether its campaign was cancelled, and the provider has not yet said whether the bulk can be."""
    cancelled = bulk.batch.campaign.status == CampaignStatus.CANCELLED
    return cancelled and not bulk.cancel_answer and bulk.state not in FINAL_STATES


def _cancel(bulk: Bulk) -> None:
    provider, account_id = kept.provider_of(bulk.batch.line.account), bulk.batch.line.account_id
    if not provider.capabilities.cancels:
        return
    try:
        answer = provider.parse_cancel(kept.ask(provider.build_cancel(bulk.provider_ref)))
    except kept.NotTold as error:
        logger.warning("Account %s: a bulk could not be cancelled (%s)", account_id, error.code)
        return
    logger.info("Bulk %s: the provider's answer to its cancellation is %s", bulk.pk, answer.outcome)
    if answer.outcome is Outcome.ACCEPTED or answer.blame is Blame.REQUEST:
        word = str(answer.outcome) if answer.outcome is Outcome.ACCEPTED else answer.code or str(answer.outcome)
        Bulk.objects.filter(pk=bulk.pk, cancel_answer="").update(cancel_answer=word[:64])
