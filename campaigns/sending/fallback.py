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

from campaigns import counting
from campaigns.counting import Delta
from campaigns.models import Attempt, Batch, Campaign, Message
from campaigns.querysets import Move
from campaigns.sending import audience
from campaigns.states import BatchStatus, MessageStatus
from contacts.models import Contact
from providers.answers import Outcome, RecipientResult


def reroute(batch: Batch, old: MessageStatus, counter: MessageStatus, results: Sequence[RecipientResult]) -> None:
    """Put these recipients of a batch on the campaign's fallback line, pending; in the caller's transaction.

    ``old`` is where their rows stand, ``counter`` what they are counted as.
    """
    told = {result.key: result for result in results}
    rows = Message.objects.in_batch(batch).filter(status=old, pk__in=list(told)).order_by("pk")
    keys = list(rows.values_list("pk", flat=True))
    if not keys:
        return
    # Held, so that two workers don't give two batches one number.
    campaign = Campaign.objects.select_for_update(no_key=True, of=("self",)).get(pk=batch.campaign_id)
    if old is MessageStatus.UNKNOWN:
        moves = [Move(key, MessageStatus.PENDING) for key in keys]
        Message.objects.move(moves, campaign_id=campaign.pk, old=old, counted_as=counter)
    else:
        n = len(keys)
        counting.add(campaign.pk, {counter: Delta(-n), MessageStatus.PENDING: Delta(n)})
    by_code: dict[tuple[str, str], list[int]] = {}
    for key in keys:
        by_code.setdefault((told[key].code, told[key].text[:300]), []).append(key)
    Attempt.objects.bulk_create(
        Attempt(message_id=key, line_id=batch.line_id, code=code, words=words)
        for (code, words), alike in by_code.items()
        for key in alike
    )
    for (code, words), alike in by_code.items():
        _place(campaign, alike, code, words)


def _place(campaign: Campaign, keys: list[int], code: str, words: str) -> None:
    line = campaign.fallback_line
    assert line is not None  # noqa: S101 - asked by the caller
    most = audience.batch_size(line, personal=Message.objects.filter(pk=keys[0], text__isnull=False).exists())
    fallbacks = Batch.objects.filter(campaign=campaign, number__gte=Batch.FALLBACK_FROM)
    while keys:
        gathering = fallbacks.filter(status=BatchStatus.PENDING, attempt=0, not_before__gt=Now(), size__lt=most).first()
        room = most - gathering.size if gathering else most
        chosen, keys = keys[:room], keys[room:]
        if gathering is None:
            last = fallbacks.aggregate(last=Max("number"))["last"]
            gathering = Batch.objects.create(
                campaign=campaign,
                line=line,
                number=Batch.FALLBACK_FROM if last is None else last + 1,
                first_message_id=chosen[0],
                last_message_id=chosen[-1],
                size=0,
                pending=0,
                not_before=Now() + dt.timedelta(seconds=settings.SEND_FALLBACK_GATHER),
            )
        Message.objects.reroute(chosen, gathering.number, code, words)
        full = gathering.size + len(chosen) >= most
        Batch.objects.filter(pk=gathering.pk).update(
            first_message_id=min(gathering.first_message_id, chosen[0]),
            last_message_id=max(gathering.last_message_id, chosen[-1]),
            size=F("size") + len(chosen),
            pending=F("pending") + len(chosen),
            not_before=None if full else F("not_before"),
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
