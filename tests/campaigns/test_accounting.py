"""Whatever happens, in whatever order: the equation holds, the counters tell the rows, and nothing moves backwards."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections.abc import Callable

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns import lifecycle, tasks
from campaigns.delivery import applying, events
from campaigns.models import Batch, Campaign, DeliveryEvent, Message
from campaigns.sending import jobs, reconcile
from campaigns.sending.claiming import Claim, claim
from campaigns.sending.recording import Ticket, record
from campaigns.states import CAMPAIGN_MOVES, MESSAGE_MOVES, CampaignStatus, MessageStatus
from contacts.models import Suppression
from providers import registry
from providers.answers import Blame, Outcome, RecipientResult, Report, SendAnswer, StatusReport
from providers.models import ProviderAccount
from tests import builders

PAST = dt.timedelta(seconds=30)
REPORTS = [*Report]
WHOLE = [
    SendAnswer(Outcome.RETRYABLE, code="429", retry_after=0.001),
    SendAnswer(Outcome.UNCLEAR, code="read_timeout"),
    SendAnswer(Outcome.REJECTED, blame=Blame.REQUEST, code="400"),
    SendAnswer(Outcome.REJECTED, blame=Blame.ACCOUNT, code="418"),
]


class World:
    """A campaign of 20 and what may happen to it; every choice comes from ``dice``."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.campaign = builders.campaign_of(None, 20, batch_size=5)
        self.account = self.campaign.line.account
        self.in_flight: list[tuple[Ticket, list[int]]] = []
        self.lost: list[tuple[Ticket, list[int]]] = []
        self.refs = itertools.count(1)

    def call(self) -> None:
        """A worker claims a batch and is on its way to the provider."""
        found = claim(self.campaign.pk, "worker")
        if not isinstance(found, Claim):
            return
        ticket = Ticket(found.batch.pk, "worker", found.batch.attempt)
        job = jobs.prepare(found, registry.provider_for(found.account))
        if job is None:
            record(ticket, SendAnswer(Outcome.ACCEPTED))
        else:
            self.in_flight.append((ticket, [recipient.key for recipient in job.recipients]))

    def answer(self) -> None:
        """An answer comes for a call in flight, or for one that was given up."""
        calls = self.in_flight or self.lost
        if not calls:
            return
        ticket, keys = calls.pop(self.dice.randrange(len(calls)))
        whole = self.dice.choice([*WHOLE, None, None, None])
        record(ticket, whole or SendAnswer(Outcome.ACCEPTED, [self.result(key) for key in keys]))

    def result(self, key: int) -> RecipientResult:
        outcome = self.dice.choice([Outcome.ACCEPTED] * 4 + [Outcome.REJECTED, Outcome.UNCLEAR, Outcome.RETRYABLE])
        if outcome is not Outcome.ACCEPTED:
            return RecipientResult(key, outcome, code="8")
        report = self.dice.choice([None, None, *REPORTS])
        return RecipientResult(key, outcome, str(next(self.refs)), report, "1", "words", self.dice.choice([None, 0, 7]))

    def die(self) -> None:
        """A worker dies in the middle of its call."""
        if self.in_flight:
            self.lost.append(self.in_flight.pop())
            Batch.objects.filter(pk=self.lost[-1][0].batch_id).update(lease_until=timezone.now() - PAST)
            reconcile.expire_leases()

    def report(self) -> None:
        """The provider reports on messages that it has, or will have, or never had."""
        found = [StatusReport(str(self.dice.randint(1, 30)), self.dice.choice(REPORTS), "1") for _ in range(6)]
        events.store(self.account.pk, found, DeliveryEvent.Source.WEBHOOK)

    def apply(self) -> None:
        DeliveryEvent.objects.filter(result=0).update(retry_at=timezone.now() - PAST)
        applying.apply(0.2)

    def pause(self) -> None:
        self.act(lifecycle.pause)

    def resume(self) -> None:
        self.act(lifecycle.resume)

    def cancel(self) -> None:
        if self.dice.random() < 0.2:
            self.act(lifecycle.cancel)

    def act(self, action: Callable[[int], object]) -> None:
        try:
            action(self.campaign.pk)
        except lifecycle.NotAllowed:
            return

    def finish(self) -> None:
        lifecycle.finish(self.campaign.pk)

    def tidy(self) -> None:
        """Time passes: the breaker is closed, the backoffs are over, what was cancelled is cleared away."""
        ProviderAccount.objects.close_breaker(self.account.pk)
        ProviderAccount.objects.update(next_request_at=None)
        Batch.objects.update(not_before=None)
        tasks.clear_pending(self.campaign.pk)

    def suppress(self) -> None:
        Suppression.objects.get_or_create(phone=builders.phone(self.dice.randrange(20)), scope="all")

    def statuses(self) -> dict[int, int]:
        return dict(Message.objects.of(self.campaign).values_list("pk", "status"))


STEPS = [World.call] * 4 + [World.answer] * 4 + [
    World.die, World.report, World.apply, World.pause, World.resume, World.cancel, World.finish, World.tidy,
    World.suppress,
]  # fmt: skip


def reachable(start: MessageStatus) -> frozenset[MessageStatus]:
    found, waiting = {start}, [start]
    while waiting:
        new = set(MESSAGE_MOVES.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return frozenset(found)


REACHABLE = {status: reachable(status) for status in MessageStatus}


def check(world: World, before: dict[int, int], campaign_before: str) -> None:
    assert sum(builders.counts(world.campaign).values()) == 20
    after = world.statuses()
    assert all(after[pk] in REACHABLE[MessageStatus(old)] for pk, old in before.items())
    status = builders.refreshed(world.campaign).status
    assert status == campaign_before or CAMPAIGN_MOVES[CampaignStatus(campaign_before)]
    open_batches = {batch.pk: batch.pending for batch in Batch.objects.filter(campaign=world.campaign, pending__gt=0)}
    assert sum(open_batches.values()) == list(after.values()).count(MessageStatus.PENDING)


@pytest.mark.django_db
@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(st.sampled_from(STEPS), min_size=5, max_size=30), seed=st.integers(0, 2**32))
def test_the_accounting_holds_after_every_step(steps: list[Callable[[World], None]], seed: int) -> None:
    with transaction.atomic():
        world = World(random.Random(seed))
        for step in steps:
            before, status = world.statuses(), builders.refreshed(world.campaign).status
            step(world)
            check(world, before, status)
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_a_campaign_that_nobody_disturbs_ends_with_every_message_told() -> None:
    world = World(random.Random(7))
    for _ in range(60):
        for step in (World.call, World.answer, World.report, World.apply, World.tidy, World.resume, World.finish):
            step(world)
    assert not {"pending", "sending"} & builders.counts(world.campaign).keys()
    final = {CampaignStatus.COMPLETED, CampaignStatus.COMPLETED_WITH_PROBLEMS}
    assert Campaign.objects.get(pk=world.campaign.pk).status in final
