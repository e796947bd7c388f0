"""A campaign's file in Chromium: seen before it leaves, held back where the line would not take it, and played."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pytest_django.fixtures import Settings

from campaigns.models import Campaign
from contacts.models import Phonebook
from providers.models import SenderLine
from tests import builders, uploads
from tests.browser import steps
from tests.campaigns import lines

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FILM = Path(__file__).with_name("film.mp4")  # two seconds of colours in VP9
CHOOSER = "input[type=file]"


@pytest.fixture
def book() -> Phonebook:
    return builders.phonebook(builders.contacts(1, first_name="سارا"))


@pytest.fixture
def safir() -> SenderLine:
    return lines.line("safir")


@pytest.fixture
def compose(member: Page, book: Phonebook, settings: Settings, tmp_path: Path) -> Callable[[SenderLine], Page]:
    """Opens the text step of a draft on this line."""
    settings.UPLOAD_DIR = tmp_path / "uploads"

    def compose(line: SenderLine) -> Page:
        draft = builders.draft(line, builders.include(book))
        member.goto(f"/campaigns/{draft.pk}/edit/text/")
        return member

    return compose


def chosen(page: Page, name: str, content: bytes) -> None:
    page.set_input_files(CHOOSER, {"name": name, "mimeType": "image/png", "buffer": content})


def test_a_picture_is_seen_before_it_is_uploaded(compose: Callable[[SenderLine], Page], safir: SenderLine) -> None:
    page = compose(safir)
    chosen(page, "یلدا.png", uploads.PNG)
    picture = page.locator("[x-ref=picture]")
    expect(picture).to_be_visible()
    assert picture.evaluate("async picture => { await picture.decode(); return picture.naturalWidth; }") == 1
    assert page.locator(CHOOSER).get_attribute("accept").startswith(".jpeg,.jpg,.png")  # type: ignore[union-attr]
    steps.go_on(page, "sending")
    page.go_back()
    assert page.locator("[data-file] img[src^='/files/']").evaluate("picture => picture.naturalWidth") == 1


def test_a_film_plays_from_any_place(compose: Callable[[SenderLine], Page], safir: SenderLine) -> None:
    page = compose(safir)
    page.set_input_files(CHOOSER, FILM)
    steps.go_on(page, "sending")
    steps.go_on(page, "review")
    wound = """film => new Promise((done, fail) => {
        film.onerror = () => fail(film.error.message);
        film.onseeked = () => done(film.currentTime);
        film.onloadeddata = () => { film.currentTime = 1; };
        film.load();
    })"""
    assert page.locator("video").evaluate(wound) == 1


@pytest.mark.parametrize(
    ("name", "content"), [("a.pdf", b"%PDF-1.7"), ("a.png", b""), ("a.png", bytes((15 << 20) + 1)), ("png", b"x")]
)
def test_what_the_line_does_not_take_stays_here(
    compose: Callable[[SenderLine], Page], name: str, content: bytes
) -> None:
    page = compose(lines.line("najva", channel="bale"))
    chosen(page, name, content)
    expect(page.locator("#file-problem")).to_have_text(re.compile("."))
    page.click("#compose button[name=save]")
    expect(page.locator(CHOOSER)).to_be_focused()
    page.click("[x-data=attachment] button")
    page.click("#compose button[name=save]")
    page.wait_for_url("**/campaigns/")
    assert Campaign.objects.get().file is None


def test_a_line_that_does_not_take_the_file_says_so_and_the_others_stay(
    compose: Callable[[SenderLine], Page], safir: SenderLine
) -> None:
    najva, sms = lines.line("najva", channel="bale"), lines.line("gosms")
    page = compose(safir)
    chosen(page, "a.pdf", uploads.PDF)
    steps.go_on(page, "sending")
    expect(page.locator(f"input[name=line][value='{safir.pk}']")).to_be_checked()
    for other in (najva, sms):
        expect(page.locator(f"input[name=line][value='{other.pk}']")).to_be_disabled()
    steps.go_on(page, "review")
