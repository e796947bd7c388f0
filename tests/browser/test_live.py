"""A campaign's page in Chromium while it goes out: it follows, leaves a hidden tab alone, and stops at the end."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from campaigns.models import Campaign, Message
from campaigns.querysets import Move
from campaigns.states import CampaignStatus, MessageStatus
from tests import builders
from tests.campaigns.screens import campaign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TICK = "document.body.dispatchEvent(new Event('tick'))"


def move(campaign: Campaign, old: MessageStatus, new: MessageStatus) -> None:
    ids = Message.objects.of(campaign).filter(status=old).values_list("pk", flat=True)
    moves = [Move(pk, new, cost=900) for pk in ids]
    Message.objects.move(moves, campaign_id=campaign.pk, old=old, account_id=campaign.line.account_id)


def end(campaign: Campaign, ago: dt.timedelta = dt.timedelta(0)) -> None:
    Campaign.objects.move(campaign.pk, CampaignStatus.COMPLETED, finished_at=timezone.now() - ago)


def bucket(page: Page, status: str) -> str:
    return f"#bucket-{status} b[data-number]"


def test_what_happens_appears_and_nothing_is_asked_for_after_the_end(member: Page) -> None:
    page, campaign = member, campaign_in(CampaignStatus.RUNNING)
    page.goto(f"/campaigns/{campaign.pk}/")
    expect(page.locator(bucket(page, "pending"))).to_have_attribute("data-number", "3")
    move(campaign, MessageStatus.PENDING, MessageStatus.ACCEPTED)
    expect(page.locator(bucket(page, "accepted"))).to_have_attribute("data-number", "3", timeout=30_000)
    move(campaign, MessageStatus.ACCEPTED, MessageStatus.DELIVERED)
    end(campaign)
    expect(page.locator("#live[data-status=completed]")).to_be_visible(timeout=30_000)
    expect(page.locator(bucket(page, "delivered"))).to_have_attribute("data-number", "3")
    assert page.locator("#live[hx-get]").count() == 0
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for _tick in range(3):
        page.evaluate(TICK)
    page.evaluate("new Promise((done) => setTimeout(done, 200))")
    assert [url for url in asked if "/live/" in url] == []
    expect(page.locator("#head button[commandfor=pause]")).to_have_count(0)


def test_an_ended_campaign_is_followed_while_reports_are_awaited(member: Page) -> None:
    page, campaign = member, campaign_in(CampaignStatus.RUNNING)
    move(campaign, MessageStatus.PENDING, MessageStatus.SENT)
    end(campaign)
    page.goto(f"/campaigns/{campaign.pk}/")
    move(campaign, MessageStatus.SENT, MessageStatus.DELIVERED)
    expect(page.locator(bucket(page, "delivered"))).to_have_attribute("data-number", "3", timeout=30_000)
    assert page.locator("#live[hx-get]").count() == 0


def test_long_after_the_end_nothing_is_awaited(member: Page) -> None:
    page, campaign = member, campaign_in(CampaignStatus.RUNNING)
    move(campaign, MessageStatus.PENDING, MessageStatus.SENT)
    end(campaign, dt.timedelta(hours=2))
    page.goto(f"/campaigns/{campaign.pk}/")
    assert page.locator("#live[hx-get]").count() == 0


def test_a_hidden_tab_asks_for_nothing_and_catches_up_when_it_is_seen(member: Page) -> None:
    page, campaign = member, campaign_in(CampaignStatus.RUNNING)
    page.clock.install()
    page.goto(f"/campaigns/{campaign.pk}/")
    page.evaluate("Object.defineProperty(document, 'hidden', {configurable: true, get: () => window.away})")
    page.evaluate("window.away = true")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(30_000)
    assert asked == []
    page.evaluate("window.away = false")
    with page.expect_request(lambda request: "/live/" in request.url, timeout=30_000):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_the_open_dialog_keeps_its_number_and_the_unfolded_table_stays_open(member: Page) -> None:
    page, campaign = member, campaign_in(CampaignStatus.RUNNING, 5)
    move(campaign, MessageStatus.PENDING, MessageStatus.ACCEPTED)
    page.goto(f"/campaigns/{campaign.pk}/")
    page.click("#course-numbers summary")
    with page.expect_response(lambda response: "/live/" in response.url, timeout=30_000):
        page.evaluate(TICK)
    expect(page.locator("#course-numbers table")).to_be_visible()
    page.click("#head button[commandfor=pause]")
    expect(page.locator("dialog#pause .open-count")).to_have_text("۰")
    assert builders.counts(campaign) == {"accepted": 5}
