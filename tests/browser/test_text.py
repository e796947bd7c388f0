"""The writer of a text in Chromium: chips, the phone that follows, repairs, kept texts, and a narrow screen."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from campaigns.models import Campaign, TextTemplate
from providers.models import Tariff
from tests import builders
from tests.browser import steps

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PATIENCE = 30_000
LONG = "سیده فاطمه‌زهرا موسوی خوانساری"


@pytest.fixture
def draft() -> Campaign:
    """A draft to Sara, to somebody with a long name and to somebody without one."""
    line = builders.line(builders.account())
    Tariff.objects.create(line=line, rial_per_part=1_000)
    names = ("سارا", LONG, "")
    people = [builders.contacts(1, n, first_name=name)[0] for n, name in enumerate(names)]
    return builders.draft(line, builders.include(builders.phonebook(people)), text="سلام")


@pytest.fixture
def writer(member: Page, draft: Campaign) -> Page:
    """The text step of the draft, its preview there."""
    member.goto(f"/campaigns/{draft.pk}/edit/text/")
    expect(phone(member)).to_contain_text("سلام", timeout=PATIENCE)
    return member


def phone(page: Page) -> Locator:
    """The message that is shown on the phone's screen."""
    return page.locator("#preview .chat-bubble:visible")


def text_of(page: Page) -> str:
    return page.locator("#id_text").input_value()


def test_a_chip_puts_a_placeholder_where_the_cursor_is(writer: Page) -> None:
    writer.fill("#id_text", "سلام عزیز")
    writer.evaluate("document.querySelector('#id_text').setSelectionRange(5, 5)")
    writer.fill("[data-fallback]", "{مشتری}")
    writer.click("[data-name=first_name]")
    assert text_of(writer) == "سلام {first_name|مشتری}عزیز"
    expect(writer.locator("#id_text")).to_be_focused()
    writer.keyboard.type(" ")
    expect(phone(writer)).to_have_text("سلام سارا عزیز", timeout=PATIENCE)
    for _press in range(2):
        writer.keyboard.press("Control+z")
    assert text_of(writer) == "سلام عزیز"


def test_the_keyboard_reaches_chips_and_a_recipient_who_lacks_the_word(writer: Page) -> None:
    writer.fill("#id_text", "")
    writer.focus("#choose-text")
    steps.tab_to(writer, "[data-name=first_name]")
    writer.keyboard.press("Enter")
    assert text_of(writer) == "{first_name}"
    writer.keyboard.type(" عزیز")
    expect(phone(writer)).to_have_text("سارا عزیز", timeout=PATIENCE)
    steps.tab_to(writer, "[data-show='3']")
    writer.keyboard.press("Enter")
    expect(phone(writer)).to_have_text(" عزیز")
    expect(writer.locator("[data-advice=blank]")).to_be_visible()


def test_the_recipient_who_is_looked_at_stays_while_the_text_goes_on(writer: Page) -> None:
    writer.fill("#id_text", "سلام {first_name}")
    expect(phone(writer)).to_have_text("سلام سارا", timeout=PATIENCE)
    writer.click("[data-show='2']")
    expect(phone(writer)).to_have_text(f"سلام {LONG}")
    writer.fill("#id_text", "درود {first_name}")
    expect(phone(writer)).to_have_text(f"درود {LONG}", timeout=PATIENCE)
    expect(writer.locator("[data-show='2']")).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize("text", ["سلام", "س" * 71, "Hello", "a" * 161, "سلام 🙂", "{{Hello}} €"])
def test_the_page_counts_as_the_server_does(writer: Page, text: str) -> None:
    writer.fill("#id_text", text)
    shown = text.replace("{{", "{").replace("}}", "}")
    expect(phone(writer)).to_have_text(shown, timeout=PATIENCE)
    said = writer.locator("#preview p", has_text="·").last.inner_text().split("·")
    counted = writer.locator("#counter b").all_inner_texts()
    assert [steps.number(said[1]), steps.number(said[0])] == [steps.number(each) for each in counted[:2]]


def test_a_repair_mends_the_text_and_its_caution_goes(writer: Page) -> None:
    writer.fill("#id_text", "كتاب علي {first_name}")
    writer.click("[data-advice=arabic] button", timeout=PATIENCE)
    assert text_of(writer) == "کتاب علی {first_name}"
    expect(writer.locator("[data-advice=arabic]")).to_have_count(0, timeout=PATIENCE)
    writer.keyboard.press("Control+z")
    assert text_of(writer) == "كتاب علي {first_name}"


def test_a_repair_of_an_older_text_takes_nothing_away(writer: Page) -> None:
    writer.fill("#id_text", "كتاب")
    button = writer.locator("[data-advice=arabic] button")
    expect(button).to_be_visible(timeout=PATIENCE)
    writer.evaluate(
        """() => {
            document.querySelector("#id_text").value = "كتاب تازه";
            document.querySelector("[data-advice=arabic] button").click();
        }"""
    )
    assert text_of(writer) == "كتاب تازه"
    expect(phone(writer)).to_have_text("كتاب تازه", timeout=PATIENCE)


def test_a_text_is_kept_and_used_again(writer: Page, draft: Campaign) -> None:
    writer.fill("#id_text", "یلدا مبارک {first_name|دوست}")
    writer.click("#keep-text")
    writer.fill("#keep-name", "یلدا")
    writer.press("#keep-name", "Enter")
    expect(writer.locator("#kept-says .text-success")).to_be_visible(timeout=PATIENCE)
    assert TextTemplate.objects.get().text == "یلدا مبارک {first_name|دوست}"
    writer.keyboard.press("Escape")
    writer.fill("#id_text", "")
    writer.click("#choose-text")
    writer.fill("#texts-q", "یلدا")
    writer.press("#texts-q", "Enter")
    writer.locator("#text-choices button:visible").click(timeout=PATIENCE)
    assert text_of(writer) == "یلدا مبارک {first_name|دوست}"
    draft.refresh_from_db()
    assert draft.text == "سلام"


@pytest.mark.parametrize(("choice", "text"), [(0, "سلام. بدرود"), (1, "بدرود")])
def test_what_is_written_is_lost_only_to_who_says_so(writer: Page, choice: int, text: str) -> None:
    TextTemplate.objects.create(name="پایان", text="بدرود")
    writer.fill("#id_text", "سلام. ")
    writer.click("#choose-text")
    expect(writer.locator("#text-choices button:visible")).to_have_count(2, timeout=PATIENCE)
    writer.locator("#text-choices button:visible").nth(choice).click()
    expect(writer.locator("#kept-texts")).to_be_hidden()
    assert text_of(writer) == text


def test_a_name_that_is_taken_is_told_and_nothing_is_overwritten(writer: Page) -> None:
    TextTemplate.objects.create(name="یلدا", text="همان")
    writer.click("#keep-text")
    writer.fill("#keep-name", "یلدا")
    writer.click("#keep-this [data-press]")
    expect(writer.locator("#kept-says .text-error")).to_be_visible(timeout=PATIENCE)
    assert TextTemplate.objects.get().text == "همان"


@pytest.mark.parametrize("viewport", [(390, 844)])
def test_a_narrow_screen_keeps_parts_and_cost_in_sight_and_leads_to_the_phone(writer: Page) -> None:
    writer.fill("#id_text", "س" * 71)
    expect(writer.locator("#sum b").first).to_have_text("۲", timeout=PATIENCE)
    assert steps.number(writer.locator("#sum b").nth(1).inner_text()) == 6_000
    writer.locator("#id_text").scroll_into_view_if_needed()
    expect(writer.locator("#sum")).to_be_in_viewport()
    writer.click("#sum a")
    expect(phone(writer)).to_be_in_viewport()
    assert writer.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_a_text_is_written_and_changed_on_its_own_page(member: Page, draft: Campaign) -> None:
    member.goto("/texts/new/")
    member.fill("#id_name", "یلدا")
    member.click("[data-name=first_name]")
    member.keyboard.type(" عزیز")
    expect(phone(member)).to_contain_text("عزیز", timeout=PATIENCE)
    member.click("main form button.btn-primary:not([type=button])")
    member.wait_for_url("**/texts/")
    assert TextTemplate.objects.get().text == "{first_name} عزیز"
    expect(member.locator("main li")).to_contain_text("یلدا")
