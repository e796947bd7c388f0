"""What keeps a campaign from being sent, each in a sentence: asked by the composer, at the launch and at the freeze."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import segmenting
from campaigns.composing import templating
from campaigns.composing.suffix import with_suffix
from campaigns.models import AudienceRule, Campaign
from campaigns.segmenting import wording
from campaigns.sending import capping, claiming, kept, naming, windows
from campaigns.states import CampaignStatus
from contacts.models import Contact
from interface import persian
from providers import registry
from providers.base import Provider
from providers.models import Holiday, SenderLine

KEPT_FROM = dt.timedelta(minutes=10)  # IPPanel takes five minutes, but somebody has to launch it before
MOST_PARTS = 100  # elements of a request to a provider that keeps the recipients
MAX_TEXT = 4_000  # characters; the longest that any operator takes is a quarter of it
MAX_AHEAD = dt.timedelta(days=3653)  # a date far away in one calendar is none in the other


def text_problems(text: str) -> list[str]:
    """What is wrong with a text: empty, too long, a brace without its pair, a placeholder that no contact can fill."""
    if not any(char.isprintable() and not char.isspace() for char in text):  # joiners and marks alone are nothing
        return [_("Write the text of the message.")]
    if len(text) > MAX_TEXT:
        return [_("The text is longer than %(most)s characters.") % {"most": persian.number(MAX_TEXT)}]
    try:
        template = templating.parse(text)
    except templating.TemplateError as error:
        if error.code == "brace":
            return [_("A brace has no pair. Write {{ or }} for a brace that is part of the text.")]
        return [_("“%(token)s” is not a placeholder.") % {"token": error.token}]
    unknown = [name for name in template.names if name not in templating.FIELDS and not _is_attribute(name)]
    return [_("No contact has a field named “%(name)s”.") % {"name": name} for name in unknown]


def _is_attribute(name: str) -> bool:
    return Contact.objects.filter(attributes__has_key=name).exists()


def problems(campaign: Campaign) -> list[str]:
    """Everything that keeps this campaign from being launched, as sentences; empty when it may go."""
    line, account = campaign.line, campaign.line.account
    if campaign.composed_to != Campaign.Step.REVIEW:
        return [_("The draft is not complete yet: go on composing it.")]
    found = text_problems(campaign.text) or text_problems(with_suffix(campaign.text, line.suffix))
    if not found:
        found += line_problems(line, campaign.text, copy_text=campaign.copy_text, secure=campaign.is_secure)
    if not (line.enabled and account.enabled):
        found.append(_("The line or its account is switched off."))
    rules = list(campaign.rules.all())
    found += audience_problems(line, rules)
    if not any(rule.rule == AudienceRule.Rule.INCLUDE for rule in rules):
        found.append(_("Choose who gets the campaign."))
    elif not keeps_audience(line) and not _reaches_anybody(campaign):
        found.append(_("Nobody is left to send to."))
    if campaign.file and not takes_files(line):
        found.append(_("Files go out on Bale lines only."))
    if campaign.file and campaign.file.account_id != account.pk:
        found.append(_("The file belongs to another account."))
    if campaign.provider_keeps_time:
        # Once it is launched, a time that has come too near for the provider is kept here.
        launched = campaign.status == CampaignStatus.PREPARING
        found += schedule_problems(line, campaign.scheduled_at, dt.timedelta(0) if launched else KEPT_FROM)
    if campaign.fallback_line:
        found += fallback_problems(line, campaign.fallback_line, campaign.text)
    return found + [problem for problems in course_problems(campaign).values() for problem in problems]


def _reaches_anybody(campaign: Campaign) -> bool:
    return any(r.rows.exists() for r in naming.included(campaign)) or bool(naming.strangers(campaign).numbers)


def keeps_audience(line: SenderLine) -> bool:
    """Whether the line's provider keeps the recipients itself."""
    return registry.provider_class(line.account.slug).capabilities.keeps_audience


def line_problems(line: SenderLine, text: str, *, copy_text: str = "", secure: bool = False) -> list[str]:
    """What a line cannot carry: a text without its recipients' own words, a copy button, a secure message."""
    by_field = line_problems_by_field(line, text, copy_text=copy_text, secure=secure)
    return [problem for problems in by_field.values() for problem in problems]


def line_problems_by_field(
    line: SenderLine, text: str, *, copy_text: str = "", secure: bool = False
) -> dict[str, list[str]]:
    """The same by what they are about: ``text``, ``copy_text`` or ``is_secure``."""
    provider = registry.provider_class(line.account.slug)
    found = {"text": _text_problems_on(provider, line, text)}
    if copy_text and not provider.capabilities.copy_button:
        found["copy_text"] = [_("A copy button goes with Bale messages through Safir only.")]
    if secure and not provider.capabilities.secure:
        found["is_secure"] = [_("Secure messages go out through Safir only.")]
    return found


def _text_problems_on(provider: type[Provider], line: SenderLine, text: str) -> list[str]:
    found = []
    try:
        template = templating.parse(with_suffix(text, line.suffix))
    except templating.TemplateError:  # text_problems says so
        return []
    if provider.capabilities.keeps_audience and template.is_personal:
        found.append(_("This provider keeps the recipients itself, so the text cannot have placeholders."))
    if code := provider("", {}).objects_to(template.literal):
        found.append(objection(code, provider.capabilities.max_text))
    return found


def objection(code: str, most: int) -> str:
    """A provider's objection to a text (``Provider.objects_to``) as a sentence."""
    if code == "text_too_long":
        return _("This line takes texts of at most %(most)s characters.") % {"most": persian.number(most)}
    if code == "backtick":
        return _("This line cannot carry the character `.")
    return _("This line cannot carry the text (%(code)s).") % {"code": code}


def audience_problems(line: SenderLine, rules: Sequence[AudienceRule]) -> list[str]:
    """What is impossible: recipients who were removed, ours where the provider keeps them, its own on other lines."""
    removed = _("The recipients of “%(name)s” were removed: nobody can be chosen or left out by them.")
    segments = [rule.segment for rule in rules if rule.segment]
    asked = {key for segment in segments for key in segmenting.campaigns_in(segment.conditions)}
    sources = [rule.source for rule in rules if rule.source]
    sources += Campaign.objects.filter(pk__in=asked) if asked else ()
    found = [removed % {"name": source} for source in sources if source.pruned_at]
    stale = _("The segment “%(name)s” names something that has been deleted: mend it before it chooses anybody.")
    found += [stale % {"name": segment} for segment in segments if wording.missing(segment.conditions)]
    return found + audience_problems_on(line, rules)


def audience_problems_on(line: SenderLine, rules: Sequence[AudienceRule]) -> list[str]:
    """The same, of the line alone: recipients of ours where the provider keeps them, its own on other lines."""
    theirs = [rule for rule in rules if rule.kind == AudienceRule.Kind.PROVIDER]
    if not keeps_audience(line):
        return [_("Phonebooks and categories of a provider go out on its own lines only.")] if theirs else []
    found = []
    if len(theirs) < len(rules):
        found.append(_("This line sends to its provider's own phonebooks and job categories only."))
    if any(rule.rule == AudienceRule.Rule.EXCLUDE for rule in theirs):
        found.append(_("The provider expands the audience, so nobody can be excluded here."))
    named = kept.audience_from(rule.params for rule in theirs)
    if named.categories and named.phonebooks:
        found.append(_("Choose job categories or phonebooks: one request of this provider takes no mixture."))
    if max(len(named.categories), len(named.phonebooks)) > MOST_PARTS:
        found.append(_("At most %(most)s parts fit into one request.") % {"most": persian.number(MOST_PARTS)})
    return found


def schedule_problems(line: SenderLine, at: dt.datetime | None, ahead: dt.timedelta = KEPT_FROM) -> list[str]:
    """Why the line's provider cannot keep a campaign's time, at least ``ahead`` from now; empty when it can."""
    if not registry.provider_class(line.account.slug).capabilities.send_time:
        return [_("This provider keeps no times: leave the time to this site.")]
    if at is None or not timezone.now() + ahead <= at <= timezone.now() + claiming.LONGEST_AHEAD:
        return [_("The provider keeps times from ten minutes to three months ahead.")]
    return []


def fallback_problems(line: SenderLine, fallback: SenderLine, text: str) -> list[str]:
    """Why a line cannot take over for another; empty when it can."""
    if not registry.provider_class(line.account.slug).capabilities.tells_absence:
        return [_("Only Bale Safir tells who has no account, so only its lines can have a fallback.")]
    if fallback.pk == line.pk or keeps_audience(fallback) or fallback.channel == line.channel:
        return [_("Choose an SMS line that sends to our own contacts as the fallback.")]
    if not (fallback.enabled and fallback.account.enabled):
        return [_("The fallback line or its account is switched off.")]
    return line_problems(fallback, text)


def course_problems(campaign: Campaign) -> dict[str, list[str]]:
    """What is wrong with how a campaign is to go out: its end, its own pace, the line that takes over; by field."""
    found = {
        "expires_at": [_expiry_problem(campaign)] if campaign.expires_at else [],
        "messages_per_minute": [],
        "failover_line": failover_problems(campaign),
        "cap_messages": cap_problems(campaign),
        "sample_size": [],
        "pilot_size": [],
    }
    if campaign.sample_size and keeps_audience(campaign.line):
        found["sample_size"] = [_("The provider expands the audience, so no sample can be drawn here.")]
    if campaign.pilot_size and keeps_audience(campaign.line):
        found["pilot_size"] = [_("The provider sends such a campaign as a whole, so it cannot have a pilot.")]
    if campaign.messages_per_minute and keeps_audience(campaign.line):
        found["messages_per_minute"] = [
            _("The provider sends such a campaign as a whole, so it cannot have a pace of its own.")
        ]
    return {name: [problem for problem in problems if problem] for name, problems in found.items()}


def cap_problems(campaign: Campaign) -> list[str]:
    """Why nobody can be kept from more messages by a campaign's cap; empty when it can, or there is none."""
    messages, days = campaign.cap_messages, campaign.cap_days
    if messages is None and days is None:
        return []
    if not messages or not days:
        return [_("Tell both: how many messages at most, and in how many days.")]
    if messages > capping.MOST_MESSAGES or days > capping.MOST_DAYS:
        most = {"messages": persian.number(capping.MOST_MESSAGES), "days": persian.number(capping.MOST_DAYS)}
        return [_("A limit is of 1 to %(messages)s messages in 1 to %(days)s days.") % most]
    if keeps_audience(campaign.line):
        return [_("The provider expands the audience, so nobody can be left out by a limit here.")]
    return []


def _expiry_problem(campaign: Campaign) -> str:
    end = campaign.expires_at
    assert end is not None  # noqa: S101 - asked by the caller
    begin = max(campaign.scheduled_at or timezone.now(), timezone.now())
    if end <= begin:
        return _("Nothing could go out: this is before the campaign begins.")
    local = timezone.localtime(begin)
    opening = windows.next_opening(campaign.line, local, Holiday.rests_of(campaign.line, local.date()))
    return "" if opening and opening < end else _("Nothing could go out: the line's window opens after this.")


def failover_problems(campaign: Campaign) -> list[str]:
    """Why a campaign's failover line cannot take over from its own; empty when it can, or there is none."""
    line, other = campaign.line, campaign.failover_line
    if other is None:
        return []
    if other.account_id == line.account_id or other.channel != line.channel:
        return [_("Choose a line of the same channel at another account to take over.")]
    if keeps_audience(line) or keeps_audience(other):
        return [_("Where the provider keeps the recipients no other account can take over.")]
    if campaign.file:
        return [_("The file is with one account only, so no other can take over.")]
    if not (other.enabled and other.account.enabled):
        return [_("The line that would take over or its account is switched off.")]
    return line_problems(other, campaign.text, copy_text=campaign.copy_text, secure=campaign.is_secure)


def time_problem(at: dt.datetime) -> str:
    """Why a campaign cannot be scheduled for this time; empty when it can."""
    now = timezone.now()
    if at <= now:
        return _("This time has passed.")
    return _("This time is more than ten years away.") if at > now + MAX_AHEAD else ""


def takes_files(line: SenderLine) -> bool:
    """Whether a file can go along on this line."""
    capabilities = registry.provider_class(line.account.slug).capabilities
    return bool(capabilities.max_upload) and line.channel == SenderLine.Channel.BALE
