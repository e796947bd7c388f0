"""What keeps a campaign from being sent, each in a sentence: asked by the composer, at the launch and at the freeze."""

from __future__ import annotations

from django.utils.translation import gettext as _

from campaigns.composing import templating
from campaigns.composing.suffix import with_suffix
from campaigns.models import AudienceRule, Campaign
from campaigns.sending import audience
from contacts.models import Contact
from providers import registry


def text_problems(text: str) -> list[str]:
    """What is wrong with a text: empty, a brace without its pair, a placeholder that no contact has a value for."""
    if not any(char.isprintable() and not char.isspace() for char in text):  # joiners and marks alone are nothing
        return [_("Write the text of the message.")]
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
    if campaign.file and not registry.provider_class(account.slug).capabilities.max_upload:
        found.append(_("This provider does not take files."))
    if campaign.file and campaign.file.account_id != account.pk:
        found.append(_("The file belongs to another account."))
    return found
