"""A draft that is saved in the admin, while somebody else sends it on its way or composes it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from campaigns import drafting, lifecycle
from campaigns.models import Campaign
from campaigns.states import CampaignStatus
from tests import builders
from tests.campaigns.approvals import priced_draft

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def campaign() -> Campaign:
    return priced_draft()


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="irrelevant"))
    return client


def form(campaign: Campaign) -> dict[str, Any]:
    """The admin's form of a draft as it is sent, with another text."""
    rules = {"rules-TOTAL_FORMS": 0, "rules-INITIAL_FORMS": 0}
    return {"name": campaign.name, "line": campaign.line_id, "text": "something else", **rules}


def saved(client: Client, campaign: Campaign) -> int:
    address = reverse("admin:campaigns_campaign_change", args=[campaign.pk])
    try:
        return client.post(address, form(campaign)).status_code
    finally:
        connection.close()


def test_what_is_launched_meanwhile_stays_launched_and_as_it_was(client: Client, campaign: Campaign) -> None:
    client.get(reverse("admin:campaigns_campaign_change", args=[campaign.pk]))
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            lifecycle.launch(campaign.pk)
            saving = pool.submit(saved, client, campaign)
            wait([saving], timeout=2)
        assert saving.result(60) == 403
    now = builders.refreshed(campaign)
    assert (now.status, now.text) == (CampaignStatus.PREPARING, campaign.text)


def test_a_step_that_was_open_meanwhile_is_out_of_date(client: Client, campaign: Campaign) -> None:
    assert saved(client, campaign) == 302
    with pytest.raises(drafting.Outdated):
        drafting.revise(campaign.pk, revision=campaign.revision, text="of an older form")
    assert builders.refreshed(campaign).text == "something else"
