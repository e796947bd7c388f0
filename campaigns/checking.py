"""What keeps a campaign from being sent, each in a sentence: asked by the composer, at the launch and at the freeze."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.composing import templating
from campaigns.composing.suffix import with_suffix
from campaigns.models import AudienceRule, Campaign
from campaigns.sending import audience
from contacts.models import Contact
from interface import persian
from providers import registry
from providers.models import SenderLine

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
    found = text_problems(campaign.text) or text_problems(with_suffix(campaign.text, line.suffix))
    if not (line.enabled and account.enabled):
        found.append(_("The line or its account is switched off."))
    if not campaign.rules.filter(rule=AudienceRule.Rule.INCLUDE).exists():
        found.append(_("Choose who gets the campaign."))
    elif not (any(r.rows.exists() for r in audience.included(campaign)) or audience.strangers(campaign)):
        found.append(_("Nobody is left to send to."))
    if campaign.file and not takes_files(line):
        found.append(_("Files go out on Bale lines only."))
    if campaign.file and campaign.file.account_id != account.pk:
        found.append(_("The file belongs to another account."))
    return found


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
