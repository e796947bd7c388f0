"""A campaign's recipients: filtered by status, found by number, a page at a time, at any size of the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q
from django.http import HttpRequest

from campaigns.exporting import MessagesToFile
from campaigns.models import Batch, Campaign, Message, StatusCount
from campaigns.querysets import MessageQuerySet
from campaigns.states import MessageStatus, Reason
from campaigns.views import looking
from contacts.paging import KeysetPage, keyset_page
from contacts.phones import search_digits
from interface import masking

ROWS = 25
NO_CODE = "~"  # of a ``?code=``: messages that no provider gave a code
IRANIAN_DIGITS = 12  # of an Iranian mobile in E.164: 98 and ten


def status_named(name: str) -> MessageStatus | None:
    """The status of an address's ``?status=``; None for every other word."""
    return MessageStatus.__members__.get(name.upper()) if name.islower() else None


def reason_named(name: str) -> Reason | None:
    """The reason of an address's ``?reason=``; None for every other word."""
    return Reason.__members__.get(name.upper()) if name.islower() else None


def code_named(text: str) -> str | None:
    """The provider's code of an address's ``?code=``, empty for none; None where the address names no code."""
    return None if not text else "" if text == NO_CODE else text.replace("\0", "")[:32]


def batch_named(campaign: Campaign, number: str) -> Batch | None:
    """The batch of an address's ``?batch=``; None for every other word."""
    if not (number.isascii() and number.isdigit() and len(number) < 11):
        return None
    return Batch.objects.filter(campaign=campaign, number=int(number)).first()


def chosen(campaign: Campaign, wanted: Mapping[str, str]) -> MessageQuerySet:
    """Messages of a campaign by ``status``, ``reason`` (an unknown word is none), ``code``, ``batch``, the beginning
    of ``q``.
    """
    named = status_named(wanted.get("status", ""))
    rows = Message.objects.standing_in(campaign, named) if named else Message.objects.of(campaign)
    if reason := reason_named(wanted.get("reason", "")):
        rows = rows.filter(reason=reason)
    if (code := code_named(wanted.get("code", ""))) is not None:
        rows = rows.filter(provider_code=code)
    if batch := batch_named(campaign, wanted.get("batch", "")):
        ends = {"id__gte": batch.first_message_id, "id__lte": batch.last_message_id}
        rows = rows.filter(batch_number=batch.number, **ends)
    query = wanted.get("q", "")
    if not query.strip():
        return rows
    digits = masking.findable(search_digits(query.strip()[:40]))
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
    code = code_named(request.GET.get("code", ""))
    named, batch = status_named(status), batch_named(campaign, request.GET.get("batch", ""))
    return {
        "page": _page(rows, campaign, request.GET.dict()),
        "statuses": [(each.name.lower(), each.label) for each in MessageStatus],
        "chosen": named.name.lower() if named else "",
        "chosen_label": named.label if named else "",
        "query": query,
        "chosen_batch": batch,
        "chosen_code": "" if code is None else code or NO_CODE,
        "chosen_reason": reason.name.lower() if reason else "",
        "chosen_why": reason.label if reason else "",
        "may_export": MessagesToFile.allows(request.user),
        "two_ways": campaign.fallback_line_id is not None,
    }


def _page(rows: MessageQuerySet, campaign: Campaign, query: dict[str, str]) -> KeysetPage[Message] | looking.Look:
    """Numbers and requests are found by an index; whom else a filter leaves has to be looked for."""
    status = status_named(query.get("status", ""))
    narrowed = reason_named(query.get("reason", "")) or code_named(query.get("code", "")) is not None
    if query.get("q", "").strip() or query.get("batch") or not (status or narrowed):
        return keyset_page(rows, query, ascending=True, size=ROWS)
    return looking.look(rows, campaign, query, size=ROWS, most=_most(campaign, status))


def _most(campaign: Campaign, status: MessageStatus | None) -> int | None:
    """How many can stand in a status; None where the counter would be out of date the next moment."""
    if status in (None, MessageStatus.PENDING, MessageStatus.SENDING):
        return None
    counter = StatusCount.objects.filter(campaign=campaign, status=status).first()
    return counter.messages if counter else 0
