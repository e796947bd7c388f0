"""Until when, how fast and who takes over, on screen: the composer's section, the review, the page, the late start."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone

from campaigns import lifecycle, scheduling
from campaigns.models import Campaign
from campaigns.states import CampaignStatus
from contacts.models import Phonebook
from providers.models import ProviderAccount, SenderLine
from tests import builders
from tests.campaigns.screens import filled, owner, walk

pytestmark = pytest.mark.django_db
NEW = "/campaigns/new/"
OPEN = '<details class="panel group" open>'


@pytest.fixture
def line() -> SenderLine:
    return builders.line(builders.account())


@pytest.fixture
def stand_in() -> SenderLine:
    return builders.line(builders.account(name="Second"), "90000999")


@pytest.fixture
def book() -> Phonebook:
    return builders.phonebook(builders.contacts(2, first_name="سارا"))


@pytest.fixture
def client() -> Client:
    return owner()


def late(line: SenderLine, book: Phonebook) -> Campaign:
    """A campaign whose time has passed by hours."""
    at = timezone.now() + dt.timedelta(hours=1)
    draft = builders.draft(line, builders.include(book), scheduled_at=at)
    lifecycle.launch(draft.pk)
    past = timezone.now() - dt.timedelta(hours=5)
    Campaign.objects.update(scheduled_at=past, launched_at=past)
    scheduling.start_due()
    return draft


def test_what_is_set_is_kept_and_its_section_opens(
    client: Client, line: SenderLine, stand_in: SenderLine, book: Phonebook
) -> None:
    draft = builders.draft(line, builders.include(book))
    assert OPEN not in client.get(f"/campaigns/{draft.pk}/edit/sending/").content.decode()
    draft.delete()
    course = {"expires_at": "1500/01/01 10:00", "messages_per_minute": "30", "failover_line": str(stand_in.pk)}
    walk(client, filled(line, book, **course))
    campaign = Campaign.objects.get()
    assert (campaign.messages_per_minute, campaign.failover_line) == (30, stand_in)
    assert campaign.expires_at is not None
    page = client.get(f"/campaigns/{campaign.pk}/edit/sending/").content.decode()
    assert OPEN in page
    assert "1500/01/01 10:00" in page


@pytest.mark.parametrize(
    ("field", "value"), [("expires_at", "1400/01/01 10:00"), ("messages_per_minute", "0"), ("failover_line", "self")]
)
def test_what_cannot_be_is_said_at_its_field(
    client: Client, line: SenderLine, book: Phonebook, field: str, value: str
) -> None:
    answer = walk(client, filled(line, book, **{field: str(line.pk) if value == "self" else value}))
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert OPEN in answer.content.decode()


def test_the_review_tells_the_end_the_pace_and_the_stand_in(
    client: Client, line: SenderLine, stand_in: SenderLine, book: Phonebook
) -> None:
    end = timezone.now() + dt.timedelta(days=2)
    rule = builders.include(book)
    draft = builders.draft(line, rule, expires_at=end, messages_per_minute=30, failover_line=stand_in)
    page = client.get(f"/campaigns/{draft.pk}/").content.decode()
    assert "Second" in page
    assert "حداکثر ۳۰ پیام در دقیقه" in page
    assert client.get(f"/campaigns/{draft.pk}/").context["ends_at"] is not None


def test_a_late_campaign_asks_on_its_page_and_on_the_dashboard(
    client: Client, line: SenderLine, book: Phonebook
) -> None:
    campaign = late(line, book)
    answer = client.get(f"/campaigns/{campaign.pk}/")
    assert answer.context["controls"].keys() == {"launch", "take_back", "cancel"}
    assert campaign.name in client.get("/").content.decode()
    assert [(each.kind, each.link) for each in client.get("/").context["needs"]] == [
        ("late", campaign.get_absolute_url())
    ]
    client.post(f"/campaigns/{campaign.pk}/launch/")
    assert builders.refreshed(campaign).status == CampaignStatus.PREPARING


def test_a_scheduled_campaign_can_be_made_a_draft_again(client: Client, line: SenderLine, book: Phonebook) -> None:
    campaign = late(line, book)
    client.post(f"/campaigns/{campaign.pk}/take-back/")
    assert builders.refreshed(campaign).status == CampaignStatus.DRAFT
    assert client.get(f"/campaigns/{campaign.pk}/edit/audience/").status_code == 200


def test_an_unreachable_provider_is_told_apart_from_a_refusal(client: Client, line: SenderLine) -> None:
    for _ in range(3):
        ProviderAccount.objects.failed(line.account_id, "read_timeout")
    page = client.get(f"/accounts/{line.account_id}/").content.decode()
    assert "read_timeout" in page
    assert [each.code for each in client.get("/").context["needs"] if each.kind == "breaker"] == ["read_timeout"]
    ProviderAccount.objects.close_breaker(line.account_id)
    ProviderAccount.objects.open_breaker(line.account_id, "418", "")
    assert [each.code for each in client.get("/").context["needs"] if each.kind == "breaker"] == ["418"]
