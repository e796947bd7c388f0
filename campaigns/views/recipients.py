"""A campaign's recipients: filtered by status, found by number, a page at a time, at any size of the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q
from django.http import HttpRequest

from campaigns.exporting import MessagesToFile
from campaigns.models import Batch, Campaign, Message
from campaigns.querysets import MessageQuerySet
from campaigns.states import MessageStatus, Reason
from contacts.paging import keyset_page
from contacts.phones import search_digits

ROWS = 25
IRANIAN_DIGITS = 12  # of an Iranian mobile in E.164: 98 and ten


def status_named(name: str) -> MessageStatus | None:
    """The status of an address's ``?status=``; None for every other word."""
    return MessageStatus.__members__.get(name.upper()) if name.islower() else None


def reason_named(name: str) -> Reason | None:
    """The reason of an address's ``?reason=``; None for every other word."""
    return Reason.__members__.get(name.upper()) if name.islower() else None


def batch_named(campaign: Campaign, number: str) -> Batch | None:
    """The batch of an address's ``?batch=``; None for every other word."""
    if not (number.isascii() and number.isdigit() and len(number) < 11):
        return None
    return Batch.objects.filter(campaign=campaign, number=int(number)).first()


def chosen(campaign: Campaign, wanted: Mapping[str, str]) -> MessageQuerySet:
    """Messages of a campaign by ``status``, ``reason`` (an unknown word is none), ``batch``, the beginning of ``q``."""
    named = status_named(wanted.get("status", ""))
    rows = Message.objects.standing_in(campaign, named) if named else Message.objects.of(campaign)
    if reason := reason_named(wanted.get("reason", "")):
        rows = rows.filter(reason=reason)
    if batch := batch_named(campaign, wanted.get("batch", "")):
        ends = {"id__gte": batch.first_message_id, "id__lte": batch.last_message_id}
        rows = rows.filter(batch_number=batch.number, **ends)
    query = wanted.get("q", "")
    if not query.strip():
        return rows
    digits = search_digits(query.strip()[:40])
    if not digits or len(digits) > 15:
        return rows.none()
    found = Q(phone=digits) if len(digits) >= 7 else Q(pk=None)
    if digits.startswith("98") and len(digits) <= IRANIAN_DIGITS:
        width = 10 ** (IRANIAN_DIGITS - len(digits))
        found |= Q(phone__gte=int(digits) * width, phone__lt=(int(digits) + 1) * width)
    return rows.filter(found)


def context(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    """One page of recipients, and what the filter's form shows."""
    status, query = request.GET.get("status", ""), request.GET.get("q", "")[:40]
    rows = chosen(campaign, request.GET).with_standing(campaign).select_related("contact", "account")
    reason = reason_named(request.GET.get("reason", ""))
    named, batch = status_named(status), batch_named(campaign, request.GET.get("batch", ""))
    return {
        "page": keyset_page(rows, request.GET.dict(), ascending=True, size=ROWS),
        "statuses": [(each.name.lower(), each.label) for each in MessageStatus],
        "chosen": named.name.lower() if named else "",
        "chosen_label": named.label if named else "",
        "query": query,
        "chosen_batch": batch,
        "chosen_reason": reason.name.lower() if reason else "",
        "chosen_why": reason.label if reason else "",
        "may_export": MessagesToFile.allows(request.user),
        "two_ways": campaign.fallback_line_id is not None,
    }
