"""One message: its life as a timeline, its text as sent, and what is known of it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from campaigns import reporting
from campaigns.composing import segments
from campaigns.composing.suffix import with_suffix
from campaigns.models import Attempt, Batch, DeliveryEvent, Message
from campaigns.states import BatchStatus, MessageStatus
from campaigns.views import life

SHOWN_EVENTS = 50


@require_safe
def message(request: HttpRequest, pk: int) -> HttpResponse:
    """The facts of one message and its life; its reports from ``?after=`` on are asked for by the page itself."""
    lines = ("campaign__line__account", "campaign__fallback_line__account", "campaign__file")
    rows = Message.objects.select_related(*lines, "contact", "account")
    found = get_object_or_404(rows, pk=pk)
    after = request.GET.get("after", "")
    later = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else 0
    events = _events(found, later)
    slug = (found.account or found.campaign.line.account).slug
    reports = [life.reported(event, slug) for event in events[:SHOWN_EVENTS]]
    context = {
        "message": found,
        "campaign": found.campaign,
        "events": events[:SHOWN_EVENTS],
        "later": events[SHOWN_EVENTS - 1].pk if len(events) > SHOWN_EVENTS else None,
        "steps": reports,
    }
    if later:
        return render(request, "campaigns/_life.html", context)
    return render(request, "campaigns/message.html", context | _facts(found, slug, reports))


def _facts(found: Message, slug: str, reports: list[life.Step]) -> dict[str, Any]:
    number = found.batch_number
    batches = Batch.objects.select_related("line__account").filter(campaign=found.campaign_id)
    batch = None if number is None else batches.filter(number=number).first()
    in_flight = batch is not None and batch.status == BatchStatus.SENDING
    pending = found.status == MessageStatus.PENDING
    line = batch.line if batch else found.campaign.line
    text = found.campaign.sent_text if found.text is None else found.text
    if found.is_fallback:
        text = with_suffix(text, line.suffix)
    attempts = list(Attempt.objects.filter(message_id=found.pk).select_related("line__account").order_by("pk"))
    happened = life.steps(found, batch, attempts, slug)
    return {
        "standing": MessageStatus.SENDING if pending and in_flight else MessageStatus(found.status),
        "batch": batch,
        "line": line,
        "slug": slug,
        "tells_delivery": reporting.tells_delivery(line),
        "attempts": attempts,
        "text": text,
        "segments": segments.count(text, line.part_size),
        "steps": life.in_order([*happened, *reports]),
    }


def _events(found: Message, after: int) -> list[DeliveryEvent]:
    """The next reports after an event, and one more where there are more."""
    if not (found.account_id and found.provider_ref):
        return []
    events = DeliveryEvent.objects.filter(account=found.account_id, provider_ref=found.provider_ref, pk__gt=after)
    return list(events.order_by("pk")[: SHOWN_EVENTS + 1])
