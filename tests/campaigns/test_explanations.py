"""Beside the provider's code and words stands what they mean: in notices, in the list of recipients, on a message."""

from __future__ import annotations

import html

import pytest
from django.test import Client

from campaigns.models import Campaign, Message
from campaigns.states import CampaignStatus, MessageStatus, Reason
from providers.models import ProviderAccount
from tests.campaigns.screens import campaign_in, owner

pytestmark = pytest.mark.django_db
MEANING = "The message did not reach the phone: it was off or out of reach."
NEXT_STEP = "If it matters, send to this number again later or in another way."


@pytest.fixture
def reader() -> Client:
    client = owner()
    client.cookies["django_language"] = "en"
    return client


def page(client: Client, address: str) -> str:
    return html.unescape(client.get(address).content.decode())


def undelivered(code: str = "11", words: str = "نرسیده به گیرنده") -> Message:
    """A message that stands as not delivered, with a code and words of the provider."""
    campaign = campaign_in(CampaignStatus.RUNNING)
    rows = Message.objects.of(campaign)
    rows.update(status=MessageStatus.UNDELIVERED, reason=Reason.REPORTED, provider_code=code, provider_text=words)
    message = rows.order_by("pk").first()
    assert message is not None
    return message


def test_a_list_tells_what_a_code_means_in_one_sentence(reader: Client) -> None:
    message = undelivered()
    shown = page(reader, f"/campaigns/{message.campaign_id}/").partition('id="recipients"')[2]
    assert (MEANING in shown, NEXT_STEP in shown) == (True, False)
    assert "نرسیده به گیرنده" in shown


def test_a_list_keeps_our_reason_where_nothing_is_known_of_a_code(reader: Client) -> None:
    message = undelivered("9999", "?")
    assert "The provider reported it." in page(reader, f"/campaigns/{message.campaign_id}/")


def test_a_message_tells_the_meaning_and_the_next_step(reader: Client) -> None:
    shown = page(reader, f"/messages/{undelivered().pk}/")
    assert (MEANING in shown, NEXT_STEP in shown) == (True, True)
    assert "نرسیده به گیرنده" in shown


def test_a_word_of_ours_is_not_said_to_be_the_providers(reader: Client) -> None:
    shown = page(reader, f"/messages/{undelivered('not_iranian_mobile', '').pk}/")
    assert "This is no Iranian mobile number" in shown
    assert "The provider says" not in shown


def test_a_stopped_account_is_explained_in_the_campaigns_notice(reader: Client) -> None:
    campaign = campaign_in(CampaignStatus.RUNNING)
    ProviderAccount.objects.open_breaker(campaign.line.account_id, "418", "اعتبار کافی نیست")
    shown = page(reader, f"/campaigns/{campaign.pk}/live/")
    assert "The credit at the provider is used up." in shown
    assert "اعتبار کافی نیست" in shown


def test_a_pause_by_the_provider_is_explained(reader: Client) -> None:
    campaign = campaign_in(CampaignStatus.RUNNING)
    Campaign.objects.move(campaign.pk, CampaignStatus.PAUSED, pause_code="414", pause_text="بیش از حد")
    shown = page(reader, f"/campaigns/{campaign.pk}/live/")
    assert "Set fewer recipients a request for the account" in shown
    assert "بیش از حد" in shown
