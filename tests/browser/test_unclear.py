"""What is unclear, decided in Chromium: by keyboard, with impatient hands, in two tabs, and without script."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from campaigns.models import AuditEntry, Campaign
from tests import builders
from tests.browser import steps
from tests.campaigns.screens import unclear

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SUBMIT = "#decision button[form=decision-form]"


@pytest.fixture
def campaign(member: Page) -> Campaign:
    """A campaign with three unclear requests, before the eyes of an administrator."""
    campaign = unclear(3)
    member.goto(campaign.get_absolute_url())
    return campaign


def decisions() -> int:
    return AuditEntry.objects.filter(action__in=["counted_as_sent", "sent_again"]).count()


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.name"))


def test_a_request_is_sent_again_by_keyboard_and_only_after_a_tick(page: Page, campaign: Campaign) -> None:
    page.focus("#send-again-1")
    page.keyboard.press("Enter")
    expect(page.locator("dialog#decision")).to_be_visible()
    assert focused(page) == "looked"
    page.keyboard.press("Enter")  # submits the form, were it not for the tick
    page.keyboard.press("Escape")
    expect(page.locator("dialog#decision")).not_to_be_visible()
    assert focused(page) == "send-again-1"
    assert decisions() == 0
    page.keyboard.press("Enter")
    expect(page.locator("dialog#decision")).to_be_visible()
    page.keyboard.press("Space")
    steps.tab_to(page, SUBMIT)
    page.keyboard.press("Enter")
    expect(page.locator("main > [role=status] .alert-success")).to_be_visible()
    assert builders.counts(campaign) == {"unknown": 4, "pending": 2}


def test_the_dialog_stays_while_the_page_behind_it_changes(page: Page, campaign: Campaign) -> None:
    Campaign.objects.update(status="running", finished_at=None)
    page.reload()
    page.locator("#count-as-sent-0").click()
    expect(page.locator("dialog#decision")).to_be_visible()
    with page.expect_response(re.compile("/live/")):
        page.evaluate("document.body.dispatchEvent(new Event('tick'))")
    expect(page.locator("dialog#decision")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#count-as-sent-0")).to_be_focused()


def test_a_double_click_decides_once(page: Page, campaign: Campaign) -> None:
    page.locator("#count-as-sent").click()
    page.locator(SUBMIT).dblclick()
    expect(page.locator("main > [role=status] .alert-success")).to_be_visible()
    expect(page.locator("#unclear")).to_have_count(0)
    assert decisions() == 1


def test_of_two_tabs_one_decides_and_the_other_is_told(page: Page, campaign: Campaign) -> None:
    other = page.context.new_page()
    other.goto(campaign.get_absolute_url())
    for tab in (page, other):
        tab.locator("#send-again-2").click()
        tab.locator("[name=looked]").check()
    for tab, level in ((page, "success"), (other, "error")):
        tab.locator(SUBMIT).click()
        expect(tab.locator(f"main > [role=status] .alert-{level}")).to_be_visible()
    assert decisions() == 1


def test_the_back_button_brings_no_second_decision(page: Page, campaign: Campaign) -> None:
    page.goto(f"{campaign.get_absolute_url()}count-as-sent/?batch=0")
    submit = page.locator("button[form=decision-form]")
    submit.click()
    expect(page.locator("main > [role=status] .alert-success")).to_be_visible()
    page.go_back()
    if submit.count():  # from its cache; or asked for anew, it says that it is too late
        submit.click()
    expect(page.locator("#decision-title, main > [role=status] .alert-error").first).to_be_visible()
    assert decisions() == 1


def test_without_script_the_question_is_a_page(browser: Browser, live_server: LiveServer) -> None:
    campaign = unclear(2)
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False, locale="fa-IR")
    steps.admit(context, live_server.url, User.objects.create_superuser("modir"))
    page = context.new_page()
    page.goto(campaign.get_absolute_url())
    page.locator("#send-again-1").click()
    page.wait_for_url("**/send-again/?batch=1")
    submit = page.locator("button[form=decision-form]")
    submit.click()  # the browser asks for the tick
    assert decisions() == 0
    page.locator("[name=looked]").check()
    submit.click()
    page.wait_for_url(re.compile(r"/campaigns/\d+/$"))
    context.close()
    assert builders.counts(campaign) == {"unknown": 2, "pending": 2}
