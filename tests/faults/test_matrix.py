"""Every point at which a worker can be killed, crossed with everything that a provider may have made of the request.

The suite takes a part of the pairs, chosen so that every point meets several answers and every answer several points;
``--exhaustive``, as ``make faults`` says, takes all. The workers are forked by a nursery: started one by one, Python
would take longer to start than all of this to run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from campaigns import lifecycle
from campaigns.models import Batch, Campaign, Message
from campaigns.sending import answers, journals, reconcile
from campaigns.states import CampaignStatus, MessageStatus
from providers.models import ProviderAccount
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines
from tests.faults.conftest import Processes, until
from tests.faults.nursery import Nursery
from tests.faults.points import GROUP_POINTS, JOURNAL_POINTS, ONCE_A_BATCH, POINTS, WRITES

pytestmark = [
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.timeout(480),
    pytest.mark.django_db(transaction=True),
]
Rule = dict[str, Any] | None
SIZE, BATCH, DOUBT = 12, 5, 3  # a pilot of two and two batches
# What becomes of the request in whose course the worker is killed. The ledger has what the provider took.
OUTCOMES: dict[str, Rule] = {
    "accepted": None,
    "dropped after acceptance": {"kind": "close_after_accept"},
    "reset before the body": {"kind": "refuse"},
    "reset after the body, not taken": {"kind": "reset", "taken": False},
    "read timeout": {"kind": "timeout", "seconds": 2.0},
    "5xx after acceptance": {"kind": "500"},
    "HTML": {"kind": "html"},
    "truncated JSON": {"kind": "truncated"},
    "half the entries": {"kind": "partial"},
    "account refused": {"kind": "bad_token"},
    "request refused": {"kind": "bad_request"},
    "too fast": {"kind": "429"},
    "a foreign receptor": {"kind": "foreign"},
    "one id twice": {"kind": "duplicate_ids"},
    "another order": {"kind": "shuffled"},
}

SINGLE = [rule for rule in OUTCOMES.values() if not rule or rule["kind"] not in ("duplicate_ids", "shuffled")]


@pytest.fixture
def nursery(processes: Processes) -> Iterator[Nursery]:
    """Workers with little patience for a silent provider."""
    with Nursery(processes.environment | {"SEND_READ_TIMEOUT": "0.5", "SEND_DOUBT": str(DOUBT)}) as nursery:
        yield nursery


def campaign_over(slug: str, sandbox: Sandbox, ordinal: int) -> Campaign:
    """A campaign to people whom no other campaign of the test has."""
    account = lines.account(slug, sandbox, name=f"{slug} {ordinal}", batch_size=BATCH)
    people = builders.contacts(SIZE, start=ordinal * SIZE)
    book = builders.phonebook(people, name=f"book {ordinal}")
    return builders.running(lines.line(slug, of=account), builders.include(book))


def recover(campaign: Campaign) -> None:
    """What the ticks and, where it is asked for, an operator do until nothing is open; nobody waits for a backoff."""
    for path in answers.spool.files():
        os.utime(path, (time.time() - 60, time.time() - 60))
    reconcile.sweep_answers()
    until(lambda: reconcile.expire_leases() is not None and not Batch.objects.in_flight().exists(), 10)
    ProviderAccount.objects.close_breaker(campaign.line.account_id)
    for _ in range(3):
        if builders.refreshed(campaign).status == CampaignStatus.PAUSED:
            lifecycle.resume(campaign.pk)
        Batch.objects.update(not_before=None)
        ProviderAccount.objects.update(next_request_at=None)
        builders.send_all(campaign)


def kill_at(point: str, call: int, nursery: Nursery, campaign: Campaign) -> bool:
    """Whether a worker that sends the campaign came to this point in its n-th call, and died there."""
    nursery.fork(campaign=campaign.pk, point=point, occurrence=call * WRITES.get(point, 1), seconds=2.0)
    return [end.status for end in nursery.wait()] == [-9]


def assert_accounted_for(campaign: Campaign, sandbox: Sandbox, doubt: int) -> None:
    """I1 to I4 and I7, and no more doubt than one kill and one lost answer make."""
    counts = builders.counts(campaign)  # balanced, and the counters say the same
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    assert sum(counts.values()) == SIZE
    assert counts.keys() <= {"accepted", "unknown", "failed"}
    assert counts.get("unknown", 0) <= doubt
    failed = Message.objects.of(campaign).filter(status=MessageStatus.FAILED).values_list("phone", flat=True)
    assert not set(failed) & {f"+{number}" for number in sandbox.ledger.acceptances()}
    assert not list(answers.spool.files())
    assert not list(journals.spool.files())


def pairs(points: Sequence[str], rules: Sequence[Rule], one_in: int, config: pytest.Config) -> list[tuple[str, Rule]]:
    """Points with answers: all of them, or one in so many."""
    step = 1 if config.getoption("--exhaustive") else one_in
    return [(point, rule) for i, point in enumerate(points) for j, rule in enumerate(rules) if (i + j) % step == 0]


def test_no_kill_and_no_answer_together_lose_or_double_anybody(
    sandbox: Sandbox, nursery: Nursery, pytestconfig: pytest.Config
) -> None:
    died = 0
    chosen = pairs(POINTS, list(OUTCOMES.values()), 3, pytestconfig)
    for ordinal, (point, rule) in enumerate(chosen):
        campaign = campaign_over("najva", sandbox, ordinal)
        sandbox.faults.clear()
        if rule:
            sandbox.faults.add(operation="send", ordinals=[2], **rule)
        died += kill_at(point, 2, nursery, campaign)
        sandbox.faults.clear()
        recover(campaign)
        assert_accounted_for(campaign, sandbox, doubt=2 * BATCH)
    # Where there is no answer the worker comes to the point with the next batch, but where none may follow.
    assert died >= 0.8 * len(chosen)


@pytest.mark.parametrize(("slug", "doubt"), [("safir", 0), ("gosms", DOUBT + 1)])
def test_nor_do_they_in_a_group_of_single_requests(
    sandbox: Sandbox, nursery: Nursery, pytestconfig: pytest.Config, slug: str, doubt: int
) -> None:
    sandbox.behaviour.gosms_rate = lines.FAST
    points = GROUP_POINTS if slug == "safir" else (*GROUP_POINTS, *JOURNAL_POINTS)
    for ordinal, (point, rule) in enumerate(pairs(points, SINGLE, 6, pytestconfig)):
        campaign = campaign_over(slug, sandbox, ordinal)
        sandbox.faults.clear()
        if rule:
            sandbox.faults.add(operation="send", ordinals=[4], **rule)
        kill_at(point, 2 if point in ONCE_A_BATCH else 4, nursery, campaign)
        sandbox.faults.clear()
        recover(campaign)
        assert_accounted_for(campaign, sandbox, doubt)
