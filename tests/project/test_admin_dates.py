"""The admin writes a row's dates in the calendar of the reader."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.test import Client

from campaigns.models import Campaign
from campaigns.states import CampaignStatus
from contacts.models import Contact
from tests.campaigns.screens import campaign_in

pytestmark = pytest.mark.django_db
MOMENT = dt.datetime(2026, 3, 21, 6, 0, tzinfo=dt.UTC)
IN_PERSIAN, IN_ENGLISH = "۱۴۰۵/۰۱/۰۱، ۰۹:۳۰", "21 Mar 2026, 09:30"


def page_of(address: str, language: str) -> str:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="irrelevant"))
    client.cookies["django_language"] = language
    return client.get(address).content.decode()


@pytest.mark.parametrize(("language", "shown"), [("fa", IN_PERSIAN), ("en", IN_ENGLISH)])
def test_a_page_that_nobody_may_change_writes_its_dates(language: str, shown: str) -> None:
    campaign = campaign_in(CampaignStatus.RUNNING)
    Campaign.objects.filter(pk=campaign.pk).update(started_at=MOMENT)
    assert shown in page_of(f"/admin/campaigns/campaign/{campaign.pk}/change/", language)


@pytest.mark.parametrize(("language", "shown"), [("fa", IN_PERSIAN), ("en", IN_ENGLISH)])
def test_a_page_with_a_form_writes_the_dates_it_keeps(language: str, shown: str) -> None:
    contact = Contact.objects.create(phone="+989120000001")
    Contact.objects.filter(pk=contact.pk).update(created_at=MOMENT)
    assert shown in page_of(f"/admin/contacts/contact/{contact.pk}/change/", language)
