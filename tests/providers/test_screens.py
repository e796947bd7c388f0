"""The screens of accounts and lines: who may see and change what, and that no secret is on any of them."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from campaigns.models import DeliveryEvent
from providers import clock
from providers.models import DailyCount, ProviderAccount, SenderLine, Tariff
from providers.sandbox import Sandbox
from providers.secrets import encrypt
from tests.providers.servers import free_port

pytestmark = pytest.mark.django_db
TOKEN = "very-secret-token-9f8e7d"
GOOD = {"name": "اصلی", "base_url": "https://sms.najva.example", "enabled": "on", "credential_api_token": TOKEN}
LINE = {
    "sender": "90000123",
    "kind": "advertising",
    "channel": "sms",
    "window_start": "08:00",
    "window_end": "21:00",
    "part_size": "67",
    "enabled": "on",
}


def make_account(name: str = "main") -> ProviderAccount:
    base_url = "https://sms.najva.example"
    return ProviderAccount.objects.create(
        name=name, slug="najva", base_url=base_url, credentials=encrypt({"api_token": TOKEN})
    )


@pytest.fixture
def account() -> ProviderAccount:
    return make_account()


@pytest.fixture
def owner() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("owner"))
    return client


@pytest.fixture
def teammate() -> Client:
    client = Client()
    client.force_login(User.objects.create_user("teammate"))
    return client


SCREENS = ["/accounts/", "/accounts/{0}/", "/accounts/new/", "/accounts/{0}/edit/", "/accounts/{0}/lines/new/"]


@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_shows_no_secret(owner: Client, account: ProviderAccount, screen: str) -> None:
    answer = owner.get(screen.format(account.pk))
    assert answer.status_code == 200
    assert TOKEN not in answer.content.decode()
    assert account.credentials not in answer.content.decode()


@pytest.mark.parametrize("screen", SCREENS)
def test_an_outsider_is_sent_to_the_sign_in(client: Client, account: ProviderAccount, screen: str) -> None:
    answer = client.get(screen.format(account.pk))
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login/")


@pytest.mark.parametrize("screen", SCREENS[2:])
def test_a_teammate_without_the_permission_may_not_change(
    teammate: Client, account: ProviderAccount, screen: str
) -> None:
    assert teammate.get(screen.format(account.pk)).status_code == 403
    assert teammate.post(screen.format(account.pk), {**GOOD, **LINE}).status_code == 403
    assert not SenderLine.objects.exists()


@pytest.mark.parametrize("action", ["switch", "breaker"])
def test_a_teammate_may_not_switch(teammate: Client, account: ProviderAccount, action: str) -> None:
    assert teammate.post(f"/accounts/{account.pk}/{action}/").status_code == 403
    assert ProviderAccount.objects.get().enabled


def test_the_webhook_is_shown_to_those_who_may_change_the_account(
    owner: Client, teammate: Client, account: ProviderAccount
) -> None:
    pages = [client.get(f"/accounts/{account.pk}/").content.decode() for client in (owner, teammate)]
    assert [account.webhook_path in page for page in pages] == [True, False]


def test_one_permission_is_enough(teammate: Client, account: ProviderAccount) -> None:
    permission = Permission.objects.get(codename="change_provideraccount")
    User.objects.get(username="teammate").user_permissions.add(permission)
    assert teammate.get(f"/accounts/{account.pk}/edit/").status_code == 200


def test_a_new_account_leads_to_its_line(owner: Client) -> None:
    answer = owner.post("/accounts/new/", GOOD)
    account = ProviderAccount.objects.get()
    assert answer.headers["Location"] == f"/accounts/{account.pk}/lines/new/"
    assert account.secrets["api_token"] == TOKEN


def test_a_wrong_account_comes_back_with_its_error_and_without_its_token(owner: Client) -> None:
    answer = owner.post("/accounts/new/", {**GOOD, "batch_size": "10001"})
    assert answer.status_code == 422
    assert TOKEN not in answer.content.decode()
    assert not ProviderAccount.objects.exists()


def test_a_provider_that_nobody_knows_is_not_found(owner: Client) -> None:
    assert owner.get("/accounts/new/?provider=nobody").status_code == 404


def test_an_account_is_edited(owner: Client, account: ProviderAccount) -> None:
    owner.post(f"/accounts/{account.pk}/edit/", {**GOOD, "credential_api_token": ""})
    stored = ProviderAccount.objects.get()
    assert (stored.name, stored.secrets["api_token"]) == ("اصلی", TOKEN)


@pytest.mark.parametrize(("sent", "enabled"), [("off", False), ("on", True)])
def test_an_account_is_switched_and_a_second_click_changes_nothing(
    owner: Client, account: ProviderAccount, sent: str, enabled: bool
) -> None:
    for _ in range(2):
        owner.post(f"/accounts/{account.pk}/switch/", {"enabled": sent})
        assert ProviderAccount.objects.get().enabled is enabled


def test_a_switch_is_no_link(owner: Client, account: ProviderAccount) -> None:
    assert owner.get(f"/accounts/{account.pk}/switch/").status_code == 405


def test_an_open_breaker_is_explained_and_closed(owner: Client, account: ProviderAccount) -> None:
    ProviderAccount.objects.update(breaker="open", breaker_code="418", breaker_text="اعتبار کافی نیست")
    page = owner.get(f"/accounts/{account.pk}/").content.decode()
    assert "اعتبار کافی نیست" in page
    owner.post(f"/accounts/{account.pk}/breaker/")
    assert ProviderAccount.objects.get().breaker == "closed"


def test_a_line_is_added_and_edited(owner: Client, account: ProviderAccount) -> None:
    owner.post(f"/accounts/{account.pk}/lines/new/", LINE)
    line = SenderLine.objects.get()
    owner.post(f"/accounts/{account.pk}/lines/{line.pk}/", {**LINE, "name": "خط یک", "price_ucs2": "1450"})
    assert SenderLine.objects.get().name == "خط یک"
    assert "۱٬۴۵۰" in owner.get(f"/accounts/{account.pk}/").content.decode()


def test_a_line_of_another_account_is_not_found(owner: Client, account: ProviderAccount) -> None:
    owner.post(f"/accounts/{account.pk}/lines/new/", LINE)
    other = make_account("other")
    assert owner.get(f"/accounts/{other.pk}/lines/{SenderLine.objects.get().pk}/").status_code == 404


@pytest.mark.parametrize("count", [1, 20])
def test_the_list_takes_as_many_queries_for_one_as_for_twenty(
    owner: Client, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(count):
        SenderLine.objects.create(account=make_account(f"account {number}"), sender="1")
    owner.get("/accounts/")
    with django_assert_num_queries(5):
        assert owner.get("/accounts/").status_code == 200


@pytest.fixture
def english(owner: Client) -> Client:
    owner.cookies["django_language"] = "en"
    return owner


def test_a_code_of_the_breaker_is_explained_with_the_next_step(english: Client, account: ProviderAccount) -> None:
    ProviderAccount.objects.update(breaker="open", breaker_code="418", breaker_text="اعتبار کافی نیست")
    page = english.get(f"/accounts/{account.pk}/").content.decode()
    assert "The credit at the provider is used up." in page
    assert "Add credit in the provider&#x27;s panel" in page


def test_a_breaker_with_an_unknown_code_has_the_providers_words_alone(
    english: Client, account: ProviderAccount
) -> None:
    ProviderAccount.objects.update(breaker="open", breaker_code="777", breaker_text="نامشخص")
    page = english.get(f"/accounts/{account.pk}/").content.decode()
    assert ("777" in page, "نامشخص" in page) == (True, True)


def test_a_test_of_the_connection_is_a_part_of_the_page(
    english: Client, account: ProviderAccount, sandbox: Sandbox
) -> None:
    ProviderAccount.objects.update(base_url=sandbox.base_url)
    answer = english.post(f"/accounts/{account.pk}/check/", headers={"HX-Request": "true"})
    part = answer.content.decode()
    assert "The provider answers and accepts the key." in part
    assert "Last found in order" in part
    assert "<html" not in part


def test_a_test_without_script_gives_the_whole_page(english: Client, account: ProviderAccount) -> None:
    ProviderAccount.objects.update(base_url=f"http://127.0.0.1:{free_port()}")
    page = english.post(f"/accounts/{account.pk}/check/").content.decode()
    assert "The server at this address refuses connections." in page
    assert "<html" in page
    assert TOKEN not in page


def test_a_test_is_no_link_and_needs_the_permission(owner: Client, teammate: Client, account: ProviderAccount) -> None:
    address = f"/accounts/{account.pk}/check/"
    assert (owner.get(address).status_code, teammate.post(address).status_code) == (405, 403)
    assert address not in teammate.get(f"/accounts/{account.pk}/").content.decode()


def test_the_credit_is_on_the_account_and_in_the_list(english: Client, account: ProviderAccount) -> None:
    ProviderAccount.objects.update(credit=1_250_000, checked_at=timezone.now())
    pages = [english.get(address).content.decode() for address in ("/accounts/", f"/accounts/{account.pk}/")]
    assert all("1,250,000" in page for page in pages)


@pytest.mark.parametrize(("slug", "said"), [("safir", "4, this provider's pace"), ("najva", "no limit")])
def test_the_pace_is_told(english: Client, account: ProviderAccount, slug: str, said: str) -> None:
    ProviderAccount.objects.update(slug=slug)
    assert said in english.get(f"/accounts/{account.pk}/").content.decode()


def test_a_pace_that_was_slowed_down_is_told_until_it_has_recovered(english: Client, account: ProviderAccount) -> None:
    page = []
    for ago in (10, 3600):
        slowed_at = timezone.now() - dt.timedelta(seconds=ago)
        ProviderAccount.objects.update(slug="gosms", slowed_to=5.0, slowed_at=slowed_at)
        page.append(english.get(f"/accounts/{account.pk}/").content.decode())
    assert ["the provider asked to slow down" in each for each in page] == [True, False]


def test_the_last_error_is_told_in_both_words_until_all_is_well(english: Client, account: ProviderAccount) -> None:
    ProviderAccount.objects.note_error(account.pk, "418", "اعتبار کافی نیست")
    page = english.get(f"/accounts/{account.pk}/").content.decode()
    assert "The credit at the provider is used up." in page
    assert "اعتبار کافی نیست" in page
    assert "in order since" not in page
    ProviderAccount.objects.update(checked_at=timezone.now() + dt.timedelta(seconds=1))
    assert "in order since" in english.get(f"/accounts/{account.pk}/").content.decode()


def test_a_line_tells_how_much_of_its_daily_cap_is_used(english: Client, account: ProviderAccount) -> None:
    line = SenderLine.objects.create(account=account, sender="1", daily_cap=5_000)
    DailyCount.objects.create(line=line, day=clock.today(), messages=1_200)
    assert "1,200 of 5,000 used today" in english.get(f"/accounts/{account.pk}/").content.decode()


def test_a_credit_tells_how_far_it_reaches(english: Client, account: ProviderAccount) -> None:
    Tariff.objects.create(line=SenderLine.objects.create(account=account, sender="1"), rial_per_part=1_000)
    ProviderAccount.objects.update(credit=1_250_000, low_credit=2_000_000, checked_at=timezone.now())
    pages = [english.get(address).content.decode() for address in ("/accounts/", f"/accounts/{account.pk}/")]
    assert all("enough for about 1,250 more messages" in page for page in pages)
    assert "2,000,000 rial" in pages[1]


def test_the_last_report_of_an_account_is_told(english: Client, account: ProviderAccount) -> None:
    assert "none lately" in english.get(f"/accounts/{account.pk}/").content.decode()
    moment = dt.datetime(2026, 3, 21, 6, 0, tzinfo=dt.UTC)
    for of, at in ((account, moment), (make_account("other"), timezone.now())):
        DeliveryEvent.objects.create(account=of, provider_ref="7", report="sent", code="4", received_at=at)
    assert "21 Mar 2026, 09:30" in english.get(f"/accounts/{account.pk}/").content.decode()
