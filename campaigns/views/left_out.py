"""Who was left out of a campaign and why: in figures, by name on a page of its own, and number by number."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from campaigns.describing import Described, describe
from campaigns.models import AudienceRule, Campaign, LeftOut, Message
from campaigns.sending import naming
from campaigns.states import FINAL, MessageStatus, Reason
from contacts import phones
from contacts.models import Contact
from contacts.paging import keyset_page
from interface import masking

ROWS = 50
_CAUSES = {
    "excluded": gettext_lazy("Excluded by a rule"),
    "not_drawn": gettext_lazy("Not drawn for the sample"),
    "repeated": gettext_lazy("Named twice or more: they get it once"),
}


class Bucket(NamedTuple):
    """Some who were left out for one cause; ``url`` leads to them, empty where nothing lists them."""

    name: str
    label: str
    number: int
    url: str


def buckets(campaign: Campaign) -> list[Bucket]:
    """Whom the freeze left out, by cause; without those of whom there is nobody."""
    page = reverse("campaigns:detail", args=[campaign.pk])
    found = []
    for name, number in campaign.left_out.items():
        if reason := Reason.__members__.get(name.upper()):
            url = f"{page}?status=skipped&reason={name}#recipients"
            found.append(Bucket(name, str(reason.label), number, url))
        else:
            url = reverse("campaigns:left-out", args=[campaign.pk]) if name == "excluded" else ""
            found.append(Bucket(name, str(_CAUSES[name]), number, url))
    return [bucket._replace(url="" if campaign.pruned_at else bucket.url) for bucket in found if bucket.number]


@require_safe
def left_out(request: HttpRequest, pk: int) -> HttpResponse:
    """Whom the exclude rules took out, and for any number in ``?q=`` why it did not get the campaign."""
    campaign = get_object_or_404(Campaign.objects.select_related("line__account"), pk=pk)
    people_out = LeftOut.objects.filter(campaign=campaign)
    # The address of a next page names the last number of this one, so who may not see it goes by another key.
    by: dict[str, Any] = {"key": "phone"} if masking.may_see_numbers() else {"sorts": True}
    page = keyset_page(people_out, request.GET.dict(), ascending=True, **by)
    query = request.GET.get("q", "").strip()[:40]
    rules = _said(campaign)
    people = {contact.phone: contact for contact in Contact.objects.filter(phone__in=[row.phone for row in page.rows])}
    context: dict[str, Any] = {
        "campaign": campaign,
        "page": page,
        "rows": [(row.phone, people.get(row.phone), rules.get(row.rule_id)) for row in page.rows],
        "buckets": buckets(campaign),
        "query": query,
        "answer": why(campaign, query) if query else "",
    }
    return render(request, "campaigns/left_out.html", context)


def _said(campaign: Campaign) -> dict[int, Described]:
    rules = list(campaign.rules.select_related("phonebook", "job_category__parent", "source", "segment"))
    return {rule.pk: said for rule, said in zip(rules, describe(rules, campaign.line.account_id), strict=True)}


def why(campaign: Campaign, typed: str) -> str:
    """Why a number did not get a campaign, or what became of its message, in a sentence."""
    try:
        phone = phones.normalise(typed)
    except phones.InvalidPhone:
        return _("This is no phone number.")
    if campaign.audience is None:
        return _("The recipients have not been fixed yet.")
    message = Message.objects.filter(campaign=campaign, phone=phone).first()
    if message is not None:
        return _of_message(message)
    if campaign.pruned_at:
        return _("The recipients of this campaign were removed, so nobody can tell any more.")
    row = LeftOut.objects.filter(campaign=campaign, phone=phone).first()
    if row is not None:
        said = _said(campaign).get(row.rule_id)
        names = _(", ").join(said.names) or said.facts if said else ""
        return _("A rule excludes it: %(rule)s.") % {"rule": names}
    if campaign.left_out.get("not_drawn") and _is_named(campaign, phone):
        return _("It was not drawn for the sample.")
    return _("No rule named it when the recipients were fixed.")


def _of_message(message: Message) -> str:
    status = MessageStatus(message.status)
    facts = {"status": status.label, "reason": message.get_reason_display()}
    if status == MessageStatus.DELIVERED:
        return _("It got the message.")
    if message.reason:
        return _("Its message is %(status)s. %(reason)s") % facts
    return (_("Its message is %(status)s.") if status in FINAL else _("Its message is %(status)s for now.")) % facts


def _is_named(campaign: Campaign, phone: str) -> bool:
    """Whether the include rules, as things stand now, name a number."""
    for rule, recipients in naming.named(campaign).included:
        pasted = rule.kind == AudienceRule.Kind.NUMBERS and phone in (recipients.numbers or ())
        if pasted or recipients.rows.filter(**{recipients.phone: phone}).exists():
            return True
    return False
