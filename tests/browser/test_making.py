"""A test, a copy and a further try in Chromium: what the dialogs say as they are filled in, and what comes of them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from campaigns import lifecycle
from campaigns.models import Batch, Campaign
from campaigns.states import BatchStatus
from providers.models import Tariff
from tests import builders
from tests.browser import steps

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def campaign(member: Page) -> Campaign:
    """A draft to three people named مریم, before the eyes of an administrator; 100 rial a part."""
    over = builders.line(builders.account())
    Tariff.objects.create(line=over, operator=0, encoding="ucs2", rial_per_part=100)
    people = builders.contacts(3, first_name="مریم")
    return builders.draft(over, builders.include(builders.phonebook(people)), text="سلام {first_name|دوست}")


@pytest.mark.parametrize("viewport", [(1440, 900), (390, 844)])
def test_a_test_says_what_it_costs_and_then_what_became_of_it(page: Page, campaign: Campaign) -> None:
    page.goto(campaign.get_absolute_url())
    page.click("#test-send")
    page.fill("#test-numbers", "x")
    expect(page.locator("#test-sum [role=alert]")).to_be_visible()
    page.fill("#test-numbers", "09350000001\n09350000002")
    expect(page.locator("#test-sum")).to_contain_text("سلام دوست")
    page.select_option("#test-reader", index=1)
    expect(page.locator("#test-sum")).to_contain_text("سلام مریم")
    assert steps.number(page.locator("#test-sum dd").last.text_content()) == 200
    page.click("#test-submit")
    expect(page.locator("#test-form")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator("#tests li li")).to_have_count(2)
    test = Campaign.objects.get(is_test=True)
    lifecycle.cancel(test.pk)
    expect(page.locator("#tests[hx-trigger*=tick]")).to_have_count(0)
    assert test.text == "سلام مریم"


def test_a_further_try_counts_what_is_ticked(page: Page, campaign: Campaign) -> None:
    lifecycle.launch(campaign.pk)
    lifecycle.prepare(campaign.pk)
    lifecycle.cancel(campaign.pk)
    page.goto(campaign.get_absolute_url())
    page.click(f"#again-{campaign.pk}")
    expect(page.locator("#again-sum [data-sum='3']")).to_be_visible()
    page.uncheck("[name=outcome]")
    expect(page.locator("#again-sum [data-sum='0']")).to_be_visible()
    page.check("[name=outcome]")
    expect(page.locator("#again-sum [data-sum='3']")).to_be_visible()
    page.click("button[form=again-form]")
    page.wait_for_url(f"**/campaigns/{campaign.pk + 1}/")
    assert Campaign.objects.get(made_from=campaign).text == campaign.text


def test_a_copy_is_made_of_the_dialog(page: Page, campaign: Campaign) -> None:
    page.goto(campaign.get_absolute_url())
    page.click(f"#clone-{campaign.pk}")
    page.fill("#clone-name", "بهار")
    page.click("button[form=clone-form]")
    page.wait_for_url("**/edit/**")
    assert Campaign.objects.get(made_from=campaign).name == "بهار"


def test_a_pilot_is_let_go_on_from_its_page(member: Page) -> None:
    page = member
    campaign = builders.campaign_of(None, 12, pilot_size=3)
    Batch.objects.filter(campaign=campaign, in_pilot=True).update(status=BatchStatus.DONE, pending=0)
    lifecycle.finish(campaign.pk)
    page.goto(campaign.get_absolute_url())
    page.click("[commandfor=resume]")
    page.locator("#resume form[method=post] button").click()
    expect(page.locator("[data-status=running]")).to_be_visible()
    assert builders.refreshed(campaign).pilot_released_at
