"""The dashboard, an account and the admin in Chromium: live, usable on a phone, without a barrier in either theme."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from campaigns.models import Campaign
from campaigns.states import CampaignStatus
from providers.models import ProviderAccount, Tariff
from tests import builders
from tests.browser import accessibility
from tests.campaigns.screens import campaign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def member(page: Page, live_server: LiveServer) -> Page:
    """A page of somebody who may do everything, on a site where much needs a person."""
    client = Client()
    client.force_login(User.objects.create_superuser("modir"))
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
    campaign = campaign_in(CampaignStatus.RUNNING)
    Campaign.objects.move(campaign.pk, CampaignStatus.PAUSED, pause_code="refused_request", pause_text="نامجاز")
    account = builders.account(name="حساب اصلی", credit=10_000, low_credit=50_000)
    Tariff.objects.create(line=builders.line(account, daily_cap=1_000), rial_per_part=1_000)
    ProviderAccount.objects.open_breaker(campaign.line.account_id, "418", "اعتبار کافی نیست")
    return page


def test_the_chart_changes_its_span_without_leaving_the_page(member: Page) -> None:
    member.goto("/")
    days = member.locator("#deliveries tbody tr")
    expect(days).to_have_count(7)
    member.locator("#deliveries nav a").nth(1).click()
    expect(days).to_have_count(30)
    expect(member.locator("#deliveries nav a[aria-current]")).to_have_count(1)
    assert member.evaluate("Chart.getChart(document.querySelector('#deliveries canvas')).data.labels.length") == 30


def test_what_needs_a_person_leaves_the_page_when_it_is_settled(member: Page) -> None:
    member.goto("/")
    stopped = member.locator('[data-need="breaker"]')
    expect(stopped).to_have_count(1)
    ProviderAccount.objects.close_breaker(ProviderAccount.objects.with_open_breaker().get().pk)
    expect(stopped).to_have_count(0, timeout=30_000)
    expect(member.locator('[data-need="stopped"]')).to_have_count(1)


def test_a_need_leads_to_where_it_is_settled(member: Page) -> None:
    member.goto("/")
    member.locator('[data-need="credit"] a').click()
    expect(member.locator("h1")).to_contain_text("حساب اصلی")


@pytest.mark.parametrize("viewport", [(1440, 900), (390, 844)])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_stands_in_anybodys_way(member: Page, theme: str) -> None:
    stopped, low = ProviderAccount.objects.order_by("pk")
    member.goto("/")
    member.evaluate("(theme) => localStorage.setItem('theme', theme)", theme)
    for address in ("/", "/accounts/", f"/accounts/{stopped.pk}/", f"/accounts/{low.pk}/"):
        member.goto(address)
        assert accessibility.violations(member) == [], address
        assert member.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), address
