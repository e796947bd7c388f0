"""The import's wizard in Chromium: from the upload to the undoing, and what habits must not do on the way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pytest_django.fixtures import Settings

from contacts import bulk, importing
from contacts.models import BulkAction, Contact, ContactImport, Phonebook
from tests.browser import steps
from tests.contacts.files import counts, members, write

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ROWS, REPEATED, REFUSED = 300, 20, 30
NEW = ROWS - REPEATED - REFUSED
DETAIL = re.compile(r"/imports/\d+/$")


@pytest.fixture(autouse=True)
def _uploads_in_a_folder_of_their_own(settings: Settings, tmp_path: Path) -> None:
    settings.UPLOAD_DIR = tmp_path / "uploads"


@pytest.fixture
def customers(tmp_path: Path) -> Path:
    """A file of 300 rows: 250 new, 20 repeated, 30 refused."""
    rows = [[f"0912{number:07}", f"سارا{number}", "كريمي", "تهران"] for number in range(NEW)]
    rows += rows[:REPEATED] + [[f"12{number:02}", "علی", "", ""] for number in range(REFUSED)]
    return write(tmp_path / "مشتریان.csv", [["موبایل", "نام", "نام خانوادگی", "شهر"], *rows])


@pytest.fixture
def at_columns(member: Page, customers: Path) -> Page:
    """The file is uploaded, its columns are to be chosen."""
    member.goto("/imports/")
    steps.upload(member, customers, "مشتریان یلدا")
    return member


def work() -> ContactImport:
    """What a worker does with the latest import."""
    job = ContactImport.objects.latest("pk")
    assert importing.run(job.pk)
    job.refresh_from_db()
    return job


def to_the_check(page: Page) -> None:
    page.locator("#mapping button.btn-primary").click()
    page.wait_for_url(DETAIL)


@pytest.fixture
def at_check(at_columns: Page) -> Page:
    """The check has ended, and the page has noticed."""
    to_the_check(at_columns)
    work()
    expect(at_columns.locator("#start button")).to_be_visible()
    return at_columns


def test_the_whole_way_from_upload_to_undo(at_check: Page) -> None:
    assert steps.import_accounting(at_check) == [ROWS, NEW, 0, 0, REPEATED, REFUSED]
    assert not Contact.objects.exists()
    at_check.locator("#start button").click()
    expect(at_check.locator("#live progress")).to_be_visible()
    job = work()
    expect(at_check.locator("button[commandfor=undo]")).to_be_visible()
    assert steps.import_accounting(at_check) == list(counts(job).values()) == [ROWS, NEW, 0, 0, REPEATED, REFUSED]
    expect(at_check.locator("ol.steps [aria-current=step]")).to_have_attribute("data-content", "۵")
    assert len(members("مشتریان یلدا")) == NEW
    for number in range(2):
        with at_check.expect_download() as download:
            at_check.locator("section[aria-labelledby=issues-title] .panel-t a").nth(number).click()
        assert Path(download.value.path()).stat().st_size > REFUSED
    Contact.objects.filter(phone="+989120000007").first().save()  # type: ignore[union-attr]  # somebody edits one
    steps.confirm(at_check, "undo")
    action = BulkAction.objects.get()
    at_check.wait_for_url(f"**{action.get_absolute_url()}")
    assert bulk.run(action.pk)
    at_check.goto(job.get_absolute_url())
    notice = at_check.locator("main [role=status].alert-warning")
    expect(notice).to_contain_text("۲۴۹")
    expect(at_check.locator("button[commandfor=undo]")).to_have_count(0)
    assert list(Contact.objects.values_list("phone", flat=True)) == ["+989120000007"]


def test_a_double_click_imports_once(at_check: Page) -> None:
    at_check.locator("#start button").dblclick()
    expect(at_check.locator("#live progress")).to_be_visible()
    expect(at_check.locator("main > [role=status] .alert-warning")).to_have_count(0)
    work()
    assert (ContactImport.objects.count(), Contact.objects.count()) == (1, NEW)


def test_of_two_tabs_one_imports_and_the_other_follows(at_check: Page) -> None:
    other = at_check.context.new_page()
    other.goto(at_check.url)
    for tab in (at_check, other):
        tab.locator("#start button").click()
        expect(tab.locator("#live progress")).to_be_visible()
    work()
    for tab in (at_check, other):
        expect(tab.locator("button[commandfor=undo]")).to_be_visible()
    assert Contact.objects.count() == NEW


def test_the_back_button_after_the_start_shows_the_import(at_check: Page) -> None:
    address = at_check.url
    at_check.locator("#start button").click()
    expect(at_check.locator("#live progress")).to_be_visible()
    work()
    expect(at_check.locator("button[commandfor=undo]")).to_be_visible()
    at_check.goto("/imports/")
    for _press in range(3):  # past the result and the check, to the columns
        at_check.go_back()
        at_check.wait_for_url(DETAIL)
        expect(at_check.locator("button[commandfor=undo]")).to_be_visible()
    assert at_check.url == address
    assert (ContactImport.objects.count(), Contact.objects.count()) == (1, NEW)


def test_a_page_loaded_anew_has_what_was_chosen(at_columns: Page) -> None:
    at_columns.locator("#id_column_3").select_option("ignore")
    expect(at_columns.locator("#preview th")).to_have_count(4)
    at_columns.reload()
    expect(at_columns.locator("#id_column_3")).to_have_value("ignore")
    to_the_check(at_columns)
    at_columns.reload()
    work()
    expect(at_columns.locator("#start button")).to_be_visible()
    at_columns.locator("a[href$='/mapping/']").click()
    expect(at_columns.locator("#id_column_3")).to_have_value("ignore")


def test_the_preview_shows_rows_as_they_will_be_stored_under_chosen_names(at_columns: Page) -> None:
    preview = at_columns.locator("#preview")
    expect(preview.locator("tbody tr")).to_have_count(20)
    expect(preview.locator("tbody tr").first).to_contain_text("+989120000000")
    expect(preview.locator("tbody tr").first).to_contain_text("کریمی")
    expect(at_columns.locator("#id_key_0")).to_be_hidden()
    at_columns.locator("#id_key_3").fill("city of birth")
    expect(preview.locator("th").last).to_contain_text("{city_of_birth}")
    at_columns.locator("#id_column_3").select_option("phone")
    expect(preview.locator("[role=alert]")).to_have_text(steps.PERSIAN)


def test_the_same_file_again_has_to_be_confirmed(at_check: Page, customers: Path) -> None:
    at_check.locator("#start button").click()
    expect(at_check.locator("#live progress")).to_be_visible()
    work()
    at_check.goto("/imports/")
    steps.upload(at_check, customers, "مشتریان یلدا")
    at_check.locator("#mapping button.btn-primary").click()
    assert at_check.locator("#id_again").evaluate("box => box.validity.valueMissing")
    assert at_check.url.endswith("/mapping/")
    at_check.locator("#id_again").check()
    to_the_check(at_check)
    assert work().dry_run


def slowly(page: Page) -> None:
    """Uploads of this page go out at 100 kB a second."""
    speed = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 100_000}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", speed)


def test_an_upload_shows_how_far_it_is_and_can_be_cancelled(member: Page, tmp_path: Path) -> None:
    file = tmp_path / "all.csv"
    file.write_text("موبایل\n" + "09120000001\n" * 200_000)
    member.goto("/imports/new/")
    member.set_input_files("#id_file", file)
    member.fill("#id_new_name", "یلدا")
    slowly(member)
    member.locator("#upload button.btn-primary").click()
    progress = member.locator("#upload progress")
    expect(progress).to_be_visible()
    expect(member.locator("#upload b")).to_have_text(re.compile("[۱-۹].*٪"))
    member.locator("#upload button[type=button]").click()
    expect(progress).to_be_hidden()
    assert member.locator("#id_file").evaluate("input => input.files.length") == 1
    assert not ContactImport.objects.exists()


def test_what_is_wrong_with_a_file_is_said_and_nothing_chosen_is_lost(
    member: Page, tmp_path: Path, page_problems: list[str]
) -> None:
    book, alert = Phonebook.objects.create(name="مشتریان"), member.locator("#upload [role=alert]").first
    member.goto("/imports/new/")
    member.check(f"input[name=phonebooks][value='{book.pk}']")
    for name, content in (("film.mp4", "x"), ("empty.csv", "")):
        (tmp_path / name).write_text(content)
        member.set_input_files("#id_file", tmp_path / name)
        member.locator("#upload button.btn-primary").click()
        expect(alert).to_be_visible()
        expect(alert).to_have_text(re.compile(r"\S"))
    expect(member.locator(f"input[value='{book.pk}']")).to_be_checked()
    assert member.url.endswith("/imports/new/")
    page_problems[:] = [problem for problem in page_problems if "422" not in problem]


def test_an_upload_without_a_phonebook_does_not_leave(member: Page, customers: Path) -> None:
    member.goto("/imports/new/")
    member.set_input_files("#id_file", customers)
    member.locator("#upload button.btn-primary").click()
    name = member.locator("#id_new_name")
    assert name.evaluate("input => input.validationMessage") == name.get_attribute("data-needed")
    expect(member.locator("#upload progress")).to_be_hidden()


def test_a_stopped_check_throws_the_file_away(at_columns: Page, tmp_path: Path) -> None:
    to_the_check(at_columns)
    expect(at_columns.locator("dialog#stop")).to_be_hidden()
    steps.confirm(at_columns, "stop")
    at_columns.wait_for_url("**/imports/")
    assert ContactImport.objects.get().status == "cancelled"
    assert not list((tmp_path / "uploads").iterdir())


def test_a_poll_does_not_break_off_what_was_submitted(at_columns: Page) -> None:
    to_the_check(at_columns)
    form = at_columns.locator("dialog#stop form[method=post]")
    form.evaluate("form => { window.here = true; form.dataset.submitted = 'true'; }")
    work()
    for _poll in range(2):  # by the second the first has been answered and dealt with
        with at_columns.expect_response("**/live/"):
            at_columns.evaluate("() => document.body.dispatchEvent(new Event('tick'))")
    assert at_columns.evaluate("window.here")
    form.evaluate("form => { delete form.dataset.submitted; }")
    expect(at_columns.locator("#start button")).to_be_visible()
