"""Acting on many contacts in Chromium: ticks, the dialog, the start, and the page that follows it to its end."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from contacts import bulk
from contacts.models import BulkAction, Contact, Phonebook
from tests import builders

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_all_of_a_page_are_ticked_and_put_into_a_new_phonebook(member: Page) -> None:
    page = member
    builders.contacts(60, first_name="Sara")
    page.goto("/contacts/?q=sara")
    page.check("[data-tick-all]")
    page.locator("input[name=ids]").first.uncheck()
    expect(page.locator("[data-tick-all]")).not_to_be_checked()
    page.click("button[name=kind][value=add]")
    page.fill("dialog[open] [name=to-new_name]", "VIP")
    page.press("dialog[open] [name=to-new_name]", "Enter")
    expect(page.locator("[role=status]")).to_be_visible(timeout=20_000)
    assert Phonebook.objects.get().size == 49


def test_deleting_all_that_match_asks_first_and_leaves_the_others(member: Page) -> None:
    page = member
    builders.contacts(60, first_name="Sara")
    builders.contacts(2, start=100)
    page.goto("/contacts/?q=sara")
    page.check("[name=all]")
    page.click("button[name=kind][value=delete]")
    page.click("dialog[open] button.btn-error")  # the word is missing: the browser says so
    assert Contact.objects.count() == 62
    page.check("dialog[open] [name=to-sure]")
    page.click("dialog[open] button.btn-error")
    expect(page.locator("[role=status]")).to_be_visible(timeout=20_000)
    assert Contact.objects.count() == 2


def test_the_page_of_an_action_follows_it_to_its_end(member: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk.running, "AT_ONCE", 0)
    monkeypatch.setattr(bulk.Kind, "slice_size", 10)
    book = builders.phonebook([])
    builders.contacts(20)
    action = bulk.start(BulkAction.Kind.ADD, {"filter": {}}, {"phonebook": book.pk})
    bulk.run(action.pk, deadline=0.0)
    member.goto(action.get_absolute_url())
    expect(member.locator("#live progress")).to_have_attribute("value", "50")
    bulk.run(action.pk)
    expect(member.locator("#live .badge-success")).to_be_visible(timeout=20_000)
    expect(member.locator("#live[hx-get]")).to_have_count(0)


def test_a_choice_works_without_a_script(live_server: LiveServer, member: Page) -> None:
    person = builders.contacts(1)[0]
    context = member.context.browser.new_context(base_url=live_server.url, java_script_enabled=False)  # type: ignore[union-attr]
    context.add_cookies(member.context.cookies())  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/contacts/")
    page.check(f"input[name=ids][value='{person.pk}']")
    page.click("button[name=kind][value=add]")
    page.fill("[name=to-new_name]", "VIP")
    page.click("main form button.btn-primary")
    assert Phonebook.objects.get().size == 1
    context.close()
