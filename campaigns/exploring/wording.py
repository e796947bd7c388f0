"""A filter of messages in words."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from campaigns.exploring.filtering import MessageFilter
from campaigns.models import Batch, Campaign
from contacts.filtering import Chip
from interface import persian
from providers.models import ProviderAccount, SenderLine


def chips(narrowed: MessageFilter) -> Iterator[Chip]:
    """What it narrows by, in the order of the form."""
    if narrowed.q:
        yield Chip("q", _("Number: %(text)s") % {"text": persian.isolated(narrowed.q)})
    if narrowed.status is not None:
        yield Chip("status", str(narrowed.status.label))
    yield from _places(narrowed)
    if narrowed.reason is not None:
        yield Chip("reason", str(narrowed.reason.label))
    if narrowed.code:
        yield Chip("code", _("The provider's code: %(code)s") % {"code": persian.isolated(narrowed.code)})
    if narrowed.ref:
        yield Chip("ref", _("The provider's id: %(id)s") % {"id": persian.isolated(narrowed.ref)})
    if narrowed.since is not None:
        yield Chip("since", _("Changed since %(time)s") % {"time": persian.date(narrowed.since, "datetime")})
    if narrowed.until is not None:
        yield Chip("until", _("Changed until %(time)s") % {"time": persian.date(narrowed.until, "datetime")})


def _places(narrowed: MessageFilter) -> Iterator[Chip]:
    """Campaign, request, account and line; one that is not there any more is a dash."""
    if narrowed.campaign is not None:
        name = Campaign.objects.filter(pk=narrowed.campaign).values_list("name", flat=True).first() or "—"
        yield Chip("campaign", _("Campaign: %(name)s") % {"name": persian.isolated(name)})
    if narrowed.batch is not None:
        ordinal = Batch(number=narrowed.batch).ordinal
        yield Chip("batch", _("Request %(number)s") % {"number": persian.number(ordinal)})
    if narrowed.account is not None:
        account = ProviderAccount.objects.filter(pk=narrowed.account).first() or "—"
        yield Chip("account", _("Account: %(name)s") % {"name": persian.isolated(account)})
    if narrowed.line is not None:
        line = SenderLine.objects.filter(pk=narrowed.line).first() or "—"
        yield Chip("line", _("Line: %(name)s") % {"name": persian.isolated(line)})
