"""What campaigns' screens say in words: why nothing goes out, what an audit entry means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns import reporting, witness
from campaigns.models import Batch, Campaign, Witness
from campaigns.sending import claiming, pilots, windows
from campaigns.states import BatchStatus, CampaignStatus, MessageStatus
from interface import persian
from providers import pacing
from providers.explaining import Explanation, explain
from providers.models import Holiday, ProviderAccount, SenderLine

Obstacles = Sequence[tuple[SenderLine, claiming.Wait]]


class Notice(NamedTuple):
    """A sentence for the page: ``level`` info, warning or error; the provider's code and words; a next step.

    ``explained`` is what the code means and what to do about it.
    """

    level: str
    title: str
    text: str = ""
    code: str = ""
    words: str = ""
    link: str = ""
    link_text: str = ""
    explained: Explanation | None = None


_PAUSES: dict[str, str | Promise] = {
    "operator": gettext_lazy("Nothing further goes out until somebody lets it go on."),
    "pilot_unclear": gettext_lazy(
        "The answer to the first few messages never arrived, so the rest is held back. Look at the provider's panel: if"
        " those messages are there, let the campaign go on."
    ),
    "restored": gettext_lazy(
        "What was still to be sent is unclear now. Look at the provider's panel, say below whether it was sent, then"
        " let the campaign go on."
    ),
    "refused_request": gettext_lazy("The provider refused the request. Correct what it says, then let it go on."),
}


def why_not_sending(campaign: Campaign, obstacles: Obstacles | None = None) -> list[Notice]:
    """Why nothing of this campaign goes out now, each reason with its next step; empty when it does, or has ended.

    ``obstacles`` of a running one, where the caller has them already.
    """
    if campaign.is_live and (doubted := witness.in_doubt()):
        return [_restored(doubted)]
    if campaign.status == CampaignStatus.DRAFT and campaign.pause_code:
        title, explained = _("This campaign was sent back to the drafts."), _explained(campaign, campaign.pause_code)
        return [Notice("error", title, campaign.pause_text, explained=explained)]
    if campaign.status == CampaignStatus.PENDING_APPROVAL and campaign.pause_text:
        return [Notice("warning", _("It did not go out."), campaign.pause_text)]
    if campaign.status == CampaignStatus.PAUSED:
        return [_paused(campaign)]
    if campaign.status == CampaignStatus.SCHEDULED and campaign.pause_code == Campaign.LATE:
        return [_late(campaign)]
    if campaign.status == CampaignStatus.SCHEDULED:
        at = persian.date(campaign.scheduled_at, "datetime")
        return [Notice("info", _("It starts by itself at %(time)s.") % {"time": at})]
    if campaign.status != CampaignStatus.RUNNING:
        return []
    found = claiming.obstacles(campaign) if obstacles is None else obstacles
    stopped = [_obstacle(wait.code, line) for line, wait in found]
    notices = stopped or [_used_up(campaign) or _backoff(campaign)]
    return [notice for notice in notices if notice]


def _late(campaign: Campaign) -> Notice:
    at = persian.date(campaign.scheduled_at or campaign.launched_at, "datetime")
    title = _("It was to begin at %(time)s, and nothing was there to send it.") % {"time": at}
    text = _("It waits for your word, for its text may be out of date by now: start it, change it, or cancel it.")
    return Notice("warning", title, text)


def _restored(doubted: Witness) -> Notice:
    title = _("The database was restored, copied or moved: nothing is sent until somebody says what happened.")
    link, link_text = reverse("dashboard"), _("Decide on the dashboard")
    return Notice("error", title, doubted.get_doubt_display(), link=link, link_text=link_text)


def _paused(campaign: Campaign) -> Notice:
    code = campaign.pause_code
    if code == pilots.OUT:
        return _waits_for_a_word(campaign)
    shown = "" if code in _PAUSES else code
    explained = _explained(campaign, shown)
    text = "" if explained else str(_PAUSES.get(code, _PAUSES["refused_request"]))
    level = "warning" if code == "operator" else "error"
    return Notice(level, _("The campaign is paused."), text, shown, campaign.pause_text, explained=explained)


def _waits_for_a_word(campaign: Campaign) -> Notice:
    """What became of a pilot so far: nothing but it has gone out."""
    counts = reporting.accounting(campaign).counts
    lost = (MessageStatus.FAILED, MessageStatus.UNDELIVERED, MessageStatus.BLOCKED)
    came = {
        "n": campaign.pilot_size or 0,
        "delivered": counts[MessageStatus.DELIVERED],
        "accepted": counts[MessageStatus.ACCEPTED] + counts[MessageStatus.SENT],
        "failed": sum(counts[status] for status in lost),
        "unclear": counts[MessageStatus.UNKNOWN],
    }
    told = {name: persian.number(number) for name, number in came.items()}
    title = _(
        "The first %(n)s have gone out: %(delivered)s delivered, %(accepted)s accepted, %(failed)s failed so far."
    )
    if came["unclear"]:
        title = _(
            "The first %(n)s have gone out: %(delivered)s delivered, %(accepted)s accepted, %(failed)s failed,"
            " %(unclear)s unclear so far."
        )
    return Notice("warning", title % told, _("Look, then let it go on or cancel it: the rest waits for your word."))


def _explained(campaign: Campaign, code: str) -> Explanation | None:
    return explain(campaign.line.account.slug, code)


def _used_up(campaign: Campaign) -> Notice | None:
    """A line whose daily cap leaves no room for its next batch."""
    for line in claiming.lines_of(campaign):
        if line.daily_cap is None:
            continue
        batch = Batch.objects.filter(campaign=campaign, line=line).allowed_by(campaign).claimable().first()
        if batch and not pacing.has_room_today(line, batch.pending):
            title = _("The line %(line)s has sent its %(most)s messages of today.")
            again = _("It goes on by itself after midnight.")
            return Notice("info", title % {"line": line, "most": persian.number(line.daily_cap)}, again)
    return None


def _obstacle(code: str, line: SenderLine) -> Notice | None:
    account = line.account
    page = reverse("providers:account", args=[account.pk])
    if code == "breaker":
        return _stopped(account, page)
    if code == "window":
        local = timezone.localtime()
        opening = windows.next_opening(line, local, Holiday.rests_of(line, local.date()))
        title = _("The line's sending window is closed until %(time)s.") % {"time": persian.date(opening, "datetime")}
        return Notice("info", title, _("It goes on by itself then. Advertising is only sent at these hours."))
    if code == "too_late_to_schedule":
        title = _("It is too late to hand the time to the provider.")
        return Notice("info", title, _("It goes out by itself when its time has come."))
    if code == "disabled":
        return Notice(
            "warning",
            _("The line or its account is switched off."),
            _("Switch it on to let the campaign go on."),
            link=page,
            link_text=_("Open the account"),
        )
    return None


def _stopped(account: ProviderAccount, page: str) -> Notice:
    """An account whose breaker is open, or half open: why, and when it is tried again."""
    if account.is_unreachable:
        title = _("The account “%(name)s” gets no usable answer from its provider.")
    else:
        title = _("The provider refuses the account “%(name)s”.")
    text = _("Everything still pending stays pending; nothing is lost.")
    if account.probe_at is not None:
        again = _("A few messages try it again at %(time)s, and when they come through, all goes on by itself.")
        text = f"{text} {again % {'time': persian.date(account.probe_at, 'time')}}"
    told = (account.breaker_code, account.breaker_text, page, _("Open the account"))
    return Notice("error", title % {"name": account.name}, text, *told, explain(account.slug, account.breaker_code))


def _backoff(campaign: Campaign) -> Notice | None:
    waiting = (
        Batch.objects.filter(campaign=campaign, status=BatchStatus.PENDING, not_before__gt=timezone.now())
        .exclude(code="")
        .order_by("-not_before")
        .first()
    )
    if waiting is None:
        return None
    return Notice(
        "warning",
        _("A request is tried again at %(time)s.") % {"time": persian.date(waiting.not_before, "time")},
        _("The provider took nothing of it, so nobody gets it twice."),
        waiting.code,
        waiting.words,
        explained=_explained(campaign, waiting.code),
    )


_ACTIONS: dict[str, str | Promise] = {
    "launched": gettext_lazy("launched it"),
    "time_came": gettext_lazy("Its time came."),
    "submitted": gettext_lazy("submitted it for approval"),
    "approved": gettext_lazy("approved it"),
    "rejected": gettext_lazy("rejected it"),
    "withdrawn": gettext_lazy("withdrew it"),
    "approval_void": gettext_lazy("It was no longer what had been approved, so it waits for an approval again."),
    "sent_back": gettext_lazy("It could not be prepared and became a draft again."),
    "paused": gettext_lazy("paused it"),
    "paused_by_provider": gettext_lazy("It was paused because the provider refused a request."),
    "resumed": gettext_lazy("let it go on"),
    "pilot_out": gettext_lazy("Its pilot has gone out, so it waits for a word."),
    "pilot_released": gettext_lazy("let it go on after its pilot"),
    "cancelled": gettext_lazy("cancelled it"),
    "created": gettext_lazy("made the draft"),
    "cloned": gettext_lazy("copied it into a new draft"),
    "tried_again": gettext_lazy("made a draft for those whom it did not reach"),
    "tested": gettext_lazy("sent a test"),
    "revised": gettext_lazy("changed the draft"),
    "draft_deleted": gettext_lazy("deleted a draft"),
    "counted_as_sent": gettext_lazy("counted the unclear messages as sent"),
    "pruned": gettext_lazy("The recipients were removed, for their time of keeping was over."),
    "sent_again": gettext_lazy("sent the unclear messages again"),
    "held_late": gettext_lazy("Its time had passed by too much, so it waited for a word."),
    "started_late": gettext_lazy("started it after its time"),
    "taken_back": gettext_lazy("made it a draft again"),
    "expired": gettext_lazy("Its time was over; what was still pending expired."),
    "account_stopped": gettext_lazy("The provider refused its account, or could not be reached: sending stopped."),
    "failed_over": gettext_lazy("Its account was stopped, so another line took over."),
    "stopped_by_restore": gettext_lazy("stopped it: the database was restored from a backup"),
}


def action_in_words(action: str) -> str:
    """An audit entry's action as people say it."""
    return str(_ACTIONS.get(action, action))
