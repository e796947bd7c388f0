"""A campaign that goes out while its workers are killed, some of them frozen, and its provider fails at times.

What is drawn comes from the seed; what the machine does in between does not, so a repeat is alike and not equal.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.utils import timezone

from campaigns import lifecycle
from campaigns.delivery import polling
from campaigns.models import Batch, Campaign, Message
from campaigns.states import BatchStatus, CampaignStatus, MessageStatus
from providers.models import ProviderAccount, SenderLine
from providers.secrets import encrypt
from tests import builders
from tests.campaigns import lines
from tests.faults.nursery import Nursery
from tests.faults.points import GROUP_POINTS, JOURNAL_POINTS, ONCE_A_BATCH, POINTS, WRITES
from tests.faults.provider import RemoteSandbox, sandbox_process
from tests.faults.tally import Tally, tally
from tests.faults.trouble import ENVIRONMENT, LEASE, rules


@dataclass(frozen=True)
class Plan:
    """What to do to which campaign. ``trouble`` is the share of requests that the provider spoils."""

    kills: int = 200
    seed: int = 1405
    recipients: int = 0  # 0: as many as the kills need
    workers: int = 3
    provider: str = "najva"
    engine: str = "ours"

    @property
    def single(self) -> bool:
        """One recipient a request."""
        return self.provider != "najva"

    @property
    def batch(self) -> int:
        return 20 if self.single else 50

    @property
    def size(self) -> int:
        return self.recipients or self.batch * (20 + self.kills * 5)

    @property
    def trouble(self) -> float:
        return 0.015 if self.single else 0.15


@dataclass
class Outcome:
    """What came of it: the tally, the kills that were delivered, and how long it took."""

    plan: Plan
    tally: Tally
    kills: int
    at_points: Counter[str]
    frozen: int
    faults: Counter[str]
    seconds: float

    @property
    def well(self) -> bool:
        return self.tally.well and self.kills >= self.plan.kills

    def __str__(self) -> str:
        it, plan = self.tally, self.plan
        yes = {True: "yes", False: "NO"}
        points = ", ".join(f"{name} {n}" for name, n in sorted(self.at_points.items()))
        faults = ", ".join(f"{name} {n}" for name, n in sorted(self.faults.items()))
        return (
            f"{plan.engine}, {plan.provider}, {connection.vendor}, {plan.workers} workers, seed {plan.seed}\n"
            f"  kills {self.kills} ({points}), frozen {self.frozen}\n"
            f"  faults {self.faults.total()} ({faults})\n"
            f"  recipients {it.recipients:,}   accepted by the provider {it.taken:,}\n"
            f"  lost {it.lost}   doubled {it.doubled}   without outcome {it.open}\n"
            f"  unclear {it.unclear:,} (the provider has {it.unclear_taken:,} of them)   settled {it.settled:,}\n"
            f"  audit balanced {yes[it.balanced]}   counters match {yes[it.counters_match]}   {self.seconds:.0f} s"
        )


@dataclass
class Life:
    """What is meant to happen to a worker: a mine at a point, or a signal at a moment (monotonic)."""

    point: str = "none"
    dies_at: float = field(default=float("inf"))
    freezes_at: float = field(default=float("inf"))
    thaws_at: float = field(default=float("inf"))


class Havoc:
    """One run of a plan. The environment is that of the processes, on the database that this process uses, too."""

    def __init__(self, plan: Plan, environment: dict[str, str]) -> None:
        self.plan = plan
        self.environment = environment | ENVIRONMENT
        self.dice = random.Random(plan.seed)
        self.lives: dict[int, Life] = {}
        self.deaths: dict[int, float] = {}
        self.at_points: Counter[str] = Counter()
        self.frozen = 0
        self.looked_up = 0

    def run(self) -> Outcome:
        """Let the campaign out, wreak havoc, let it end, count."""
        begun = time.monotonic()
        with sandbox_process(self.environment) as sandbox, Nursery(self.environment) as nursery:
            self.nursery = nursery
            self._prepare(sandbox)
            while len(self.deaths) < self.plan.kills and not self._is_finished():
                self._fill(armed=True)
                self._strike()
                self._reap()
                self._be_the_operator()
                time.sleep(0.005)
            self._let_it_end()
            met = sandbox.faults_met()
            found = tally(self.campaign, sandbox.acceptances(), self.deaths, LEASE, self.looked_up)
        seconds = time.monotonic() - begun
        return Outcome(self.plan, found, len(self.deaths), self.at_points, self.frozen, met, seconds)

    def _prepare(self, sandbox: RemoteSandbox) -> None:
        slug = self.plan.provider
        account = ProviderAccount.objects.create(
            name=slug,
            slug=slug,
            base_url=sandbox.base_url,
            credentials=encrypt(lines.CREDENTIALS[slug]),
            batch_size=self.plan.batch,
            requests_per_second=lines.FAST if self.plan.single else None,
        )
        channel = "bale" if slug == "safir" else "sms"
        line = SenderLine.objects.create(account=account, sender=lines.SENDERS[slug], channel=channel, kind="service")
        people = builders.contacts(self.plan.size)
        self.campaign: Campaign = builders.running(line, builders.include(builders.phonebook(people)))
        sandbox.configure(latency=0.01 if self.plan.single else 0.05, gosms_rate=lines.FAST)
        sandbox.spoil(*rules(self.plan.trouble), {"kind": "429", "operation": "send", "rate": 0.01, "times": 3})

    def _fill(self, *, armed: bool) -> None:
        while len(self.nursery.alive) < self.plan.workers:
            life, job = self._fate() if armed else (Life(), {"seconds": 5.0})
            pid = self.nursery.fork(campaign=self.campaign.pk, point=life.point, engine=self.plan.engine, **job)
            self.lives[pid] = life

    def _fate(self) -> tuple[Life, dict[str, Any]]:
        """Half of them die at a point of the send, half at a moment; some are frozen for longer than a lease."""
        now, lot = time.monotonic(), self.dice.random()
        if lot < 0.04:
            freezes = now + self.dice.uniform(0.05, 0.5)
            return Life(freezes_at=freezes, thaws_at=freezes + LEASE + 1.5), {"seconds": 1.0}
        if lot < 0.5:
            return Life(dies_at=now + self.dice.uniform(0.02, 0.7)), {"seconds": 60.0}
        points = tuple(GROUP_POINTS) if self.plan.single else tuple(POINTS)
        if self.plan.provider == "gosms":
            points += JOURNAL_POINTS
        point = self.dice.choice(points)
        most = 40 if self.plan.single and point not in ONCE_A_BATCH else 4
        occurrence = self.dice.randint(1, most) * WRITES.get(point, 1)
        # A mine that nobody steps on is no reason to wait.
        return Life(point, dies_at=now + 5.0), {"seconds": 60.0, "occurrence": occurrence}

    def _strike(self) -> None:
        now = time.monotonic()
        for pid in tuple(self.nursery.alive):
            life = self.lives[pid]
            if now > life.dies_at:
                self.nursery.strike(pid)
                life.point = "at a moment"
            elif now > life.thaws_at:
                self.nursery.strike(pid, signal.SIGCONT)
                life.thaws_at = float("inf")
            elif now > life.freezes_at:
                self.nursery.strike(pid, signal.SIGSTOP)
                life.freezes_at = float("inf")
                self.frozen += 1

    def _reap(self) -> None:
        for end in self.nursery.ended():
            life = self.lives.pop(end.pid)
            assert end.status in (0, -signal.SIGKILL), f"a worker ended with {end.status}"
            if end.status:
                self.deaths[end.pid] = end.at
                self.at_points[life.point] += 1

    def _be_the_operator(self) -> None:
        """An unclear pilot pauses the campaign, failures open the breaker; somebody looks and lets it go on."""
        ProviderAccount.objects.close_breaker(self.campaign.line.account_id)
        if Campaign.objects.filter(pk=self.campaign.pk, status=CampaignStatus.PAUSED).exists():
            lifecycle.resume(self.campaign.pk)

    def _is_finished(self) -> bool:
        return Campaign.objects.filter(pk=self.campaign.pk, finished_at__isnull=False).exists()

    def _let_it_end(self) -> None:
        """Workers that nobody kills, until nothing is open; then the look-ups, and what they send after all."""
        still_open, limit = self.plan.size, 0.0
        while True:
            while not self._is_finished():
                if (left := self._open_batches()) < still_open:
                    still_open, limit = left, time.monotonic() + 120
                assert time.monotonic() < limit, "nothing goes out any more"
                self._fill(armed=False)
                self._strike()
                self._reap()
                self._be_the_operator()
                self._let_time_pass()
                time.sleep(0.05)
            if not self._look_up():
                break
            still_open = self.plan.size
        for pid, life in self.lives.items():
            life.thaws_at = float("inf")
            self.nursery.strike(pid, signal.SIGCONT)
        self.nursery.wait()

    def _open_batches(self) -> int:
        still_open = (BatchStatus.PENDING, BatchStatus.SENDING)
        return Batch.objects.filter(campaign=self.campaign, status__in=still_open).count()

    def _let_time_pass(self) -> None:
        """What waits for a later try need not: minutes would go by otherwise."""
        now = timezone.now()
        Batch.objects.filter(status=BatchStatus.PENDING, not_before__gt=now).update(not_before=None)
        ProviderAccount.objects.filter(next_request_at__gt=now).update(next_request_at=None)

    def _look_up(self) -> bool:
        """Ask the provider's list for what is unclear, as the plan of the polls does; whether it settled anything."""
        unclear = Message.objects.of(self.campaign).filter(status=MessageStatus.UNKNOWN)
        before = unclear.count()
        if self.plan.provider != "gosms" or not before:
            return False
        numbers = unclear.order_by().values("batch_number").distinct()
        batches = Batch.objects.filter(campaign=self.campaign, number__in=numbers)
        for pk in [pk for pk in batches.values_list("pk", flat=True) for _ in range(2)]:  # absence is proven by two
            Batch.objects.filter(pk=pk).update(poll_at=timezone.now())
            polling.poll(pk)
        settled = before - unclear.count()
        self.looked_up += settled
        return bool(settled)
