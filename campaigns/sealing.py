"""The seal of a campaign: what somebody saw when they approved it, or launched it, so that nothing else goes out.

A seal is the SHA-256 of the text, the audience, the line, the schedule and the cost. The first four, and the tariffs,
are its *definition*, of which each part has a hash of its own, so that a change can be named. Recipients and cost are
an upper bound: somebody may opt out meanwhile, but nobody may be added, and nothing may get dearer (docs/approval.md).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from django.core import signing
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns import checking, reporting
from campaigns.composing.pricing import Estimate
from campaigns.composing.suffix import with_suffix
from campaigns.composing.templating import TemplateError
from campaigns.models import AudienceRule, Campaign
from interface import persian
from providers.models import SenderLine

TOLERANCE = 0.01  # of a cost that was extrapolated from a sample of the recipients
_SALT = "campaigns.sealing"
_LINES = ("line", "fallback_line", "failover_line")
PART_WORDS: Mapping[str, Promise] = {
    "text": gettext_lazy("the text"),
    "audience": gettext_lazy("the choice of recipients"),
    "line": gettext_lazy("the line"),
    "schedule": gettext_lazy("the schedule"),
    "tariffs": gettext_lazy("the tariffs"),
}


class Figures(NamedTuple):
    """What a campaign comes to: recipients, parts, rial; None where that is not known here.

    ``exact``: every recipient's text was counted.
    """

    recipients: int | None = None
    parts: int | None = None
    cost: int | None = None
    exact: bool = True


class Sealed(NamedTuple):
    """A campaign as it was at one moment: the hash of each part of its definition, and its figures."""

    parts: Mapping[str, str]
    figures: Figures

    @property
    def seal(self) -> str:
        """The SHA-256 over all of it, in hexadecimal."""
        return _hash([dict(self.parts), self.figures.recipients, self.figures.cost])

    @property
    def facts(self) -> dict[str, Any]:
        """What an ``Approval`` keeps of it."""
        return {**self.figures._asdict(), "hashes": dict(self.parts)}


def sealed_from(facts: Mapping[str, Any]) -> Sealed:
    """What ``Sealed.facts`` had kept."""
    figures = {name: facts[name] for name in Figures._fields if name in facts}
    return Sealed(dict(facts.get("hashes", {})), Figures(**figures))


def figures(campaign: Campaign, estimate: Estimate | None = None) -> Figures:
    """What a campaign comes to now; ``estimate`` spares the count. Nothing where the provider keeps the recipients."""
    if checking.keeps_audience(campaign.line):
        return Figures()
    try:
        found = estimate or reporting.estimate(campaign)
    except TemplateError:  # the campaign's problems say so, and keep it from going out
        return Figures()
    return Figures(found.recipients, found.parts, found.cost, found.exact)


def seal(campaign: Campaign, estimate: Estimate | None = None) -> Sealed:
    """A campaign as it is now, counted: seconds for a million recipients, so never while its row is held."""
    return Sealed(hashes(campaign), figures(campaign, estimate))


def hashes(campaign: Campaign) -> dict[str, str]:
    """The hash of each part of a campaign's definition. Names of phonebooks, segments and lines do not matter."""
    lines = [getattr(campaign, name) for name in _LINES]
    return {part: _hash(define(campaign, lines)) for part, define in _DEFINITIONS.items()}


def _hash(value: object) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()


_Lines = list[SenderLine | None]


def _text(campaign: Campaign, lines: _Lines) -> Any:
    """The text as each line would send it, and what goes along."""
    texts = [line and with_suffix(campaign.text, line.suffix) for line in lines]
    return [texts, campaign.file and campaign.file.sha256, campaign.copy_text, campaign.is_secure]


def _audience(campaign: Campaign, _lines: _Lines) -> Any:
    rules = [_rule(rule) for rule in campaign.audience_rules()]
    return [rules, campaign.sample_size, campaign.cap_messages, campaign.cap_days]


def _rule(rule: AudienceRule) -> Any:
    target = rule.phonebook_id or rule.job_category_id or rule.source_id or rule.segment_id
    return [rule.rule, rule.kind, target, rule.params, rule.segment and rule.segment.conditions]


def _line(_campaign: Campaign, lines: _Lines) -> Any:
    return [line and [line.pk, line.account_id, line.sender, line.kind, line.channel, line.part_size] for line in lines]


def _schedule(campaign: Campaign, lines: _Lines) -> Any:
    times = [moment and moment.timestamp() for moment in (campaign.scheduled_at, campaign.expires_at)]
    pace = [campaign.provider_keeps_time, campaign.messages_per_minute, campaign.pilot_size]
    windows = [line and [str(line.window_start), str(line.window_end), line.rests_on_holidays] for line in lines]
    return [times, pace, windows]


def _tariffs(_campaign: Campaign, lines: _Lines) -> Any:
    return [line and sorted(line.tariffs.values_list("operator", "encoding", "rial_per_part")) for line in lines]


_DEFINITIONS: Mapping[str, Callable[[Campaign, _Lines], Any]] = {
    "text": _text,
    "audience": _audience,
    "line": _line,
    "schedule": _schedule,
    "tariffs": _tariffs,
}


def changes(seen: Sealed, now: Sealed) -> dict[str, str]:
    """What a campaign has become that nobody has seen, in words by its name; empty where what was seen covers it."""
    found = {part: str(words) for part, words in PART_WORDS.items() if seen.parts.get(part) != now.parts.get(part)}
    if (grown := _grown(seen.figures.recipients, now.figures.recipients)) is not None:
        found["recipients"] = _("the recipients: %(before)s became %(now)s") % grown
    slack = 0 if now.figures.exact and seen.figures.exact else TOLERANCE
    if (dearer := _grown(seen.figures.cost, now.figures.cost, slack, persian.rials)) is not None:
        found["cost"] = _("the cost: %(before)s became %(now)s") % dearer
    return found


def _grown(
    before: int | None, now: int | None, slack: float = 0, written: Callable[[int], str] = persian.number
) -> dict[str, str] | None:
    if before is None or now is None or now <= before * (1 + slack):
        return None
    return {"before": written(before), "now": written(now)}


def listed(changed: Mapping[str, str]) -> str:
    """Several changes in one line."""
    return ("؛ " if persian.is_persian() else "; ").join(changed.values())


def token(campaign: Campaign, sealed: Sealed) -> str:
    """What a page's form carries, so that what is approved or launched is what its reader saw: signed, not secret."""
    return signing.dumps([campaign.pk, campaign.status, sealed.facts], salt=_SALT, compress=True)


def seen_by(value: str, campaign: Campaign) -> Sealed | None:
    """What the reader of a page saw of a campaign; None where it has another status by now, or the token is none."""
    try:
        pk, status, facts = signing.loads(value, salt=_SALT)
    except (signing.BadSignature, ValueError):
        return None
    return sealed_from(facts) if (pk, status) == (campaign.pk, campaign.status) else None


def why_not_counted(campaign: Campaign, counted: Sealed) -> str:
    """Why figures are not those of a campaign as it is now, with its row held, as a sentence; empty where they are."""
    changed = changes(counted._replace(figures=Figures()), Sealed(hashes(campaign), Figures()))
    return _said(changed) if changed else ""


def _said(changed: Mapping[str, str]) -> str:
    said = _("It changed since you looked, so nothing was done: %(changes)s. Look again, then decide.")
    return said % {"changes": listed(changed)}


def why_not_seen(campaign: Campaign, value: str, now: Sealed | None) -> str:
    """Why a campaign is not what a page showed whose form carries this token, as a sentence; empty where it is.

    Without a token nobody looked at a page. ``now`` was counted before the campaign's row was held.
    """
    if not value:
        return ""
    seen = seen_by(value, campaign)
    if seen is None or now is None:
        return _("This campaign is not what you saw any more, so nothing was done. Look again, then decide.")
    changed = changes(seen, now._replace(parts=hashes(campaign)))
    return _said(changed) if changed else ""
