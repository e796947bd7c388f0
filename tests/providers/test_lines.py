"""Lines and limits as each provider has them: in the forms, on the pages, and from the command line."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from providers.forms import AccountForm, LineForm
from providers.models import ProviderAccount, SenderLine
from providers.registry import PROVIDERS
from providers.secrets import encrypt

pytestmark = pytest.mark.django_db
SENDERS = {
    "najva": ("sms", "90000123"),
    "safir": ("bale", "123456789"),
    "ippanel": ("sms", "+983000505"),
    "gosms": ("sms", "any"),
}
WRONG = {"safir": "@shop_bot", "ippanel": "3000505", "gosms": "Xiaomi"}


def make_account(slug: str) -> ProviderAccount:
    provider = PROVIDERS[slug]
    credentials = encrypt({each.name: "x" for each in provider.credential_fields})
    return ProviderAccount.objects.create(
        name=slug, slug=slug, base_url=provider.default_base_url, credentials=credentials
    )


def line_data(sender: str, channel: str, **changes: str) -> dict[str, str]:
    window = {"window_start": "08:00", "window_end": "21:00", "part_size": "67"}
    return {"sender": sender, "kind": "service", "channel": channel, "enabled": "on", **window, **changes}


def account_data(slug: str, **changes: str) -> dict[str, str]:
    provider = PROVIDERS[slug]
    credentials = {f"credential_{each.name}": "x" for each in provider.credential_fields}
    return {"name": slug, "base_url": provider.default_base_url, "enabled": "on", **credentials, **changes}


def add(slug: str, *arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    needed = [f"--credential={each.name}=x" for each in PROVIDERS[slug].credential_fields if each.required]
    call_command("account", "add", "--provider", slug, "--name", slug, *needed, *arguments, "--json", stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


@pytest.mark.parametrize("slug", PROVIDERS)
def test_a_new_line_begins_on_its_providers_channel(slug: str) -> None:
    channel, sender = SENDERS[slug]
    form = LineForm(account=make_account(slug))
    assert form["channel"].value() == channel
    assert LineForm(line_data(sender, channel), account=form.instance.account).is_valid()


@pytest.mark.parametrize("slug", WRONG)
def test_a_sender_of_another_form_is_refused_with_what_it_looks_like(slug: str) -> None:
    with translation.override("en"):
        form = LineForm(line_data(WRONG[slug], SENDERS[slug][0]), account=make_account(slug))
        assert form.errors == {"sender": [PROVIDERS[slug].sender_hint]}
        assert form["sender"].help_text == PROVIDERS[slug].sender_hint


@pytest.mark.parametrize("slug", PROVIDERS)
def test_the_command_adds_a_line_on_its_providers_channel(slug: str) -> None:
    channel, sender = SENDERS[slug]
    added = add(slug, "--line", sender)
    assert SenderLine.objects.get(pk=added["line_id"]).channel == channel


@pytest.mark.parametrize("slug", WRONG)
def test_the_command_refuses_a_sender_of_another_form(slug: str) -> None:
    with pytest.raises(CommandError):
        add(slug, "--line", WRONG[slug])
    assert not ProviderAccount.objects.exists()


@pytest.mark.parametrize(("slug", "most"), [("najva", 10_000), ("safir", 1_000), ("gosms", 1_000)])
def test_a_batch_is_held_to_what_the_provider_takes(slug: str, most: int) -> None:
    assert AccountForm(account_data(slug, batch_size=str(most)), slug=slug).is_valid()
    assert list(AccountForm(account_data(slug, batch_size=str(most + 1)), slug=slug).errors) == ["batch_size"]


def test_a_provider_that_keeps_the_recipients_has_no_batch_size() -> None:
    assert "batch_size" not in AccountForm(slug="ippanel").fields
    with pytest.raises(CommandError, match="keeps the recipients itself"):
        add("ippanel", "--batch-size", "10")


@pytest.mark.parametrize(("slug", "said"), [("najva", "as fast as"), ("safir", "4 a second"), ("gosms", "10 a second")])
def test_an_empty_pace_says_what_it_comes_to(slug: str, said: str) -> None:
    with translation.override("en"):
        assert said in str(AccountForm(slug=slug)["requests_per_second"].help_text)


@pytest.mark.parametrize(("cap", "stored"), [("", None), ("500", 500)])
def test_a_line_may_have_a_daily_cap(cap: str, stored: int | None) -> None:
    form = LineForm(line_data("any", "sms", daily_cap=cap), account=make_account("gosms"))
    assert form.is_valid(), form.errors
    assert form.save().daily_cap == stored


def test_a_daily_cap_of_nothing_is_refused() -> None:
    form = LineForm(line_data("any", "sms", daily_cap="0"), account=make_account("gosms"))
    assert list(form.errors) == ["daily_cap"]
