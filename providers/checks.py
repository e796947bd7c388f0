"""System checks: what must not go into production. Registered by the app's configuration."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError

PLACEHOLDERS = ("change", "django-insecure", "secret", "example", "only-for-")


@register(Tags.security)
def check_secret_key(**_options: Any) -> list[CheckMessage]:
    """E001: production needs a secret key of its own."""
    key = settings.SECRET_KEY
    weak = len(key) < 40 or len(set(key)) < 8 or key.lower().startswith(PLACEHOLDERS)
    if not settings.PRODUCTION or not (weak or key == _made_up("secret_key")):
        return []
    hint = (
        "Set SECRET_KEY to at least 40 random characters: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
    )
    return [Error("SECRET_KEY is a default, short or made for trying out.", hint=hint, id="providers.E001")]


@register(Tags.security)
def check_field_keys(**_options: Any) -> list[CheckMessage]:
    """E002: the keys of the credentials must be real, and in production none that was made for trying out."""
    hint = "Make one with: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
    if not settings.FIELD_ENCRYPTION_KEYS or not all(map(_is_key, settings.FIELD_ENCRYPTION_KEYS)):
        return [Error("FIELD_ENCRYPTION_KEYS holds no Fernet key.", hint=hint, id="providers.E002")]
    if settings.PRODUCTION and settings.FIELD_ENCRYPTION_KEYS[0] == _made_up("field_encryption_keys"):
        return [Error("FIELD_ENCRYPTION_KEYS was made for trying out.", hint=hint, id="providers.E002")]
    return []


@register(Tags.security)
def check_debug(**_options: Any) -> list[CheckMessage]:
    """E003: DEBUG shows texts, numbers and settings to whoever meets an error."""
    if not (settings.PRODUCTION and settings.DEBUG):
        return []
    return [Error("DEBUG is on in production.", hint="Remove DEBUG from the environment.", id="providers.E003")]


@register(Tags.database)
def check_accounts(*, databases: Sequence[str] | None = None, **_options: Any) -> list[CheckMessage]:
    """E004: an account at the sandbox would report messages as delivered that nobody was sent."""
    from providers.models import ProviderAccount

    if not settings.PRODUCTION or not databases:
        return []
    try:
        accounts = list(ProviderAccount.objects.filter(enabled=True).values_list("name", "base_url"))
    except DatabaseError:  # before the first migration there is no table
        return []
    hint = "Disable or delete it; the sandbox is for trying out."
    return [
        Error(f"The account {name} sends to this machine, as the sandbox does.", hint=hint, id="providers.E004")
        for name, base_url in accounts
        if is_loopback(base_url)
    ]


def is_loopback(address: str) -> bool:
    """Whether a URL points to this machine itself."""
    host = (urlsplit(address).hostname or "").rstrip(".")
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return any(each.is_loopback or each.is_unspecified for each in (found, mapped) if each)


def _made_up(filename: str) -> str | None:
    """The value that was made for a start without settings, if this machine has one."""
    path = settings.VAR_DIR / filename
    return path.read_text().strip() if path.is_file() else None


def _is_key(value: str) -> bool:
    try:
        Fernet(value)
    except ValueError:
        return False
    return True
