"""The dashboard in Chromium: it follows what happens, and leads to where things are settled."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from providers.models import ProviderAccount
from tests.browser import addresses

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def member(member: Page) -> Page:
    """The same, on a site where much needs a person."""
    addresses.needing_a_person()
    return member


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
