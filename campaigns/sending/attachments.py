"""The campaign's file at the provider: uploaded once an account and content, before the first message."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from campaigns.models import Campaign
from providers import http, registry
from providers.answers import Outcome
from providers.base import ProviderError, TransportError, Upload


class UploadRefused(ProviderError):
    """The provider did not take the file; ``code`` and ``words`` are its own where it said any."""

    def __init__(self, code: str, words: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.words = words


def ensure_uploaded(campaign: Campaign) -> None:
    """Upload the campaign's file unless the provider has it already. An upload sends nothing, so it may be repeated.

    Raises:
        UploadRefused: the provider refused it, or its answer was lost.
        InvalidJob: the file's kind or size is not allowed there.
    """
    file = campaign.file
    if file is None or file.provider_ref:
        return
    provider = registry.provider_for(file.account)
    upload = Upload(Path(file.path), file.filename, file.content_type, file.size)
    try:
        response = http.exchange(
            provider.build_upload(upload),
            connect_timeout=settings.SEND_CONNECT_TIMEOUT,
            read_timeout=settings.SEND_READ_TIMEOUT,
        )
    except TransportError as error:
        raise UploadRefused(error.code) from None
    answer = provider.parse_upload(response)
    if answer.outcome is not Outcome.ACCEPTED:
        raise UploadRefused(answer.code, answer.text)
    file.provider_ref = answer.file_ref
    file.save(update_fields=["provider_ref"])
