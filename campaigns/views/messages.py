"""One message: what is known of it, what the provider reported, and the request that it went out in."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from campaigns import reporting
from campaigns.composing import segments
from campaigns.composing.suffix import with_suffix
from campaigns.models import Attempt, Batch, DeliveryEvent, Message
from campaigns.states import BatchStatus, MessageStatus

SHOWN_EVENTS = 50


@require_safe
def message(request: HttpRequest, pk: int) -> HttpResponse:
    """The facts of one message, its earlier tries, its reports in their order, and its batch."""
    lines = ("campaign__line__account", "campaign__fallback_line__account", "campaign__file")
    rows = Message.objects.select_related(*lines, "contact", "account")
    found = get_object_or_404(rows, pk=pk)
    number = found.batch_number
    batch = None if number is None else Batch.objects.filter(campaign=found.campaign_id, number=number).first()
    in_flight = batch is not None and batch.status == BatchStatus.SENDING
    pending = found.status == MessageStatus.PENDING
    line = found.campaign.line
    text = found.campaign.sent_text if found.text is None else found.text
    if found.is_fallback and found.campaign.fallback_line:
        line = found.campaign.fallback_line
        text = with_suffix(text, line.suffix)
    context = {
        "message": found,
        "campaign": found.campaign,
        "standing": MessageStatus.SENDING if pending and in_flight else MessageStatus(found.status),
        "batch": batch,
        "line": line,
        "tells_delivery": reporting.tells_delivery(line),
        "attempts": list(Attempt.objects.filter(message_id=found.pk).select_related("line__account").order_by("pk")),
        "events": _events(found),
        "text": text,
        "segments": segments.count(text, line.part_size),
    }
    return render(request, "campaigns/message.html", context)


def _events(found: Message) -> list[DeliveryEvent]:
    if not (found.account_id and found.provider_ref):
        return []
    events = DeliveryEvent.objects.filter(account=found.account_id, provider_ref=found.provider_ref)
    return list(events.order_by("pk")[:SHOWN_EVENTS])
