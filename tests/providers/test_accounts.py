"""Accounts and lines: commands, forms, the admin and what is never shown."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django.fixtures import Settings

from providers.backends.najva import Najva
from providers.forms import AccountForm, LineForm
from providers.management.commands.sandbox import WebhookFinder
from providers.models import ProviderAccount, SenderLine, Tariff
from providers.registry import UnknownProvider, choices, provider_class, provider_for
from providers.secrets import encrypt

pytestmark = pytest.mark.django_db
TOKEN = "very-secret-token-9f8e7d"
GOOD = {"name": "اصلی", "base_url": "https://sms.najva.example/", "enabled": "on", "credential_api_token": TOKEN}


def add(*arguments: str, provider: str = "najva", name: str = "main") -> dict[str, Any]:
    out = io.StringIO()
    call_command("account", "add", "--provider", provider, "--name", name, *arguments, "--json", stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


@pytest.fixture
def account() -> ProviderAccount:
    return ProviderAccount.objects.create(
        name="main", slug="najva", base_url="https://sms.najva.example", credentials=encrypt({"api_token": TOKEN})
    )


def test_the_command_adds_an_account_with_its_line() -> None:
    answer = add("--credential", f"api_token={TOKEN}", "--line", "90000123", "--batch-size", "10000")
    account = ProviderAccount.objects.get(pk=answer["id"])
    line = SenderLine.objects.get(pk=answer["line_id"])
    assert answer == {"id": account.pk, "line_id": line.pk, "webhook_path": account.webhook_path}
    assert (account.batch_size, line.sender, line.kind) == (10_000, "90000123", "advertising")
    assert account.secrets["api_token"] == TOKEN


def test_the_command_adds_several_lines_of_a_kind() -> None:
    add("--credential", "api_token=x", "--line", "1", "--line", "2", "--line-kind", "service")
    assert list(SenderLine.objects.values_list("sender", "kind")) == [("1", "service"), ("2", "service")]


def test_the_command_adds_an_account_without_a_line() -> None:
    assert add("--credential", "api_token=x")["line_id"] is None


BROKEN: dict[str, list[str]] = {
    "no credential": [],
    "credential without a value": ["--credential", "api_token="],
    "credential without an equals sign": ["--credential", "api_token"],
    "credential without a name": ["--credential", "=x"],
    "credential of another provider": ["--credential", "api_token=x", "--credential", "token=x"],
    "credential with a space": ["--credential", f"api_token={TOKEN} x"],
    "credential in Persian": ["--credential", "api_token=توکن"],
    "batch too large": ["--credential", "api_token=x", "--batch-size", "10001"],
    "batch of none": ["--credential", "api_token=x", "--batch-size", "0"],
    "no address": ["--credential", "api_token=x", "--base-url", "nonsense"],
    "address that is none": ["--credential", "api_token=x", "--base-url", "http://[::1"],
    "address with a port that is none": ["--credential", "api_token=x", "--base-url", "http://127.0.0.1:99999"],
    "address with a user": ["--credential", "api_token=x", "--base-url", "http://user:pass@127.0.0.1/"],
    "a line twice": ["--credential", "api_token=x", "--line", "1", "--line", "1"],
    "an empty line": ["--credential", "api_token=x", "--line", " "],
}


@pytest.mark.parametrize("arguments", BROKEN.values(), ids=BROKEN.keys())
def test_a_wrong_command_changes_nothing_and_tells_no_secret(arguments: list[str]) -> None:
    with pytest.raises(CommandError) as caught:
        add(*arguments)
    assert TOKEN not in str(caught.value)
    assert not ProviderAccount.objects.exists()


def test_a_name_that_is_taken_is_a_sentence() -> None:
    add("--credential", "api_token=x")
    with pytest.raises(CommandError, match="name"):
        add("--credential", "api_token=x")


def test_a_provider_that_nobody_knows_is_a_sentence() -> None:
    with pytest.raises(CommandError, match="known: najva"):
        add("--credential", "api_token=x", provider="nobody")


def test_an_account_leads_to_its_backend(account: ProviderAccount) -> None:
    provider = provider_for(account)
    assert isinstance(provider, Najva)
    assert provider.build_status(["1"]).headers["Authorization"] == f"Bearer {TOKEN}"


def test_the_registry_knows_its_providers() -> None:
    assert choices()[0] == ("najva", "Najva")
    assert len(dict(choices())) == len(choices())
    with pytest.raises(UnknownProvider):
        provider_class("nobody")


def test_keys_are_rotated(account: ProviderAccount, settings: Settings) -> None:
    old, new = settings.FIELD_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    settings.FIELD_ENCRYPTION_KEYS = [new, old]
    call_command("rotate_field_keys", stdout=io.StringIO())
    settings.FIELD_ENCRYPTION_KEYS = [new]
    assert ProviderAccount.objects.get().secrets["api_token"] == TOKEN


def test_a_rotation_without_the_old_key_changes_nothing(account: ProviderAccount, settings: Settings) -> None:
    old, settings.FIELD_ENCRYPTION_KEYS = settings.FIELD_ENCRYPTION_KEYS, [Fernet.generate_key().decode()]
    with pytest.raises(CommandError, match="nothing was changed"):
        call_command("rotate_field_keys", stdout=io.StringIO())
    settings.FIELD_ENCRYPTION_KEYS = old
    assert ProviderAccount.objects.get().secrets["api_token"] == TOKEN


@pytest.mark.django_db(transaction=True)
def test_the_sandbox_finds_the_webhook_of_a_providers_token(account: ProviderAccount) -> None:
    """The demo's accounts share one token: each provider's reports go to its own account."""
    other = ProviderAccount.objects.create(
        name="گوشی", slug="gosms", base_url=account.base_url, credentials=encrypt({"token": TOKEN})
    )
    find = WebhookFinder("http://127.0.0.1:8000/")
    assert find("najva", TOKEN) == f"http://127.0.0.1:8000/{account.webhook_path}"
    assert find("gosms", TOKEN) == f"http://127.0.0.1:8000/{other.webhook_path}"
    assert find("najva", "another") == find("safir", TOKEN) == ""


def test_an_empty_credential_keeps_the_stored_one(account: ProviderAccount) -> None:
    form = AccountForm({**GOOD, "credential_api_token": ""}, instance=account)
    assert form.is_valid(), form.errors
    form.save()
    assert ProviderAccount.objects.get().secrets["api_token"] == TOKEN


def test_a_new_credential_replaces_the_stored_one_and_closes_the_breaker(account: ProviderAccount) -> None:
    ProviderAccount.objects.update(breaker="open", breaker_code="401")
    form = AccountForm({**GOOD, "credential_api_token": "new"}, instance=ProviderAccount.objects.get())
    assert form.is_valid()
    form.save()
    stored = ProviderAccount.objects.get()
    assert (stored.secrets["api_token"], stored.breaker, stored.breaker_code) == ("new", "closed", "")


def test_a_stored_token_is_not_sent_to_a_new_host(account: ProviderAccount) -> None:
    moved = {**GOOD, "base_url": "https://evil.example", "credential_api_token": ""}
    assert list(AccountForm(moved, instance=account).errors) == ["credential_api_token"]


def test_a_form_shows_no_credential(account: ProviderAccount) -> None:
    shown = [AccountForm(instance=account), AccountForm({**GOOD, "name": ""}, instance=account)]
    assert all(TOKEN not in form.as_div() for form in shown)


def test_what_the_worker_writes_meanwhile_is_kept(account: ProviderAccount) -> None:
    form = AccountForm({**GOOD, "credential_api_token": ""}, instance=account)
    assert form.is_valid()
    ProviderAccount.objects.update(breaker="open", breaker_code="418")
    form.save()
    assert ProviderAccount.objects.get().breaker_code == "418"


LINE: dict[str, Any] = {
    "sender": "90000123",
    "kind": "advertising",
    "channel": "sms",
    "window_start": "08:00",
    "window_end": "21:00",
    "part_size": "67",
    "opt_out_suffix": "لغو11",
    "enabled": "on",
    "price_ucs2": "1450",
}


def test_a_line_is_saved_with_its_price(account: ProviderAccount) -> None:
    form = LineForm(LINE, account=account)
    assert form.is_valid(), form.errors
    line = form.save()
    assert list(Tariff.objects.values_list("line", "operator", "encoding", "rial_per_part")) == [
        (line.pk, 0, "ucs2", 1450)
    ]


def test_a_price_that_is_emptied_is_gone(account: ProviderAccount) -> None:
    line = LineForm(LINE, account=account).save()
    form = LineForm({**LINE, "price_ucs2": ""}, instance=line, account=account)
    assert form.is_valid()
    form.save()
    assert not Tariff.objects.exists()


@pytest.mark.parametrize("changes", [{"sender": ""}, {"channel": "fax"}, {"price_gsm7": "-1"}])
def test_a_line_that_cannot_be_is_refused(account: ProviderAccount, changes: dict[str, str]) -> None:
    assert list(LineForm({**LINE, **changes}, account=account).errors) == list(changes)


def test_a_sender_twice_at_an_account_is_refused(account: ProviderAccount) -> None:
    LineForm(LINE, account=account).save()
    assert list(LineForm(LINE, account=account).errors) == ["sender"]


@pytest.fixture
def owner(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("owner"))
    return client


def admin_data(**changes: str) -> dict[str, str]:
    lines = {"lines-TOTAL_FORMS": "0", "lines-INITIAL_FORMS": "0"}
    return {**GOOD, "slug": "najva", **lines, **changes}


def test_the_admin_adds_an_account(owner: Client) -> None:
    answer = owner.post("/admin/providers/provideraccount/add/", admin_data())
    assert answer.status_code == 302
    assert ProviderAccount.objects.get().secrets["api_token"] == TOKEN


def test_the_admin_keeps_a_credential_and_never_shows_it(owner: Client, account: ProviderAccount) -> None:
    url = f"/admin/providers/provideraccount/{account.pk}/change/"
    page = owner.get(url).content.decode()
    assert TOKEN not in page
    assert account.credentials not in page
    assert owner.post(url, admin_data(credential_api_token="", name="new")).status_code == 302
    stored = ProviderAccount.objects.get()
    assert (stored.name, stored.secrets["api_token"]) == ("new", TOKEN)


def test_the_admin_refuses_an_account_without_its_credential(owner: Client) -> None:
    assert owner.post("/admin/providers/provideraccount/add/", admin_data(credential_api_token="")).status_code == 200
    assert not ProviderAccount.objects.exists()


@pytest.mark.parametrize(("sender", "stored"), [("1234567", 1), ("mybot", 0)])
def test_the_admin_holds_a_new_accounts_line_to_its_providers_form(owner: Client, sender: str, stored: int) -> None:
    line = {"sender": sender, "name": "", "kind": "service", "channel": "bale", "daily_cap": "", "enabled": "on"}
    data = {**admin_data(slug="safir", credential_api_access_key=TOKEN), "lines-TOTAL_FORMS": "1"}
    data |= {f"lines-0-{name}": value for name, value in line.items()}
    owner.post("/admin/providers/provideraccount/add/", data)
    assert SenderLine.objects.count() == stored


@pytest.mark.parametrize(("sender", "stored"), [("+983000505", 1), ("mybot", 0)])
def test_the_admin_holds_a_line_to_its_providers_form(
    owner: Client, account: ProviderAccount, sender: str, stored: int
) -> None:
    ProviderAccount.objects.update(slug="ippanel")
    tariffs = {"tariffs-TOTAL_FORMS": "0", "tariffs-INITIAL_FORMS": "0"}
    owner.post("/admin/providers/senderline/add/", {**LINE, **tariffs, "account": account.pk, "sender": sender})
    assert SenderLine.objects.count() == stored


@pytest.mark.parametrize("model", ["provideraccount", "senderline", "tariff", "uploadedfile"])
def test_the_admin_lists_and_searches(owner: Client, account: ProviderAccount, model: str) -> None:
    assert owner.get(f"/admin/providers/{model}/?q=main").status_code == 200


# A credential that an account may have, and may do without

HOOK = "6654a4e8f1527149588c89f2"
PHONES = {"name": "phones", "base_url": "https://gosms.example/v1", "enabled": "on"}


@pytest.fixture
def phones() -> ProviderAccount:
    credentials = encrypt({"token": TOKEN, "callback_id": HOOK})
    return ProviderAccount.objects.create(
        name="phones", slug="gosms", base_url=PHONES["base_url"], credentials=credentials
    )


def stored() -> dict[str, str]:
    return dict(ProviderAccount.objects.get().secrets)


def saved(phones: ProviderAccount, **typed: str) -> dict[str, str]:
    form = AccountForm({**PHONES, **typed}, instance=phones)
    assert form.is_valid(), form.errors
    form.save()
    return stored()


@pytest.mark.parametrize("typed", [{}, {"credential_callback_id": ""}, {"credential_callback_id": " "}])
def test_an_optional_credential_is_never_demanded_and_absent_where_empty(typed: dict[str, str]) -> None:
    form = AccountForm({**PHONES, "credential_token": TOKEN, **typed}, slug="gosms")
    assert form.is_valid(), form.errors
    form.save()
    assert stored() == {"token": TOKEN}


def test_an_optional_credential_that_was_typed_is_stored() -> None:
    form = AccountForm({**PHONES, "credential_token": TOKEN, "credential_callback_id": HOOK}, slug="gosms")
    assert form.is_valid(), form.errors
    form.save()
    assert stored() == {"token": TOKEN, "callback_id": HOOK}


def test_an_optional_credential_does_not_stand_in_for_a_needed_one() -> None:
    form = AccountForm({**PHONES, "credential_callback_id": HOOK}, slug="gosms")
    assert list(form.errors) == ["credential_token"]


def test_only_what_is_needed_is_marked_as_required() -> None:
    form = AccountForm(slug="gosms")
    assert [form.fields[f"credential_{name}"].required for name in ("token", "callback_id")] == [True, False]
    assert "credential_callback_id_removed" not in form.fields


def test_each_credential_is_kept_and_replaced_by_itself(phones: ProviderAccount) -> None:
    assert saved(phones) == {"token": TOKEN, "callback_id": HOOK}
    assert saved(phones, credential_token="new") == {"token": "new", "callback_id": HOOK}
    assert saved(phones, credential_callback_id="0" * 24) == {"token": "new", "callback_id": "0" * 24}


def test_an_optional_credential_can_be_removed(phones: ProviderAccount) -> None:
    ProviderAccount.objects.update(breaker="open", breaker_code="2004")
    assert saved(phones, credential_callback_id_removed="on") == {"token": TOKEN}
    assert ProviderAccount.objects.get().breaker == "closed"


def test_no_needed_credential_can_be_removed(phones: ProviderAccount) -> None:
    assert "credential_token_removed" not in AccountForm(instance=phones).fields
    assert saved(phones, credential_token_removed="on") == {"token": TOKEN, "callback_id": HOOK}


def test_a_new_host_gets_only_what_is_typed_for_it(phones: ProviderAccount) -> None:
    moved = {"base_url": "https://other.example/v1"}
    assert list(AccountForm({**PHONES, **moved}, instance=phones).errors) == ["credential_token"]
    assert saved(ProviderAccount.objects.get(), **moved, credential_token="new") == {"token": "new"}


def test_credentials_that_no_key_opens_are_replaced_by_the_needed_ones(
    phones: ProviderAccount, settings: Settings
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert saved(phones, credential_token="new") == {"token": "new"}


@pytest.mark.parametrize("extra", [[], ["--credential", "callback_id="]], ids=["left-out", "empty"])
def test_the_command_demands_no_optional_credential(extra: list[str]) -> None:
    add("--credential", f"token={TOKEN}", *extra, "--line", "any", provider="gosms")
    assert stored() == {"token": TOKEN}


def test_the_command_takes_an_optional_credential() -> None:
    add("--credential", f"token={TOKEN}", "--credential", f"callback_id={HOOK}", provider="gosms")
    assert stored() == {"token": TOKEN, "callback_id": HOOK}


def test_the_command_demands_the_needed_credential_beside_an_optional_one() -> None:
    with pytest.raises(CommandError, match="token"):
        add("--credential", f"callback_id={HOOK}", provider="gosms")


def test_the_admin_demands_no_optional_credential(owner: Client) -> None:
    data = admin_data(**PHONES, slug="gosms", credential_api_token="", credential_token=TOKEN)
    assert owner.post("/admin/providers/provideraccount/add/", data).status_code == 302
    assert stored() == {"token": TOKEN}


def test_the_admin_keeps_an_optional_credential(owner: Client, phones: ProviderAccount) -> None:
    url = f"/admin/providers/provideraccount/{phones.pk}/change/"
    data = admin_data(**PHONES, slug="gosms", credential_api_token="", credential_token="new")
    assert HOOK not in owner.get(url).content.decode()
    assert owner.post(url, data).status_code == 302
    assert stored() == {"token": "new", "callback_id": HOOK}


def test_another_provider_in_the_admin_gets_no_credential_of_the_former_one(
    owner: Client, phones: ProviderAccount
) -> None:
    url = f"/admin/providers/provideraccount/{phones.pk}/change/"
    assert owner.post(url, admin_data(**PHONES, slug="ippanel", credential_api_token="")).status_code == 200
    data = admin_data(**PHONES, slug="ippanel", credential_api_token="", credential_token="new")
    assert owner.post(url, data).status_code == 302
    assert stored() == {"token": "new"}


@pytest.mark.parametrize(("callback_id", "shown"), [(HOOK, 2), ("", 1)])
def test_the_page_shows_only_the_credentials_that_are_saved(
    owner: Client, phones: ProviderAccount, callback_id: str, shown: int
) -> None:
    credentials = {"token": TOKEN, **({"callback_id": callback_id} if callback_id else {})}
    ProviderAccount.objects.update(credentials=encrypt(credentials))
    assert owner.get(phones.get_absolute_url()).content.decode().count("••••••••") == shown
