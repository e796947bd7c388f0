"""Campaigns, their recipients' messages, and what providers report about them."""

from campaigns.models.approval import Approval
from campaigns.models.campaign import AudienceRule, Campaign, LeftOut
from campaigns.models.delivery import AuditEntry, DeliveryEvent, Heartbeat
from campaigns.models.segment import Segment
from campaigns.models.sending import Attempt, Batch, Bulk, Message, ProviderRef, StatusCount, Tally, TimelinePoint
from campaigns.models.text import TextTemplate
from campaigns.models.witness import Witness

__all__ = [
    "Approval",
    "Attempt",
    "AudienceRule",
    "AuditEntry",
    "Batch",
    "Bulk",
    "Campaign",
    "DeliveryEvent",
    "Heartbeat",
    "LeftOut",
    "Message",
    "ProviderRef",
    "Segment",
    "StatusCount",
    "Tally",
    "TextTemplate",
    "TimelinePoint",
    "Witness",
]
