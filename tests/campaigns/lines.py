"""A line at each provider of the sandbox, and the credentials that its accounts have."""

from __future__ import annotations

from typing import Any

from providers.models import ProviderAccount, SenderLine
from providers.sandbox import Sandbox
from providers.secrets import encrypt
from tests import builders

CREDENTIALS = {  # one of its own for each: the sandbox knows an account by it
    "najva": {"api_token": builders.TOKEN},
    "safir": {"api_access_key": f"{builders.TOKEN}-safir"},
    "ippanel": {"token": f"{builders.TOKEN}-ippanel"},
    "gosms": {"token": f"{builders.TOKEN}-gosms"},
}
SENDERS = {"najva": "90000123", "safir": "1234567", "ippanel": "+983000505", "gosms": f"{'a' * 24}:0"}
FAST = 10_000.0  # requests a second: no test but those of the pace waits for a turn


def account(slug: str, sandbox: Sandbox | None = None, **fields: Any) -> ProviderAccount:
    """An account at a provider of the sandbox, as fast as it answers."""
    address = sandbox.base_url if sandbox else "http://127.0.0.1:9"
    values = {"name": slug, "requests_per_second": FAST, **fields}
    return ProviderAccount.objects.create(slug=slug, base_url=address, credentials=encrypt(CREDENTIALS[slug]), **values)


def line(slug: str, sandbox: Sandbox | None = None, *, of: ProviderAccount | None = None, **fields: Any) -> SenderLine:
    """A service line at a provider, with an account of its own unless one is given."""
    channel = "bale" if slug == "safir" else "sms"
    values = {"sender": SENDERS[slug], "channel": channel, "kind": "service", **fields}
    return SenderLine.objects.create(account=of or account(slug, sandbox), **values)
