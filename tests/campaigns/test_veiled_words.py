"""What a provider says of a message may name its number: it stays hidden from who may not see numbers."""

from __future__ import annotations

import pytest
from django.utils import timezone

from campaigns.models import Campaign, DeliveryEvent, Message
from campaigns.states import CampaignStatus, MessageStatus
from tests.campaigns.screens import campaign_in, client_of

pytestmark = pytest.mark.django_db
NUMBER = "09120000777"


@pytest.fixture
def message() -> Message:
    """A message that was refused with its number in the provider's words, in its report as well."""
    campaign = campaign_in(CampaignStatus.PAUSED)
    Campaign.objects.update(pause_code="x", pause_text=f"{NUMBER} is wrong")
    found = Message.objects.of(campaign).order_by("pk")[0]
    account, words = campaign.line.account, f"{NUMBER} is off"
    facts = {"status": MessageStatus.UNDELIVERED, "provider_code": "7", "provider_text": words}
    Message.objects.filter(pk=found.pk).update(account=account, provider_ref="777", **facts)
    event = {"report": "undelivered", "code": "7", "words": words, "received_at": timezone.now()}
    DeliveryEvent.objects.create(account=account, provider_ref="777", **event)
    return found


@pytest.mark.parametrize("address", ["/messages/", "/messages/{}/", "/campaigns/{}/", "/"])
def test_a_number_in_the_providers_words_is_hidden(message: Message, address: str) -> None:
    path = address.format(message.campaign_id if "campaigns" in address else message.pk)
    hidden = client_of("viewer").get(path).content.decode()
    shown = client_of("composer", "see_numbers").get(path).content.decode()
    assert NUMBER not in hidden
    assert NUMBER in shown
