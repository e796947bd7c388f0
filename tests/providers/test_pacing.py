"""The pace of an account and the daily cap of a line, across workers."""

from __future__ import annotations

import datetime as dt
import time

import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from providers import pacing
from providers.models import DailyCount, ProviderAccount, SenderLine
from providers.secrets import encrypt
from tests import builders
from tests.parallel import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account() -> ProviderAccount:
    return builders.account(requests_per_second=10)


@pytest.fixture
def slow(account: ProviderAccount) -> ProviderAccount:
    """The account at a turn in ten seconds: what a busy machine takes between two calls is little beside that."""
    ProviderAccount.objects.update(requests_per_second=0.1)
    return account


@pytest.fixture
def line(account: ProviderAccount) -> SenderLine:
    return builders.line(account, daily_cap=100)


def take(account: ProviderAccount, most: int = 1, ahead: float = 1.0) -> pacing.Turns:
    with transaction.atomic():
        return pacing.take_turns(account.pk, most, ahead=ahead)


def pace(account: ProviderAccount) -> float | None:
    return pacing.pace_of(ProviderAccount.objects.get(pk=account.pk), timezone.now())


def test_turns_follow_one_another_at_the_accounts_pace(slow: ProviderAccount) -> None:
    first, second = take(slow, 4, ahead=100), take(slow, 4, ahead=100)
    assert (first.number, first.interval) == (4, 10)
    assert first.wait == 0.0
    assert second.number == 4
    assert second.wait == pytest.approx(40, abs=9)


def test_no_more_turns_are_taken_than_begin_in_the_time_asked_for(slow: ProviderAccount) -> None:
    assert take(slow, 100, ahead=100).number == 11
    later = take(slow, 100, ahead=50)
    assert later.number == 0
    assert later.wait == pytest.approx(110, abs=9)


def test_idle_time_is_not_made_up_for(account: ProviderAccount) -> None:
    ProviderAccount.objects.update(next_request_at=timezone.now() - dt.timedelta(hours=1))
    assert take(account, 100, ahead=0.95).number == 10


def test_workers_at_once_share_no_turn(slow: ProviderAccount) -> None:
    turns = at_once(lambda: take(slow, 3, ahead=500), 4)
    starts = sorted(each.wait for each in turns)
    assert sum(each.number for each in turns) == 12
    assert starts[-1] - starts[0] == pytest.approx(90, abs=9)


def test_questions_and_sends_each_have_their_turns(account: ProviderAccount) -> None:
    take(account, 11)
    with transaction.atomic():
        assert pacing.take_turns(account.pk, lane="next_status_at").number == 1


def test_an_account_without_a_pace_takes_that_of_its_provider() -> None:
    najva = builders.account()
    assert take(najva, 5_000) == pacing.Turns(5_000)
    gosms = ProviderAccount.objects.create(
        name="g", slug="gosms", base_url="http://127.0.0.1:9", credentials=encrypt({})
    )
    assert pace(gosms) == 10.0


def test_a_call_to_slow_down_counts_once_for_what_was_under_way(account: ProviderAccount) -> None:
    for _ in range(5):
        pacing.slow_down(account.pk)
    assert pace(account) == pytest.approx(8.5, abs=0.1)


def test_the_pace_creeps_back(account: ProviderAccount) -> None:
    pacing.slow_down(account.pk)
    ProviderAccount.objects.update(slowed_at=F("slowed_at") - dt.timedelta(seconds=30))
    assert pace(account) == pytest.approx(9.25, abs=0.1)
    ProviderAccount.objects.update(slowed_at=F("slowed_at") - dt.timedelta(hours=1))
    assert pace(account) == 10


def test_a_pace_never_falls_to_a_stop(account: ProviderAccount) -> None:
    for _ in range(60):
        pacing.slow_down(account.pk)
        ProviderAccount.objects.update(slowed_at=F("slowed_at") - dt.timedelta(seconds=1))
    assert (pace(account) or 0) >= pacing.SLOWEST


def test_a_hold_stops_every_turn(account: ProviderAccount) -> None:
    pacing.hold(account.pk, 30)
    assert take(account).number == 0


def test_a_day_has_no_more_messages_than_its_cap(line: SenderLine) -> None:
    taken = at_once(lambda: pacing.reserve_today(line, 30), 6)
    assert sum(taken) == 3
    assert DailyCount.objects.get().messages == 90
    assert not pacing.has_room_today(line, 11)
    assert pacing.has_room_today(line, 10)


def test_what_was_not_sent_is_given_back_to_its_day(line: SenderLine) -> None:
    pacing.reserve_today(line, 60)
    pacing.give_back(line, timezone.localdate(), 20)
    assert DailyCount.objects.get().messages == 40
    pacing.give_back(line, timezone.localdate(), 90)
    assert DailyCount.objects.get().messages == 40


def test_a_line_without_a_cap_counts_nothing(account: ProviderAccount) -> None:
    free = builders.line(account, sender="2")
    assert pacing.reserve_today(free, 10**6)
    assert not DailyCount.objects.exists()


@pytest.mark.slow
def test_two_workers_keep_the_pace_together(account: ProviderAccount) -> None:
    ProviderAccount.objects.update(requests_per_second=20)
    end = time.monotonic() + 5

    def work() -> int:
        done = 0
        while time.monotonic() < end:
            turns = take(account, 7)
            time.sleep(max(0.0, turns.wait) + (turns.number - 1) * turns.interval if turns.number else 0.05)
            done += turns.number
        return done

    assert 60 < sum(at_once(work, 2)) <= 115  # a turn whose moment is missed on a busy machine is lost
