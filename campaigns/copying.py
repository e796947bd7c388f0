"""A campaign as the beginning of another: its copy, or a further try at those whom it did not reach."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import checking, drafting, reporting, unclear
from campaigns.auditing import note
from campaigns.drafting import InvalidDraft
from campaigns.models import AudienceRule, Batch, Campaign
from campaigns.states import ENDED, OUTCOMES, MessageStatus
from campaigns.unclear import Cost
from providers.models import SenderLine

# What a campaign says and how it goes out; not when, and nothing of what became of it.
SAID = ("text", "file", "copy_text", "is_secure")
COURSE = (
    *("fallback_line", "failover_line", "messages_per_minute", "cap_messages", "cap_days"),
    *("sample_size", "pilot_size"),
)
TIMES = ("scheduled_at", "expires_at")
TRIED_AGAIN = ("not_delivered", "failed", "cancelled", "expired")  # outcomes; nobody among them has got it


def clone(campaign_id: int, actor: Any = None, *, name: str = "", form_token: uuid.UUID | None = None) -> Campaign:
    """A new draft that says and does what a campaign did; the composer leads through each step of it once more.

    Times that have passed are left out. The same ``form_token`` again gives the draft that it has made already.

    Raises:
        InvalidDraft: the form has made something else.
    """
    source = Campaign.objects.select_related("line__account").get(pk=campaign_id)
    times = {field: at for field in TIMES if (at := getattr(source, field)) and at > timezone.now()}
    fields = {field: getattr(source, field) for field in ("line", *SAID, *COURSE)} | times
    fields["provider_keeps_time"] = source.provider_keeps_time and "scheduled_at" in times
    fields["composed_to"] = Campaign.Step.AUDIENCE
    rules = list(source.rules.all())
    for rule in rules:
        rule.pk, rule._state.adding = None, True
    fields["name"] = name.strip()[: drafting.MAX_NAME] or name_of_copy(source)
    with transaction.atomic():
        made = drafting.store(rules, actor, form_token, {**fields, "made_from": source})
        _note("cloned", source, made, actor)
    return made


def name_of_copy(source: Campaign) -> str:
    """What a copy is called unless somebody says otherwise."""
    return (_("Copy of %(name)s") % {"name": source.name})[: drafting.MAX_NAME]


def why_not_again(campaign: Campaign) -> str:
    """Why nobody of a campaign can be tried again, as a sentence for people; empty where somebody may be."""
    if campaign.status not in ENDED:
        return _("It has not ended: nobody can be tried again before.")
    if campaign.pruned_at:
        return _("The recipients of “%(name)s” were removed: nobody can be chosen or left out by them.") % {
            "name": campaign.name
        }
    return "" if any(unreached(campaign).values()) else _("There is nobody to try again.")


def unreached(campaign: Campaign) -> dict[str, int]:
    """How many it did not reach, by outcome, from the counters; those alone of whom we have the numbers."""
    counts = dict(reporting.accounting(campaign).counts)
    if checking.keeps_audience(campaign.line):
        unlisted = Batch.objects.filter(campaign=campaign, unlisted__gt=0).values_list("unlisted_status")
        for status, number in unlisted.annotate(n=Sum("unlisted")):
            counts[MessageStatus(status)] -= number
    return {outcome: sum(counts[status] for status in OUTCOMES[outcome]) for outcome in TRIED_AGAIN}


def lines_for(campaign: Campaign) -> list[SenderLine]:
    """The lines that those of a campaign may be tried on, its own first; with a file none but its account's."""
    lines = SenderLine.objects.usable().select_related("account").order_by("pk")
    if campaign.file:
        lines = lines.filter(account=campaign.file.account_id)
    found = [line for line in lines if not checking.keeps_audience(line)]
    return sorted(found, key=lambda line: (line.pk != campaign.line_id, line.channel != campaign.line.channel))


def prices(campaign: Campaign, line: SenderLine, numbers: Mapping[str, int]) -> dict[str, Cost | None]:
    """What a further try on a line costs, by outcome; None where the line has no tariff for it."""
    price = unclear.prices(campaign, [line.pk]).get(line.pk)
    return {outcome: price.of(number) if price else None for outcome, number in numbers.items()}


def again(
    campaign_id: int,
    outcomes: Collection[str],
    actor: Any = None,
    *,
    line: SenderLine | None = None,
    form_token: uuid.UUID | None = None,
) -> Campaign:
    """A new draft with the same text for those of an ended campaign whose message came to one of these outcomes.

    Who they are is settled when it is prepared: a report that comes until then still counts. Without the sample, the
    pilot and the cap, which would leave out the very people. The same ``form_token`` again gives the draft that it has
    made already.

    Raises:
        InvalidDraft: nobody is to be tried again, or not on this line.
    """
    source = Campaign.objects.select_related("line__account").get(pk=campaign_id)
    if problem := why_not_again(source):
        raise InvalidDraft(problem)
    chosen = [outcome for outcome in TRIED_AGAIN if outcome in outcomes]
    if not chosen:
        raise InvalidDraft(_("Tick whom to try again."))
    over = line or source.line
    named = ["unreached"] if chosen == list(TRIED_AGAIN) else chosen
    kind = AudienceRule.Kind.CAMPAIGN
    rules = [AudienceRule(kind=kind, source=source, params={"outcome": outcome}) for outcome in named]
    fields = {field: getattr(source, field) for field in (*SAID, "messages_per_minute")}
    if over == source.line:  # what stands in for the one line need not for another
        fields |= {"fallback_line": source.fallback_line, "failover_line": source.failover_line}
    fields["name"] = (_("%(name)s, once more") % {"name": source.name})[: drafting.MAX_NAME]
    with transaction.atomic():
        made = drafting.create(
            rules=rules, created_by=actor, form_token=form_token, line=over, made_from=source, **fields
        )
        _note("tried_again", source, made, actor)
    return made


def _note(action: str, source: Campaign, made: Campaign, actor: Any) -> None:
    """Write down once what was made of a campaign.

    Raises:
        InvalidDraft: it was made of something else, by a form that has been sent before.
    """
    if made.made_from_id != source.pk:
        raise InvalidDraft(_("This form has been sent already."))
    if not source.audit_entries.filter(action=action, facts__campaign=made.pk).exists():
        note(action, source.pk, actor, campaign=made.pk)
