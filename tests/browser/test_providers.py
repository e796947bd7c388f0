"""One campaign per provider and mode, composed in Chromium, sent by the product's own processes, to its last number."""

from __future__ import annotations

import io
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect

from campaigns.models import Campaign
from contacts import mirroring
from contacts.models import Phonebook, ProviderNumber
from providers.models import ProviderAccount, SenderLine, Tariff
from tests import builders, chromium
from tests.browser import product, steps
from tests.browser.product import Product
from tests.campaigns import lines

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]

PEOPLE = 24
TEXT = "سلام، سفارش شما آماده است."
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)


@pytest.fixture
def site(process_environment: dict[str, str], tmp_path: Path) -> Iterator[Product]:
    with product.running(process_environment | {"SEND_SLICE": "2"}, tmp_path / "processes.log") as running:
        yield running


@pytest.fixture
def page(browser: Browser, site: Product, page_problems: list[str]) -> Iterator[Page]:
    context = browser.new_context(base_url=site.url, viewport={"width": 1440, "height": 900}, locale="fa-IR")
    page = context.new_page()
    chromium.watch(page, site.url, page_problems)
    steps.admit(context, site.url, User.objects.create_superuser("modir"))
    yield page
    context.close()
    assert not page_problems, page_problems


@pytest.fixture
def customers() -> Phonebook:
    return builders.phonebook(builders.contacts(PEOPLE, first_name="سارا"), name="مشتریان")


def line_at(site: Product, slug: str, **fields: Any) -> SenderLine:
    """A line with a price, at the product's own sandbox."""
    accounts = ProviderAccount.objects.filter(slug=slug)
    account = accounts.first() or lines.account(slug, requests_per_second=None)
    accounts.update(base_url=site.provider_url)
    found = lines.line(slug, of=account, **fields)
    Tariff.objects.create(line=found, rial_per_part=1450)
    return found


def composed(
    page: Page,
    line: SenderLine,
    name: str,
    audience: Callable[[Page], None],
    text: str = TEXT,
    *,
    extras: Callable[[Page], None] = steps.nothing,
    sending: Callable[[Page], None] = steps.nothing,
) -> Campaign:
    """Go through the composer to the review, and launch from there."""

    def on_the_line(page: Page) -> None:
        page.locator(f"input[name=line][value='{line.pk}']").check()
        sending(page)

    steps.walk(page, name, text, audience=audience, extras=extras, sending=on_the_line)
    steps.confirm(page, "launch")
    expect(page.locator("#live")).to_be_attached()
    return Campaign.objects.get(name=name)


def everybody(page: Page) -> None:
    page.locator("input[name=include]").first.check()


def watched_to(page: Page, bucket: str, number: int, campaign: Campaign) -> None:
    """Look at the campaign's page until its accounting is what it must be, and hold the rows against it."""
    page.goto(f"/campaigns/{campaign.pk}/")
    steps.watch(page, bucket, number, seconds=90)
    counts = builders.counts(campaign)
    assert counts == {bucket: number}
    expect(page.locator("#recipients tbody tr").first).to_be_visible()


def taken_by(site: Product, slug: str) -> list[dict[str, Any]]:
    """What the sandbox took for a provider; nothing of it may depart from the contract, nobody may get it twice."""
    ledger = site.ledger()
    assert ledger["departures"] == {}
    return [request for request in ledger["by_request"] if request["provider"] == slug]


def test_najva_same_text_and_personal_texts(page: Page, site: Product, customers: Phonebook) -> None:
    line = line_at(site, "najva")
    same = composed(page, line, "یکسان", everybody)
    watched_to(page, "delivered", PEOPLE, same)
    personal = composed(page, line, "شخصی", everybody, "سلام {first_name|دوست} عزیز")
    watched_to(page, "delivered", PEOPLE, personal)
    assert sum(request["count"] for request in taken_by(site, "najva")) == 2 * PEOPLE
    assert [request["texts"] > 1 for request in taken_by(site, "najva")][-1]


def test_najva_bale_with_a_file(page: Page, site: Product, customers: Phonebook, tmp_path: Path) -> None:
    path = tmp_path / "بنر.png"
    path.write_bytes(PNG)
    line = line_at(site, "najva", sender="70001234", channel="bale")

    def with_file(page: Page) -> None:
        page.set_input_files("#id_file", path)

    watched_to(page, "delivered", PEOPLE, composed(page, line, "با تصویر", everybody, extras=with_file))
    assert all(request["file_id"] for request in taken_by(site, "najva"))


def test_safir_text_file_copy_button_and_secure_message(
    page: Page, site: Product, customers: Phonebook, tmp_path: Path
) -> None:
    site.provider("settings", not_on_bale=0.0)
    ProviderAccount.objects.update(requests_per_second=200)
    line = line_at(site, "safir")
    ProviderAccount.objects.update(requests_per_second=200)
    path = tmp_path / "بنر.png"
    path.write_bytes(PNG)
    ways: dict[str, Callable[[Page], None]] = {
        "متن": lambda page: None,
        "فایل": lambda page: page.set_input_files("#id_file", path),
        "رونوشت": lambda page: page.fill("#id_copy_text", "PAIZ40"),
        "رمزدار": lambda page: page.locator("#id_is_secure").check(),
    }
    for name, fill in ways.items():
        campaign = composed(page, line, name, everybody, extras=fill)
        watched_to(page, "accepted", PEOPLE, campaign)
    requests = taken_by(site, "safir")
    assert len(requests) == 4 * PEOPLE
    facts = [request["facts"] for request in requests]
    assert sum(bool(request["file_id"]) for request in requests) == PEOPLE
    assert sum(each.get("copy_text") == "PAIZ40" for each in facts) == PEOPLE
    assert sum(bool(each.get("secure")) for each in facts) == PEOPLE


def test_bale_first_and_sms_for_the_rest(page: Page, site: Product, customers: Phonebook) -> None:
    site.provider("settings", not_on_bale=0.5)
    sms, bale = line_at(site, "najva"), line_at(site, "safir")
    ProviderAccount.objects.filter(slug="safir").update(requests_per_second=200)

    def with_fallback(page: Page) -> None:
        page.locator("#id_fallback_line").select_option(str(sms.pk))

    campaign = composed(page, bale, "اول بله", everybody, sending=with_fallback)
    page.goto(f"/campaigns/{campaign.pk}/")
    product.until(lambda: Campaign.objects.get(pk=campaign.pk).finished_at, "the end of both ways", 150)
    on_bale = len(taken_by(site, "safir"))
    by_sms = sum(request["count"] for request in taken_by(site, "najva"))
    assert (on_bale + by_sms, site.ledger()["repeated"]) == (PEOPLE, {})
    steps.watch(page, "delivered", by_sms, seconds=60)
    assert builders.counts(campaign) == {"accepted": on_bale, "delivered": by_sms}


def test_ippanel_job_categories_with_operators(page: Page, site: Product) -> None:
    line = line_at(site, "ippanel")
    mirroring.run(mirroring.start(line.account, phonebook=None, in_background=False).pk)

    def two_categories(page: Page) -> None:
        page.locator("input[name=kept_kind][value=jobs]").check()
        for place, (sub, size) in enumerate((("1", "7"), ("2", "4"))):
            if place:
                page.locator("#add-jobs").click()
            row = page.locator("#jobs section").nth(place)
            row.locator("select[name$='-main']").select_option("1")
            expect(row.locator("select[name$='-sub'] option[value='1']")).to_be_attached()
            row.locator("select[name$='-sub']").select_option(sub)
            row.locator("input[name$='-operators'][value='2']").check()
            row.locator("input[name$='-op2_size']").fill(size)

    campaign = composed(page, line, "اصناف", two_categories)
    watched_to(page, "delivered", 11, campaign)
    [request] = taken_by(site, "ippanel")
    assert request["facts"]["sending_type"] == "job"


def test_ippanel_phonebooks_whole_and_chosen_numbers(page: Page, site: Product) -> None:
    line = line_at(site, "ippanel")
    mirroring.run(mirroring.start(line.account, phonebook=None, in_background=False).pk)
    book = Phonebook.objects.get(account=line.account, provider_ref="456987")
    mirroring.run(mirroring.start(line.account, phonebook=book, in_background=False).pk)
    numbers = ProviderNumber.objects.filter(phonebook=book)

    def whole(page: Page) -> None:
        page.locator("#books input[type=checkbox][value='123654']").check()
        page.locator("#books input[name$='-start']").fill("2")
        page.locator("#books input[name$='-size']").fill("20")

    def chosen(page: Page) -> None:
        page.locator("#add-entries").click()
        row = page.locator("#books section")
        row.locator("select").select_option("456987")
        expect(row.locator("input[type=search]")).to_be_visible()
        for number in ("123", "456"):
            row.locator("input[type=search]").fill(numbers.get(provider_ref=number).phone or "")
            row.locator(f"input[type=checkbox][value='{number}']").check()

    watched_to(page, "delivered", 20, composed(page, line, "دفترچه", whole))
    watched_to(page, "delivered", 2, composed(page, line, "شماره‌های منتخب", chosen, "سلام دوباره"))
    assert [request["facts"]["sending_type"] for request in taken_by(site, "ippanel")] == ["phonebook"] * 2


def test_gosms_with_a_device_and_its_first_slot_and_the_sandbox_shows_it(
    page: Page, site: Product, customers: Phonebook
) -> None:
    line = line_at(site, "gosms")
    campaign = composed(page, line, "گوشی", everybody)
    watched_to(page, "delivered", PEOPLE, campaign)
    requests = taken_by(site, "gosms")
    assert len(requests) == PEOPLE
    assert {(each["facts"]["device_id"], each["facts"]["to_sim"]) for each in requests} == {("a" * 24, 0)}
    with urllib.request.urlopen(site.provider_url, timeout=10) as answer:  # the sandbox's own page
        shown = io.TextIOWrapper(answer, "utf-8").read()
    assert TEXT in shown
    assert "GoSMS" in shown
