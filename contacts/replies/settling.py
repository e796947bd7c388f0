"""What replies come to: each is stored once, and the last word of a number counts.

Words are ordered by the provider's ids, not by when they were read: a page that comes twice, late or after a later one
changes nothing. Ids of two accounts cannot be compared, so a number is written to again only when its last word at each
account is none to stop.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from django.conf import settings

from contacts import suppressions
from contacts.models import OptOutReply, Source, Suppression
from contacts.replies import words
from providers.keeping import Reply
from providers.models import ProviderAccount, SenderLine

MAX_REF: Final = 2**63 - 1
_Scope = Suppression.Scope


class Place(NamedTuple):
    """Where words follow each other: an account, or where opting out is by line, a line of it that we know."""

    account_id: int
    line_id: int | None


def take(account: ProviderAccount, replies: Iterable[Reply]) -> list[OptOutReply]:
    """Store the replies that are new and do what they say; the new ones, in their order.

    In the caller's transaction, which keeps every other account's replies out meanwhile.
    """
    rows = {row.provider_ref: row for row in _rows(account, replies)}
    known = OptOutReply.objects.filter(account=account, provider_ref__in=list(rows))
    seen = set(known.values_list("provider_ref", flat=True))
    new = [row for ref, row in sorted(rows.items()) if ref not in seen]
    OptOutReply.objects.bulk_create(new)
    _obey([row for row in new if row.phone])
    return new


def _rows(account: ProviderAccount, replies: Iterable[Reply]) -> Iterable[OptOutReply]:
    lines = {_bare(sender): pk for pk, sender in account.lines.values_list("pk", "sender")}
    for reply in replies:
        if int(reply.ref) > MAX_REF:
            continue
        row = OptOutReply(account=account, provider_ref=int(reply.ref), said=words.said(reply.text))
        row.line_id = lines.get(_bare(reply.sender))
        if row.said != words.OTHER:
            row.phone, row.text = reply.phone or None, reply.text.replace("\0", "")
        yield row


def _bare(sender: str) -> str:
    """A line's number without its country, for the forms of it differ."""
    return sender.removeprefix("+").removeprefix("98").casefold()


def _place(row: OptOutReply) -> Place:
    return Place(row.account_id, row.line_id if settings.OPT_OUT_SCOPE == _Scope.LINE else None)


def _obey(new: Sequence[OptOutReply]) -> None:
    last = _last_words({row.phone for row in new})
    told = {row.pk for row in new}
    stopped: dict[int | None, set[str]] = defaultdict(set)
    rejoined: dict[int | None, set[str]] = defaultdict(set)
    for phone, places in last.items():
        for place, row in places.items():
            if row.pk in told:
                (stopped if row.said == words.STOP else rejoined)[place.line_id].add(phone)
    _lift(rejoined, last)
    for line_id, phones in sorted(stopped.items(), key=str):
        _stop(phones, line_id)


def _last_words(phones: set[str | None]) -> Mapping[str, Mapping[Place, OptOutReply]]:
    """The last word of each of these numbers, place by place."""
    last: dict[str, dict[Place, OptOutReply]] = defaultdict(dict)
    for row in OptOutReply.objects.filter(phone__in=phones).select_related("line").order_by("provider_ref"):
        last[row.phone][_place(row)] = row
    return last


def _stop(phones: set[str], line_id: int | None) -> None:
    """Suppress for a line; without one as the setting says, or, of a line that we don't know, for advertising."""
    scope = settings.OPT_OUT_SCOPE
    if line_id is not None:
        line = SenderLine.objects.get(pk=line_id)
    else:
        line, scope = None, _Scope.ADVERTISING if scope == _Scope.LINE else scope
    suppressions.suppress(phones, scope=scope, line=line, reason=Suppression.Reason.OPT_OUT, source=Source.REPLY)


def _lift(rejoined: Mapping[int | None, set[str]], last: Mapping[str, Mapping[Place, OptOutReply]]) -> None:
    for line_id, phones in sorted(rejoined.items(), key=str):
        free = {phone for phone in phones if all(row.said == words.REJOIN for row in last[phone].values())}
        suppressions.lift_rejoined(Suppression.objects.of(free))
        if line_id is not None:
            suppressions.lift_rejoined(Suppression.objects.of(phones - free).filter(line=line_id))
