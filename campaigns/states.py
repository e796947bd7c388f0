"""The two state machines, as tables. Pure: nothing here touches the database.

Statuses are words in the code and small integers in the table. A message's status only moves along ``MESSAGE_MOVES``; a
report that would move it backwards (10 before 4, the same one twice) changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db import models
from django.utils.translation import gettext_lazy as _

from providers.answers import Report


class CampaignStatus(models.TextChoices):
    """Where a campaign stands."""

    DRAFT = "draft", _("draft")
    PENDING_APPROVAL = "pending_approval", _("waiting for approval")
    SCHEDULED = "scheduled", _("scheduled")
    PREPARING = "preparing", _("preparing")
    RUNNING = "running", _("running")
    PAUSED = "paused", _("paused")
    COMPLETED = "completed", _("completed")
    COMPLETED_WITH_PROBLEMS = "completed_with_problems", _("completed with problems")
    CANCELLED = "cancelled", _("cancelled")
    EXPIRED = "expired", _("expired")
    REJECTED = "rejected", _("rejected")


_C = CampaignStatus
CAMPAIGN_MOVES: Mapping[CampaignStatus, frozenset[CampaignStatus]] = {
    _C.DRAFT: frozenset({_C.PENDING_APPROVAL, _C.SCHEDULED, _C.PREPARING, _C.CANCELLED}),
    _C.PENDING_APPROVAL: frozenset({_C.DRAFT, _C.SCHEDULED, _C.PREPARING, _C.REJECTED, _C.CANCELLED}),
    _C.SCHEDULED: frozenset({_C.PREPARING, _C.PENDING_APPROVAL, _C.DRAFT, _C.CANCELLED, _C.EXPIRED}),
    # A worker that was away while it was prepared: it asks, like one that nobody was there to start.
    # One that is no longer what was approved waits for an approval again.
    _C.PREPARING: frozenset({_C.RUNNING, _C.SCHEDULED, _C.PENDING_APPROVAL, _C.DRAFT, _C.CANCELLED, _C.EXPIRED}),
    _C.RUNNING: frozenset({_C.PAUSED, _C.COMPLETED, _C.COMPLETED_WITH_PROBLEMS, _C.CANCELLED, _C.EXPIRED}),
    _C.PAUSED: frozenset({_C.RUNNING, _C.COMPLETED, _C.COMPLETED_WITH_PROBLEMS, _C.CANCELLED, _C.EXPIRED}),
    # What was unclear may be settled by its own late answer, or by an operator's word.
    _C.COMPLETED_WITH_PROBLEMS: frozenset({_C.COMPLETED, _C.RUNNING}),
    _C.COMPLETED: frozenset({_C.COMPLETED_WITH_PROBLEMS}),
    _C.CANCELLED: frozenset(),
    _C.EXPIRED: frozenset(),
    _C.REJECTED: frozenset({_C.DRAFT, _C.PENDING_APPROVAL}),
}
EDITABLE = frozenset({_C.DRAFT, _C.REJECTED})
LIVE = frozenset({_C.SCHEDULED, _C.PREPARING, _C.RUNNING, _C.PAUSED})  # something may still go out
ENDED = frozenset({_C.COMPLETED, _C.COMPLETED_WITH_PROBLEMS, _C.CANCELLED, _C.EXPIRED})  # it sends no more by itself
FROZEN = frozenset(  # the recipients are fixed
    {_C.RUNNING, _C.PAUSED, _C.COMPLETED, _C.COMPLETED_WITH_PROBLEMS, _C.CANCELLED, _C.EXPIRED}
)


class MessageStatus(models.IntegerChoices):
    """What is known of one recipient's message."""

    PENDING = 10, _("pending")  # not yet claimed
    SENDING = 20, _("sending")  # its batch is with the provider now; the row itself still says pending
    UNKNOWN = 30, _("unclear")  # may have been sent: never repeated without the operator's word
    ACCEPTED = 40, _("accepted")  # the provider gave an id
    SENT = 50, _("sent")  # the telecom operator has it
    DELIVERED = 60, _("delivered")
    UNDELIVERED = 61, _("not delivered")
    BLOCKED = 62, _("blocked")  # by the recipient; refunded
    FAILED = 70, _("failed")  # provably not sent
    SKIPPED = 80, _("skipped")  # suppressed or invalid: never tried
    CANCELLED = 81, _("cancelled")
    EXPIRED = 82, _("expired")


_M = MessageStatus
_REPORTED = frozenset({_M.SENT, _M.DELIVERED, _M.UNDELIVERED, _M.BLOCKED, _M.FAILED, _M.CANCELLED})
MESSAGE_MOVES: Mapping[MessageStatus, frozenset[MessageStatus]] = {
    _M.PENDING: _REPORTED | {_M.UNKNOWN, _M.ACCEPTED, _M.SKIPPED, _M.EXPIRED},
    _M.UNKNOWN: _REPORTED | {_M.ACCEPTED, _M.PENDING},
    _M.ACCEPTED: _REPORTED,
    _M.SENT: _REPORTED - {_M.SENT},
}
# Reports contradict each other: what the provider says when it is asked corrects what its webhook said, and only that.
_FINAL_REPORTS = _REPORTED - {_M.SENT}
CORRECTIONS: Mapping[MessageStatus, frozenset[MessageStatus]] = {
    status: _FINAL_REPORTS - {status} for status in _FINAL_REPORTS
}
STATUS_OF_REPORT: Mapping[str, MessageStatus] = {
    Report.ACCEPTED: _M.ACCEPTED,
    Report.SENT: _M.SENT,
    Report.DELIVERED: _M.DELIVERED,
    Report.UNDELIVERED: _M.UNDELIVERED,
    Report.BLOCKED: _M.BLOCKED,
    Report.FAILED: _M.FAILED,
    Report.CANCELLED: _M.CANCELLED,
}
# How far along a message is. A report moves it exactly where its status ranks higher; that is what MESSAGE_MOVES says.
RANK: Mapping[MessageStatus, int] = {
    status: {_M.PENDING: 0, _M.UNKNOWN: 0, _M.ACCEPTED: 1, _M.SENT: 2}.get(status, 3) for status in MessageStatus
}
FINAL = frozenset({_M.DELIVERED, _M.UNDELIVERED, _M.BLOCKED, _M.FAILED, _M.SKIPPED, _M.CANCELLED, _M.EXPIRED})
PROBLEMS = frozenset({_M.FAILED, _M.UNKNOWN})
TAKEN = frozenset({_M.ACCEPTED, _M.SENT, _M.DELIVERED, _M.UNDELIVERED, _M.BLOCKED})  # the provider had them
AWAITING_REPORT = frozenset({_M.ACCEPTED, _M.SENT})
MAY_ARRIVE = TAKEN | {_M.PENDING, _M.UNKNOWN}  # what a cap on messages counts: it went out, or may still
# How people name what became of a message, where one campaign's recipients are chosen for another. What still awaits
# its report is neither delivered nor not: who is sent a reminder over it might get the first one yet.
OUTCOMES: Mapping[str, frozenset[MessageStatus]] = {
    "delivered": frozenset({_M.DELIVERED}),
    "undelivered": frozenset({_M.UNDELIVERED, _M.BLOCKED}),
    "failed": frozenset({_M.FAILED}),
    "taken": TAKEN,
    "awaiting": AWAITING_REPORT,
    "unsent": frozenset({_M.FAILED, _M.SKIPPED, _M.CANCELLED, _M.EXPIRED}),
    "not_delivered": frozenset({_M.UNDELIVERED}),
    "cancelled": frozenset({_M.CANCELLED}),
    "expired": frozenset({_M.EXPIRED}),
    # Whom a further try may reach: not who blocks or is suppressed, and nobody who may have it already.
    "unreached": frozenset({_M.UNDELIVERED, _M.FAILED, _M.CANCELLED, _M.EXPIRED}),
}


def statuses_of_outcome(outcome: str) -> frozenset[MessageStatus]:
    """The statuses that an outcome means: one of ``OUTCOMES``, or else the status of this name.

    Raises:
        KeyError: there is none.
    """
    return OUTCOMES.get(outcome.lower()) or frozenset({MessageStatus[outcome.upper()]})


class BatchStatus(models.IntegerChoices):
    """Where one provider request's worth of messages stands."""

    PENDING = 10, _("pending")
    SENDING = 20, _("sending")  # claimed: owner, attempt and lease are set
    UNKNOWN = 30, _("unclear")
    DONE = 40, _("done")  # every message of it has an answer
    FAILED = 50, _("failed")  # the provider refused the request
    CANCELLED = 60, _("cancelled")


class Reason(models.IntegerChoices):
    """Why a message was skipped, failed or is unclear: our word beside the provider's code."""

    NONE = 0, ""
    SUPPRESSED = 1, _("The number is on the suppression list.")
    INVALID_FOR_PROVIDER = 2, _("This provider cannot reach the number.")
    REFUSED_RECIPIENT = 3, _("The provider refused this recipient.")
    REFUSED_REQUEST = 4, _("The provider refused the whole request.")
    LOST_ANSWER = 5, _("The request went out and its answer never arrived.")
    WORKER_DIED = 6, _("The worker ended in the middle of the request.")
    NO_ENTRY = 7, _("The provider's answer does not mention this recipient.")
    FORGOTTEN = 8, _("The provider says that it does not know this message.")
    REPORTED = 9, _("The provider reported it.")
    BY_OPERATOR = 10, _("Decided by an operator.")
    EMPTY_TEXT = 11, _("The text is empty for this recipient.")
    OFF_CHANNEL = 12, _("This person has no Bale account.")
    TEXT_REFUSED = 13, _("This provider cannot carry the text.")
    NOT_LISTED = 14, _("The provider's list does not have this message.")
    NOT_IN_TIME = 15, _("The campaign's time was over before its turn came.")
    CONTRADICTED = 16, _("The provider's reports contradict each other; what it says when it is asked counts.")
    RESTORED = 17, _("The database was restored from a backup: it may have been sent since then.")
    OPTED_OUT = 18, _("The recipient has opted out.")
    BLOCKS_ADVERTISING = 19, _("The recipient blocks advertising.")
    CAPPED = 20, _("The recipient has had enough messages lately.")


def reason_of_report(status: MessageStatus) -> Reason:
    """Why a message stands where a report put it: good news needs no reason."""
    good = (MessageStatus.ACCEPTED, MessageStatus.SENT, MessageStatus.DELIVERED)
    return Reason.NONE if status in good else Reason.REPORTED
