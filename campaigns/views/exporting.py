"""A campaign's recipients as a table to download."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import OuterRef, Subquery, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Concat, Trim
from django.utils import timezone
from django.utils.translation import gettext as _
from persiantools.jdatetime import JalaliDate

from campaigns.composing.suffix import with_suffix
from campaigns.models import Attempt, Campaign, Message
from campaigns.querysets import MessageQuerySet
from campaigns.states import MessageStatus, Reason
from providers.models import SenderLine

CHUNK = 2_000
_JALALI: Any = JalaliDate  # it ships no types


def table(campaign: Campaign, rows: MessageQuerySet, *, jalali: bool) -> tuple[list[str], Iterator[list[Any]]]:
    """The header and the rows. Words are translated now: while it streams no language is active."""
    header = [
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
        _("Time"),
        _("Text"),
    ]
    statuses = {int(status): str(status.label) for status in MessageStatus}
    reasons = {int(reason): str(reason.label) for reason in Reason}
    return header, _facts(campaign, rows, statuses, reasons, jalali)


def _facts(
    campaign: Campaign, rows: MessageQuerySet, statuses: dict[int, str], reasons: dict[int, str], jalali: bool
) -> Iterator[list[Any]]:
    ordered = rows.with_standing(campaign).select_related("contact").order_by("pk")
    ordered = ordered.annotate(first_try=_first_try(campaign))
    for message in ordered.iterator(CHUNK):
        contact = message.contact
        line = _line_of(campaign, message)
        text = campaign.sent_text if message.text is None else message.text
        yield [
            (message.phone or "").removeprefix("+"),
            contact.first_name if contact else "",
            contact.last_name if contact else "",
            str(line) if line else "",
            statuses[message.standing],  # type: ignore[attr-defined]  # with_standing annotates it
            reasons[message.reason],
            message.provider_code,
            message.provider_text,
            message.provider_ref,
            message.first_try,  # type: ignore[attr-defined]  # annotated above
            message.cost,
            _time(message, jalali),
            with_suffix(text, line.suffix) if message.is_fallback and line else text,
        ]


def _first_try(campaign: Campaign) -> Combinable:
    """The first line's provider's code and words for a message that then went another way; few campaigns have any."""
    if campaign.fallback_line_id is None:
        return Value("")
    tries = Attempt.objects.filter(message_id=OuterRef("pk")).order_by("pk")
    told = tries.annotate(told=Trim(Concat("code", Value(" "), "words"))).values("told")[:1]
    return Coalesce(Subquery(told), Value(""))


def _line_of(campaign: Campaign, message: Message) -> SenderLine | None:
    """The line that a message goes by; none for one that was never to go out."""
    if message.batch_number is None:
        return None
    return campaign.fallback_line if message.is_fallback else campaign.line


def _time(message: Message, jalali: bool) -> str:
    at = timezone.localtime(message.updated_at)
    day = _JALALI(at.date()).strftime("%Y-%m-%d") if jalali else f"{at:%Y-%m-%d}"
    return f"{day} {at:%H:%M:%S}"
