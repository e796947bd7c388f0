"""Campaigns, their recipients' messages, and what providers report about them."""

from campaigns.models.campaign import AudienceRule, Campaign, LeftOut
from campaigns.models.delivery import AuditEntry, DeliveryEvent, Heartbeat
from campaigns.models.segment import Segment
from campaigns.models.sending import Attempt, Batch, Bulk, Message, ProviderRef, StatusCount, TimelinePoint
from campaigns.models.witness import Witness

__all__ = [
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
    "TimelinePoint",
    "Witness",
]
