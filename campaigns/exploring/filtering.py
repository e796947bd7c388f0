"""Which messages the explorer shows and an export takes: a filter as an address's query has it.

The message table has no index on what an update writes (docs/decisions), so a filter is two things: the campaigns that
may have such messages, by what their counters and times know, and the conditions that each row is held against.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q

from campaigns.models import Batch, Campaign, Message, ProviderRef, StatusCount, TimelinePoint
from campaigns.querysets import CampaignQuerySet, MessageQuerySet
from campaigns.states import BatchStatus, MessageStatus, Reason
from contacts import phones
from contacts.phones import search_digits
from interface import masking
from interface.jalali import JalaliDateTimeField
from providers.models import ProviderAccount, SenderLine

MAX_NUMBER: Final = 40  # characters of a typed number
E164_DIGITS: Final = 12  # of an Iranian mobile: 98 and ten
SHORTEST: Final = 7  # digits of a number of another country
PINNED: Final = 100  # numbers at most that a beginning may mean to be looked up in the index, campaign by campaign
MINUTE: Final = dt.timedelta(minutes=1)  # the timeline's grain
_IN_FLIGHT: Final = (MessageStatus.PENDING, MessageStatus.SENDING)
_moment = JalaliDateTimeField()


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """What narrows the messages: a value that means nothing narrows nothing, but a ``q`` that is no number finds none.

    ``q`` is a number or its beginning, in any form; a whole one for who may not see numbers. ``account`` and ``line``
    are those of the request that a message goes out in, so who was never to go out has none. ``since`` and ``until``
    are of the last change.
    """

    q: str = ""
    ref: str = ""
    status: MessageStatus | None = None
    reason: Reason | None = None
    code: str = ""
    account: int | None = None
    line: int | None = None
    campaign: int | None = None
    batch: int | None = None  # a number; it means something with a campaign
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    @classmethod
    def read(cls, query: Mapping[str, Any]) -> MessageFilter:
        """The filter that a query, or the stored one of an export, stands for."""
        campaign = _integer(query.get("campaign"))
        return cls(
            q=_text(query.get("q"), MAX_NUMBER),
            ref=_text(query.get("ref"), 64),
            status=MessageStatus.__members__.get(str(query.get("status") or "").upper()),
            reason=Reason.__members__.get(str(query.get("reason") or "").upper()) or None,
            code=_text(query.get("code"), 32),
            account=_integer(query.get("account")),
            line=_integer(query.get("line")),
            campaign=campaign,
            batch=None if campaign is None else _integer(query.get("batch")),
            since=_time(query.get("since")),
            until=_time(query.get("until")),
        )

    def query(self) -> dict[str, str]:
        """The query that stands for it, without what narrows nothing."""
        values = {
            "q": self.q,
            "ref": self.ref,
            "status": self.status and self.status.name.lower(),
            "reason": self.reason and self.reason.name.lower(),
            "code": self.code,
            "account": self.account,
            "line": self.line,
            "campaign": self.campaign,
            "batch": self.batch,
            "since": self.since and _written(self.since),
            "until": self.until and _written(self.until),
        }
        return {name: str(value) for name, value in values.items() if value not in (None, "")}

    def __bool__(self) -> bool:
        return bool(self.query())

    def numbers(self) -> range | None:
        """The E.164 numbers, as integers, that ``q`` means; an empty range for none of them. None without ``q``."""
        if not self.q:
            return None
        if not masking.may_see_numbers():
            return _whole(self.q)
        digits = search_digits(self.q)
        if not digits or len(digits) > 15:
            return range(0)
        if digits.startswith("98") and len(digits) <= E164_DIGITS:
            width = 10 ** (E164_DIGITS - len(digits))
            return range(int(digits) * width, (int(digits) + 1) * width)
        return range(int(digits), int(digits) + 1) if len(digits) >= SHORTEST else range(0)

    @property
    def is_pinned(self) -> bool:
        """Whether an index leads to the few messages that it may mean."""
        numbers = self.numbers()
        return bool(self.ref) or (numbers is not None and len(numbers) <= PINNED)

    def campaigns(self) -> CampaignQuerySet:
        """The campaigns that may have such messages: all that do, and few others."""
        found = Campaign.objects.filter(first_message_id__gt=0, pruned_at=None)
        if self.campaign is not None:
            found = found.filter(pk=self.campaign)
        if self.account is not None:
            found = found.filter(_on("line__account", self.account))
        if self.line is not None:
            found = found.filter(_on("line", self.line))
        if self.status is not None:
            found = found.filter(_counted(self.status))
        if self.until is not None:
            found = found.filter(created_at__lte=self.until)
        if self.since is not None:
            found = found.filter(_changed_since(self.since))
        return found

    def messages(self) -> MessageQuerySet:
        """The messages, as conditions on the rows of the table."""
        rows = Message.objects.all()
        numbers = self.numbers()
        if numbers is not None:
            rows = rows.filter(phone__gte=numbers.start, phone__lt=numbers.stop) if numbers else rows.none()
        if self.ref:
            rows = rows.filter(pk__in=self._known())
        if self.campaign is not None:
            rows = rows.filter(campaign=self.campaign)
        if self.reason is not None:
            rows = rows.filter(reason=self.reason)
        if self.code:
            rows = rows.filter(provider_code=self.code)
        if self.since is not None:
            rows = rows.filter(updated_at__gte=self.since)
        if self.until is not None:
            rows = rows.filter(updated_at__lte=self.until)
        return self._by_request(rows)

    def _known(self) -> list[int]:
        accounts = list(ProviderAccount.objects.values_list("pk", flat=True))
        return list(ProviderRef.objects.filter(account__in=accounts, ref=self.ref).values_list("message", flat=True))

    def _by_request(self, rows: MessageQuerySet) -> MessageQuerySet:
        """What the request tells that a message goes out in: its line, and whether it is with the provider now."""
        own = Batch.objects.filter(campaign=OuterRef("campaign_id"), number=OuterRef("batch_number"))
        if self.batch is not None:
            rows = rows.filter(batch_number=self.batch)
            ends = Batch.objects.filter(campaign=self.campaign, number=self.batch)
            if found := ends.values_list("first_message_id", "last_message_id").first():
                rows = rows.filter(pk__gte=found[0], pk__lte=found[1])
        if self.line is not None:
            rows = rows.filter(_sent_on([self.line]))
        if self.account is not None:
            lines = SenderLine.objects.filter(account=self.account)
            rows = rows.filter(_sent_on(list(lines.values_list("pk", flat=True))))
        if self.status not in _IN_FLIGHT:
            return rows if self.status is None else rows.filter(status=self.status)
        in_flight = Exists(own.filter(status=BatchStatus.SENDING))
        return rows.filter(
            in_flight if self.status == MessageStatus.SENDING else ~in_flight, status=MessageStatus.PENDING
        )


def _on(name: str, pk: int) -> Q:
    """On a campaign's line, or on one that its messages may go over to; fixed when it was launched."""
    return Q(**{name: pk}) | Q(**{f"fallback_{name}": pk}) | Q(**{f"failover_{name}": pk})


def _sent_on(lines: list[int]) -> Q:
    """In a request on one of these lines: that of a whole campaign, unless its messages may go over to another."""
    others = Q(fallback_line__isnull=False) & ~Q(fallback_line__in=lines)
    others |= Q(failover_line__isnull=False) & ~Q(failover_line__in=lines)
    own = Q(line__in=lines) | Q(fallback_line__in=lines) | Q(failover_line__in=lines)
    mixed = own & (others | ~Q(line__in=lines))
    found = Q(campaign__in=Campaign.objects.filter(own).exclude(mixed).values("pk"), batch_number__isnull=False)
    if parted := list(Campaign.objects.filter(mixed).values_list("pk", flat=True)):
        batches = Batch.objects.filter(campaign=OuterRef("campaign_id"), number=OuterRef("batch_number"))
        found |= Q(campaign__in=parted) & Q(Exists(batches.filter(line__in=lines)))
    return found


def _counted(status: MessageStatus) -> Exists:
    """The counters know of any; who is pending now may be with the provider in a moment, and back."""
    statuses = _IN_FLIGHT if status in _IN_FLIGHT else (status,)
    return Exists(StatusCount.objects.filter(campaign=OuterRef("pk"), status__in=statuses, messages__gt=0))


def _changed_since(moment: dt.datetime) -> Q:
    """Every change after the freeze stands in the timeline, by the minute."""
    later = TimelinePoint.objects.filter(campaign=OuterRef("pk"), at__gte=moment - MINUTE)
    open_since = Q(finished_at=None) | Q(finished_at__gte=moment) | Q(started_at__gte=moment)
    return open_since | Q(Exists(later))


def _whole(text: str) -> range:
    try:
        number = int(phones.normalise(text).removeprefix("+"))
    except phones.InvalidPhone:
        return range(0)
    return range(number, number + 1)


def _text(value: Any, limit: int) -> str:
    return " ".join(str(value or "").replace("\0", "").split())[:limit]


def _integer(value: Any) -> int | None:
    text = str(value or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 11 else None


def _time(value: Any) -> dt.datetime | None:
    try:
        moment: dt.datetime | None = _moment.clean(str(value)) if value else None
    except ValidationError:
        return None
    return moment


def _written(moment: dt.datetime) -> str:
    """A moment as the form's field has it; read again it is the same in every language."""
    return str(_moment.prepare_value(moment))
