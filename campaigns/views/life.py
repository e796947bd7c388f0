"""A message's life, in its order: fixed as a recipient, sent, answered, reported, decided on."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns import describing
from campaigns.models import Attempt, AuditEntry, Batch, DeliveryEvent, Message
from campaigns.states import BatchStatus, MessageStatus, Reason
from campaigns.views.wording import action_in_words
from interface import masking, persian
from providers.explaining import Explanation, explain

_DECISIONS = ("counted_as_sent", "sent_again")
_TONES = {
    BatchStatus.DONE: "success",
    BatchStatus.FAILED: "error",
    BatchStatus.UNKNOWN: "warning",
}
_EFFECTS = {  # of a report: a colour and an icon
    DeliveryEvent.Result.APPLIED: ("success", "check-check"),
    DeliveryEvent.Result.WAITING: ("info", "hourglass"),
    DeliveryEvent.Result.UNRECOGNISED: ("warning", "circle-help"),
}
_BAD_NEWS = ("undelivered", "blocked", "failed", "cancelled")


class Step(NamedTuple):
    """One thing that happened: ``code`` and ``words`` are the provider's, ``raw`` is the stored report as JSON.

    ``tone`` is a daisyUI colour, such as ``success``, or empty.
    """

    at: dt.datetime | None
    icon: str
    title: str
    tone: str = ""
    detail: str = ""
    code: str = ""
    words: str = ""
    explained: Explanation | None = None
    raw: str = ""


def steps(message: Message, batch: Batch | None, attempts: Sequence[Attempt], slug: str) -> list[Step]:
    """What happened here, the oldest first; what is known without a time comes before it."""
    found = [_frozen(message), *map(_attempt, attempts)]
    if message.is_fallback and not attempts:
        words = _("It was known that this person is not on Bale, so it went by SMS at once")
        found.append(Step(message.campaign.started_at, "route", words, "warning"))
    if batch is not None:
        found += [*_request(batch, slug), *_decisions(message, batch)]
    return found


def in_order(found: Sequence[Step]) -> list[Step]:
    """The steps by their time; what has none first."""
    return sorted(found, key=lambda step: (step.at is not None, step.at))


def _frozen(message: Message) -> Step:
    campaign = message.campaign
    rules = describing.describe(campaign.audience_rules(), campaign.line.account_id)
    names = [_named(rule) for rule in rules if not rule.excludes]
    comma = "، " if persian.is_persian() else ", "
    chosen = ngettext("Chosen by: %(rules)s", "Chosen by one of: %(rules)s", len(names)) % {"rules": comma.join(names)}
    at = campaign.started_at or campaign.launched_at
    if message.batch_number is None:
        why = str(Reason(message.reason).label)
        return Step(at, "circle-dashed", _("Left out when the recipients were fixed"), "", why or chosen)
    return Step(at, "user-plus", _("Became a recipient of the campaign"), "", chosen if names else "")


def _named(rule: describing.Described) -> str:
    return " · ".join([*map(persian.isolated, rule.names), *filter(None, [rule.facts])])


def _attempt(attempt: Attempt) -> Step:
    title = _("It was refused on %(line)s, so it goes by SMS") % {"line": persian.isolated(attempt.line)}
    explained = explain(attempt.line.account.slug, attempt.code)
    return Step(attempt.at, "route", title, "warning", "", attempt.code, attempt.words, explained)


def _request(batch: Batch, slug: str) -> Iterator[Step]:
    if batch.claimed_at:
        facts = [_("line %(line)s") % {"line": persian.isolated(batch.line)}]
        if batch.attempt > 1:
            facts.append(_("attempt %(n)s") % {"n": persian.number(batch.attempt)})
        if batch.owner:
            facts.append(_("worker %(name)s") % {"name": persian.isolated(batch.owner.partition("/")[0])})
        title = _("Request %(number)s went to the provider") % {"number": persian.number(batch.ordinal)}
        yield Step(batch.claimed_at, "send", title, "primary", " · ".join(facts))
    if batch.settled_at:
        status = BatchStatus(batch.status)
        title = _("The request's outcome was recorded: %(outcome)s") % {"outcome": status.label}
        explained = explain(slug, batch.code) if batch.code else None
        tone = _TONES.get(status, "")
        yield Step(batch.settled_at, "inbox", title, tone, _took(batch), batch.code, batch.words, explained)


def _took(batch: Batch) -> str:
    if batch.claimed_at is None or batch.settled_at is None or batch.settled_at < batch.claimed_at:
        return ""
    seconds = (batch.settled_at - batch.claimed_at).total_seconds()
    return _("%(n)s seconds after it went out") % {"n": persian.number(seconds, 1)}


def _decisions(message: Message, batch: Batch) -> Iterator[Step]:
    entries = AuditEntry.objects.filter(campaign=message.campaign_id, action__in=_DECISIONS).select_related("actor")
    for entry in entries.order_by("pk")[:100]:
        if batch.number in entry.facts.get("batches", ()):
            who = str(entry.actor) if entry.actor else _("Command line or deleted user")
            yield Step(entry.created_at, "scale", action_in_words(entry.action), "info", who)


def reported(event: DeliveryEvent, slug: str) -> Step:
    """A report of the provider: what it said, what it means here, and what it did."""
    tone, icon = _EFFECTS.get(DeliveryEvent.Result(event.result), ("", "radio-tower"))
    if event.report in _BAD_NEWS and tone == "success":
        tone, icon = "error", "circle-x"
    meaning = MessageStatus.__members__.get(event.report.upper())
    title = _("Report: %(meaning)s") % {"meaning": meaning.label if meaning else _("unknown status")}
    facts = [str(event.get_source_display()), str(event.get_result_display())]
    if event.cost is not None:
        facts.append(persian.rials(event.cost))
    explained = explain(slug, event.code)
    return Step(
        event.received_at, icon, title, tone, " · ".join(facts), event.code, event.words, explained, _raw(event)
    )


def _raw(event: DeliveryEvent) -> str:
    """The event as it is stored."""
    names = ("provider_ref", "report", "code", "words", "cost", "source", "received_at", "result", "tries", "retry_at")
    stored: dict[str, Any] = {"id": event.pk, **{name: getattr(event, name) for name in names}}
    stored["words"] = masking.veiled(event.words)
    return json.dumps(stored, ensure_ascii=False, indent=2, default=str)
