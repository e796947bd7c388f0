"""An account's credit: asked for where the provider tells it, now and then, by one worker at a time."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography.fernet import Fernet
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from providers import credit
from providers.models import ProviderAccount, SenderLine, Tariff
from providers.sandbox import Sandbox
from providers.secrets import encrypt
from tests.providers.servers import free_port

pytestmark = pytest.mark.django_db


def ippanel(base_url: str, token: str = "token") -> ProviderAccount:
    credentials = encrypt({"token": token})
    return ProviderAccount.objects.create(name="ippanel", slug="ippanel", base_url=base_url, credentials=credentials)


def asked(ago: dt.timedelta) -> None:
    ProviderAccount.objects.update(credit_asked_at=timezone.now() - ago)


def credit_of(account: ProviderAccount) -> int | None:
    return ProviderAccount.objects.get(pk=account.pk).credit


def test_the_credit_is_asked_for_once_in_ten_minutes(sandbox: Sandbox) -> None:
    account = ippanel(sandbox.base_url)
    assert credit.due() == [account.pk]
    credit.refresh(account.pk)
    assert credit_of(account) is not None
    assert credit.due() == []
    ProviderAccount.objects.update(credit=None)
    credit.refresh(account.pk)
    assert credit_of(account) is None
    asked(dt.timedelta(minutes=11))
    credit.refresh(account.pk)
    assert credit_of(account) is not None


def test_only_accounts_in_use_whose_provider_tells_it_are_asked() -> None:
    account = ippanel("http://127.0.0.1:9")
    ProviderAccount.objects.create(name="najva", slug="najva", base_url="http://127.0.0.1:9", credentials="")
    assert credit.due() == [account.pk]
    ProviderAccount.objects.update(enabled=False)
    assert credit.due() == []


def test_a_failure_is_kept_as_the_last_error_and_stops_nothing() -> None:
    account = ippanel(f"http://127.0.0.1:{free_port()}")
    ProviderAccount.objects.update(credit=77)
    credit.refresh(account.pk)
    account.refresh_from_db()
    assert (account.error_code, account.credit, account.breaker) == ("connection_refused", 77, "closed")
    assert credit.due() == []


def test_a_key_that_cannot_be_opened_is_told(sandbox: Sandbox, settings: Settings) -> None:
    account = ippanel(sandbox.base_url)
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    credit.refresh(account.pk)
    account.refresh_from_db()
    assert account.error_code == "UndecryptableSecret"


def test_how_far_a_credit_reaches_is_by_the_dearest_price_of_its_lines() -> None:
    account = ippanel("http://127.0.0.1:9")
    ProviderAccount.objects.update(credit=10_500)
    for sender, rial in (("1", 500), ("2", 1_000)):
        line = SenderLine.objects.create(account=account, sender=sender)
        Tariff.objects.create(line=line, rial_per_part=rial)
    account.refresh_from_db()
    assert credit.reach([account]) == {account.pk: 10}


def test_without_a_credit_or_a_price_nothing_is_said_of_how_far_it_reaches() -> None:
    account = ippanel("http://127.0.0.1:9")
    assert credit.reach([account]) == {}
    account.credit = 10
    assert credit.reach([account]) == {}


def test_an_error_outlives_the_breaker_that_it_opened() -> None:
    account = ippanel("http://127.0.0.1:9")
    ProviderAccount.objects.open_breaker(account.pk, "418", "no credit")
    ProviderAccount.objects.close_breaker(account.pk)
    account.refresh_from_db()
    assert (account.breaker, account.error_code, account.error_text) == ("closed", "418", "no credit")
    ProviderAccount.objects.failed(account.pk, "read_timeout")
    account.refresh_from_db()
    assert (account.error_code, account.error_text) == ("read_timeout", "")


@pytest.mark.parametrize(("slug", "asked"), [("ippanel", True), ("najva", False)])
def test_a_low_credit_is_asked_for_only_where_the_provider_tells_it(
    admin_client: Client, slug: str, asked: bool
) -> None:
    form = admin_client.get(f"/accounts/new/?provider={slug}").context["form"]
    assert ("low_credit" in form.fields) is asked


def test_the_credit_to_warn_below_is_saved(admin_client: Client) -> None:
    account = ippanel("https://ippanel.example")
    form = {"name": "x", "base_url": account.base_url, "enabled": "on", "low_credit": "5000"}
    admin_client.post(f"/accounts/{account.pk}/edit/", form)
    account.refresh_from_db()
    assert account.low_credit == 5_000
