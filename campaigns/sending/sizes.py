"""How a campaign's recipients are cut into batches: as its lines, their providers and their paces allow."""

from __future__ import annotations

import math
from typing import NamedTuple

from django.conf import settings

from campaigns.models import Campaign
from providers import registry
from providers.models import SenderLine


class Plan(NamedTuple):
    """How a campaign's recipients are cut into batches: a first one of ``pilot``, the rest of ``size`` each.

    Who is known not to be on the first line's channel goes to the fallback line at once, in batches of ``fallback``.
    """

    pilot: int
    size: int
    fallback: int = 1

    def batch_number(self, row: int) -> int:
        """The batch of the recipient at this place (from 1); batch 0 is the pilot."""
        return 0 if row <= self.pilot else 1 + (row - self.pilot - 1) // self.size


def plan_for(campaign: Campaign, personal: bool) -> Plan:
    """The batches that a campaign's lines allow."""
    size = batch_size(campaign.line, personal)
    if campaign.messages_per_minute:  # a batch that takes longer than a minute's turn would come in bursts
        size = min(size, campaign.messages_per_minute)
    fallback = batch_size(campaign.fallback_line, personal) if campaign.fallback_line else 1
    return Plan(min(settings.SEND_PILOT_SIZE, size), size, fallback)


def batch_size(line: SenderLine, personal: bool) -> int:
    """How many recipients make a batch on a line.

    What its provider takes in a request, or in a group of requests what its pace lets out in one slice; with a daily
    cap a tenth of it at most, for a batch that no longer fits today waits for tomorrow as a whole.
    """
    account = line.account
    limits = registry.provider_class(account.slug).capabilities
    if limits.single:
        pace = account.requests_per_second or limits.pace
        size = min(account.batch_size or limits.group, limits.max_batch)
        size = min(size, math.ceil(pace * settings.SEND_SLICE)) if pace else size
    else:
        most = limits.max_personalised if personal else limits.max_recipients
        size = min(account.batch_size or settings.SEND_BATCH_SIZE, most)
    return max(1, min(size, line.daily_cap // 10) if line.daily_cap else size)
