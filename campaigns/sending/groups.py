"""A batch of a provider that takes one recipient a request: a group of requests, several at a time, in the pace.

The group ends before its time where the campaign is paused, the slice is over, or the provider refuses the account or
the request, asks to slow down, or leaves several requests unclear; who was not reached stays pending. Where a message
has no idempotency key, a journal on disk tells after a crash which requests had begun: only those are in doubt.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

from django.conf import settings
from django.db import transaction

from campaigns.models import Campaign
from campaigns.sending import jobs
from campaigns.sending.claiming import Claim
from campaigns.sending.journals import Journal
from providers import http, pacing
from providers.answers import Blame, Outcome, RecipientResult, SendAnswer
from providers.base import InvalidJob, Provider, Recipient, SendJob, TransportError

NOT_REACHED = "not_reached"  # the group ended before this recipient's turn
LATE = 0.1  # seconds; a turn that is older, because every thread was busy, is lost: used later it makes a burst
DOUBTS = 3  # unclear answers after which a group goes no further
LOOK = 0.5  # seconds between two looks at whether the campaign still runs

_pools: dict[int, ThreadPoolExecutor] = {}


def _pool() -> ThreadPoolExecutor:
    """The threads of this process; they keep their connections from group to group, and never touch the database."""
    pid = os.getpid()  # a fork inherits the object, not its threads
    if pid not in _pools:
        _pools.clear()
        _pools[pid] = ThreadPoolExecutor(settings.SEND_THREADS, thread_name_prefix="send")
    return _pools[pid]


class Group:
    """One group's sending. ``send`` returns an answer with a result for every recipient of the job."""

    def __init__(self, claimed: Claim, provider: Provider, job: SendJob, journal: Journal | None) -> None:
        self.claimed, self.provider, self.job, self.journal = claimed, provider, job, journal
        self.stop: SendAnswer | None = None
        self.ended = False
        self.doubts = 0
        self.end: float = time.monotonic() + settings.SEND_SLICE
        self.looked = 0.0
        self._places = threading.Semaphore(settings.SEND_DOUBT if journal else settings.SEND_THREADS)

    def send(self) -> SendAnswer:
        """Carry the requests out, wait for all that began, and put their answers together."""
        flying: dict[Future[SendAnswer], Recipient] = {}
        try:
            for recipient, _turn in zip(self.job.recipients, self._turns(len(self.job.recipients)), strict=False):
                flying[_pool().submit(self._one, recipient)] = recipient
        finally:
            wait(flying)  # whatever happens here, no request is under way any more
        answers = {recipient.key: future.result() for future, recipient in flying.items()}
        return together(self.job, answers, self.stop)

    def _turns(self, left: int) -> Iterator[bool]:
        """Yields at each moment at which the next request may begin; ends where none may any more."""
        while left and self._goes_on():
            # A turn that is taken and not used is lost to everybody: none is taken beyond the end of the slice.
            ahead = min(pacing.AHEAD, self.end - time.monotonic())
            if ahead <= 0:
                return
            with transaction.atomic():
                turns = pacing.take_turns(self.claimed.account.pk, left, ahead=ahead)
            if not turns.number:
                time.sleep(min(turns.wait - ahead, LOOK))
                continue
            first = time.monotonic() + turns.wait
            for place in range(turns.number):
                moment = first + place * turns.interval
                if not self._reaches(moment):
                    return
                if turns.interval and time.monotonic() - moment > max(LATE, turns.interval):
                    self._places.release()
                    break
                left -= 1
                yield True

    def _reaches(self, moment: float) -> bool:
        """Wait for the moment and for a free thread; whether the group still goes on then."""
        while (rest := moment - time.monotonic()) > 0:
            time.sleep(min(rest, LOOK))
            if not self._goes_on():
                return False
        while not self._places.acquire(timeout=max(0.0, min(LOOK, self.end - time.monotonic()))):
            if not self._goes_on() or time.monotonic() > self.end:
                return False
        if self._goes_on() and not self._is_overdue():
            return True
        self._places.release()
        return False

    def _is_overdue(self) -> bool:
        """Whether no request may begin any more: a lease counts on it."""
        return time.monotonic() - self.end > LATE

    def _goes_on(self) -> bool:
        now = time.monotonic()
        if not self.ended and now - self.looked > LOOK:
            self.looked = now
            self.ended = not Campaign.objects.running().filter(pk=self.claimed.campaign.pk).exists()
        return not (self.ended or self.stop or self.doubts >= DOUBTS)

    def _one(self, recipient: Recipient) -> SendAnswer:
        try:
            answer = self._exchange(jobs.single(self.job, recipient, self.claimed.campaign))
        finally:
            self._places.release()
        if answer.outcome is Outcome.UNCLEAR:
            self.doubts += 1
        elif answer.outcome is not Outcome.ACCEPTED and self.stop is None:
            self.stop = answer
        return answer

    def _exchange(self, job: SendJob) -> SendAnswer:
        key = job.recipients[0].key
        try:
            request = self.provider.build_send(job)
            if self.journal:
                self.journal.begun(key)
                if self._is_overdue():  # stopped meanwhile; whoever gave the group up may have sent this one again
                    self.journal.untaken(key)
                    return SendAnswer(Outcome.RETRYABLE, code=NOT_REACHED)
            response = http.exchange(
                request,
                connect_timeout=settings.SEND_CONNECT_TIMEOUT,
                read_timeout=settings.SEND_READ_TIMEOUT,
                fresh_connection=not self.provider.capabilities.idempotent,
            )
        except InvalidJob as error:  # what is wrong with one recipient was set aside before
            return SendAnswer(Outcome.REJECTED, blame=Blame.REQUEST, code=str(error), asked=False)
        except TransportError as error:
            if self.journal and error.outcome is Outcome.RETRYABLE:
                self.journal.untaken(key)
            return SendAnswer(error.outcome, code=error.code)
        except OSError:  # the journal's: a request that it does not know of must not go out
            return SendAnswer(Outcome.RETRYABLE, code="journal_not_written")
        if self.journal:
            self.journal.answered(key, response)
        return self.provider.parse_send(job, response)


def together(job: SendJob, answers: dict[int, SendAnswer], stop: SendAnswer | None) -> SendAnswer:
    """The answers of single requests, by message id, as one answer for the batch."""
    results = []
    for recipient in job.recipients:
        answer = answers.get(recipient.key)
        results.append(
            RecipientResult(recipient.key, Outcome.RETRYABLE, code=NOT_REACHED)
            if answer is None
            else _result(recipient.key, answer)
        )
    anomalies: dict[str, int] = {}
    for answer in answers.values():
        for name, number in answer.anomalies.items():
            anomalies[name] = anomalies.get(name, 0) + number
    told = stop or next((each for each in answers.values() if each.outcome is Outcome.UNCLEAR), None)
    code, text = (told.code, told.text) if told else ("", "")
    return SendAnswer(Outcome.ACCEPTED, results, code=code, text=text, anomalies=anomalies, stop=stop)


def _result(key: int, answer: SendAnswer) -> RecipientResult:
    if answer.outcome is Outcome.ACCEPTED and answer.results:
        return answer.results[0]
    untaken = answer.outcome is Outcome.RETRYABLE or answer.blame is Blame.ACCOUNT
    outcome = Outcome.RETRYABLE if untaken else answer.outcome
    if answer.outcome is Outcome.ACCEPTED:  # without a result: what nobody foresaw
        outcome = Outcome.UNCLEAR
    return RecipientResult(key, outcome, code=answer.code, text=answer.text)
