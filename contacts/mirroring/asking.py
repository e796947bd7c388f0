"""One question to a provider: the next page of one of its lists. No transaction is open meanwhile."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final, Protocol

from contacts.mirroring.reasons import KEEPS_NO_LISTS, UNUSABLE, WEB_PAGE
from providers import http, registry
from providers.answers import Blame, Outcome
from providers.base import HttpRequest, HttpResponse, InvalidJob, TransportError
from providers.keeping import KeepingProvider, Page
from providers.models import ProviderAccount
from providers.secrets import UndecryptableSecret

CONNECT_TIMEOUT: Final = 5.0  # seconds
READ_TIMEOUT: Final = 20.0
MAX_BODY: Final = 16 * 1024 * 1024  # bytes


class Asked(Protocol):
    """A page that is asked for."""

    def build(self, provider: KeepingProvider) -> HttpRequest: ...

    def parse(self, provider: KeepingProvider, response: HttpResponse) -> Page[Any]: ...


def ask(account: ProviderAccount, asked: Asked) -> Page[Any]:
    """The next page of a list, or why there is none. Never raises for what the provider or the network does.

    RETRYABLE: the provider wants to be asked later. UNCLEAR: no usable answer came. A question changes nothing there,
    so both may be asked again.
    """
    try:
        provider = registry.provider_for(account)
        if not isinstance(provider, KeepingProvider):
            return _refused(KEEPS_NO_LISTS)
        response = http.exchange(
            asked.build(provider), connect_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT, max_body=MAX_BODY
        )
    except (registry.UnknownProvider, UndecryptableSecret) as error:
        return _refused(type(error).__name__)
    except InvalidJob as error:
        return _refused(str(error))
    except TransportError as error:
        return Page(Outcome.UNCLEAR, code=error.code)
    page = asked.parse(provider, response)
    return replace(page, code=_code(page, response)) if page.outcome is Outcome.UNCLEAR else page


def _refused(code: str) -> Page[Any]:
    return Page(Outcome.REJECTED, blame=Blame.ACCOUNT, code=code)


def _code(page: Page[Any], response: HttpResponse) -> str:
    """What an answer that is none comes to, in a word that there is a sentence for."""
    if "html" in response.headers.get("content-type", "").lower() or response.body.lstrip()[:1] == b"<":
        return WEB_PAGE
    return str(response.status) if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR else page.code or UNUSABLE
