"""The builder of segments in Chromium: two conditions, a live count, saved, and named in a campaign's draft."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from campaigns.models import AudienceRule, Campaign, Segment
from tests import builders

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PATIENCE = 30_000


def last_condition(page: Page, rows: int) -> Locator:
    """The last of so many conditions, once they are there."""
    found = page.locator("#conditions fieldset")
    expect(found).to_have_count(rows, timeout=PATIENCE)
    return found.last


def choose(page: Page, rows: int, name: str, value: str) -> Locator:
    """Choose in the last condition, and wait for the fields that fit the choice."""
    select = last_condition(page, rows).locator(f"select[name$={name}]")
    with page.expect_response(re.compile("/segments/rows/")):
        select.select_option(value)
    expect(last_condition(page, rows).locator(f"select[name$={name}]")).to_have_value(value, timeout=PATIENCE)
    return last_condition(page, rows)


def test_a_segment_is_built_saved_and_named_in_a_campaign(member: Page, live_server: LiveServer) -> None:
    builders.contacts(7, operator=1, attributes={"city": "تهران"}, first_name="سارا")
    builders.contacts(5, start=50, operator=2, attributes={"city": "تهران"})
    builders.contacts(3, start=90, operator=1, attributes={"city": "شیراز"})
    over = builders.line(builders.account())
    member.goto(f"{live_server.url}/segments/new/")
    member.fill("[name=name]", "تهرانی‌های همراه اول")
    row = choose(member, 1, "field", "attribute")
    row.locator("[name$=key]").fill("city")
    row.locator("[name$=value]").fill("تهران")
    expect(member.locator("#counted")).to_have_attribute("data-number", "12", timeout=PATIENCE)
    member.click("#add")
    choose(member, 2, "field", "operator").locator("input[value='1']").check()
    expect(member.locator("#counted")).to_have_attribute("data-number", "7", timeout=PATIENCE)
    expect(member.locator("#count")).to_contain_text("سارا")
    member.locator("aside button[name=save]").dblclick()
    member.wait_for_url("**/segments/")
    segment = Segment.objects.get()
    assert len(segment.conditions["conditions"]) == 2
    expect(member.locator(f"#size-{segment.pk} b")).to_have_text("۷", timeout=PATIENCE)
    use(member, live_server, over.pk, segment)


def use(page: Page, live_server: LiveServer, line: int, segment: Segment) -> None:
    """Make a draft to a segment."""
    page.goto(f"{live_server.url}/campaigns/new/")
    page.fill("[name=name]", "نوروز")
    page.click("#add-segment")
    page.locator("select[name$=-segment]").select_option(str(segment.pk))
    expect(page.locator("#count [data-recipients='7']")).to_be_visible(timeout=PATIENCE)
    page.locator("#compose button[name=save]").click()
    page.wait_for_url("**/campaigns/")
    assert AudienceRule.objects.get(campaign=Campaign.objects.get()).segment == segment
