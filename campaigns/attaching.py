"""A campaign's file: looked at, kept once an account and content, and forgotten when no campaign wants it any more.

Whatever its size, a file passes through the memory in blocks: hashed and copied in one go, or moved where it may be.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.models import Campaign
from interface import persian
from providers import files, registry
from providers.base import Capabilities
from providers.files import UnsuitableFile
from providers.models import SenderLine, UploadedFile

UNUSED_KEPT = dt.timedelta(days=7)
MAX_NAME = 200
BLOCK = 1 << 20
MEGABYTE = 1 << 20


class InvalidFile(Exception):
    """A file that cannot go along; the text is a sentence for people."""


def folder() -> Path:
    """Where campaigns' files are kept, each under a name that was made up."""
    return Path(settings.UPLOAD_DIR) / "attachments"


def attach(line: SenderLine, path: Path, filename: str = "", *, take: bool = False) -> UploadedFile:
    """Keep a file for a campaign on this line, under ``filename`` or its own; the same content once an account.

    ``take``: nobody needs it where it is, so it may be moved.

    Raises:
        InvalidFile: it cannot be read, or the line's provider does not take it.
    """
    named = Path(filename or path.name).name.encode(errors="replace").decode()
    can = registry.provider_class(line.account.slug).capabilities
    content_type = _content_type(path, named, can)
    incoming = _incoming() / secrets.token_hex(16)
    kept = folder() / f"{incoming.name}.{files.extension_of(named)}"
    try:
        digest = _bring(path, incoming, take=take)
        size = incoming.stat().st_size
        incoming.rename(kept)
        facts = {"filename": named[-MAX_NAME:], "content_type": content_type, "size": size, "path": str(kept)}
        file = _keep(line.account_id, digest, facts)
    except BaseException as error:
        incoming.unlink(missing_ok=True)
        kept.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise InvalidFile(_("The server could not keep the file.")) from None
        raise
    if file.path != str(kept):
        kept.unlink()
    return file


def _incoming() -> Path:
    """Where files are until they are whole. What is older than a week was left behind by a crash."""
    found = folder() / "incoming"
    found.mkdir(parents=True, exist_ok=True, mode=0o700)
    return found


def _content_type(path: Path, named: str, can: Capabilities) -> str:
    try:
        if not path.is_file():
            raise OSError
        with path.open("rb") as file:
            head = file.read(files.HEAD)
        return files.check(named, path.stat().st_size, head, can)
    except OSError:
        raise InvalidFile(_("The file cannot be read.")) from None
    except UnsuitableFile as error:
        raise InvalidFile(_sentence(error, files.extension_of(named), can)) from None


def _sentence(error: UnsuitableFile, extension: str, can: Capabilities) -> str:
    if error.code == "no_uploads":
        return _("This provider takes no files.")
    if error.code == "empty":
        return _("The file is empty.")
    if error.code == "extension":
        return _("The provider does not take this kind of file. It takes: %(kinds)s.") % {"kinds": kinds(can)}
    if error.code == "size":
        return _("The file is larger than %(most)s MB, the most that the provider takes.") % {"most": megabytes(can)}
    if error.code == "active":
        return _("Web pages, scripts and programs cannot be sent, whatever they are called.")
    told = {name: persian.isolated(f".{each}") for name, each in (("named", extension), ("found", error.found))}
    if error.found:
        return _("The file is called %(named)s, but what is in it is a %(found)s file.") % told
    return _("The file is called %(named)s, but what is in it is something else.") % told


def kinds(can: Capabilities) -> str:
    """The extensions that a provider takes, as people read them."""
    return persian.isolated(", ".join(can.upload_extensions))


def megabytes(can: Capabilities) -> str:
    """The largest file that a provider takes, in megabytes, in the reader's digits."""
    return persian.number(can.max_upload // MEGABYTE)


def _bring(source: Path, target: Path, *, take: bool) -> str:
    """Move or copy a file; the SHA-256 of its content."""
    if take:
        with suppress(OSError):  # another file system: it is copied
            source.rename(target)
            with target.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    with source.open("rb") as file, target.open("xb") as copy:
        while block := file.read(BLOCK):
            digest.update(block)
            copy.write(block)
    return digest.hexdigest()


def _keep(account_id: int, digest: str, facts: dict[str, object]) -> UploadedFile:
    """The account's row for this content: made now, or the one that is there, then as good as new."""
    with transaction.atomic():
        # Locked: whoever forgets unused files waits, and sees then that this one is wanted again.
        rows = UploadedFile.objects.select_for_update()
        file, made = rows.get_or_create(account_id=account_id, sha256=digest, defaults=facts)
        if not made:
            file.created_at = timezone.now()
            if not Path(file.path).is_file():
                file.path = str(facts["path"])
            file.save(update_fields=["created_at", "path"])
    return file


def forget_unused() -> None:
    """Delete the files that no campaign has used for a week, and what a crash left half copied."""
    old = timezone.now() - UNUSED_KEPT
    used = Campaign.objects.filter(file=OuterRef("pk"))
    with transaction.atomic():
        unused = UploadedFile.objects.filter(~Exists(used), created_at__lt=old)
        found = dict(unused.select_for_update(skip_locked=True).values_list("pk", "path")[:100])
        UploadedFile.objects.filter(pk__in=found).delete()
    for path in [*map(Path, found.values()), *_left_behind(old.timestamp())]:
        path.unlink(missing_ok=True)


def _left_behind(before: float) -> list[Path]:
    """The half copied files last written before a Unix time in seconds; an upload may end meanwhile."""
    left = []
    for path in _incoming().iterdir():
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                left.append(path)
    return left
