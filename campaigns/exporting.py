"""Messages into a file, in the background: a campaign's recipients, or what the explorer's filter means.

It looks at all messages of the campaigns that may have some, so a slice is as short where few match as where all do.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, Final

from django.db.models import F, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from persiantools.jdatetime import JalaliDate

from campaigns.composing.suffix import with_suffix
from campaigns.exploring import MessageFilter, chips
from campaigns.exploring.looking import stretches
from campaigns.models import Attempt, Batch, Campaign, Message, StatusCount
from campaigns.querysets import MessageQuerySet
from campaigns.states import TAKEN, BatchStatus, MessageStatus, Reason
from contacts.bulk.kinds import register
from contacts.bulk.writing import ToFile
from contacts.models import BulkAction, Operator
from contacts.phones import operator_of
from interface import persian

PERMISSION: Final = "campaigns.export_message"
_JALALI: Any = JalaliDate  # it ships no types
_COSTS: Final = (10, 11)  # columns of whole rials


@register(BulkAction.Kind.MESSAGES)
class MessagesToFile(ToFile):
    """The messages of ``selection["filter"]`` by id. ``params``: ``{"about"}``, the filter in words."""

    slice_size = 5_000
    permission = PERMISSION
    prefix = "messages"

    @cached_property
    def narrowed(self) -> MessageFilter:
        """The filter."""
        return MessageFilter.read(self.action.selection["filter"])

    def begin(self) -> None:
        super().begin()
        newest = Message.objects.order_by("-pk").values_list("pk", flat=True).first()
        self.action.selection = {**self.action.selection, "last": newest or 0}
        # Without the number: it would have to be forgotten with the person.
        facts = [chip.words for chip in chips(self.narrowed) if chip.name != "q"]
        self.action.params["about"] = " · ".join(facts)

    def words(self) -> str:
        about = self.action.params.get("about")
        return _("Messages: %(what)s") % {"what": persian.isolated(about)} if about else _("Messages of all campaigns")

    def count(self) -> int:
        if self.narrowed.is_pinned:
            return self._pinned().count()
        counted = StatusCount.objects.filter(campaign__in=self.narrowed.campaigns())
        return int(counted.aggregate(n=Sum("messages", default=0))["n"])

    def next_ids(self, after: int, limit: int) -> list[int]:
        last = self.action.selection["last"]
        if self.narrowed.is_pinned:
            rows = self._pinned().filter(pk__gt=after).order_by(F("pk") + 0)
            return list(rows.values_list("pk", flat=True)[:limit])
        found: list[int] = []
        for low, top in stretches(self.narrowed, after + 1, last):
            rows = Message.objects.filter(pk__gte=low, pk__lte=top).order_by("pk")
            found += rows.values_list("pk", flat=True)[: limit - len(found)]
            if len(found) == limit:
                break
        return found

    def _pinned(self) -> MessageQuerySet:
        rows = self.narrowed.messages().filter(pk__lte=self.action.selection["last"])
        return rows.filter(campaign__in=list(self.narrowed.campaigns().values_list("pk", flat=True)))

    def header(self) -> list[str]:
        return [
            _("Phone"),
            _("First name"),
            _("Last name"),
            _("Line"),
            _("Status"),
            _("Reason"),
            _("The provider's code"),
            _("The provider's words"),
            _("The provider's id"),
            _("First try"),
            _("Cost (rial)"),
            _("Refunded (rial)"),
            _("Campaign"),
            _("Account"),
            _("Operator"),
            _("Accepted (Jalali)"),
            _("Accepted (ISO 8601)"),
            _("Delivered (Jalali)"),
            _("Delivered (ISO 8601)"),
            _("Last change (Jalali)"),
            _("Last change (ISO 8601)"),
            _("Text"),
        ]

    def meant(self, ids: list[int]) -> list[Message]:
        """Those of these messages that the filter means."""
        rows = self.narrowed.messages().filter(pk__gte=ids[0], pk__lte=ids[-1], pk__in=ids)
        return list(rows.select_related("contact", "account").order_by("pk"))

    def written(self, ids: list[int]) -> Iterator[list[object]]:
        messages = self.meant(ids)
        known = _Known(messages)
        for message in messages:
            yield known.row(message)

    def cells(self, row: list[str]) -> Sequence[object]:
        return [int(cell) if place in _COSTS and cell else cell for place, cell in enumerate(row)]


class _Known:
    """What the rows of some messages need to know beside them, asked for at once."""

    def __init__(self, messages: Sequence[Message]) -> None:
        lines = ("line", "fallback_line")
        campaigns = Campaign.objects.select_related(*lines)
        self.campaigns = campaigns.in_bulk({message.campaign_id for message in messages})
        self.batches = _batches(messages)
        self.first_tries = _first_tries(message.pk for message in messages if message.is_fallback)
        self.statuses = {int(status): str(status.label) for status in MessageStatus}
        self.reasons = {int(reason): str(reason.label) for reason in Reason}
        self.operators = {int(value): str(label) for value, label in Operator.choices}

    def row(self, message: Message) -> list[object]:
        campaign, contact = self.campaigns[message.campaign_id], message.contact
        batch = self.batches.get((message.campaign_id, message.batch_number))
        standing = message.status
        if standing == MessageStatus.PENDING and batch and batch.status == BatchStatus.SENDING:
            standing = MessageStatus.SENDING
        accepted = batch.settled_at if batch and message.status in TAKEN else None
        delivered = message.updated_at if message.status == MessageStatus.DELIVERED else None
        return [
            (message.phone or "").removeprefix("+"),
            contact.first_name if contact else "",
            contact.last_name if contact else "",
            str(batch.line) if batch else "",
            self.statuses[standing],
            self.reasons[message.reason],
            message.provider_code,
            message.provider_text,
            message.provider_ref,
            self.first_tries.get(message.pk, ""),
            message.cost,
            message.refunded,
            campaign.name,
            str(message.account or ""),
            self.operators[operator_of(message.phone)] if message.phone else "",
            *_moment(accepted),
            *_moment(delivered),
            *_moment(message.updated_at),
            _text(campaign, message),
        ]


def _batches(messages: Iterable[Message]) -> dict[tuple[int, int | None], Batch]:
    numbers: dict[int, set[int]] = defaultdict(set)
    for message in messages:
        if message.batch_number is not None:
            numbers[message.campaign_id].add(message.batch_number)
    found: dict[tuple[int, int | None], Batch] = {}
    for campaign_id, wanted in numbers.items():
        for batch in Batch.objects.filter(campaign=campaign_id, number__in=wanted).select_related("line"):
            found[campaign_id, batch.number] = batch
    return found


def _first_tries(ids: Iterable[int]) -> dict[int, str]:
    """The first line's provider's code and words for messages that then went another way."""
    tries = Attempt.objects.filter(message_id__in=list(ids)).order_by("-pk")
    return {key: f"{code} {words}".strip() for key, code, words in tries.values_list("message_id", "code", "words")}


def _text(campaign: Campaign, message: Message) -> str:
    text = campaign.sent_text if message.text is None else message.text
    line = campaign.fallback_line
    return with_suffix(text, line.suffix) if message.is_fallback and line else text


def _moment(at: dt.datetime | None) -> tuple[str, str]:
    """A moment in Tehran for a person and for a machine: ``1405-09-03 19:20:05``, ``2026-11-24T19:20:05+03:30``."""
    if at is None:
        return "", ""
    local = timezone.localtime(at)
    day = _JALALI(local.date()).strftime("%Y-%m-%d")
    return f"{day} {local:%H:%M:%S}", local.isoformat(timespec="seconds")
