"""A kept file as its preview fetches it: who may, as what, which part of it, and never anything else of the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from campaigns import attaching
from campaigns.views.files import Unsatisfiable, byte_range
from providers.models import SenderLine, UploadedFile
from tests import builders, uploads
from tests.campaigns import lines
from tests.campaigns.screens import client_of, owner

pytestmark = pytest.mark.django_db
FILM = uploads.mp4() + bytes(range(256)) * 40


@pytest.fixture
def line() -> SenderLine:
    return lines.line("safir")


@pytest.fixture
def film(line: SenderLine, tmp_path: Path) -> UploadedFile:
    return kept(line, tmp_path / "فیلم.mp4", FILM)


def kept(line: SenderLine, path: Path, content: bytes) -> UploadedFile:
    path.write_bytes(content)
    return attaching.attach(line, path)


def fetched(file: UploadedFile, headers: dict[str, str] | None = None, client: Client | None = None) -> Any:
    """The answer, with its whole body as ``body``."""
    response: Any = (client or owner()).get(f"/files/{file.pk}/", headers=headers or {})
    response.body = response.getvalue()
    return response


def test_a_film_comes_whole_and_says_that_it_can_come_in_parts(film: UploadedFile) -> None:
    response = fetched(film)
    assert (response.status_code, response.body) == (200, FILM)
    assert response["Content-Length"] == str(len(FILM))
    assert (response["Content-Type"], response["Accept-Ranges"]) == ("video/mp4", "bytes")


def test_no_browser_may_make_a_page_of_a_file(film: UploadedFile) -> None:
    response = fetched(film)
    assert response["Content-Security-Policy"] == "sandbox"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cache-Control"] == "private, no-cache"
    assert response["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(
    ("name", "content", "disposition"),
    [
        ("a.png", uploads.PNG, "inline"),
        ("a.mp3", uploads.BARE_MP3, "inline"),
        ("a.mov", uploads.mp4(b"qt  "), "inline"),
        ("a.pdf", uploads.PDF, "attachment"),
        ("a.txt", b"text", "attachment"),
        ("a.zip", uploads.archive("a"), "attachment"),
    ],
)
def test_only_what_is_seen_or_heard_stands_in_the_page(
    line: SenderLine, tmp_path: Path, name: str, content: bytes, disposition: str
) -> None:
    response = fetched(kept(line, tmp_path / name, content))
    assert response["Content-Disposition"] == f'{disposition}; filename="{name}"'


def test_a_persian_name_reaches_the_browser(film: UploadedFile) -> None:
    assert fetched(film)["Content-Disposition"].endswith("filename*=utf-8''%D9%81%DB%8C%D9%84%D9%85.mp4")


@pytest.mark.parametrize("header", ["bytes=100-199", "bytes=100-", "bytes=-50", "bytes=0-0", "bytes=9000-999999999999"])
def test_a_range_comes_as_it_was_asked_for(film: UploadedFile, header: str) -> None:
    first, last = byte_range(header, len(FILM)) or (0, 0)
    response = fetched(film, {"Range": header})
    assert (response.status_code, response.body) == (206, FILM[first : last + 1])
    assert response["Content-Range"] == f"bytes {first}-{last}/{len(FILM)}"
    assert response["Content-Length"] == str(len(response.body))
    assert response["Content-Security-Policy"] == "sandbox"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-99", (0, 99)),
        ("bytes=500-", (500, 999)),
        ("bytes=-1", (999, 999)),
        ("bytes=-5000", (0, 999)),
        ("bytes=900-5000", (900, 999)),
        ("", None),
        ("bytes=-", None),
        ("bytes=9-1", None),
        ("bytes=0-1,5-9", None),
        ("items=0-1", None),
        ("bytes=۰-۹", None),
        ("bytes=" + "9" * 5_000 + "-", None),
    ],
)
def test_a_range_header_is_read(header: str, expected: tuple[int, int] | None) -> None:
    assert byte_range(header, 1_000) == expected


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_behind_the_end_is_told(film: UploadedFile, header: str) -> None:
    with pytest.raises(Unsatisfiable):
        byte_range(header, 1_000)
    response = fetched(film, {"Range": f"bytes={len(FILM)}-"})
    assert (response.status_code, response["Content-Range"]) == (416, f"bytes */{len(FILM)}")


@pytest.mark.parametrize(("etag", "status"), [("other", 200), ("", 206)])
def test_a_range_of_another_content_is_answered_with_the_whole(film: UploadedFile, etag: str, status: int) -> None:
    response = fetched(film, {"Range": "bytes=0-1", "If-Range": f'"{etag or film.sha256}"'})
    assert response.status_code == status


def test_what_a_browser_has_already_is_not_sent_again(film: UploadedFile) -> None:
    assert fetched(film, {"If-None-Match": f'"{film.sha256}"'}).status_code == 304


def test_a_head_request_gets_the_headers(film: UploadedFile) -> None:
    response = owner().head(f"/files/{film.pk}/")
    assert (response.status_code, response["Content-Length"]) == (200, str(len(FILM)))


@pytest.mark.parametrize("permission", ["add_campaign", "view_campaign"])
def test_whoever_composes_or_looks_at_campaigns_may_see_it(film: UploadedFile, permission: str) -> None:
    assert fetched(film, client=client_of("colleague", permission)).status_code == 200


def test_nobody_else_gets_it(film: UploadedFile) -> None:
    assert client_of("outsider").get(f"/files/{film.pk}/").status_code == 403
    assert Client().get(f"/files/{film.pk}/")["Location"].startswith("/login/")
    assert owner().post(f"/files/{film.pk}/").status_code == 405


def test_a_row_cannot_lead_out_of_the_folder(film: UploadedFile, tmp_path: Path) -> None:
    outside = tmp_path / "secret_key"
    outside.write_text("secret")
    link = attaching.folder() / "link.mp4"
    link.symlink_to(outside)
    client = owner()
    for path in (outside, link, attaching.folder() / ".." / ".." / "secret_key", attaching.folder()):
        UploadedFile.objects.update(path=str(path))
        assert client.get(f"/files/{film.pk}/").status_code == 404


def test_a_file_that_is_gone_is_not_found(film: UploadedFile) -> None:
    Path(film.path).unlink()
    client = owner()
    assert [client.get(f"/files/{number}/").status_code for number in (film.pk, film.pk + 1)] == [404, 404]


def test_the_review_shows_the_file_to_those_who_may_see_it(film: UploadedFile, line: SenderLine) -> None:
    campaign = builders.draft(line, builders.include(builders.phonebook(builders.contacts(1))), file=film)
    page, outsiders = (client.get(f"/campaigns/{campaign.pk}/") for client in (owner(), client_of("outsider")))
    assert f'src="/files/{film.pk}/" controls' in page.content.decode()
    assert film.filename in outsiders.content.decode()
    assert "/files/" not in outsiders.content.decode()
