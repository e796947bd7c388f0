"""What a person does in the browser, step by step; found by addresses and names of fields: no wording matters."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import BrowserContext, Download, Locator, Page, expect

from interface.persian import ascii_digits

PERSIAN = re.compile("[آ-ی]")


def number(text: str | None) -> int:
    """The number that a person reads, in any digits."""
    return int(re.sub(r"\D", "", ascii_digits(text or "")) or -1)


def text_of(download: Download) -> str:
    return Path(download.path()).read_text(encoding="utf-8-sig")


def rows_of(download: Download) -> list[list[str]]:
    """A downloaded CSV file without its header."""
    return list(csv.reader(io.StringIO(text_of(download))))[1:]


def admit(context: BrowserContext, url: str, user: User) -> None:
    """Give a browser the session of somebody who has signed in at this site."""
    client, name = Client(), settings.SESSION_COOKIE_NAME
    client.force_login(user)
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": url}])


def sign_in(page: Page, name: str, password: str) -> None:
    page.fill("#id_username", name)
    page.fill("#id_password", password)
    page.locator("main form button:not([type=button]):not([name=language])").click()


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the focus is on the element that a person looks for."""
    for _press in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"the keyboard does not reach {selector}")


def open_by_menu(page: Page, address: str) -> None:
    """Go to a page by the menu; where that is folded away, by keyboard alone."""
    link = page.locator(f"aside nav a[href='{address}']")
    if page.viewport_size and page.viewport_size["width"] >= 1024:
        link.click()
    else:
        tab_to(page, "#nav")
        page.keyboard.press("Space")
        expect(link).to_be_in_viewport()
        tab_to(page, f"aside nav a[href='{address}']")
        page.keyboard.press("Enter")
    page.wait_for_url(f"**{address}")


def upload(page: Page, path: Path, phonebook: str) -> None:
    page.locator("main a[href='/imports/new/']").first.click()
    page.set_input_files("#id_file", path)
    page.fill("#id_new_name", phonebook)
    page.locator("#upload button.btn-primary").click()
    page.wait_for_url("**/mapping/")


def import_accounting(page: Page) -> list[int]:
    """The numbers under an import once it has ended: rows read, new, updated, unchanged, repeated, refused."""
    expect(page.locator("#live")).not_to_have_attribute("hx-get", re.compile("."), timeout=40_000)
    return [number(cell.text_content()) for cell in page.locator("#live dl dd").all()]


def go_on(page: Page, to: str) -> None:
    """Press the composer's button that leads on, to the step of this name or to the review."""
    page.locator("#compose button.btn-primary[name=next]").click()
    page.wait_for_url(re.compile(r"/campaigns/\d+/$" if to == "review" else rf"/campaigns/\d+/edit/{to}/$"))


def nothing(_page: Page) -> None:
    """What is done on a step where there is nothing to choose."""


def walk(
    page: Page,
    name: str,
    text: str,
    *,
    audience: Callable[[Page], None],
    extras: Callable[[Page], None] = nothing,
    sending: Callable[[Page], None] = nothing,
) -> None:
    """Go through the composer's steps to the review, filling in each."""
    page.goto("/campaigns/new/")
    page.fill("#id_name", name)
    audience(page)
    go_on(page, "text")
    page.fill("#id_text", text)
    extras(page)
    go_on(page, "sending")
    sending(page)
    go_on(page, "review")


def confirm(page: Page, action: str) -> None:
    """Press an action's button and then the one of its dialog."""
    dialog = page.locator(f"dialog#{action}")
    page.locator(f"button[commandfor={action}]").click()
    expect(dialog).to_be_visible()
    dialog.locator("form[method=post] button").click()


def buckets(page: Page) -> dict[str, int]:
    """The accounting that is on the screen at this moment; fails where it does not add up."""
    shown: tuple[list[list[str]], str] | None = page.evaluate(
        """() => {
            const total = document.querySelector("section[aria-labelledby=accounting] p b");
            const cell = (piece) => [piece.dataset.bucket, piece.querySelector("[data-number]").textContent];
            return total && [[...document.querySelectorAll("[data-bucket]")].map(cell), total.textContent];
        }"""
    )
    if shown is None:
        return {}
    found = {name: number(text) for name, text in shown[0]}
    assert sum(found.values()) == number(shown[1]), shown
    return found


def watch(page: Page, bucket: str, at_least: int, seconds: int = 60) -> list[str]:
    """Look until a bucket holds so many, checking the accounting at each look; the statuses that were seen."""
    seen: list[str] = []
    for _look in range(seconds * 5):
        status = page.locator("#live").get_attribute("data-status") or ""
        seen += [status] if status not in seen[-1:] else []
        if buckets(page).get(bucket, 0) >= at_least:
            return seen
        page.wait_for_timeout(200)
    raise AssertionError(f"{bucket} never reached {at_least}: {seen}, {buckets(page)}")


def alert_of(page: Page, field: str) -> Locator:
    """The sentence at a field."""
    return page.locator(f"section:has(#{field}) [role=alert]")
