"""What campaigns know of an account, for its page: delivery reports, and what went over its lines."""

from __future__ import annotations

from collections.abc import Iterable

from django import template

from campaigns import traffic
from campaigns.models import DeliveryEvent
from campaigns.traffic import Traffic
from providers.models import ProviderAccount, SenderLine

register = template.Library()
LATEST = 20_000  # reports of all accounts, among which an account's last one is looked for: no index leads to it


@register.simple_tag
def unmatched_reports(account: ProviderAccount) -> int:
    """How many reports of the account have matched no message in 30 days; counted in an index of these alone."""
    return DeliveryEvent.objects.filter(account=account, result=DeliveryEvent.Result.UNMATCHED).count()


@register.simple_tag
def last_report(account: ProviderAccount) -> DeliveryEvent | None:
    """The last report that the provider called with; None where none of the latest of all accounts is one."""
    newest = DeliveryEvent.objects.order_by("-pk").values_list("pk", flat=True).first()
    if newest is None:
        return None
    latest = DeliveryEvent.objects.filter(pk__gt=newest - LATEST, account=account, source=DeliveryEvent.Source.WEBHOOK)
    return latest.order_by("-pk").first()


@register.simple_tag
def with_traffic(lines: Iterable[SenderLine]) -> list[tuple[SenderLine, Traffic]]:
    """Each line with its traffic."""
    rows = list(lines)
    found = traffic.by_line(rows)
    return [(line, found[line.pk]) for line in rows]


@register.simple_tag
def traffic_together(rows: Iterable[tuple[SenderLine, Traffic]]) -> Traffic:
    """The traffic of all of these lines."""
    return traffic.together(each for _line, each in rows)


@register.simple_tag
def accounts_with_traffic(accounts: Iterable[ProviderAccount]) -> list[tuple[ProviderAccount, Traffic]]:
    """Each account with the traffic of its lines together."""
    lines: dict[int, list[Traffic]] = {account.pk: [] for account in accounts}
    for line, found in with_traffic(SenderLine.objects.filter(account__in=lines).select_related("account")):
        lines[line.account_id].append(found)
    return [(account, traffic.together(lines[account.pk])) for account in accounts]
