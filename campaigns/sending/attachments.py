"""The campaign's file at the provider: uploaded once an account and content, before the first message.

An upload sends nothing, so it may be repeated; it neither waits for the account's pace nor opens its breaker. One
process at a time uploads a file, told by a lock on the file itself, which the system takes away from a process that
dies. What may last longer than a task of the queue is uploaded by a process of its own.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import close_old_connections, connection

from campaigns.models import Campaign
from campaigns.states import CampaignStatus
from providers import http, registry
from providers.answers import Blame, Outcome
from providers.base import ProviderError, TransportError, Upload
from providers.models import UploadedFile

SLOWEST = 100_000  # bytes a second: a line slower than this is not waited for


class UploadRefused(ProviderError):
    """The provider did not take the file; ``code`` and ``words`` are its own where it said any.

    ``of_account``: it refused the account, not the file.
    """

    def __init__(self, code: str, words: str = "", *, of_account: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.words = words
        self.of_account = of_account


def ensure_uploaded(campaign: Campaign) -> bool:
    """Upload the campaign's file unless the provider has it already; False while another process is uploading it.

    Raises:
        UploadRefused: the provider refused it, its answer was lost, or the file is gone.
        InvalidJob: the file's kind or size is not allowed there.
    """
    file = campaign.file
    if file is None or file.provider_ref:
        return True
    with _alone(Path(file.path)) as alone:
        if not alone:
            return False
        file.refresh_from_db(fields=["provider_ref"])
        if not file.provider_ref:
            found = _upload(file)
            if not connection.in_atomic_block:
                close_old_connections()  # the upload may have outlasted it
            # Two machines may both have uploaded it: the first id stays.
            UploadedFile.objects.filter(pk=file.pk, provider_ref="").update(provider_ref=found)
    return True


def upload_in_background(campaign_id: int) -> bool:
    """Whether the campaign waits for an upload too long for a task; it is under way then, in a process of its own."""
    waiting = Campaign.objects.select_related("file").filter(pk=campaign_id, status=CampaignStatus.PREPARING).first()
    file = waiting.file if waiting else None
    if file is None or file.provider_ref or deadline(file.size) <= deadline(0) or not Path(file.path).is_file():
        return False
    with _alone(Path(file.path)) as alone:
        pass
    if alone:
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "prepare", str(campaign_id)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        threading.Thread(target=process.wait, daemon=True).start()  # or it would stay a zombie
    return True


def deadline(size: int) -> float:
    """How long the upload of so many bytes may take, in seconds; never less than any other request."""
    return float(max(2 * settings.SEND_READ_TIMEOUT, size / SLOWEST))


@contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Whether no other process holds the file; none can while this one does."""
    try:
        file = path.open("rb")
    except OSError:
        raise UploadRefused("file_gone") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _upload(file: UploadedFile) -> str:
    """The provider's id of the file, now uploaded."""
    provider = registry.provider_for(file.account)
    upload = Upload(Path(file.path), file.filename, file.content_type, file.size)
    try:
        response = http.exchange(
            provider.build_upload(upload),
            connect_timeout=settings.SEND_CONNECT_TIMEOUT,
            read_timeout=settings.SEND_READ_TIMEOUT,
            deadline=deadline(file.size),
        )
    except TransportError as error:
        raise UploadRefused("upload_lost" if error.outcome is Outcome.UNCLEAR else error.code) from None
    answer = provider.parse_upload(response)
    if answer.outcome is not Outcome.ACCEPTED:
        raise UploadRefused(answer.code, answer.text, of_account=answer.blame is Blame.ACCOUNT)
    return answer.file_ref
