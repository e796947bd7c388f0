"""Which provider a slug names. A new backend is added here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from providers.backends.gosms import GoSMS
from providers.backends.ippanel import IPPanel
from providers.backends.najva import Najva
from providers.backends.safir import Safir
from providers.base import Provider, ProviderError

PROVIDERS: dict[str, type[Provider]] = {provider.slug: provider for provider in (Najva, Safir, IPPanel, GoSMS)}


class UnknownProvider(ProviderError):
    """No backend has this slug."""


class Account(Protocol):
    """As much of a :class:`providers.models.ProviderAccount` as a backend is made of."""

    slug: str
    base_url: str

    @property
    def secrets(self) -> Mapping[str, str]: ...


def provider_class(slug: str) -> type[Provider]:
    """The class for a slug.

    Raises:
        UnknownProvider: there is none.
    """
    try:
        return PROVIDERS[slug]
    except KeyError:
        raise UnknownProvider("unknown_provider") from None


def provider_for(account: Account) -> Provider:
    """The backend of an account, bound to its base URL and its decrypted credentials.

    Raises:
        UnknownProvider: the account's slug names no backend.
        providers.secrets.UndecryptableSecret: the keys of this installation don't open the credentials.
    """
    return provider_class(account.slug)(account.base_url, account.secrets)


def choices() -> list[tuple[str, str]]:
    """Slug and label (an English msgid) of every provider, for forms."""
    return [(slug, provider.label) for slug, provider in PROVIDERS.items()]


def label_of(slug: str) -> str:
    """The label (an English msgid) of a slug's provider; the slug itself where nobody knows it."""
    return PROVIDERS[slug].label if slug in PROVIDERS else slug
