"""The cast of mirrorings: a provider that keeps lists, an account at it, and what is in the tables afterwards."""

from __future__ import annotations

from typing import Any

from contacts import mirroring
from contacts.models import JobCategory, Mirroring, Phonebook, ProviderNumber
from providers.models import ProviderAccount, SenderLine
from providers.sandbox import Sandbox
from providers.secrets import encrypt

TOKEN = "token-of-the-tests"
CUSTOMERS = "838550"  # the sandbox's phonebook of 1,250 numbers
LISTED = {"lines": 4, "phonebooks": 5, "categories": 4, "subcategories": 12}


def keeping(sandbox: Sandbox | None = None, name: str = "IPPanel", **fields: Any) -> ProviderAccount:
    """An account at the sandbox, or at an address where nothing listens."""
    values = {"base_url": sandbox.base_url if sandbox else "http://127.0.0.1:9", **fields}
    return ProviderAccount.objects.create(name=name, slug="ippanel", credentials=encrypt({"token": TOKEN}), **values)


def mirrored(account: ProviderAccount, phonebook: Phonebook | None = None) -> Mirroring:
    """A mirroring that was started and run as far as it goes."""
    run = mirroring.start(account, phonebook=phonebook, in_background=False)
    assert mirroring.run(run.pk)
    run.refresh_from_db()
    return run


def customers(account: ProviderAccount, **fields: Any) -> Phonebook:
    """The mirror of the phonebook of 1,250 numbers, without its numbers."""
    values = {"name": "customers", "size": 1_250, **fields}
    return Phonebook.objects.create(account=account, provider_ref=CUSTOMERS, **values)


def figures(run: Mirroring) -> dict[str, int]:
    """What was listed, without what became of it."""
    return {name: run.counts.get(name, 0) for name in LISTED}


def tables() -> dict[str, Any]:
    """What the mirrors hold, by the provider's ids; keys and marks of a pass left out."""
    return {
        "lines": list(SenderLine.objects.order_by("sender").values_list("sender", "name", "kind", "enabled")),
        "phonebooks": list(
            Phonebook.objects.order_by("provider_ref").values_list("pk", "provider_ref", "name", "size")
        ),
        "categories": list(JobCategory.objects.order_by("pk").values_list("pk", "provider_ref", "name", "parent")),
        "numbers": list(ProviderNumber.objects.order_by("pk").values_list("pk", "provider_ref", "phone", "name")),
    }
