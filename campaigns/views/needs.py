"""What stands still until a person looks at it: a sentence, what is at stake, and where it is settled."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from django.db.models import Model, Q, QuerySet, Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from campaigns import approving
from campaigns.models import Approval, Campaign, StatusCount
from campaigns.states import CampaignStatus, MessageStatus
from contacts.models import BulkAction, ContactImport
from interface import persian
from providers import credit
from providers.explaining import explain
from providers.models import ProviderAccount

SHOWN = 5  # of a kind; the rest is told as a number
RECENT = dt.timedelta(days=7)  # failures that are older need nobody any more
PILOT = "pilot"
_Row = TypeVar("_Row", bound=Model)
HELD = (MessageStatus.PENDING, MessageStatus.SENDING)


class Need(NamedTuple):
    """One thing that needs a person. ``level`` error, warning or info; ``facts`` are count and cost in words.

    ``words`` and ``code`` are the provider's own; ``link`` is where it is settled, ``action`` the word on its button.
    """

    kind: str
    level: str
    icon: str
    title: str
    link: str
    action: str
    text: str = ""
    facts: str = ""
    words: str = ""
    code: str = ""


def needs(user: Any) -> list[Need]:
    """All that needs somebody now, and what waits for this person, the most urgent first; a few of each kind."""
    kinds = (
        _breakers(),
        _stopped(),
        _late(user),
        _unclear(user),
        _pilots(),
        _approvals(user),
        _low_credit(),
        _imports(),
        _actions(user),
        _drafts(user),
    )
    return [need for kind in kinds for need in kind]


def _first(found: QuerySet[_Row]) -> list[_Row]:
    """The rows to show, and one more where there is one."""
    return list(found[: SHOWN + 1])


def _told(rows: list[_Row], tell: Callable[[_Row], Need], everything: str) -> list[Need]:
    """Each of the first rows as a need; where there are more, the way to ``everything``."""
    needs = [tell(row) for row in rows[:SHOWN]]
    if len(rows) > SHOWN:
        needs.append(Need("more", "info", "ellipsis", _("There are more of these."), everything, _("Show all")))
    return needs


def _named(sentence: str, name: str) -> str:
    return sentence % {"name": persian.isolated(name)}


def _breakers() -> Iterator[Need]:
    """Accounts whose sending is stopped, with what waits for them."""
    stopped = list(ProviderAccount.objects.with_open_breaker())
    held = _held(Q(campaign__line__account__in=stopped), "campaign__line__account") if stopped else {}
    for account in stopped:
        if account.is_unreachable:
            title = _("The account “%(name)s” gets no usable answer: its sending has stopped.")
        else:
            title = _("The provider refuses the account “%(name)s”: its sending has stopped.")
        explained = explain(account.slug, account.breaker_code)
        yield Need(
            "breaker",
            "error",
            "plug",
            _named(title, account.name),
            account.get_absolute_url(),
            _("Open the account"),
            text=f"{explained.meaning} {explained.next_step}" if explained else "",
            facts=_waiting(held.get(account.pk, 0)),
            words=account.breaker_text,
            code=account.breaker_code,
        )


def _held(which: Q, by: str) -> dict[int, int]:
    """How many messages of running and paused campaigns wait, by the account or the campaign."""
    rows = StatusCount.objects.filter(
        which, status__in=HELD, campaign__status__in=[CampaignStatus.RUNNING, CampaignStatus.PAUSED]
    )
    return dict(rows.order_by(by).values_list(by).annotate(n=Sum("messages")))


def _waiting(number: int) -> str:
    said = ngettext("%(n)s message waits", "%(n)s messages wait", number)
    return said % {"n": persian.number(number)} if number else ""


def _stopped() -> list[Need]:
    """Campaigns that a refusal, a doubt or a restored backup has paused, or sent back to the drafts."""
    ours = ["", "operator", PILOT]
    paused = Q(status=CampaignStatus.PAUSED) & ~Q(pause_code__in=ours)
    found = Campaign.objects.filter(paused | Q(status=CampaignStatus.DRAFT) & ~Q(pause_code=""))
    rows = _first(found.select_related("line__account"))
    held = _held(Q(campaign__in=rows), "campaign") if rows else {}

    def tell(campaign: Campaign) -> Need:
        explained = explain(campaign.line.account.slug, campaign.pause_code)
        return Need(
            "stopped",
            "error",
            "pause",
            _named(_("“%(name)s” has stopped and waits for you."), campaign.name),
            campaign.get_absolute_url(),
            _("Open the campaign"),
            text=f"{explained.meaning} {explained.next_step}" if explained else "",
            facts=_waiting(held.get(campaign.pk, 0)),
            words=campaign.pause_text,
            code="" if campaign.pause_code in _OWN_CODES else campaign.pause_code,
        )

    return _told(rows, tell, _list_of(CampaignStatus.PAUSED))


_OWN_CODES = ("pilot_unclear", "restored", "refused_request")


def _list_of(status: CampaignStatus) -> str:
    return f"{reverse('campaigns:list')}?status={status}"


def _to_decide(user: Any) -> str:
    """The word on a button to where who may launch campaigns decides, and others look."""
    return _("Decide") if user.has_perm("campaigns.launch_campaign") else _("Look at it")


def _late(user: Any) -> list[Need]:
    action = _to_decide(user)

    def tell(campaign: Campaign) -> Need:
        title = _("“%(name)s” did not begin at its time and waits for your word.")
        at = persian.date(campaign.scheduled_at, "datetime")
        facts = _("was to begin %(time)s") % {"time": at}
        link = campaign.get_absolute_url()
        return Need("late", "warning", "clock", _named(title, campaign.name), link, action, facts=facts)

    found = Campaign.objects.filter(status=CampaignStatus.SCHEDULED, pause_code=Campaign.LATE)
    return _told(_first(found), tell, _list_of(CampaignStatus.SCHEDULED))


def _unclear(user: Any) -> list[Need]:
    action = _to_decide(user)

    def tell(count: StatusCount) -> Need:
        said = ngettext(
            "%(n)s message of “%(name)s” is unclear.", "%(n)s messages of “%(name)s” are unclear.", count.messages
        )
        title = said % {"n": persian.number(count.messages), "name": persian.isolated(count.campaign.name)}
        text = _("They may have been sent. None goes out again before somebody has decided.")
        link = f"{count.campaign.get_absolute_url()}?status=unknown#recipients"
        return Need("unclear", "warning", "circle-help", title, link, action, text=text)

    found = StatusCount.objects.filter(status=MessageStatus.UNKNOWN, messages__gt=0).select_related("campaign")
    link = _list_of(CampaignStatus.COMPLETED_WITH_PROBLEMS)
    return _told(_first(found.order_by("-campaign")), tell, link)


def _pilots() -> list[Need]:
    """Campaigns whose first recipients have had it, and whose others wait for a word."""
    found = Campaign.objects.filter(status=CampaignStatus.PAUSED, pause_code=PILOT)
    rows = _first(found)
    held = _held(Q(campaign__in=rows), "campaign") if rows else {}

    def tell(campaign: Campaign) -> Need:
        title = _("The pilot of “%(name)s” has gone out: the rest waits for your go-ahead.")
        link, facts = campaign.get_absolute_url(), _waiting(held.get(campaign.pk, 0))
        action = _("Look at the pilot")
        return Need("pilot", "warning", "rocket", _named(title, campaign.name), link, action, facts=facts)

    return _told(rows, tell, _list_of(CampaignStatus.PAUSED))


def _approvals(user: Any) -> list[Need]:
    """Campaigns that wait for this person's approval."""

    def tell(approval: Approval) -> Need:
        title = _named(_("“%(name)s” waits for your approval."), approval.campaign.name)
        link, facts = approval.campaign.get_absolute_url(), _size(approval.facts)
        return Need("approval", "warning", "shield-check", title, link, _("Look at it"), facts=facts)

    return _told(_first(approving.waiting_for(user)), tell, reverse("campaigns:approvals"))


def _size(facts: dict[str, Any]) -> str:
    """Recipients and cost of an approval's facts, in words."""
    told = []
    if (people := facts.get("recipients")) is not None:
        told.append(ngettext("%(n)s recipient", "%(n)s recipients", people) % {"n": persian.number(people)})
    if (cost := facts.get("cost")) is not None:
        told.append(persian.rials(cost))
    return " · ".join(told)


def _low_credit() -> Iterator[Need]:
    low = list(ProviderAccount.objects.with_low_credit().order_by("credit"))
    reaches = credit.reach(low) if low else {}
    for account in low:
        title = _named(_("The credit of “%(name)s” is running out."), account.name)
        told = [_("%(credit)s left") % {"credit": persian.rials(account.credit)}]
        if (more := reaches.get(account.pk)) is not None:
            said = ngettext("enough for about %(n)s more message", "enough for about %(n)s more messages", more)
            told.append(said % {"n": persian.number(more)})
        link, text = account.get_absolute_url(), _("Add credit in the provider's panel before it stops the sending.")
        action, facts = _("Open the account"), " · ".join(told)
        yield Need("credit", "warning", "wallet", title, link, action, text=text, facts=facts)


def _imports() -> list[Need]:
    def tell(each: ContactImport) -> Need:
        title = _named(_("The import of “%(name)s” failed."), each.filename)
        return Need("import", "error", "folder-up", title, each.get_absolute_url(), _("Show why"))

    since = timezone.now() - RECENT
    found = ContactImport.objects.filter(status=ContactImport.Status.FAILED, created_at__gte=since)
    return _told(_first(found), tell, reverse("contacts:imports"))


def _actions(user: Any) -> list[Need]:
    """This person's exports and other actions on many contacts that came to nothing lately."""

    def tell(each: BulkAction) -> Need:
        title = _named(_("The action “%(name)s” failed."), each.get_kind_display())
        if each.kind in (BulkAction.Kind.EXPORT, BulkAction.Kind.MESSAGES):
            title = _("An export of yours failed.")
        return Need("action", "error", "file-down", title, each.get_absolute_url(), _("Show why"))

    since = timezone.now() - RECENT
    found = BulkAction.objects.filter(status=BulkAction.Status.FAILED, created_by=user, created_at__gte=since)
    return _told(_first(found), tell, reverse("contacts:bulk_actions"))


def _drafts(user: Any) -> list[Need]:
    """The drafts that this person has begun and not finished."""
    if not user.has_perm("campaigns.change_campaign"):
        return []

    def tell(campaign: Campaign) -> Need:
        name = campaign.name or pgettext("campaign", "without a name")
        title, link = (
            _named(_("You have not finished “%(name)s”."), name),
            reverse("campaigns:edit", args=[campaign.pk]),
        )
        step = pgettext("composer", "next: %(step)s") % {"step": campaign.get_composed_to_display()}
        facts = f"{step} · {persian.date(campaign.updated_at, 'datetime')}"
        return Need("draft", "info", "pencil", title, link, _("Go on composing"), facts=facts)

    begun = Campaign.objects.filter(status=CampaignStatus.DRAFT, created_by=user, pause_code="", is_test=False)
    found = begun.exclude(composed_to=Campaign.Step.REVIEW).order_by("-updated_at")
    return _told(_first(found), tell, _list_of(CampaignStatus.DRAFT))


def most_urgent(found: Iterable[Need]) -> str:
    """The level of the most urgent need; empty where there is none."""
    levels = {need.level for need in found}
    return next((level for level in ("error", "warning", "info") if level in levels), "")
