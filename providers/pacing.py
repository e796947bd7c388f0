"""The pace of an account and the daily cap of a line, kept across every worker on every machine by their rows.

Turns are moments on the database's clock, handed out one after the other. A worker takes the turns of the next second
at most, so a pause is never overtaken by much, and what it does not use is not made up for later: no bursts. Where the
provider asks to slow down, the pace falls by a sixth and creeps back: additive increase, multiplicative decrease.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Literal, NamedTuple

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from providers import clock, registry
from providers.models import DailyCount, ProviderAccount, SenderLine

Lane = Literal["next_request_at", "next_status_at"]  # sends, and questions about them: a rate holds for each endpoint

AHEAD = 1.0  # seconds of turns that one worker may take at once
SLOWED_BY = 0.85
RECOVERY = 0.0025  # of the pace, a second
SLOWEST = 0.2  # requests a second
ONE_ANSWER = 1.0  # seconds; requests that were under way together are refused together, and count once


class Turns(NamedTuple):
    """``number`` turns, ``interval`` seconds apart, the first after ``wait`` seconds; none where ``number`` is 0."""

    number: int
    wait: float = 0.0
    interval: float = 0.0


def take_turns(account_id: int, most: int = 1, *, ahead: float = 0.0, lane: Lane = "next_request_at") -> Turns:
    """Take up to ``most`` of the account's next turns, as far as they begin within ``ahead`` seconds.

    With no turn in that time none is taken, and ``wait`` tells how long until there is one. Runs in the caller's
    transaction and holds the account's row until it ends, so that two workers never share a turn.
    """
    account, now = _held(account_id)
    due = max(getattr(account, lane) or now, now)
    wait = (due - now).total_seconds()
    pace = pace_of(account, now)
    if wait > ahead:
        return Turns(0, wait)
    if pace is None:
        return Turns(most, wait)
    interval = 1 / pace
    number = min(most, int((ahead - wait) * pace) + 1)
    ProviderAccount.objects.filter(pk=account_id).update(**{lane: due + dt.timedelta(seconds=number * interval)})
    return Turns(number, wait, interval)


def wait_for_turn(account_id: int, patience: float, *, lane: Lane) -> bool:
    """Wait for the account's next turn, at most ``patience`` seconds; whether it came. Outside of transactions."""
    with transaction.atomic():
        turns = take_turns(account_id, ahead=patience, lane=lane)
    if turns.number:
        time.sleep(turns.wait)
    return bool(turns.number)


def _held(account_id: int) -> tuple[ProviderAccount, dt.datetime]:
    """The account's row, held until the transaction ends, and the database's time."""
    account = ProviderAccount.objects.select_for_update(no_key=True).annotate(now=Now()).get(pk=account_id)
    return account, account.now  # type: ignore[attr-defined]  # the annotation


def pace_of(account: ProviderAccount, now: dt.datetime) -> float | None:
    """The account's requests a second at this moment: its own or its provider's, or less after a call to slow down."""
    usual = account.requests_per_second or registry.provider_class(account.slug).capabilities.pace
    if usual is None or account.slowed_to is None or account.slowed_at is None:
        return usual
    recovered = account.slowed_to + usual * RECOVERY * max(0.0, (now - account.slowed_at).total_seconds())
    return min(usual, recovered)


def hold(account_id: int, seconds: float) -> None:
    """Give out no turn for ``seconds``: the provider asked to slow down, or cannot be reached.

    Without it every batch of a campaign would be refused once by itself.
    """
    until = Now() + dt.timedelta(seconds=seconds)
    later = Q(next_request_at=None) | Q(next_request_at__lt=until)
    ProviderAccount.objects.filter(later, pk=account_id).update(next_request_at=until)


@transaction.atomic
def slow_down(account_id: int) -> None:
    """The provider asked to go slower: lower the pace, once for requests that were under way together."""
    account, now = _held(account_id)
    pace = pace_of(account, now)
    if pace is None:
        return
    if account.slowed_at is None or (now - account.slowed_at).total_seconds() >= ONE_ANSWER:
        slowed = max(SLOWEST, pace * SLOWED_BY)
        ProviderAccount.objects.filter(pk=account_id).update(slowed_to=slowed, slowed_at=now)


def reserve_today(line: SenderLine, messages: int) -> bool:
    """Count messages against the line's daily cap (the project's time zone); False where they don't fit today.

    Runs in the caller's transaction and holds the day's row until it ends.
    """
    if line.daily_cap is None:
        return True
    today = clock.today()
    DailyCount.objects.get_or_create(line=line, day=today)
    room = DailyCount.objects.filter(line=line, day=today, messages__lte=line.daily_cap - messages)
    return room.update(messages=F("messages") + messages) == 1


def give_back(line: SenderLine, day: dt.date, messages: int) -> None:
    """Take messages that were counted on a day and certainly not sent from its count again."""
    if line.daily_cap is not None and messages:
        counted = DailyCount.objects.filter(line=line, day=day, messages__gte=messages)
        counted.update(messages=F("messages") - messages)


def has_room_today(line: SenderLine, messages: int) -> bool:
    """Whether so many messages still fit under the line's daily cap."""
    return line.daily_cap is None or messages <= room_on(line, clock.today())


def room_on(line: SenderLine, day: dt.date) -> int:
    """How many messages more the line's daily cap, which it has, lets out on a day."""
    sent = DailyCount.objects.filter(line=line, day=day).values_list("messages", flat=True).first()
    return max(0, (line.daily_cap or 0) - (sent or 0))
