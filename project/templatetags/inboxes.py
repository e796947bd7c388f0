"""The inbox of an account's replies, for its page: ``{% reply_inbox account as inbox %}``."""

from __future__ import annotations

from typing import NamedTuple

from django import template
from django.conf import settings

from contacts import replies
from contacts.mirroring import keeps_lists
from contacts.mirroring.reasons import Failure
from contacts.models import ReplyInbox, Suppression
from providers.models import ProviderAccount

register = template.Library()


class Inbox(NamedTuple):
    """How the reading goes; ``reading`` is None before the first look. ``scope`` is what a stop holds for, in words."""

    reading: ReplyInbox | None
    failure: Failure | None
    scope: str
    is_read: bool


@register.simple_tag
def reply_inbox(account: ProviderAccount) -> Inbox | None:
    """The inbox of an account whose provider has one, else None."""
    if not keeps_lists(account.slug):
        return None
    reading = ReplyInbox.objects.select_related("account").filter(account=account).first()
    scope = str(Suppression.Scope(settings.OPT_OUT_SCOPE).label)
    return Inbox(reading, replies.failure(reading) if reading else None, scope, settings.OPT_OUT_INTERVAL > 0)
