"""What is refused in production, one check at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.checks import CheckMessage
from django.db import connection
from pytest_django.fixtures import Settings

from providers.checks import check_accounts, check_debug, check_field_keys, check_secret_key, is_loopback
from providers.models import ProviderAccount
from providers.secrets import encrypt


@pytest.fixture
def production(settings: Settings, tmp_path: Path) -> Settings:
    settings.PRODUCTION, settings.DEBUG, settings.VAR_DIR = True, False, tmp_path
    settings.SECRET_KEY = "nH8-KxR2_vQm4TzW7pLs9JdF3cYb6GaE1uXo5iNw0hVtBrZq"
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    return settings


def ids(check: Callable[[], Sequence[CheckMessage]]) -> list[str | None]:
    found = check()
    assert all(each.hint for each in found)
    return [each.id for each in found]


def test_good_settings_pass(production: Settings) -> None:
    assert [ids(check) for check in (check_secret_key, check_field_keys, check_debug)] == [[], [], []]


@pytest.mark.parametrize(
    "key", ["short", "a" * 60, "django-insecure-" + "abcdefghij" * 4, "Change-me-" + "qwertyuiop" * 4]
)
def test_e001_a_default_key_is_refused(production: Settings, key: str) -> None:
    production.SECRET_KEY = key
    assert ids(check_secret_key) == ["providers.E001"]


def test_e001_a_key_made_for_trying_out_is_refused(production: Settings, tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text(production.SECRET_KEY + "\n")
    assert ids(check_secret_key) == ["providers.E001"]


@pytest.mark.parametrize("keys", [[], ["nonsense"], [Fernet.generate_key().decode(), "nonsense"]])
def test_e002_what_is_no_key_is_refused(production: Settings, keys: list[str]) -> None:
    production.FIELD_ENCRYPTION_KEYS = keys
    assert ids(check_field_keys) == ["providers.E002"]


def test_e002_a_field_key_made_for_trying_out_is_refused(production: Settings, tmp_path: Path) -> None:
    (tmp_path / "field_encryption_keys").write_text(production.FIELD_ENCRYPTION_KEYS[0])
    assert ids(check_field_keys) == ["providers.E002"]


def test_e003_debug_is_refused(production: Settings) -> None:
    production.DEBUG = True
    assert ids(check_debug) == ["providers.E003"]


@pytest.mark.django_db
def test_e004_an_account_at_the_sandbox_is_refused(production: Settings) -> None:
    for number, url in enumerate(["http://127.0.0.1:8900", "https://sms.najva.com", "http://[::1]:1"]):
        ProviderAccount.objects.create(
            name=str(number), slug="najva", base_url=url, credentials=encrypt({"api_token": "x"})
        )
    ProviderAccount.objects.create(
        name="off", slug="najva", base_url="http://localhost", credentials=encrypt({"api_token": "x"}), enabled=False
    )
    found = check_accounts(databases=["default"])
    assert [(each.id, each.msg.split()[2]) for each in found] == [("providers.E004", "0"), ("providers.E004", "2")]


@pytest.mark.django_db
def test_nothing_is_refused_where_people_try_it_out(production: Settings) -> None:
    production.PRODUCTION, production.DEBUG, production.SECRET_KEY = False, True, "short"
    ProviderAccount.objects.create(
        name="a", slug="najva", base_url="http://localhost", credentials=encrypt({"api_token": "x"})
    )
    assert [*check_secret_key(), *check_debug(), *check_accounts(databases=["default"])] == []


@pytest.mark.django_db(transaction=True)
def test_a_database_without_tables_is_no_reason_to_fail(production: Settings) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE providers_provideraccount RENAME TO hidden")
    try:
        assert check_accounts(databases=["default"]) == []
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE hidden RENAME TO providers_provideraccount")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8900", True),
        ("http://127.8.8.8", True),
        ("http://localhost.", True),
        ("http://sandbox.localhost", True),
        ("http://0.0.0.0", True),
        ("http://[::1]", True),
        ("http://[::ffff:127.0.0.1]", True),
        ("https://sms.najva.com", False),
        ("https://localhost.example.com", False),
        ("https://10.0.0.1", False),
    ],
)
def test_this_machine_is_recognised(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected
