"""Credentials at rest: one JSON object per account, encrypted with the keys of ``FIELD_ENCRYPTION_KEYS``.

The first key encrypts, every key decrypts, so a new key is put in front and ``manage.py rotate_field_keys`` rewrites
the rows. A value that no key opens raises: a wrong key must stop sending, never send ciphertext as a token.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

if TYPE_CHECKING:
    _TextField = models.TextField[Any, Any]
else:
    _TextField = models.TextField


class UndecryptableSecret(Exception):
    """No key of ``FIELD_ENCRYPTION_KEYS`` opens the stored value."""


class Credentials(Mapping[str, str]):
    """The decrypted credentials of an account; neither ``repr`` nor ``str`` shows a value."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, key: str) -> str:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<Credentials {', '.join(sorted(self._values))}>"


def _cipher() -> MultiFernet:
    try:
        keys = [Fernet(key) for key in settings.FIELD_ENCRYPTION_KEYS]
    except ValueError:
        raise ImproperlyConfigured("FIELD_ENCRYPTION_KEYS holds a value that is no Fernet key.") from None
    if not keys:
        raise ImproperlyConfigured("FIELD_ENCRYPTION_KEYS is empty.")
    return MultiFernet(keys)


def encrypt(values: Mapping[str, str]) -> str:
    """The values as an encrypted, URL-safe text."""
    return _cipher().encrypt(json.dumps(dict(values)).encode()).decode()


def decrypt(token: str) -> Credentials:
    """The values of an encrypted text.

    Raises:
        UndecryptableSecret: no key opens it, or it was tampered with.
    """
    try:
        return Credentials(json.loads(_cipher().decrypt(token.encode())))
    except InvalidToken:
        raise UndecryptableSecret("no key of FIELD_ENCRYPTION_KEYS opens the stored credentials") from None


class EncryptedCredentialsField(_TextField):
    """A mapping of strings, encrypted in the column. Decrypted on access of the row, failing closed."""

    def from_db_value(self, value: str | None, expression: object, connection: object) -> str | None:
        return value

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return encrypt(value)
        if value:
            decrypt(value)  # only ciphertext of ours may be written back
        return value
