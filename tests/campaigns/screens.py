"""Who looks at the screens in the tests, and what they look at."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from campaigns import checking, lifecycle
from campaigns.models import Batch, Campaign, Message
from campaigns.states import BatchStatus, CampaignStatus, MessageStatus
from providers.models import SenderLine
from tests import builders

FROM_DRAFT = {
    CampaignStatus.DRAFT: [],
    CampaignStatus.PENDING_APPROVAL: [CampaignStatus.PENDING_APPROVAL],
    CampaignStatus.REJECTED: [CampaignStatus.PENDING_APPROVAL, CampaignStatus.REJECTED],
    CampaignStatus.SCHEDULED: [CampaignStatus.SCHEDULED],
    CampaignStatus.PREPARING: [CampaignStatus.PREPARING],
}

FIELDS = {  # of the composer's steps; the first has all others
    "audience": (),
    "text": ("text", "file", "kept_file", "remove_file", "copy_text", "is_secure"),
    "sending": (
        *("line", "fallback_line", "failover_line", "when", "scheduled_at", "provider_keeps_time"),
        *("expires_at", "messages_per_minute", "pilot_size"),
    ),
}


def client_of(name: str, *permissions: str) -> Client:
    """A signed-in person with these permissions of the campaigns app."""
    user = User.objects.create_user(name, password="irrelevant")
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def owner() -> Client:
    """Somebody who may do everything with campaigns."""
    permissions = ("add_campaign", "change_campaign", "delete_campaign", "launch_campaign", "see_numbers")
    return client_of("owner", *permissions)


def exporter() -> Client:
    """Somebody who may export messages with their numbers, and reads English."""
    client = client_of("exporter", "export_message", "see_numbers")
    client.cookies["django_language"] = "en"
    return client


def table_of(response: Any) -> list[list[str]]:
    """The header and the rows of a CSV that was downloaded."""
    assert response.status_code == 200
    content = b"".join(response.streaming_content)
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def exported(client: Client, campaign: Campaign, **filters: Any) -> list[list[str]]:
    """A campaign's recipients as a file that comes at once."""
    return table_of(client.post(f"/campaigns/{campaign.pk}/export/", filters))


def campaign_in(status: CampaignStatus, size: int = 3) -> Campaign:
    """A campaign that stands in a status, with ``size`` recipients where it has been frozen."""
    begun = Campaign.objects.count()
    rule = builders.include(builders.phonebook(builders.contacts(size, start=1_000 * begun), name=f"book {begun}"))
    over = builders.line(builders.account(name=f"account {begun}"))
    if status in FROM_DRAFT:
        campaign = builders.draft(over, rule)
        for step in FROM_DRAFT[status]:
            Campaign.objects.move(campaign.pk, step, scheduled_at=timezone.now() + dt.timedelta(hours=2))
    else:
        campaign = builders.running(over, rule)
        if status is not CampaignStatus.RUNNING:
            Campaign.objects.move(campaign.pk, status)
    return builders.refreshed(campaign)


def unclear(requests: int = 2, line: SenderLine | None = None, **fields: Any) -> Campaign:
    """A campaign with so many unclear requests of two messages each; as rows, without a provider."""
    begun = Campaign.objects.count()
    over = line or builders.line(builders.account(name=f"account {begun}", batch_size=2))
    people = builders.contacts(2 * requests, start=1_000 * begun)
    campaign = builders.running(over, builders.include(builders.phonebook(people, f"book {begun}")), **fields)
    Batch.objects.filter(campaign=campaign).update(
        status=BatchStatus.UNKNOWN, pending=0, unclear=2, attempt=1, code="read_timeout", claimed_at=timezone.now()
    )
    Message.objects.of(campaign).update(status=MessageStatus.UNKNOWN)
    campaign.counts.filter(status=MessageStatus.PENDING).update(status=MessageStatus.UNKNOWN)
    lifecycle.finish(campaign.pk)
    return builders.refreshed(campaign)


def filled(line: Any, *books: Any, **changes: Any) -> dict[str, Any]:
    """The composer's steps as somebody has filled them in."""
    return {
        "name": "یلدا",
        "source": line.account_id if checking.keeps_audience(line) else "ours",
        "line": line.pk,
        "include": [book.pk for book in books],
        "text": "سلام {first_name|مشتری} عزیز",
        "token": "2f1c8f0e-4a53-4c3c-9f6e-7f8f6f1f0a11",
        **changes,
    }


def part_of(step: str, sent: dict[str, Any]) -> dict[str, Any]:
    """What of a filled-in composer stands on a step."""
    elsewhere = {name for other, names in FIELDS.items() if other != step for name in names}
    own = FIELDS.get(step)
    return {name: value for name, value in sent.items() if (name in own if own else name not in elsewhere)}


def walk(client: Client, sent: dict[str, Any], campaign: Campaign | None = None) -> Any:
    """Go through the composer step by step; the answer of the first step that refuses, or else of the last."""
    address = f"/campaigns/{campaign.pk}/edit/audience/" if campaign else "/campaigns/new/"
    while True:
        key = re.search(r"/campaigns/(\d+)/", address)
        step = "audience" if address == "/campaigns/new/" else address.rstrip("/").rpartition("/")[2]
        revision = Campaign.objects.get(pk=int(key[1])).revision if key else 0
        answer = client.post(address, part_of(step, sent) | {"next": "1", "revision": revision})
        if answer.status_code != 302 or not answer.headers["Location"].partition("/edit/")[1]:
            return answer
        address = answer.headers["Location"]
