"""Recording what a provider answered: fenced by owner and attempt, set-based, in one transaction with the counters.

The answer's bytes are on disk before the database is touched (``answers``), so an outage of the database between the
answer and its record leaves no doubt: ``reconcile`` records it later.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.timezone import localdate

from campaigns import counting
from campaigns.auditing import note
from campaigns.counting import Delta
from campaigns.delivery import bulks
from campaigns.delivery.applying import suppress
from campaigns.delivery.polling import FIRST_POLL
from campaigns.models import Batch, Campaign, DeliveryEvent, Message, ProviderRef
from campaigns.querysets import Move, StaleMove
from campaigns.sending import fallback, pilots
from campaigns.states import (
    STATUS_OF_REPORT,
    TAKEN,
    BatchStatus,
    CampaignStatus,
    MessageStatus,
    Reason,
    reason_of_report,
)
from providers import pacing, registry
from providers.answers import Blame, Outcome, RecipientResult, SendAnswer
from providers.models import ProviderAccount

logger = logging.getLogger(__name__)

IDEMPOTENT_DOUBTS = 8  # tries that came to nothing clear, after which a key is used no more
WORKER_DIED = "worker_died"
# Why nothing was taken: the provider could not be reached; or it was not asked, which says nothing of it.
UNREACHABLE = frozenset({"connection_refused", "name_not_resolved", "connect_timeout", "tls_failure", "no_connection"})
NOT_ASKED = frozenset({"lost_claim", "database_away", "journal_not_written", "not_reached", WORKER_DIED})
NOT_SLOW = UNREACHABLE | NOT_ASKED
BACKOFF_LIMIT = 60.0  # seconds; sending goes on within a minute after an outage
LONG_AGO = dt.timedelta(seconds=30)  # a claim; reports that came before its answer are tried ever more rarely by then
_GOES_BACK = frozenset({Outcome.RETRYABLE, Outcome.UNCLEAR})  # the latter where its key makes a repeat harmless
COST_LIMIT = 2**31 - 1  # rial; what the column holds


class Ticket(NamedTuple):
    """Which attempt at which batch an answer belongs to."""

    batch_id: int
    owner: str
    attempt: int


def record(ticket: Ticket, answer: SendAnswer) -> bool:
    """Write an answer to the batch's messages; whether it still was ours to write.

    A batch that was given up as unclear meanwhile takes the late fact; one that has been settled or sent anew does not.
    """
    try:
        with transaction.atomic():
            return _Record(ticket, answer).write()
    except IntegrityError:
        # The provider named an id that another message has: keep the fact of acceptance, without the id.
        logger.error("Batch %s: the provider repeated ids of earlier messages", ticket.batch_id)
        with transaction.atomic():
            return _Record(ticket, _without_known_refs(ticket, answer)).write()


def _without_known_refs(ticket: Ticket, answer: SendAnswer) -> SendAnswer:
    account_id = Batch.objects.values_list("line__account", flat=True).get(pk=ticket.batch_id)
    refs = [result.ref for result in answer.results if result.ref]
    known = set(ProviderRef.objects.filter(account=account_id, ref__in=refs).values_list("ref", flat=True))
    results = [result._replace(ref="") if result.ref in known else result for result in answer.results]
    anomalies = {**answer.anomalies, "known_ref": len(known)}
    return replace(answer, results=results, anomalies=anomalies)


def _outcomes(results: Sequence[RecipientResult]) -> set[Outcome]:
    """The outcomes among results. To hash that of each of ten thousand would take longer than to look at it."""
    others = [result.outcome for result in results if result.outcome is not Outcome.ACCEPTED]
    return {*others, Outcome.ACCEPTED} if len(others) < len(results) else set(others)


class _Record:
    """One recording: what it needs to know of the batch, and the transitions by outcome.

    Rows are taken in one order, for a claim waits for them too: batch, campaign or account, messages, counters.
    """

    def __init__(self, ticket: Ticket, answer: SendAnswer) -> None:
        self.ticket = ticket
        self.answer = answer

    def write(self) -> bool:
        batch = (
            Batch.objects.select_for_update(of=("self",))
            .select_related("campaign", "line__account")
            .filter(pk=self.ticket.batch_id, owner=self.ticket.owner, attempt=self.ticket.attempt)
            .filter(status__in=[BatchStatus.SENDING, BatchStatus.UNKNOWN])
            .first()
        )
        if batch is None:
            logger.warning("Batch %s: an answer came too late to be recorded", self.ticket.batch_id)
            return False
        self.batch = batch
        self.account = batch.line.account
        self.can = registry.provider_class(self.account.slug).capabilities
        late = batch.status == BatchStatus.UNKNOWN
        self.old = MessageStatus.UNKNOWN if late else MessageStatus.PENDING
        self.counter = MessageStatus.UNKNOWN if late else MessageStatus.SENDING
        self.results = [*self.answer.results, *self._unmentioned()]
        self.others = [result for result in self.results if result.outcome is not Outcome.ACCEPTED]
        uneven = any(result.off_channel or result.outcome in _GOES_BACK for result in self.others)
        if late or self.answer.stop or uneven or self.answer.outcome is not Outcome.ACCEPTED:
            # It may be changed below, or counters be taken twice; a claim holds it before the account and those.
            Campaign.objects.select_for_update(no_key=True, of=("self",)).get(pk=batch.campaign_id)
        self._judge()
        if self.answer.outcome is Outcome.ACCEPTED:
            self._accepted()
        elif self.answer.outcome is Outcome.REJECTED and self.answer.blame is not Blame.ACCOUNT:
            self._rejected()
        elif self.answer.outcome is Outcome.UNCLEAR and not self._may_repeat():
            self._unclear()
        else:
            self._back_to_pending()
        if late or batch.claimed_at is None or timezone.now() - batch.claimed_at > LONG_AGO:
            # After the commit: whoever applies events holds those first, and then messages and counters.
            refs = [result.ref for result in self.answer.results if result.ref]
            transaction.on_commit(partial(DeliveryEvent.objects.hasten, self.account.pk, refs))
        return True

    def _judge(self) -> None:
        """Tell the account's breaker how the call went; of a group, what ended it, or else whether anything came."""
        told, accounts = self.answer.stop or self.answer, ProviderAccount.objects
        came = _outcomes(self.answer.results)
        in_vain = Outcome.UNCLEAR in came and came <= _GOES_BACK
        silent = told.outcome is Outcome.ACCEPTED and not in_vain and came <= _GOES_BACK and not self.answer.refs
        stopped = False
        if told.blame is Blame.ACCOUNT:
            stopped = accounts.open_breaker(self.account.pk, told.code, told.text)
        elif self.old is MessageStatus.UNKNOWN:
            return  # a late fact is no news of the account as it is now
        elif told.code in NOT_ASKED or silent or not told.asked:
            accounts.return_probe(self.account.pk)
        elif told.outcome is Outcome.UNCLEAR or told.code in UNREACHABLE or in_vain:
            stopped = accounts.failed(self.account.pk, told.code)
        else:
            accounts.succeeded(self.account)
        if stopped:
            note("account_stopped", self.batch.campaign_id, account=self.account.pk, code=told.code[:64])

    def _may_repeat(self) -> bool:
        return self.can.idempotent and self.batch.doubts < IDEMPOTENT_DOUBTS

    def _accepted(self) -> None:
        outcomes = _GOES_BACK if self._may_repeat() else {Outcome.RETRYABLE}
        back = [result.key for result in self.others if result.outcome in outcomes]
        falls = self.batch.campaign.fallback_line_id is not None
        falling = [result for result in self.others if falls and result.off_channel and result.outcome not in outcomes]
        aside = {*back, *(result.key for result in falling)}
        self._stop()
        if not self._may_repeat():
            self._pause_over_the_pilot()
        moves = [move for result in self.results if result.key not in aside and (move := self._move_of(result))]
        rerouted = fallback.reroute(self.batch, self.old, falling)
        taken = self._move(moves)
        self._return_rows(len(back), back)
        if self.old is not MessageStatus.UNKNOWN:
            self._count_back(rerouted)
        if self.can.tells_absence:
            fallback.remember(self.results)
        self._suppress([move.id for move in moves if move.status == MessageStatus.BLOCKED])
        if self.answer.refs:
            bulks.begin(self.batch, self.answer.refs)
            Batch.objects.move_unlisted(self.batch, MessageStatus.ACCEPTED, counted_as=self.counter)
            taken += self.batch.unlisted
        self._settle_accepted(back, taken)

    def _unmentioned(self) -> list[RecipientResult]:
        """The rows of the batch that the answer has no result for: a person was erased while it lay on disk."""
        taken = self.answer.outcome is Outcome.ACCEPTED and not self.answer.refs
        late = self.old is MessageStatus.UNKNOWN
        if late or not taken or len(self.answer.results) == self.batch.pending:
            return []
        rows = Message.objects.in_batch(self.batch).filter(status=self.old)
        missing = rows.exclude(pk__in=[result.key for result in self.answer.results]).values_list("pk", flat=True)
        return [RecipientResult(key, Outcome.UNCLEAR, code="no_entry") for key in missing]

    def _pause_over_the_pilot(self) -> None:
        """A pilot of single requests of which nothing but doubt came back holds up the rest, as any pilot does."""
        only_doubt = _outcomes(self.answer.results) - {Outcome.RETRYABLE} == {Outcome.UNCLEAR}
        if only_doubt and pilots.holds_up(self.batch):
            self._pause_campaign(pilots.UNCLEAR, self.answer.text)

    def _settle_accepted(self, back: Sequence[int], taken: int) -> None:
        doubted = any(result.outcome is Outcome.UNCLEAR for result in self.others)
        # Of a first attempt nothing can be unclear but what this answer leaves so.
        untold = doubted or self.batch.attempt > 1 or self.old is MessageStatus.UNKNOWN
        unclear = self._left_unclear() if untold else 0
        status = BatchStatus.PENDING if back else BatchStatus.UNKNOWN if unclear else BatchStatus.DONE
        in_vain = doubted or self.answer.stop
        # Unclear ones are tried again with their keys, ever more rarely; those that were not reached go on at once.
        wait = self._backoff() if back and in_vain and not self.answer.stop else 0.0
        self._settle(
            status,
            pending=len(back),
            unclear=unclear,
            not_before=Now() + dt.timedelta(seconds=wait) if wait else None,
            poll_at=Now() + FIRST_POLL if self.can.max_status_ids or unclear else None,
            poll_round=0,
            accepted=F("accepted") + taken,
            repeats=0 if taken else F("repeats") + int(bool(in_vain)),
            doubts=F("doubts") + int(doubted),
        )

    def _stop(self) -> None:
        """What ended a group early: the account's breaker opened, the campaign pauses, or the account slows down."""
        stop = self.answer.stop
        if stop is None or stop.blame is Blame.ACCOUNT:
            return
        if stop.outcome is Outcome.RETRYABLE:
            self._slow_down(stop)
        else:
            self._pause_campaign(stop.code or "refused_request", stop.text)

    def _slow_down(self, answer: SendAnswer) -> None:
        pacing.hold(self.account.pk, answer.retry_after or self._backoff())
        if answer.code not in NOT_SLOW:
            pacing.slow_down(self.account.pk)

    def _backoff(self) -> float:
        return min(2.0 ** min(self.batch.repeats + 1, 16), BACKOFF_LIMIT)

    def _suppress(self, blocked: Sequence[int]) -> None:
        if blocked:
            phones = Message.objects.filter(pk__in=blocked, phone__isnull=False).values_list("phone", flat=True)
            suppress([phone for phone in phones if phone])

    def _move_of(self, result: RecipientResult) -> Move | None:
        words = result.text[:300]
        cost = result.cost if result.cost is not None and result.cost <= COST_LIMIT else None
        if result.outcome is Outcome.ACCEPTED:
            report = result.report
            status = STATUS_OF_REPORT.get(report, MessageStatus.ACCEPTED) if report else MessageStatus.ACCEPTED
            plain = status is MessageStatus.ACCEPTED
            reason = Reason.NONE if plain else reason_of_report(status)
            # The words for "queued" would stand a million times in the table; the code says the same.
            return Move(result.key, status, reason, result.ref or None, result.code, "" if plain else words, cost)
        if result.outcome is Outcome.REJECTED:
            return Move(result.key, MessageStatus.FAILED, self._why_refused(result), None, result.code, words)
        if result.outcome is Outcome.UNCLEAR and self.old is not MessageStatus.UNKNOWN:
            reason = Reason.NO_ENTRY
            if self.can.single:
                reason = Reason.WORKER_DIED if result.code == WORKER_DIED else Reason.LOST_ANSWER
            return Move(result.key, MessageStatus.UNKNOWN, reason, None, result.code, words)
        return None

    def _why_refused(self, result: RecipientResult) -> Reason:
        stop = self.answer.stop
        if result.off_channel:
            return Reason.OFF_CHANNEL
        whole = stop is not None and stop.blame is Blame.REQUEST and stop.code == result.code
        return Reason.REFUSED_REQUEST if whole else Reason.REFUSED_RECIPIENT

    def _move(self, moves: Sequence[Move]) -> int:
        """Move the rows that still stand where the answer found them; how many of them the provider took."""

        def attempt(chosen: Sequence[Move]) -> int:
            with transaction.atomic():
                Message.objects.move(
                    chosen,
                    campaign_id=self.batch.campaign_id,
                    old=self.old,
                    account_id=self.account.pk,
                    counted_as=self.counter,
                )
            return sum(move.status in TAKEN for move in chosen)

        try:
            return attempt(moves)
        except StaleMove:
            # A person was erased, or a report settled a row, while the request was out: the others still count.
            standing = set(Message.objects.in_batch(self.batch).filter(status=self.old).values_list("pk", flat=True))
            return attempt([move for move in moves if move.id in standing])

    def _rejected(self) -> None:
        self._pause_campaign(self.answer.code or "refused_request", self._explanation())
        code, words = self.answer.code[:32], self.answer.text[:300]
        rows = Message.objects.in_batch(self.batch).filter(status=self.old).values_list("pk", flat=True)
        self._move([Move(pk, MessageStatus.FAILED, Reason.REFUSED_REQUEST, None, code, words) for pk in rows])
        Batch.objects.move_unlisted(self.batch, MessageStatus.FAILED, counted_as=self.counter)
        self._settle(BatchStatus.FAILED, pending=0)

    def _unclear(self) -> None:
        if self.old is MessageStatus.UNKNOWN:
            return
        if pilots.holds_up(self.batch):
            self._pause_campaign(pilots.UNCLEAR, self._explanation())
        moved = Message.objects.move_batch(
            self.batch,
            old=self.old,
            new=MessageStatus.UNKNOWN,
            reason=Reason.LOST_ANSWER,
            counted_as=self.counter,
        )
        self._settle(BatchStatus.UNKNOWN, pending=0, poll_at=Now() + FIRST_POLL)
        logger.error("Batch %s: %s messages are unclear (%s)", self.batch.pk, moved, self.answer.code)

    def _back_to_pending(self) -> None:
        seconds = 0.0
        if self.answer.blame is not Blame.ACCOUNT and self.answer.code != WORKER_DIED:
            seconds = self.answer.retry_after or self._backoff()
            self._slow_down(self.answer)
        pending = Message.objects.in_batch(self.batch).filter(status=self.old).count() + self.batch.unlisted
        self._return_rows(pending, None)
        not_before = Now() + dt.timedelta(seconds=seconds)
        doubts = F("doubts") + int(self.answer.outcome is Outcome.UNCLEAR)
        repeats = F("repeats") + 1
        self._settle(BatchStatus.PENDING, pending=pending, not_before=not_before, repeats=repeats, doubts=doubts)

    def _return_rows(self, number: int, keys: Sequence[int] | None) -> None:
        """Count rows as pending again; those that a lost lease had made unclear are moved back."""
        if not number:
            return
        if self.batch.claimed_at:
            pacing.give_back(self.batch.line, localdate(self.batch.claimed_at), number)
        if self.old is MessageStatus.UNKNOWN:
            # Its campaign may have been finished over the doubt; what was certainly not sent goes out after all.
            finished = Campaign.objects.filter(status=CampaignStatus.COMPLETED_WITH_PROBLEMS)
            finished.move(self.batch.campaign_id, CampaignStatus.RUNNING, finished_at=None)
            rows = Message.objects.in_batch(self.batch).filter(status=self.old)
            chosen = rows if keys is None else rows.filter(pk__in=keys)
            moves = [Move(pk, MessageStatus.PENDING) for pk in chosen.values_list("pk", flat=True)]
            self._move(moves)
            Batch.objects.move_unlisted(self.batch, MessageStatus.PENDING, counted_as=self.counter)
            return
        self._count_back(number)

    def _count_back(self, number: int) -> None:
        """Count rows that were in flight as pending again."""
        counting.add(self.batch.campaign_id, {self.counter: Delta(-number), MessageStatus.PENDING: Delta(number)})

    def _left_unclear(self) -> int:
        found = Message.objects.in_batch(self.batch).filter(status=MessageStatus.UNKNOWN).count()
        return found + self.batch.unlisted * (self.batch.unlisted_status == MessageStatus.UNKNOWN)

    def _settle(self, status: BatchStatus, *, pending: int, unclear: int | None = None, **fields: Any) -> None:
        anomalies = Counter(self.batch.anomalies) + Counter(self.answer.anomalies)
        Batch.objects.filter(pk=self.batch.pk).update(
            status=status,
            pending=pending,
            unclear=self._left_unclear() if unclear is None else unclear,
            lease_until=None,
            settled_at=None if status == BatchStatus.PENDING else Now(),
            code=self.answer.code[:64],
            words=self._explanation(),
            anomalies=dict(anomalies),
            **fields,
        )

    def _explanation(self) -> str:
        fields = [f"{name}: {text}" for name, texts in self.answer.field_errors.items() for text in texts]
        return "\n".join([self.answer.text, *fields]).strip()

    def _pause_campaign(self, code: str, words: str) -> None:
        campaign_id = self.batch.campaign_id
        facts = {"pause_code": code[:64], "pause_text": words}
        if Campaign.objects.move(campaign_id, CampaignStatus.PAUSED, **facts):
            note("paused_by_provider", campaign_id, code=code, batches=[self.batch.number])
