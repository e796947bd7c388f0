"""The whole way of a new user, in Chromium, on the product as its Procfile runs it."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import pytest
from django.contrib.auth.models import Group, User
from playwright.sync_api import Browser, Page, ViewportSize, expect
from pytest_django.fixtures import Settings

from campaigns.models import Approval, Campaign, DeliveryEvent
from contacts.models import Contact
from project import roles
from providers.models import SenderLine, Tariff
from tests import builders, chromium
from tests.browser import product, steps
from tests.browser.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]

PASSWORD = "a-password-of-the-tests"
PHONEBOOK = "مشتریان زمستان"
NAME = "شب یلدا"
HEADER = ["موبایل", "نام", "نام خانوادگی", "شهر", "کد", "یادداشت داخلی"]
ROWS, REFUSED, REPEATED = 300, 20, 30
NEW = ROWS - REFUSED - REPEATED
WIDE, PHONE = (1440, 900), (390, 844)


@pytest.fixture
def approval() -> str:
    """The site's APPROVAL; override it with a parametrization of the same name."""
    return "optional"


@pytest.fixture
def site(process_environment: dict[str, str], settings: Settings, tmp_path: Path, approval: str) -> Iterator[Product]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]  # as the site's own
    User.objects.create_superuser("modir", password=PASSWORD)
    with product.running(process_environment | {"APPROVAL": approval}, tmp_path / "processes.log") as running:
        yield running


@pytest.fixture
def theme() -> Literal["light", "dark"]:
    return "light"


@pytest.fixture
def page(
    browser: Browser,
    site: Product,
    viewport: tuple[int, int],
    theme: Literal["light", "dark"],
    page_problems: list[str],
) -> Iterator[Page]:
    """As everywhere, but of the product itself instead of a server inside this process."""
    size: ViewportSize = {"width": viewport[0], "height": viewport[1]}
    context = browser.new_context(base_url=site.url, viewport=size, locale="fa-IR", color_scheme=theme)
    page = context.new_page()
    chromium.watch(page, site.url, page_problems)
    yield page
    context.close()
    assert not page_problems, page_problems


@pytest.fixture
def enter(browser: Browser, site: Product, page_problems: list[str]) -> Iterator[Callable[[str], Page]]:
    """Signs somebody new of a role in, in a browser of their own."""
    with ExitStack() as stack:

        def enter(role: str) -> Page:
            User.objects.create_user(role, password=PASSWORD).groups.set([Group.objects.get(name=role)])
            context = stack.enter_context(browser.new_context(base_url=site.url, locale="fa-IR"))
            page = context.new_page()
            chromium.watch(page, site.url, page_problems)
            signed_in(page, role)
            return page

        yield enter
    assert not page_problems, page_problems


@pytest.fixture
def line(site: Product) -> SenderLine:
    """A line at the sandbox, slow enough to look at: two requests a second, 50 recipients each."""
    account = builders.account(name="نجوا", batch_size=50, requests_per_second=2)
    account.base_url = site.provider_url
    account.save()
    line = builders.line(account, name="خط خدماتی")
    Tariff.objects.create(line=line, rial_per_part=1450)
    return line


@pytest.fixture
def customers(tmp_path: Path) -> Path:
    """300 rows under a Persian header: 250 people, 30 of them twice, 20 numbers that are none."""
    path = tmp_path / "مشتریان.csv"
    good = [[f"0912{n:07}", f"سارا{n}", "محمدی", "تهران", f"Y{n}", "محرمانه"] for n in range(NEW)]
    bad = [[f"021{n}", "علی", "رضایی", "قم", "X", "-"] for n in range(REFUSED)]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([HEADER, *good, *bad, *good[:REPEATED]])
    return path


def signed_in(page: Page, name: str = "modir") -> None:
    page.goto("/")
    steps.sign_in(page, name, PASSWORD)
    page.wait_for_url(lambda address: address.endswith("/") and "login" not in address)


def sign_in_at_the_second_try(page: Page) -> None:
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("lang", "fa")
    steps.sign_in(page, "modir", "wrong")
    expect(page.locator("main [role=alert]")).to_have_text(steps.PERSIAN)
    expect(page.locator("#id_username")).to_have_value("modir")
    steps.sign_in(page, "modir", PASSWORD)
    page.wait_for_url(lambda address: "login" not in address)


def import_the_customers(page: Page, path: Path) -> None:
    steps.open_by_menu(page, "/imports/")
    steps.upload(page, path, PHONEBOOK)
    guesses = [select.input_value() for select in page.locator("main table select").all()]
    assert guesses == ["phone", "first_name", "last_name", "attribute", "attribute", "attribute"]
    expect(page.locator("#preview th")).to_have_count(7)
    page.locator("#id_column_5").select_option("ignore")  # notes are nobody's placeholder
    expect(page.locator("#preview th")).to_have_count(6)
    expect(page.locator("#preview")).to_contain_text("سارا0")
    page.locator("#mapping button.btn-primary").click()
    page.wait_for_url(re.compile(r"/imports/\d+/$"))
    page.locator("#start button").click(timeout=40_000)
    expect(page.locator("ol.steps [aria-current=step]")).to_have_attribute("data-content", "۵", timeout=40_000)
    assert steps.import_accounting(page) == [ROWS, NEW, 0, 0, REPEATED, REFUSED]
    with page.expect_download() as download:
        page.locator("a[href$='/issues/']").first.click()
    refused = steps.rows_of(download.value)
    assert len(refused) == REFUSED
    assert sorted(Contact.objects.earliest("pk").attributes) == ["شهر", "کد"]


def compose(page: Page, problems: list[str]) -> None:
    steps.open_by_menu(page, "/campaigns/")
    page.locator("main a[href='/campaigns/new/']").first.click()
    page.fill("#id_name", NAME)
    page.locator("input[name=include]").first.check()
    expect(page.locator(f"[data-recipients='{NEW}']")).to_be_visible()
    steps.go_on(page, "text")
    page.fill("#id_text", "سلام  عزیز، کد {nobody_has_this}")
    page.locator("#compose button.btn-primary[name=next]").click()
    expect(steps.alert_of(page, "id_text")).to_contain_text("nobody_has_this")
    expect(page.locator("#id_text")).to_have_value("سلام  عزیز، کد {nobody_has_this}")
    assert all("422" in problem for problem in problems), problems
    problems.clear()  # the browser notes the answer's status


def correct_the_text(page: Page) -> None:
    page.fill("#id_text", "سلام  عزیز! کد شما {کد}")
    page.locator("#id_text").evaluate("area => area.setSelectionRange(5, 5)")
    page.locator("[data-name=first_name]").click()
    expect(page.locator("#id_text")).to_have_value("سلام {first_name} عزیز! کد شما {کد}")
    expect(page.locator("[data-person='1']")).to_contain_text("سلام سارا0 عزیز! کد شما Y0")
    expect(page.locator(f"#preview [data-recipients='{NEW}']")).to_be_visible()
    assert steps.number(page.locator("#preview [data-cost]").text_content()) == NEW * 1450
    assert steps.number(page.locator("#counter b").nth(1).text_content()) == 1
    steps.go_on(page, "sending")
    expect(page.locator("#course [data-cost]")).to_be_visible()
    assert steps.number(page.locator("#course [data-cost]").text_content()) == NEW * 1450
    steps.go_on(page, "review")
    expect(page.locator("main")).to_contain_text("سلام سارا0 عزیز! کد شما Y0")


def launch_and_watch(page: Page) -> None:
    """From the launch to the last report on one page that is never loaded again."""
    steps.confirm(page, "launch")
    page.wait_for_selector("#live")
    page.evaluate("window.loadedOnce = true")
    seen = steps.watch(page, "delivered", NEW)
    assert seen[-1] == "completed", seen
    assert set(seen) <= {"preparing", "running", "completed"}, seen
    assert page.evaluate("window.loadedOnce")
    expect(page.locator("#live")).not_to_have_attribute("hx-get", re.compile("."))  # nothing is left to ask for
    expect(page.locator("#head button[commandfor]")).to_have_count(0)
    expect(page.locator("#charts canvas")).to_have_count(1)
    expect(page.locator("#breakdown table tbody tr").first).to_be_visible()
    expect(page.locator("#recipients tbody tr")).to_have_count(25)


def find_recipients(page: Page) -> None:
    page.locator("[data-bucket=delivered]").click()
    page.wait_for_url(re.compile("status=delivered"))
    expect(page.locator("#recipients tbody tr")).to_have_count(25)
    page.fill("#recipients input[name=q]", "۰۹۱۲ ۰۰۰ ۰۱۲۳")
    page.keyboard.press("Enter")
    expect(page.locator("#recipients tbody tr")).to_have_count(1)
    with page.expect_download() as download:
        page.locator("#recipients").get_by_role("button", name="CSV").click()
    assert [row[1] for row in steps.rows_of(download.value)] == ["سارا123"]
    page.locator("#recipients tbody a").click()
    page.wait_for_url(re.compile(r"/messages/\d+/"))
    expect(page.locator("h1")).to_contain_text("+989120000123")
    expect(page.locator("main")).to_contain_text("سلام سارا123 عزیز! کد شما Y123")


def export_everybody(page: Page) -> None:
    page.goto(Campaign.objects.get().get_absolute_url())
    with page.expect_download() as download:
        page.locator("#recipients").get_by_role("button", name="CSV").click()
    assert len(steps.rows_of(download.value)) == NEW
    page.goto("/")
    expect(page.locator("main")).to_contain_text(NAME)


@pytest.mark.parametrize(("viewport", "theme"), [(WIDE, "light"), (PHONE, "dark")], ids=["1440", "390-dark"])
def test_a_new_user_goes_the_whole_way(
    page: Page, site: Product, line: SenderLine, customers: Path, page_problems: list[str], theme: str
) -> None:
    sign_in_at_the_second_try(page)
    expect(page.locator("html")).to_have_attribute("data-theme", theme)
    import_the_customers(page, customers)
    compose(page, page_problems)
    correct_the_text(page)
    launch_and_watch(page)
    find_recipients(page)
    export_everybody(page)
    ledger = site.ledger()
    assert (ledger["messages"], ledger["repeated"], ledger["departures"]) == (NEW, {}, {})
    assert set(DeliveryEvent.objects.values_list("source", flat=True)) == {DeliveryEvent.Source.WEBHOOK}


def everybody(page: Page) -> None:
    page.locator("input[name=include]").first.check()


def say(page: Page, word: str) -> None:
    """Submit or approve by the dialog of the review."""
    page.locator(f"button[commandfor={word}]").click()
    page.locator(f"dialog#{word} button[form={word}-form]").click()
    expect(page.locator(f"button[commandfor={word}]")).to_have_count(0)


@pytest.mark.parametrize("approval", ["four_eyes"])
def test_one_composes_another_approves_and_launches(
    enter: Callable[[str], Page], site: Product, line: SenderLine, customers: Path
) -> None:
    composer = enter(roles.COMPOSER)
    import_the_customers(composer, customers)
    steps.walk(composer, NAME, "سلام {first_name}! کد شما {کد}", audience=everybody)
    expect(composer.locator("button[commandfor=launch]")).to_have_count(0)
    say(composer, "submit")
    approver = enter(roles.APPROVER)
    steps.open_by_menu(approver, "/approvals/")
    approver.locator("main a.btn-primary").click()
    expect(approver.locator("button[commandfor=launch]")).to_have_count(0)
    say(approver, "approve")
    launch_and_watch(approver)
    composer.reload()
    expect(composer.locator("#live[data-status=completed]")).to_be_visible()
    expect(composer.locator("form[data-downloads]")).to_have_count(0)
    export_everybody(enter(roles.ADMINISTRATOR))
    decided = Approval.objects.get()
    assert [str(who) for who in (decided.requested_by, decided.decided_by)] == [roles.COMPOSER, roles.APPROVER]
    assert (decided.decision, site.ledger()["messages"]) == ("approved", NEW)
    assert set(DeliveryEvent.objects.values_list("source", flat=True)) == {DeliveryEvent.Source.WEBHOOK}


def test_a_slow_campaign_is_paused_resumed_and_cancelled_by_its_dialogs(
    page: Page, site: Product, line: SenderLine
) -> None:
    line.account.__class__.objects.update(batch_size=10)
    site.provider("faults", kind="slow", operation="send", seconds=0.5)
    campaign = builders.draft(line, builders.include(builders.phonebook(builders.contacts(400))))
    signed_in(page)
    page.goto(campaign.get_absolute_url())
    steps.confirm(page, "launch")
    steps.watch(page, "accepted", 20)
    steps.confirm(page, "pause")
    expect(page.locator("#live[data-status=paused]")).to_be_visible()
    steps.watch(page, "pending", 1)
    product.until(lambda: "sending" not in steps.buckets(page), "the calls in flight")
    waiting = steps.buckets(page)["pending"]
    page.wait_for_timeout(4_000)  # a look of the page later
    assert steps.buckets(page)["pending"] == waiting
    steps.confirm(page, "resume")
    product.until(lambda: steps.buckets(page).get("pending", 0) < waiting, "it to go on")
    steps.confirm(page, "cancel")
    expect(page.locator("#live[data-status=cancelled]")).to_be_visible()
    steps.watch(page, "cancelled", 10)
    ledger = site.ledger()
    assert ledger["repeated"] == {}
    assert 0 < ledger["messages"] < 400
