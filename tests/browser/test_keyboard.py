"""From the sign-in to the launch with the keyboard alone, and it is seen where the focus is at each stop."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from campaigns.models import AuditEntry, Campaign
from tests import builders

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "a-password-of-the-tests"
NEXT = "#compose button.btn-primary[name=next]"
STOPS = 80  # of a page, at most
# What has the focus, where a person would not see it; empty where all is well. A ring may be around a label, or be
# drawn by the page at what stands for a hidden box.
UNSEEN = """() => {
    const it = document.activeElement;
    if (it === document.body) return "";
    const seen = (each) => {
        const box = each.getBoundingClientRect(), style = getComputedStyle(each);
        const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
        return inside && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    };
    const around = [it, it.closest("label"), ...(it.labels ?? [])].filter(Boolean);
    return around.some(seen) ? "" : it.outerHTML.slice(0, 120);
}"""


def reach(page: Page, selector: str) -> None:
    """Press Tab until the focus is on this, looking at each stop whether it can be seen."""
    for _stop in range(STOPS):
        assert page.evaluate(UNSEEN) == ""
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not reach {selector}")


def press(page: Page, selector: str, key: str = "Enter") -> None:
    reach(page, selector)
    page.keyboard.press(key)


def write(page: Page, selector: str, text: str) -> None:
    reach(page, selector)
    page.keyboard.type(text)


def compose(page: Page) -> None:
    write(page, "#id_name", "یلدا")
    press(page, "input[name=include]", "Space")
    press(page, NEXT)
    page.wait_for_url("**/edit/text/")
    write(page, "#id_text", "سلام {first_name}")
    page.keyboard.press("Escape")  # of what is offered while a placeholder is typed
    press(page, NEXT)
    page.wait_for_url("**/edit/sending/")
    press(page, "input[name=line]", "Space")
    press(page, NEXT)
    page.wait_for_url(re.compile(r"/campaigns/\d+/$"))


@pytest.mark.parametrize("viewport", [(1440, 900), (390, 844)], ids=["1440", "390"])
def test_the_keyboard_alone_leads_to_the_launch(page: Page) -> None:
    User.objects.create_superuser("modir", password=PASSWORD)
    book = builders.phonebook(builders.contacts(3, first_name="سارا"))
    builders.line(builders.account())
    page.goto("/")
    write(page, "#id_username", "modir")
    write(page, "#id_password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda address: "login" not in address)
    press(page, "main a[href='/campaigns/new/']")
    page.wait_for_url("**/campaigns/new/")
    compose(page)
    press(page, "button[commandfor=launch]")
    expect(page.locator("dialog#launch")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog#launch")).not_to_be_visible()
    expect(page.locator("button[commandfor=launch]")).to_be_focused()
    page.keyboard.press("Enter")
    press(page, "dialog#launch form[method=post] button")
    expect(page.locator("#live")).to_be_visible()
    assert Campaign.objects.get().rules.get().phonebook == book
    assert AuditEntry.objects.filter(action="launched").count() == 1
