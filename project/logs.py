"""What must not stand in a log: the tokens in webhook addresses; and what need not: a health check's expected 503."""

from __future__ import annotations

import logging
import re

_WEBHOOK = re.compile(r"(/webhooks/\d+/)[^/\s]+")


class RedactWebhookTokens(logging.Filter):
    """Hides the token of every webhook address in a record, wherever it stands."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        hidden = _WEBHOOK.sub(r"\1…", message)
        if hidden != message:
            record.msg, record.args = hidden, None
        return True


class DropHealthChecks(logging.Filter):
    """Drops what Django writes about ``/health/``: whoever asks sees the answer, and asks every few seconds."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not record.getMessage().endswith(": /health/")
