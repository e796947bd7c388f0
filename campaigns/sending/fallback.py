"""Bale first, SMS for the rest: whom a provider provably did not send to goes out on the fallback line instead.

The same message row moves to a batch on the fallback line, and what the first provider said is kept beside it. Small
refusals gather for a while, so that a thousand of them become one request and not a hundred.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.conf import settings
from django.db.models import F, Max
from django.db.models.functions import Now

from campaigns.models import Attempt, Batch, Message
from campaigns.querysets import Move
from campaigns.sending import sizes
from campaigns.states import BatchStatus, MessageStatus, Reason
from contacts.models import Contact
from providers.answers import Outcome, RecipientResult
from providers.models import SenderLine


def reroute(batch: Batch, old: MessageStatus, results: Sequence[RecipientResult]) -> int:
    """Put these recipients of a batch on the campaign's fallback line, pending; how many of them stand in ``old``.

    Runs in the caller's transaction, which holds the campaign's row, so that two workers don't give two batches one
    number, and counts them where they stood in pending: after all rows, for others take the counters last, too.
    """
    told = {result.key: result for result in results}
    rows = Message.objects.in_batch(batch).filter(status=old, pk__in=list(told)).order_by("pk")
    keys = list(rows.values_list("pk", flat=True))
    if not keys:
        return 0
    by_code: dict[tuple[str, str], list[int]] = {}
    for key in keys:
        by_code.setdefault((told[key].code, told[key].text[:300]), []).append(key)
    Attempt.objects.bulk_create(
        Attempt(message_id=key, line_id=batch.line_id, code=code, words=words)
        for (code, words), alike in by_code.items()
        for key in alike
    )
    for (code, words), alike in by_code.items():
        _place(batch, old, alike, code, words)
    if old is not MessageStatus.PENDING:
        moves = [Move(key, MessageStatus.PENDING, Reason.OFF_CHANNEL, None, told[key].code) for key in keys]
        Message.objects.move(moves, campaign_id=batch.campaign_id, old=old)
    return len(keys)


def _place(batch: Batch, old: MessageStatus, keys: list[int], code: str, words: str) -> None:
    campaign, line = batch.campaign, batch.campaign.fallback_line
    assert line is not None  # noqa: S101 - asked by the caller
    most = sizes.batch_size(line, personal=Message.objects.filter(pk=keys[0], text__isnull=False).exists())
    # Whom a pilot is for must not wait with the rest for a word.
    fallbacks = Batch.objects.filter(campaign=campaign, number__gte=Batch.FALLBACK_FROM, in_pilot=batch.in_pilot)
    while keys:
        # Also one whose time to gather is over, where its line may not send yet; a worker that claims it holds it.
        open_ones = fallbacks.filter(status=BatchStatus.PENDING, attempt=0, size__lt=most).order_by("number")
        gathering = open_ones.select_for_update(skip_locked=True, of=("self",)).first() or _new_batch(batch, line)
        room = most - gathering.size
        chosen, keys = keys[:room], keys[room:]
        Message.objects.reroute(chosen, old, gathering.number, code, words)
        first, last = gathering.first_message_id or chosen[0], gathering.last_message_id
        Batch.objects.filter(pk=gathering.pk).update(
            first_message_id=min(first, chosen[0]),
            last_message_id=max(last, chosen[-1]),
            size=F("size") + len(chosen),
            pending=F("pending") + len(chosen),
            not_before=None if gathering.size + len(chosen) >= most else F("not_before"),
        )


def _new_batch(of: Batch, line: SenderLine) -> Batch:
    """A batch on the fallback line that gathers for a while."""
    fallbacks = Batch.objects.filter(campaign=of.campaign_id, number__gte=Batch.FALLBACK_FROM)
    last = fallbacks.aggregate(last=Max("number"))["last"]
    return Batch.objects.create(
        campaign_id=of.campaign_id,
        in_pilot=of.in_pilot,
        line=line,
        number=Batch.FALLBACK_FROM if last is None else last + 1,
        first_message_id=0,
        last_message_id=0,
        size=0,
        pending=0,
        not_before=Now() + dt.timedelta(seconds=settings.SEND_FALLBACK_GATHER),
    )


def release(campaign_id: int) -> None:
    """Let what has gathered go out: nothing more will come to it."""
    rows = Batch.objects.filter(campaign=campaign_id, status=BatchStatus.PENDING, attempt=0)
    rows.filter(number__gte=Batch.FALLBACK_FROM, not_before__isnull=False).update(not_before=None)


def remember(results: Sequence[RecipientResult]) -> None:
    """Note on the contacts who is not on the channel, and that the others are."""
    absent = [result.key for result in results if result.off_channel]
    present = [result.key for result in results if result.outcome is Outcome.ACCEPTED]
    Contact.objects.filter(pk__in=Message.objects.filter(pk__in=absent).values("contact")).update(
        not_on_bale_since=Now()
    )
    known = Contact.objects.filter(not_on_bale_since__isnull=False)
    known.filter(pk__in=Message.objects.filter(pk__in=present).values("contact")).update(not_on_bale_since=None)
