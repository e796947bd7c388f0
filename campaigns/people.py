"""What campaigns know of people: the answers to ``contacts.elsewhere``.

The message table's only index on the number begins with the campaign, so a number is looked for campaign by campaign,
in one statement: a descent of the index each.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from campaigns import erasing
from campaigns.models import AudienceRule, Batch, Campaign, Message
from campaigns.pruning import TO_FREEZE
from campaigns.states import BatchStatus, MessageStatus, Reason
from contacts.elsewhere import Happening, Naming
from contacts.models import Contact
from interface import persian

_Status = MessageStatus
_ICONS = {
    _Status.DELIVERED: ("check-check", "success"),
    _Status.SENT: ("check", "primary"),
    _Status.ACCEPTED: ("check", "primary"),
    _Status.SENDING: ("send", "info"),
    _Status.PENDING: ("clock", ""),
    _Status.UNKNOWN: ("circle-help", "warning"),
    _Status.UNDELIVERED: ("circle-x", "error"),
    _Status.BLOCKED: ("ban", "error"),
    _Status.FAILED: ("circle-x", "error"),
}
_NEVER_TRIED = ("circle-dashed", "")


class People:
    """Messages name people, and so do the rules of audiences."""

    def used(self, contact_ids: Sequence[int]) -> set[int]:
        """Those of these contacts that have a message, or that a rule of a draft names by number.

        Campaigns that had ended before the oldest of the contacts was made are not looked at: what they sent to the
        number was there before the contact.
        """
        rows = list(Contact.objects.filter(pk__in=contact_ids).values_list("pk", "phone", "created_at"))
        if not rows:
            return set()
        ids_by_phone = {phone: pk for pk, phone, _made in rows}
        since = Q(finished_at=None) | Q(finished_at__gte=min(made for _pk, _phone, made in rows))
        campaigns = list(_with_messages().filter(since))
        messages = Message.objects.filter(campaign__in=campaigns, phone__in=list(ids_by_phone))
        found = set(messages.values_list("phone", flat=True)) | (_named_in_drafts() & ids_by_phone.keys())
        return {ids_by_phone[phone] for phone in found if phone}

    def happenings(self, phone: str, limit: int, until: dt.datetime | None = None) -> Iterator[Happening]:
        """The messages to a number by the time of their last change, the newest first."""
        messages = Message.objects.filter(campaign__in=_with_messages(), phone=phone)
        if until is not None:
            messages = messages.filter(updated_at__lte=until)
        found = list(messages.order_by("-updated_at", "-pk")[:limit])
        campaigns = Campaign.objects.in_bulk([message.campaign_id for message in found])
        batches = _batches_of(found)
        for message in found:
            batch = batches.get((message.campaign_id, message.batch_number))
            yield _happening(message, campaigns[message.campaign_id], batch)

    def erase(self, phones: Sequence[str]) -> None:
        """Forget these numbers, in the caller's transaction; the campaigns' figures stay as they are."""
        erasing.erase(phones)

    def naming(self, phonebooks: Sequence[int], categories: Sequence[int]) -> Iterator[Naming]:
        """The campaigns in whose rules any of these stands, the newest first."""
        rules = AudienceRule.objects.filter(Q(phonebook__in=phonebooks) | Q(job_category__in=categories))
        for campaign in Campaign.objects.filter(pk__in=rules.values("campaign")).order_by("-pk"):
            yield Naming(campaign.name, campaign.get_absolute_url(), campaign.status in TO_FREEZE)


def _with_messages() -> QuerySet[Campaign, int]:
    """The ids of the campaigns that may have messages."""
    return Campaign.objects.filter(audience__isnull=False, pruned_at=None).order_by("pk").values_list("pk", flat=True)


def _named_in_drafts() -> set[str]:
    """The numbers that rules of campaigns name that have no messages yet."""
    kinds = [AudienceRule.Kind.NUMBERS, AudienceRule.Kind.PHONEBOOK]
    rules = AudienceRule.objects.filter(kind__in=kinds, campaign__status__in=TO_FREEZE)
    listed = rules.values_list("params", flat=True)
    return {str(number) for params in listed.iterator() for number in params.get("numbers", ())}


def _batches_of(messages: Sequence[Message]) -> dict[tuple[int, int | None], Batch]:
    wanted = Q(pk=None)
    for message in messages:
        if message.batch_number is not None:
            wanted |= Q(campaign=message.campaign_id, number=message.batch_number)
    batches = Batch.objects.filter(wanted).select_related("line")
    return {(batch.campaign_id, batch.number): batch for batch in batches}


def _happening(message: Message, campaign: Campaign, batch: Batch | None) -> Happening:
    pending = message.status == _Status.PENDING
    in_flight = pending and batch is not None and batch.status == BatchStatus.SENDING
    status = _Status.SENDING if in_flight else _Status(message.status)
    icon, tone = _ICONS.get(status, _NEVER_TRIED)
    facts = [str(status.label)]
    if batch is not None:  # else it was never to go out
        facts.append(_("line %(line)s") % {"line": persian.isolated(batch.line)})
    if message.reason not in (Reason.NONE, Reason.REPORTED):
        facts.append(str(Reason(message.reason).label))
    title = _("Message of “%(campaign)s”") % {"campaign": persian.isolated(campaign.name)}
    return Happening(message.updated_at, icon, title, " · ".join(facts), message.get_absolute_url(), tone)
