"""Every page in Chromium: nothing on the console, nothing sideways, one heading; and what habits must not do."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import resolve
from playwright.sync_api import Page, expect

from campaigns.composing import segments
from campaigns.models import AuditEntry, Campaign
from providers.sandbox import running_sandbox
from tests import builders
from tests.browser import accessibility, steps
from tests.browser.addresses import NO_PAGES, every_page
from tests.project import test_access

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WIDE, PHONE = (1440, 900), (390, 844)
# Everything that a person who sees, hears or scrolls would stumble over; empty where all is well.
STUMBLES = """() => {
    const found = [], html = document.documentElement, page = document.scrollingElement;
    const named = (control) => control.labels?.length || control.getAttribute("aria-label") || control.title;
    if (page.scrollWidth > innerWidth) found.push(`${page.scrollWidth} px wide`);
    if (document.querySelectorAll("h1").length !== 1) found.push("not one h1");
    if (!document.title.trim() || document.title.trim().startsWith("·")) found.push("no title");
    for (const picture of document.querySelectorAll("svg, img, canvas")) {
        const hidden = picture.closest("[aria-hidden=true]") || picture.getAttribute("alt") === "";
        if (!hidden && !picture.getAttribute("aria-label")) found.push(picture.outerHTML.slice(0, 90));
    }
    for (const control of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
        if (!named(control)) found.push(`no label: ${control.outerHTML.slice(0, 90)}`);
    return [...found, `${html.lang} ${html.dir}`];
}"""

DRAWN = (
    "document.fonts.ready.then(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))"
)


@pytest.fixture
def finished() -> Iterator[Campaign]:
    """A campaign that a provider took."""
    with running_sandbox() as sandbox:
        over = builders.line(builders.account(sandbox, name="taken"), sender="30001")
        book = builders.phonebook(
            builders.contacts(30, start=100, first_name="علی", attributes={"city": "قم"}), "book 2"
        )
        campaign = builders.running(over, builders.include(book))
        builders.send_all(campaign)
        yield campaign


def speak(page: Page, language: str) -> None:
    """As after a choice in the language menu."""
    site = page.context.cookies()[0]["domain"]
    name = settings.LANGUAGE_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": language, "domain": site, "path": "/"}])


@pytest.fixture
def addresses(draft: Campaign, finished: Campaign, member: Page) -> list[str]:
    return every_page(draft, finished, User.objects.get(username="modir"))


def test_every_page_is_looked_at(addresses: list[str]) -> None:
    client = Client()
    client.force_login(User.objects.get(username="modir"))
    answered = {name for name, sample in test_access.addresses() if client.get(sample).status_code != 405}
    looked_at = {resolve(urlsplit(address).path).view_name for address in addresses}
    assert answered - looked_at == NO_PAGES.keys()


def stumbles(page: Page, address: str) -> list[str]:
    answer = page.goto(address)
    assert answer is not None
    assert answer.status == 200, (address, answer.status)
    page.evaluate(DRAWN)
    found: list[str] = accessibility.violations(page) + page.evaluate(STUMBLES)
    return [f"{address}: {what}" for what in found]


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("viewport", "theme", "language"),
    [(WIDE, "light", "fa rtl"), (WIDE, "dark", "en ltr"), (PHONE, "dark", "fa rtl"), (PHONE, "light", "ru ltr")],
    ids=["light", "dark-english", "390-dark", "390-russian"],
)
def test_nobody_stumbles_on_any_page(member: Page, addresses: list[str], theme: Any, language: str) -> None:
    member.emulate_media(color_scheme=theme)
    speak(member, language[:2])
    found = [what for address in addresses for what in stumbles(member, address)]
    assert found == [f"{address}: {language}" for address in addresses]


def test_the_pages_without_a_session_are_whole_too(page: Page, page_problems: list[str]) -> None:
    assert stumbles(page, "/login/") == ["/login/: fa rtl"]
    assert accessibility.violations(page) == []
    page.goto("/nowhere/")
    assert accessibility.violations(page) == []
    assert page.evaluate(STUMBLES) == ["fa rtl"]
    page_problems[:] = [problem for problem in page_problems if "404" not in problem]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_admin_is_accessible_and_keeps_to_the_policy(
    member: Page, draft: Campaign, theme: Any, page_problems: list[str]
) -> None:
    member.emulate_media(color_scheme=theme)
    lists = ("", "campaigns/campaign/", "campaigns/message/", "contacts/contact/", "contacts/contact/add/")
    things = [
        f"{each._meta.app_label}/{each._meta.model_name}/{each.pk}/change/"
        for each in (draft, draft.line, draft.line.account, User.objects.get())
    ]
    for address in (*lists, *things):
        member.goto(f"/admin/{address}")
        expect(member.locator("html[dir=rtl] #content h1")).to_be_visible()
        assert page_problems == []
        assert accessibility.violations(member) == [], address
        page_problems.clear()  # axe's own inline styles, which the policy blocks


def test_the_theme_stays_and_is_the_admins_too(member: Page) -> None:
    member.goto("/")
    expect(member.locator("html")).to_have_attribute("data-theme", "light")
    member.locator("[data-theme-switch]").click()
    for address in ("/", "/campaigns/", "/admin/"):
        member.goto(address)
        expect(member.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_language_is_switched_on_the_same_page(member: Page) -> None:
    member.goto("/contacts/?q=x")
    member.locator("summary:has(+ form button[name=language])").click()
    member.locator("button[name=language][value=en]").click()
    expect(member.locator("html[lang=en][dir=ltr]")).to_be_attached()
    assert member.url.endswith("/contacts/?q=x")
    expect(member.locator("h1")).not_to_have_text(steps.PERSIAN)


def test_a_double_click_launches_once(member: Page, draft: Campaign) -> None:
    member.goto(draft.get_absolute_url())
    member.locator("button[commandfor=launch]").click()
    member.locator("dialog#launch form[method=post] button").dblclick()
    expect(member.locator("#live")).to_be_visible()
    expect(member.locator("main > [role=status] .alert-error")).to_have_count(0)
    assert AuditEntry.objects.filter(action="launched").count() == 1


def test_of_two_tabs_one_launches_and_the_other_is_told(member: Page, draft: Campaign) -> None:
    other = member.context.new_page()
    for tab in (member, other):
        tab.goto(draft.get_absolute_url())
    for tab in (member, other):
        steps.confirm(tab, "launch")
        tab.wait_for_selector("#live")
    expect(member.locator("main > [role=status] .alert-success")).to_have_text(steps.PERSIAN)
    expect(other.locator("main > [role=status] .alert-error")).to_have_text(steps.PERSIAN)
    assert AuditEntry.objects.filter(action="launched").count() == 1


TEXTS = [
    "", "a", "a" * 160, "a" * 161, "a" * 306, "a" * 307, "€" * 80, "€" * 81, "{}[]~|^\\\f", "\n\r\n", "@£Δ¤", "`", "ç",
    "س" * 70, "س" * 71,
    "س" * 134, "س" * 135, "س" * 132, "س" * 133, "می\u200cرود", "سلام\n", "😀" * 35, "😀" * 36, "a😀",
    "é", "e\u0301", "ي ك ة", "\u00a0", "لغو11", "1234۱۲۳۴", "👨‍👩‍👧", "\t", "a" * 159 + "€", "a" * 159 + "س",
]  # fmt: skip


@pytest.mark.parametrize("part_size", [67, 66])
def test_the_script_counts_segments_as_the_server_does(member: Page, part_size: int) -> None:
    dice = random.Random(part_size)
    mixed = ["".join(dice.choices("abcDEF €{}\nسلام😀é\u200c", k=dice.randrange(400))) for _ in range(200)]
    texts = [*TEXTS, *mixed, *("".join(dice.choices("ab€^\n ", k=dice.randrange(400))) for _ in range(200))]
    member.goto("/")
    counted = member.evaluate("([texts, part]) => texts.map((t) => chapar.segments(t, part))", [texts, part_size])
    assert counted == [segments.count(text, part_size)._asdict() for text in texts]


def test_a_file_that_is_too_large_is_told_before_it_is_uploaded(member: Page, tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text("موبایل\n09120000001\n")
    member.goto("/imports/new/")
    chooser = member.locator("input[type=file]")
    chooser.set_input_files(path)
    expect(member.locator("[data-chosen-for]")).to_have_text("customers.csv")
    assert chooser.evaluate("input => input.validationMessage") == ""
    chooser.evaluate("input => { input.dataset.maxBytes = '5'; }")
    chooser.set_input_files(path.rename(tmp_path / "everybody.csv"))
    assert chooser.evaluate("input => input.validationMessage") == chooser.get_attribute("data-too-large")
    member.fill("[name=new_name]", "customers")
    member.click("main form button.btn-primary")
    assert member.url.endswith("/imports/new/")
