"""A campaign's file, for its preview: as its content says, in ranges where a film is wound forward, never as a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from campaigns import attaching
from providers.models import UploadedFile

PERMISSIONS = ("campaigns.add_campaign", "campaigns.view_campaign")
SHOWN = ("image/", "audio/", "video/")  # within the page; everything else is only downloaded
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


class Unsatisfiable(Exception):
    """A range that begins behind the end of the file."""


@require_safe
def file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The content of a file that was kept for a campaign, or the range of it that is asked for."""
    if not any(request.user.has_perm(permission) for permission in PERMISSIONS):
        raise PermissionDenied
    found = get_object_or_404(UploadedFile, pk=pk)
    path = Path(found.path).resolve()
    if not path.is_relative_to(attaching.folder().resolve()) or not path.is_file():
        raise Http404
    etag = f'"{found.sha256}"'
    response = get_conditional_response(request, etag=etag) or _content(request, found, path, etag)
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Content-Security-Policy"] = "sandbox"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _content(request: HttpRequest, found: UploadedFile, path: Path, etag: str) -> HttpResponseBase:
    size = path.stat().st_size
    asked = request.headers.get("Range", "") if request.headers.get("If-Range", etag) == etag else ""
    try:
        part = byte_range(asked, size)
    except Unsatisfiable:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"})
    first, last = part or (0, size - 1)
    download = not found.content_type.startswith(SHOWN)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Type": found.content_type,
        "Content-Length": str(last - first + 1),
        "Content-Disposition": content_disposition_header(download, found.filename) or "inline",
    }
    if part:
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    return StreamingHttpResponse(_pieces(path, first, last), status=206 if part else 200, headers=headers)


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """The first and the last byte of a Range header; None where the whole is to be sent (none, several, or nonsense).

    Source: RFC 9110, section 14.

    Raises:
        Unsatisfiable: it is a range, but not of a file of this size.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        if not int(last):
            raise Unsatisfiable
        return max(0, size - int(last)), size - 1
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise Unsatisfiable
    return int(first), min(int(last), size - 1) if last else size - 1


def _pieces(path: Path, first: int, last: int) -> Iterator[bytes]:
    left = last - first + 1
    with path.open("rb") as content:
        content.seek(first)
        while left > 0 and (piece := content.read(min(attaching.BLOCK, left))):
            left -= len(piece)
            yield piece
