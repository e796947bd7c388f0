"""The composer in Chromium: left and taken up again, reloaded, gone back in, open twice, and wrong on each step."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from campaigns.models import AuditEntry, Campaign
from contacts import mirroring
from providers.models import ProviderAccount, SenderLine
from providers.sandbox import running_sandbox
from tests import builders
from tests.browser import steps
from tests.campaigns import lines

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NEXT = "#compose button.btn-primary[name=next]"
PATIENCE = 30_000


def begin(page: Page, name: str = "یلدا") -> None:
    """Fill in the first step and go on to the text."""
    page.goto("/campaigns/new/")
    page.fill("#id_name", name)
    page.locator("input[name=include]").first.check()
    steps.go_on(page, "text")


def made(besides: Campaign) -> Campaign:
    return Campaign.objects.exclude(pk=besides.pk).get()


def excuse(problems: list[str]) -> None:
    """The browser notes that a form was refused."""
    problems[:] = [problem for problem in problems if "422" not in problem]


def test_a_campaign_is_composed_left_and_taken_up_again(member: Page, draft: Campaign) -> None:
    begin(member)
    member.fill("#id_text", "سلام {first_name}")
    member.locator("#compose button[name=save]").click()
    member.wait_for_url("**/campaigns/")
    campaign = made(draft)
    member.goto(campaign.get_absolute_url())
    member.locator(f"main a.btn-primary[href='/campaigns/{campaign.pk}/edit/']").click()
    member.wait_for_url("**/edit/sending/")
    expect(member.locator("#course [data-recipients='3']")).to_be_visible(timeout=PATIENCE)
    steps.go_on(member, "review")
    expect(member.locator("main .chat-bubble").first).to_have_text("سلام سارا")
    assert AuditEntry.objects.filter(action="created").count() == 2


def test_a_reload_in_the_middle_keeps_what_was_saved(member: Page, draft: Campaign) -> None:
    begin(member)
    member.fill("#id_text", "سلام")
    steps.go_on(member, "sending")
    member.reload()
    expect(member.locator("input[name=line]:checked")).to_have_value(str(draft.line_id))
    member.locator("nav ol button[value=text]").click()
    member.wait_for_url("**/edit/text/")
    expect(member.locator("#id_text")).to_have_value("سلام")
    assert made(draft).text == "سلام"


def test_the_back_button_makes_no_second_draft_and_loses_no_change(member: Page, draft: Campaign) -> None:
    begin(member)
    member.fill("#id_text", "متن نخست")
    steps.go_on(member, "sending")
    member.go_back()
    expect(member.locator("#id_text")).to_have_value("متن نخست")
    member.fill("#id_text", "متن دوم")
    steps.go_on(member, "sending")
    steps.go_on(member, "review")
    expect(member.locator("main .chat-bubble").first).to_have_text("متن دوم")
    assert made(draft).text == "متن دوم"


def test_going_back_to_the_first_form_leads_to_the_draft_that_it_made(member: Page, draft: Campaign) -> None:
    begin(member, "نخست")
    campaign = made(draft)
    member.go_back()
    member.wait_for_url(f"**/campaigns/{campaign.pk}/edit/audience/", timeout=PATIENCE)
    expect(member.locator("#id_name")).to_have_value("نخست")
    member.fill("#id_name", "دوم")
    steps.go_on(member, "text")
    assert made(draft).name == "دوم"


def test_a_double_click_and_enter_in_a_field_go_on_once(member: Page, draft: Campaign) -> None:
    member.goto("/campaigns/new/")
    member.locator("input[name=include]").first.check()
    member.fill("#id_name", "یلدا")
    member.keyboard.press("Enter")
    member.wait_for_url("**/edit/text/")
    member.fill("#id_text", "سلام")
    member.locator(NEXT).dblclick()
    member.wait_for_url("**/edit/sending/")
    campaign = made(draft)
    assert (campaign.revision, campaign.text) == (1, "سلام")


def test_of_two_windows_the_second_sees_both_and_loses_nothing(
    member: Page, draft: Campaign, page_problems: list[str]
) -> None:
    other = member.context.new_page()
    for page in (member, other):
        page.goto(f"/campaigns/{draft.pk}/edit/text/")
    member.fill("#id_text", "متن پنجرهٔ نخست")
    steps.go_on(member, "sending")
    other.fill("#id_text", "متن پنجرهٔ دوم")
    other.locator(NEXT).click()
    notice = other.locator("section[aria-labelledby=stale-title]")
    expect(notice).to_contain_text("متن پنجرهٔ نخست")
    expect(notice).to_contain_text("متن پنجرهٔ دوم")
    expect(other.locator("#id_text")).to_have_value("متن پنجرهٔ دوم")
    assert builders.refreshed(draft).text == "متن پنجرهٔ نخست"
    steps.go_on(other, "sending")
    assert builders.refreshed(draft).text == "متن پنجرهٔ دوم"
    excuse(page_problems)


def test_an_error_stands_at_its_field_on_each_step(member: Page, draft: Campaign, page_problems: list[str]) -> None:
    member.goto("/campaigns/new/")
    member.fill("#id_numbers", "این شماره نیست")
    member.locator(NEXT).click()
    expect(member.locator("#id_name_error")).to_have_text(steps.PERSIAN)
    expect(member.locator("#id_numbers_error")).to_have_text(steps.PERSIAN)
    expect(member.locator("#id_numbers")).to_have_value("این شماره نیست")
    member.fill("#id_name", "یلدا")
    member.fill("#id_numbers", "09121234567")
    steps.go_on(member, "text")
    member.locator(NEXT).click()
    expect(steps.alert_of(member, "id_text")).to_have_text(steps.PERSIAN)
    member.fill("#id_text", "سلام")
    expect(member.locator("#id_text_error")).to_have_count(0)
    steps.go_on(member, "sending")
    member.locator("input[name=when][value=at]").check()
    member.locator("#id_scheduled_at").evaluate("field => { field.value = '1400/01/01 10:00'; }")  # not by its picker
    member.locator(NEXT).click()
    expect(member.locator("#id_scheduled_at_error")).to_have_text(steps.PERSIAN)
    expect(member.locator("#id_scheduled_at")).to_have_value("1400/01/01 10:00")
    member.locator("input[name=when][value=now]").check()
    steps.go_on(member, "review")
    excuse(page_problems)


def test_the_way_back_saves_and_an_untouched_step_asks_nothing(member: Page, draft: Campaign) -> None:
    begin(member)
    member.locator("#compose button[name=to]").click()
    member.wait_for_url("**/edit/audience/")
    steps.go_on(member, "text")
    member.fill("#id_text", "نیمهٔ متن")
    member.locator("#compose button[name=to]").click()
    member.wait_for_url("**/edit/audience/")
    assert made(draft).text == "نیمهٔ متن"


def test_the_price_and_the_end_follow_the_line_and_the_time(member: Page, draft: Campaign) -> None:
    account = ProviderAccount.objects.get()
    other = SenderLine.objects.create(account=account, sender="90000456", kind="advertising")
    member.goto(f"/campaigns/{draft.pk}/edit/sending/")
    expect(member.locator(f"#price-{other.pk}")).not_to_have_text("…", timeout=PATIENCE)
    member.locator(f"input[name=line][value='{other.pk}']").check()
    expect(member.locator("#course")).to_contain_text("۰۸:۰۰", timeout=PATIENCE)
    member.locator("details.panel > summary").click()
    member.fill("#id_messages_per_minute", "1")
    expect(member.locator("#course [data-ends]")).to_have_text(re.compile("[۰-۹]"), timeout=PATIENCE)


CHOOSES_AT_ONCE = """() => new MutationObserver((changes, observer) => {
    const added = document.querySelectorAll("#jobs section")[1];
    if (!added) return;
    observer.disconnect();
    const main = added.querySelector("select[name$='-main']");
    main.value = "1";
    main.dispatchEvent(new Event("change", {bubbles: true}));
}).observe(document.body, {childList: true, subtree: true})"""


def test_a_part_answers_from_the_moment_it_is_there(member: Page, draft: Campaign) -> None:
    page = member
    with running_sandbox() as sandbox:
        line = lines.line("ippanel", sandbox)
        mirroring.run(mirroring.start(line.account, phonebook=None, in_background=False).pk)
    page.goto("/campaigns/new/")
    page.locator(f"input[name=source][value='{line.account_id}']").check()
    page.locator("input[name=kept_kind][value=jobs]").check()
    page.evaluate(CHOOSES_AT_ONCE)
    page.locator("#add-jobs").click()
    added = page.locator("#jobs section").nth(1)
    expect(added.locator("select[name$='-sub'] option[value='1']")).to_be_attached()


def test_the_composer_fits_a_phone(member: Page, draft: Campaign) -> None:
    member.set_viewport_size({"width": 390, "height": 844})
    for step in ("audience", "text", "sending"):
        member.goto(f"/campaigns/{draft.pk}/edit/{step}/")
        expect(member.locator(NEXT)).to_be_in_viewport()
        assert member.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), step
