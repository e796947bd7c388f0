"""What may be done with a campaign, and what follows: launch (``launching``), prepare, pause, resume, cancel, finish.

Every change is a conditional update (``CampaignQuerySet.move``), so a double click, a second tab or a repeated task
changes nothing a second time; every change made by a person leaves an audit entry.
"""

from __future__ import annotations

import time
from collections import Counter

from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from campaigns import checking, launching, scheduling, sealing, standing, unclear, witness
from campaigns.auditing import note
from campaigns.delivery import bulks
from campaigns.doorbell import ring
from campaigns.launching import SEALED
from campaigns.models import Batch, Campaign, Message, StatusCount
from campaigns.sending import attachments, audience, fallback, kept, pilots, reconcile
from campaigns.states import PROBLEMS, BatchStatus, CampaignStatus, MessageStatus, Reason
from providers import clock, registry
from providers.base import InvalidJob
from providers.secrets import UndecryptableSecret

Actor = launching.Actor
NotAllowed = launching.NotAllowed
launch = launching.launch

OPEN_BATCHES = (BatchStatus.PENDING, BatchStatus.SENDING)
SENDABLE_AGAIN = (CampaignStatus.RUNNING, CampaignStatus.PAUSED, CampaignStatus.COMPLETED_WITH_PROBLEMS)
DECIDABLE = (*SENDABLE_AGAIN, CampaignStatus.CANCELLED, CampaignStatus.EXPIRED)

CLEARED = {  # what the pending messages of a campaign become that sends nothing any more
    CampaignStatus.CANCELLED: (MessageStatus.CANCELLED, Reason.BY_OPERATOR),
    CampaignStatus.EXPIRED: (MessageStatus.EXPIRED, Reason.NOT_IN_TIME),
}


def prepare(campaign_id: int) -> bool:
    """Upload the file, fix the audience, set the campaign running; whether this call did it.

    A campaign that cannot run (nobody to send to, a file that the provider refuses) becomes a draft again, and says
    why; one that should have begun long ago waits for a word. Repeated and parallel calls do nothing.
    """
    campaign = Campaign.objects.select_related(*SEALED, "file__account").get(pk=campaign_id)
    if campaign.status != CampaignStatus.PREPARING or witness.doubt() or scheduling.hold_late(campaign_id):
        return False
    try:
        if not attachments.ensure_uploaded(campaign):
            return False
    except attachments.UploadRefused as error:
        return _send_back(campaign_id, error.code, _why_not_uploaded(campaign, error))
    except InvalidJob as error:
        return _send_back(campaign_id, str(error), _("The provider does not take this file."))
    except (UndecryptableSecret, registry.UnknownProvider) as error:
        return _send_back(campaign_id, type(error).__name__, _("The account cannot be used."))
    if checking.keeps_audience(campaign.line):
        return _prepare_kept(campaign)
    return _freeze(campaign_id, sealing.seal(campaign) if standing.matters(campaign) else None)


def _why_not_uploaded(campaign: Campaign, error: attachments.UploadRefused) -> str:
    if error.of_account:
        sentence = _("The provider refused the account “%(account)s” when the file was to be uploaded.")
        return f"{sentence % {'account': campaign.line.account}} {error.words}".strip()
    return error.words or _("The file could not be uploaded.")


def _prepare_kept(campaign: Campaign) -> bool:
    """Ask the provider how many recipients it has, for nobody else knows; then fix that."""
    try:
        recipients = sum(kept.count(campaign).values())
    except kept.NotTold as error:
        words = error.words or _("The provider did not tell how many recipients it has.")
        return _send_back(campaign.pk, error.code, words)
    except UndecryptableSecret as error:
        return _send_back(campaign.pk, type(error).__name__, _("The account cannot be used."))
    cap = campaign.line.daily_cap
    if cap and recipients > cap:  # no day would ever have room for it
        words = _("The line carries %(cap)s messages a day, and a single request would go to %(recipients)s people.")
        return _send_back(campaign.pk, "above_the_cap", words % {"cap": cap, "recipients": recipients})
    return _freeze(campaign.pk, sealing.Sealed({}, sealing.Figures(recipients)), recipients)


def _freeze(campaign_id: int, now: sealing.Sealed | None, recipients: int | None = None) -> bool:
    with transaction.atomic():
        campaign = (
            Campaign.objects.select_for_update(skip_locked=True, of=("self",))  # another worker is at it
            .select_related(*SEALED)
            .filter(pk=campaign_id, status=CampaignStatus.PREPARING)
            .first()
        )
        if campaign is None:
            return False
        problems = checking.problems(campaign)
        if problems:
            return _send_back(campaign_id, "problems", " ".join(problems))
        if standing.lapse(campaign, now):
            return False
        try:
            _fix_audience(campaign, recipients)
        except standing.Lapsed as found:  # somebody came between the count and this
            standing.lapse(campaign, found.sealed)
            return False
        if not campaign.audience:
            return _send_back(campaign_id, "nobody", _("Nobody is left to send to."))
        Campaign.objects.move(
            campaign_id,
            CampaignStatus.RUNNING,
            audience=campaign.audience,
            left_out=campaign.left_out,
            sent_text=campaign.sent_text,
            first_message_id=campaign.first_message_id,
            last_message_id=campaign.last_message_id,
            pilot_released_at=campaign.pilot_released_at,
            started_at=Now(),
            tally_at=Now(),
        )
        ring("pump", campaign_id)
    return True


@transaction.atomic
def _fix_audience(campaign: Campaign, recipients: int | None) -> None:
    if recipients is None:
        audience.freeze(campaign)
    else:
        kept.freeze(campaign, recipients)
    standing.check_frozen(campaign)


def _send_back(campaign_id: int, code: str, words: str) -> bool:
    Campaign.objects.move(campaign_id, CampaignStatus.DRAFT, pause_code=code[:64], pause_text=words)
    standing.end(campaign_id)
    note("sent_back", campaign_id, code=code)
    return False


def take_back(campaign_id: int, actor: Actor = None) -> None:
    """Make a scheduled campaign a draft again, so that it can be changed.

    Raises:
        NotAllowed: it is not scheduled (any more).
    """
    with transaction.atomic():
        scheduled = Campaign.objects.select_for_update(no_key=True).filter(status=CampaignStatus.SCHEDULED)
        if not scheduled.filter(pk=campaign_id).exists():
            raise NotAllowed(_("Only a campaign that has not begun can be changed."))
        Campaign.objects.move(campaign_id, CampaignStatus.DRAFT, pause_code="", pause_text="", launched_at=None)
        standing.end(campaign_id)
        note("taken_back", campaign_id, actor)


def pause(campaign_id: int, actor: Actor = None) -> None:
    """Let no further batch out; calls in flight finish and are recorded.

    Raises:
        NotAllowed: it is not running, or all of it is with a provider that keeps the recipients.
    """
    facts = {"pause_code": "operator", "pause_text": ""}
    with transaction.atomic():
        if not Campaign.objects.move(campaign_id, CampaignStatus.PAUSED, **facts):
            raise NotAllowed(_("Only a running campaign can be paused."))
        if is_all_away(campaign_id):
            raise NotAllowed(_("The provider has all of this campaign already, so a pause holds nothing back."))
        note("paused", campaign_id, actor)


def is_all_away(campaign_id: int) -> bool:
    """Whether a provider that keeps the recipients has all of a campaign, so that nothing is left to hold back."""
    still_open = Batch.objects.filter(campaign=campaign_id, status__in=OPEN_BATCHES)
    return not still_open.exists() and bulks.under_way(campaign_id)


def resume(campaign_id: int, actor: Actor = None, *, seen: str = "") -> None:
    """Go on exactly where the pause left off; where it waits for a word on its pilot, with all the rest.

    ``seen`` is the ``pause_code`` that the word was given on: a second click on one pause is none on the next.

    Raises:
        NotAllowed: it is not paused, or for another reason than was seen.
    """
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update().filter(pk=campaign_id, status=CampaignStatus.PAUSED).first()
        if campaign is None:
            raise NotAllowed(_("Only a paused campaign can go on."))
        if seen and seen != campaign.pause_code:
            raise NotAllowed(
                _("This campaign is not what you saw any more, so nothing was done. Look again, then decide.")
            )
        waited = campaign.pause_code == pilots.OUT
        facts = {"pilot_released_at": Now()} if waited else {}
        Campaign.objects.move(campaign_id, CampaignStatus.RUNNING, pause_code="", pause_text="", **facts)
        note("pilot_released" if waited else "resumed", campaign_id, actor)
        ring("pump", campaign_id)


def cancel(campaign_id: int, actor: Actor = None, *, seconds: float = 5.0) -> None:
    """Stop a campaign for good: what is pending becomes cancelled, what is with the provider stays what it is.

    No batch goes out once this returns; a very large campaign's rows are finished by the worker.

    Raises:
        NotAllowed: there is nothing left to cancel.
    """
    with transaction.atomic():
        if not Campaign.objects.move(campaign_id, CampaignStatus.CANCELLED, pause_code="", pause_text=""):
            raise NotAllowed(_("This campaign cannot be cancelled any more."))
        standing.end_request(campaign_id)
        note("cancelled", campaign_id, actor)
        if bulks.hasten(campaign_id):
            ring("cancel_bulks", campaign_id)
    if not clear_pending(campaign_id, seconds):
        ring("clear_pending", campaign_id)


def clear_pending(campaign_id: int, seconds: float) -> bool:
    """Turn the pending messages of a cancelled or expired campaign into what it is, a batch a transaction.

    Whether all are done.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with transaction.atomic():
            batch = (
                Batch.objects.select_for_update(skip_locked=True, of=("self",))
                .filter(campaign=campaign_id, campaign__status__in=CLEARED, status=BatchStatus.PENDING)
                .select_related("campaign", "line__account")
                .first()
            )
            if batch is None:
                finish(campaign_id)  # or, with a call in flight, whoever records that
                return True
            _clear(batch)
    return False


def _clear(batch: Batch) -> None:
    """Settle what is pending of a batch. With a key what is unclear waits among the pending: that stays unclear."""
    new, reason = CLEARED[CampaignStatus(batch.campaign.status)]
    status = BatchStatus.CANCELLED
    if batch.may_have_been_sent:
        new, reason, status = MessageStatus.UNKNOWN, Reason.LOST_ANSWER, BatchStatus.UNKNOWN
    moved = Message.objects.move_batch(batch, old=MessageStatus.PENDING, new=new, reason=reason)
    doubtful = F("unclear") + (moved if new is MessageStatus.UNKNOWN else 0)
    Batch.objects.filter(pk=batch.pk).update(status=status, pending=0, unclear=doubtful, settled_at=Now())


def count_as_sent(campaign_id: int, actor: Actor = None, batch: int | None = None, *, seen: str = "") -> int:
    """Take what is unclear as sent, on the operator's word: all of it, or one batch (its number).

    ``seen`` is the picture that the word was given on (``unclear.Picture.seen``); without one it is for whatever is
    unclear now. Returns how many messages it settled.

    Raises:
        NotAllowed: it is not unclear any more, changed since it was seen, or is being settled; nothing was changed.
    """
    reconcile.sweep_answers()  # the word is for what nobody knows: an answer that waits on disk comes first
    with transaction.atomic():
        Campaign.objects.select_for_update(no_key=True).get(pk=campaign_id)
        settled = _decide("counted_as_sent", campaign_id, actor, batch, seen)
        finish(campaign_id)
    return settled


def send_again(campaign_id: int, actor: Actor = None, batch: int | None = None, *, seen: str = "") -> int:
    """Send what is unclear once more, on the operator's word: who got it already gets it twice.

    The arguments are those of ``count_as_sent``. A completed campaign runs again; a paused one stays paused until
    somebody lets it go on. Returns how many messages it settled.

    Raises:
        NotAllowed: as there, or the campaign has been cancelled or has expired; nothing was changed.
    """
    reconcile.sweep_answers()  # in transactions of its own: it forgets each answer that it has recorded
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update(no_key=True).get(pk=campaign_id)
        if problem := why_not_again(campaign):
            raise NotAllowed(problem)
        settled = _decide("sent_again", campaign_id, actor, batch, seen)
        if campaign.status == CampaignStatus.COMPLETED_WITH_PROBLEMS:
            Campaign.objects.move(campaign_id, CampaignStatus.RUNNING, finished_at=None)
        ring("pump", campaign_id)
    return settled


def why_not_again(campaign: Campaign) -> str:
    """Why nothing of a campaign can be sent again, as a sentence for people; empty where it can."""
    if campaign.status not in SENDABLE_AGAIN:
        return _("This campaign sends nothing any more.")
    if campaign.expires_at is not None and campaign.expires_at <= clock.now():
        return _("The campaign's time is over: what would go out again would expire at once.")
    return ""


def _decide(action: str, campaign_id: int, actor: Actor, number: int | None, seen: str) -> int:
    """Settle what is unclear and write down who did it, for which batches, how many messages and what they cost."""
    found = unclear.picture(campaign_id, number)
    if not found.requests:
        raise NotAllowed(unclear.why_not(campaign_id, number))
    if seen and seen != found.seen:
        raise NotAllowed(_("What is unclear changed since you looked, so nothing was done. Look again, then decide."))
    rial = unclear.prices(Campaign.objects.get(pk=campaign_id), found.by_line)
    settled = reconcile.decide(campaign_id, sent=action == "counted_as_sent", number=number)
    if not settled:
        raise NotAllowed(_("It is being settled this moment. Look again in a few seconds."))
    by_line: Counter[int] = Counter()
    for batch, messages in settled:
        by_line[batch.line_id] += messages
    cost = unclear.cost(rial, by_line)
    numbers = [batch.number for batch, _messages in settled]
    facts = {"messages": by_line.total(), "batches": numbers, "cost": [cost.least, cost.most] if cost else None}
    note(action, campaign_id, actor, **facts)
    return by_line.total()


@transaction.atomic
def finish(campaign_id: int) -> bool:
    """Complete a campaign whose every batch is settled, with problems where a message failed or is unclear.

    A completed campaign is looked at again when a late report moved one of its messages. One whose pilot is settled
    waits for a word. Whether nothing is open.
    """
    # Held: between a look at the batches and the word, an operator could send some of them again.
    campaign = Campaign.objects.select_for_update(no_key=True).filter(pk=campaign_id).first()
    if campaign is None:
        return True
    still_open = Batch.objects.filter(campaign=campaign_id, status__in=OPEN_BATCHES)
    if still_open.exists():
        if campaign.holds_for_pilot:
            pilots.hold(campaign)
        elif not still_open.filter(number__lt=Batch.FALLBACK_FROM).exists():
            fallback.release(campaign_id)
        return False
    if bulks.under_way(campaign_id):
        return False
    problems = StatusCount.objects.filter(campaign=campaign_id, status__in=PROBLEMS, messages__gt=0).exists()
    status = CampaignStatus.COMPLETED_WITH_PROBLEMS if problems else CampaignStatus.COMPLETED
    frozen = Campaign.objects.filter(pk=campaign_id, audience__isnull=False)
    if frozen.exclude(status=CampaignStatus.CANCELLED).exists():
        Campaign.objects.move(campaign_id, status)
    frozen.filter(finished_at=None).update(finished_at=Now())
    return True


def unfinished() -> list[int]:
    """Cancelled and expired campaigns with messages that still say pending, for the tick."""
    pending = Batch.objects.filter(campaign=OuterRef("pk"), status=BatchStatus.PENDING)
    return list(Campaign.objects.filter(Exists(pending), status__in=CLEARED).values_list("pk", flat=True))
