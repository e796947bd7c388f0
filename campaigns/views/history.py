"""What was done to a campaign, in words: who, what, to how many messages, at what cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import AuditEntry, Batch, Campaign
from campaigns.unclear import Cost
from campaigns.views.unclear import cost_in_words
from campaigns.views.wording import action_in_words
from interface import persian
from providers.explaining import explain

SHOWN = 12
LONGEST = 19  # digits of an id
NAMED = 10  # requests of one decision that are named
# What only people do; without a name it was done on the command line, or the account is gone.
_BY_PEOPLE = frozenset(
    {"launched", "started_late", "taken_back", "paused", "resumed", "cancelled", "created", "revised"}
    | {"counted_as_sent", "sent_again", "pilot_released", "cloned", "tried_again", "tested"}
    | {"submitted", "approved", "rejected", "withdrawn"}
)


class Done(NamedTuple):
    """One entry: ``who`` is empty for the engine; ``detail`` is what it came to; ``meaning`` is the code's."""

    entry: AuditEntry
    who: str
    what: str
    detail: str
    meaning: str


def context(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    """A page of the entries, the newest first; ``?log=`` asks for those before an entry."""
    before = request.GET.get("log", "")
    entries = campaign.audit_entries.select_related("actor").order_by("-pk")
    if before.isascii() and before.isdigit() and len(before) < LONGEST:
        entries = entries.filter(pk__lt=int(before))
    else:
        before = ""
    found = list(entries[: SHOWN + 1])
    older = found[SHOWN - 1].pk if len(found) > SHOWN else None
    return {"history": [_done(campaign, entry) for entry in found[:SHOWN]], "log_before": before, "log_older": older}


def _done(campaign: Campaign, entry: AuditEntry) -> Done:
    who = str(entry.actor) if entry.actor else ""
    if not who and entry.action in _BY_PEOPLE:
        who = _("Command line or deleted user")
    explained = explain(campaign.line.account.slug, str(entry.facts.get("code", "")))
    return Done(entry, who, action_in_words(entry.action), _detail(entry.facts), explained.meaning if explained else "")


def _detail(facts: dict[str, Any]) -> str:
    found = []
    if isinstance(n := facts.get("messages"), int):
        found.append(ngettext("%(n)s message", "%(n)s messages", n) % {"n": persian.number(n)})
    if numbers := facts.get("batches"):
        found.append(_requests(numbers))
    if "cost" in facts:
        cost = facts["cost"]
        found.append(_("cost: %(cost)s") % {"cost": cost_in_words(Cost(*cost) if cost else None)})
    return " · ".join(found)


def _requests(numbers: Sequence[int]) -> str:
    ordinals = [persian.number(number % Batch.FALLBACK_FROM + 1) for number in numbers[:NAMED]]
    named = {
        "numbers": ("، " if persian.is_persian() else ", ").join(ordinals),
        "more": persian.number(len(numbers) - len(ordinals)),
    }
    if len(numbers) > len(ordinals):
        return _("requests %(numbers)s and %(more)s more") % named
    return ngettext("request %(numbers)s", "requests %(numbers)s", len(numbers)) % named
