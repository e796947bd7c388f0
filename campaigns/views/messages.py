"""One message: what is known of it, what the provider reported, and the request that it went out in."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from campaigns.composing import segments
from campaigns.models import Batch, DeliveryEvent, Message
from campaigns.states import BatchStatus, MessageStatus

SHOWN_EVENTS = 50


@require_safe
def message(request: HttpRequest, pk: int) -> HttpResponse:
    """The facts of one message, its reports in their order, and its batch."""
    rows = Message.objects.select_related("campaign__line__account", "contact", "account")
    found = get_object_or_404(rows, pk=pk)
    number = found.batch_number
    batch = None if number is None else Batch.objects.filter(campaign=found.campaign_id, number=number).first()
    in_flight = batch is not None and batch.status == BatchStatus.SENDING
    pending = found.status == MessageStatus.PENDING
    text = found.campaign.sent_text if found.text is None else found.text
    context = {
        "message": found,
        "campaign": found.campaign,
        "standing": MessageStatus.SENDING if pending and in_flight else MessageStatus(found.status),
        "batch": batch,
        "events": _events(found),
        "text": text,
        "segments": segments.count(text, found.campaign.line.part_size),
    }
    return render(request, "campaigns/message.html", context)


def _events(found: Message) -> list[DeliveryEvent]:
    if not (found.account_id and found.provider_ref):
        return []
    events = DeliveryEvent.objects.filter(account=found.account_id, provider_ref=found.provider_ref)
    return list(events.order_by("pk")[:SHOWN_EVENTS])
