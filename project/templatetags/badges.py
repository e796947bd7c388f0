"""A status as a coloured word: ``{% campaign_badge campaign %}``, ``{% message_badge status %}``."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from campaigns.models import Approval
from campaigns.states import CampaignStatus, MessageStatus

register = template.Library()

_CAMPAIGN = {
    CampaignStatus.SCHEDULED: "badge-soft badge-info",
    CampaignStatus.PREPARING: "badge-soft badge-info",
    CampaignStatus.RUNNING: "badge-soft badge-primary",
    CampaignStatus.PAUSED: "badge-soft badge-warning",
    CampaignStatus.PENDING_APPROVAL: "badge-soft badge-warning",
    CampaignStatus.COMPLETED: "badge-soft badge-success",
    CampaignStatus.COMPLETED_WITH_PROBLEMS: "badge-soft badge-warning",
    CampaignStatus.EXPIRED: "badge-soft badge-error",
    CampaignStatus.REJECTED: "badge-soft badge-error",
}
_MESSAGE = {
    MessageStatus.SENDING: "badge-soft badge-info",
    MessageStatus.UNKNOWN: "badge-soft badge-warning",
    MessageStatus.ACCEPTED: "badge-soft badge-primary",
    MessageStatus.SENT: "badge-soft badge-primary",
    MessageStatus.DELIVERED: "badge-soft badge-success",
    MessageStatus.UNDELIVERED: "badge-soft badge-error",
    MessageStatus.BLOCKED: "badge-soft badge-error",
    MessageStatus.FAILED: "badge-soft badge-error",
}
_PLAIN = "badge-ghost border-base-content/20"


@register.simple_tag
def campaign_badge(campaign: Any, size: str = "", decision: str | None = None) -> SafeString:
    """The campaign's status; a running one pulses. ``decision`` is what its approval says, where that is known."""
    status = CampaignStatus(campaign.status)
    if status is CampaignStatus.PENDING_APPROVAL and decision == Approval.Decision.APPROVED:
        return format_html(
            '<span class="badge whitespace-nowrap badge-soft badge-success {}">{}</span>',
            size,
            Approval.Decision.APPROVED.label,
        )
    pulse = (
        mark_safe('<span class="status status-primary motion-safe:animate-pulse"></span>')
        if status is CampaignStatus.RUNNING
        else ""
    )
    css = _CAMPAIGN.get(status, _PLAIN)
    return format_html('<span class="badge whitespace-nowrap {} {}">{}{}</span>', css, size, pulse, status.label)


@register.simple_tag
def message_badge(status: int, size: str = "badge-sm") -> SafeString:
    """A message's status as a word on its colour."""
    known = MessageStatus(status)
    css = _MESSAGE.get(known, _PLAIN)
    return format_html('<span class="badge whitespace-nowrap {} {}">{}</span>', css, size, known.label)
