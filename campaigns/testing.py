"""Trying a draft on a few numbers before it goes to everybody.

A test is a small campaign of its own (``Campaign.is_test``) that goes through the ordinary engine, so every message of
it is accounted for: at once, within the line's window, without pilot, cap and approval; suppressions hold. It says what
a recipient of the draft would read, or to each number that is a contact what they would.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns import checking, drafting, lifecycle
from campaigns.auditing import note
from campaigns.composing import pricing, templating
from campaigns.composing.preview import Preview, previews, template_of
from campaigns.drafting import InvalidDraft
from campaigns.models import AudienceRule, Campaign
from campaigns.sending import naming, windows
from campaigns.states import CampaignStatus
from contacts import phones
from contacts.models import Contact
from interface import persian
from providers.models import Holiday

if TYPE_CHECKING:
    from campaigns.lifecycle import Actor

BEFORE = (  # nothing of it has gone out
    *(CampaignStatus.DRAFT, CampaignStatus.REJECTED, CampaignStatus.PENDING_APPROVAL, CampaignStatus.SCHEDULED),
)
READERS = 5  # recipients of the draft to choose from
_SAID = ("line", "fallback_line", "failover_line", "text", "file", "copy_text", "is_secure")


class Sum(NamedTuple):
    """What a test comes to: its messages with their texts, all their parts, and rial (None without a tariff)."""

    previews: Sequence[Preview]
    parts: int
    cost: int | None


def why_not(campaign: Campaign) -> str:
    """Why a campaign cannot be tried, as a sentence for people; empty where it can."""
    if campaign.is_test or campaign.status not in BEFORE:
        return _("Only a draft can be tried.")
    if checking.keeps_audience(campaign.line):
        return _("The provider of this line keeps the recipients itself, so it sends to no numbers of ours.")
    return " ".join(checking.text_problems(campaign.text))


def numbers_of(typed: Iterable[str]) -> list[str]:
    """The typed numbers as E.164, each once.

    Raises:
        InvalidDraft: there is none, one is no phone number, or they are too many.
    """
    numbers = drafting.numbers_of(each for each in typed if each.strip())
    most = settings.TEST_RECIPIENTS
    if not numbers:
        raise InvalidDraft(_("Enter at least one number."))
    if len(numbers) > most:
        said = ngettext("A test goes to at most %(n)s number.", "A test goes to at most %(n)s numbers.", most)
        raise InvalidDraft(said % {"n": persian.number(most)})
    return numbers


def readers(campaign: Campaign) -> list[Contact]:
    """The first recipients of a draft, to choose from whose text is tried."""
    return list(naming.contacts(campaign).order_by("pk")[:READERS])


def reader(campaign: Campaign, key: int | None) -> Contact | None:
    """The recipient whose text is tried; None for each number's own.

    Raises:
        InvalidDraft: the draft does not go to them (any more).
    """
    if key is None:
        return None
    found = naming.contacts(campaign).filter(pk=key).first()
    if found is None:
        raise InvalidDraft(_("This person is no recipient of the draft any more."))
    return found


def total(campaign: Campaign, numbers: Sequence[str], read_by: Contact | None) -> Sum:
    """What the numbers would read, and what that costs.

    Raises:
        TemplateError: the text is no template.
    """
    line = campaign.line
    template = template_of(campaign.text, line.suffix)
    known = {contact.phone: contact for contact in Contact.objects.filter(phone__in=numbers)}
    found, parts = [], dict[tuple[int, str], int]()
    for number in numbers:
        [shown] = previews(template, [read_by or known.get(number) or Contact(phone=number)], line.part_size)
        name = known[number].full_name if number in known else ""
        found.append(shown._replace(name=name, phone=number))
        key = (phones.operator_of(number), shown.segments.encoding)
        parts[key] = parts.get(key, 0) + shown.segments.parts
    tariffs = pricing.Tariffs(line.tariffs.values_list("operator", "encoding", "rial_per_part"))
    return Sum(found, sum(parts.values()), tariffs.cost(parts))


def opens_at(campaign: Campaign) -> dt.datetime | None:
    """When the line's window opens, where it is closed now; a test waits for it like any message of the line."""
    local = timezone.localtime()
    rests = Holiday.rests_of(campaign.line, local.date())
    if windows.is_open(campaign.line, local, rests):
        return None
    return windows.next_opening(campaign.line, local, rests)


def send(
    campaign_id: int,
    numbers: Sequence[str],
    actor: Actor = None,
    *,
    read_by: int | None = None,
    form_token: uuid.UUID | None = None,
) -> Campaign:
    """Send a draft as it is saved now to these numbers (E.164); ``read_by`` is the recipient whose text it is.

    The same ``form_token`` again gives the test that is on its way already.

    Raises:
        InvalidDraft: it cannot be tried, or not like this; nothing was sent.
    """
    draft = Campaign.objects.select_related("line__account", "fallback_line__account").get(pk=campaign_id)
    if problem := why_not(draft):
        raise InvalidDraft(problem)
    numbers = numbers_of(numbers)
    person = reader(draft, read_by)
    fields = {field: getattr(draft, field) for field in _SAID}
    if person is not None:
        text = templating.parse(draft.text).render(templating.values_of(person))
        fields["text"] = templating.escaped(text)
    fields["name"] = (_("Test of “%(name)s”") % {"name": draft.name})[: drafting.MAX_NAME]
    rule = AudienceRule(kind=AudienceRule.Kind.NUMBERS, params={"numbers": numbers})
    try:
        with transaction.atomic():
            test = drafting.create(
                rules=[rule], created_by=actor, form_token=form_token, is_test=True, made_from=draft, **fields
            )
            if not test.is_test or test.made_from_id != draft.pk:
                raise InvalidDraft(_("This form has been sent already."))
            if test.launched_at is None:
                lifecycle.launch(test.pk, actor)
                note("tested", draft.pk, actor, campaign=test.pk, messages=len(numbers))
    except lifecycle.NotAllowed as error:
        raise InvalidDraft(str(error)) from None
    return test


def last_numbers(actor: Actor) -> list[str]:
    """The numbers of a person's last test (E.164)."""
    if actor is None or not actor.is_authenticated:
        return []
    own = Campaign.objects.filter(is_test=True, created_by=actor.pk).order_by("-pk")
    params = AudienceRule.objects.filter(campaign__in=own[:1].values("pk")).values_list("params", flat=True).first()
    return list(params.get("numbers", [])) if params else []
