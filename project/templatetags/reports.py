"""Delivery reports of an account, for its page: ``{% unmatched_reports account as number %}``."""

from __future__ import annotations

from django import template

from campaigns.models import DeliveryEvent
from providers.models import ProviderAccount

register = template.Library()


@register.simple_tag
def unmatched_reports(account: ProviderAccount) -> int:
    """How many reports of the account have matched no message in 30 days; counted in an index of these alone."""
    return DeliveryEvent.objects.filter(account=account, result=DeliveryEvent.Result.UNMATCHED).count()
