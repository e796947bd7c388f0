"""Messages of all campaigns: found by number, status, what the provider said, line, campaign and time."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from campaigns import exporting
from campaigns.exploring import Look, MessageFilter, chips, look
from campaigns.models import Batch, Campaign, Message
from campaigns.states import BatchStatus, MessageStatus, Reason
from interface import masking, persian
from interface.jalali import JalaliDateTimeField
from providers.models import ProviderAccount, SenderLine

NAMED_CAMPAIGNS = 100  # in the form, the latest
_MORE = ("account", "line", "reason", "code", "ref", "since", "until")  # fields that the form folds away


class Row(NamedTuple):
    """A message as the list shows it: where it stands as people see it, and the line of its request, if any."""

    message: Message
    standing: MessageStatus
    line: SenderLine | None
    slug: str


@require_safe
def message_list(request: HttpRequest) -> HttpResponse:
    """The messages that the query's filter means, the newest first; it looks for no longer than a page may take."""
    narrowed = MessageFilter.read(request.GET.dict())
    query = narrowed.query()
    below = request.GET.get("below", "")
    found = look(narrowed, int(below) if below.isascii() and below.isdigit() and len(below) < 19 else None)
    context = {
        "it": narrowed,
        "query": query,
        "rows": rows_of(found.rows),
        "look": found,
        "reached": _reached(found),
        "further": "?" + urlencode({**query, "below": found.further}) if found.further is not None else "",
        "newest": "?" + urlencode(query) if below else "",
        "chips": [
            (chip, "?" + urlencode({name: value for name, value in query.items() if name != chip.name}))
            for chip in chips(narrowed)
        ],
        "more": any(name in query for name in _MORE),
        "whole_only": bool(narrowed.q) and not narrowed.numbers() and not masking.may_see_numbers(),
        "may_export": exporting.MessagesToFile.allows(request.user),
    }
    return render(request, "campaigns/messages.html", context | _choices(narrowed))


def rows_of(messages: list[Message]) -> list[Row]:
    """Messages with what their requests tell of them, asked for at once."""
    wanted = Q(pk=None)
    for message in messages:
        if message.batch_number is not None:
            wanted |= Q(campaign=message.campaign_id, number=message.batch_number)
    batches = {
        (batch.campaign_id, batch.number): batch
        for batch in Batch.objects.filter(wanted).select_related("line__account")
    }
    return [_row(message, batches.get((message.campaign_id, message.batch_number or 0))) for message in messages]


def _row(message: Message, batch: Batch | None) -> Row:
    if message.batch_number is None:
        batch = None
    in_flight = batch is not None and batch.status == BatchStatus.SENDING
    pending = message.status == MessageStatus.PENDING
    standing = MessageStatus.SENDING if pending and in_flight else MessageStatus(message.status)
    line = batch.line if batch else None
    account = message.account or (line or message.campaign.line).account
    return Row(message, standing, line, account.slug)


def _reached(found: Look) -> Campaign | None:
    """The campaign among whose messages the looking stopped for want of time."""
    if found.further is None or found.is_full:
        return None
    campaigns = Campaign.objects.filter(first_message_id__gt=0, first_message_id__lte=found.further)
    return campaigns.order_by("-first_message_id").first()


def _choices(narrowed: MessageFilter) -> dict[str, Any]:
    campaigns = Campaign.objects.filter(first_message_id__gt=0).order_by("-pk").values_list("pk", "name")
    latest = list(campaigns[:NAMED_CAMPAIGNS])
    if narrowed.campaign is not None and narrowed.campaign not in dict(latest):
        latest += campaigns.filter(pk=narrowed.campaign)
    moment = JalaliDateTimeField()
    return {
        "campaigns": latest,
        "statuses": [(each.name.lower(), each.label) for each in MessageStatus],
        "reasons": [(each.name.lower(), each.label) for each in Reason if each],
        "accounts": ProviderAccount.objects.only("name"),
        "lines": SenderLine.objects.select_related("account").order_by("account__name", "sender"),
        "since": moment.prepare_value(narrowed.since) or "",
        "until": moment.prepare_value(narrowed.until) or "",
        "jalali": persian.is_persian(),
    }
