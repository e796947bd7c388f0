"""What a file is by its first bytes, held against its name; and what each provider takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.backends.gosms import GoSMS
from providers.backends.najva import Najva
from providers.backends.safir import Safir
from providers.base import Capabilities
from providers.files import HEAD, UnsuitableFile, check, extension_of, kind_of
from tests import uploads

ANY = Capabilities(
    channels=("bale",),
    max_recipients=1,
    max_personalised=1,
    max_upload=1 << 40,
    upload_extensions=(*Safir.capabilities.upload_extensions, "7z", "exe", "html", "mkv", "rar", "wav"),
)
WORD = uploads.archive("[Content_Types].xml", "_rels/.rels", "word/document.xml")
SHEET = uploads.archive("xl/worksheets/sheet1.xml", "[Content_Types].xml")  # as XlsxWriter orders it
SLIDES = uploads.archive("docProps/app.xml", "ppt/presentation.xml")
OFFICE = "application/vnd.openxmlformats-officedocument."


def content_type(name: str, head: bytes) -> str:
    return check(name, 10, head, ANY)


def refusal(name: str, head: bytes, size: int = 10, can: Capabilities = ANY) -> tuple[str, str]:
    """The code of a refusal, and what the file really is."""
    with pytest.raises(UnsuitableFile) as caught:
        check(name, size, head[:HEAD], can)
    return caught.value.code, caught.value.found


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("a.jpg", uploads.JPEG, "image/jpeg"),
        ("عکس.JPEG", uploads.JPEG, "image/jpeg"),
        ("a.b.png", uploads.PNG, "image/png"),
        ("a.gif", uploads.GIF, "image/gif"),
        ("a.webp", uploads.WEBP, "image/webp"),
        ("a.opus", uploads.OPUS, "audio/ogg"),
        ("a.ogg", uploads.OPUS, "audio/ogg"),
        ("a.ogg", uploads.VORBIS, "audio/ogg"),
        ("a.ogg", uploads.THEORA, "video/ogg"),
        ("a.mp3", uploads.TAGGED_MP3, "audio/mpeg"),
        ("a.mp3", uploads.BARE_MP3, "audio/mpeg"),
        ("a.mp4", uploads.mp4(), "video/mp4"),
        ("a.mp4", uploads.mp4(b"mp42"), "video/mp4"),
        ("a.m4a", uploads.mp4(b"M4A "), "audio/mp4"),
        ("a.m4a", uploads.mp4(b"mp42"), "audio/mp4"),
        ("a.mov", uploads.mp4(b"qt  "), "video/quicktime"),
        ("a.pdf", uploads.PDF, "application/pdf"),
        ("a.zip", uploads.archive("photos/1.jpg"), "application/zip"),
        ("a.zip", uploads.archive(), "application/zip"),
        ("a.zip", WORD, "application/zip"),
        ("a.docx", WORD, f"{OFFICE}wordprocessingml.document"),
        ("a.xlsx", SHEET, f"{OFFICE}spreadsheetml.sheet"),
        ("a.pptx", SLIDES, f"{OFFICE}presentationml.presentation"),
        ("a.pptx", uploads.archive("[Content_Types].xml"), f"{OFFICE}presentationml.presentation"),
        ("a.doc", uploads.OLE, "application/msword"),
        ("a.xls", uploads.OLE, "application/vnd.ms-excel"),
        ("a.txt", "سلام\r\n\tدنیا".encode(), "text/plain"),
        ("a.csv", "\ufeffنام,شماره\n".encode(), "text/csv"),
        ("a.txt", b"MZ is how it begins, and < is less than", "text/plain"),
    ],
)
def test_the_content_type_comes_from_the_content(name: str, head: bytes, expected: str) -> None:
    assert content_type(name, head) == expected


@pytest.mark.parametrize(
    ("name", "head", "found"),
    [
        ("a.png", uploads.JPEG, "jpg"),
        ("a.jpg", uploads.mp4(b"heic"), "heic"),
        ("a.jpg", uploads.mp4(b"avif"), "heic"),
        ("a.mp4", uploads.mp4(b"qt  "), "mov"),
        ("a.mp4", b"\x1a\x45\xdf\xa3\x01\x00", "mkv"),
        ("a.mp4", b"RIFF\x00\x00\x00\x00AVI LIST", "avi"),
        ("a.mp3", b"RIFF\x00\x00\x00\x00WAVEfmt ", "wav"),
        ("a.opus", uploads.VORBIS, "ogg"),
        ("a.zip", b"Rar!\x1a\x07\x01\x00", "rar"),
        ("a.zip", b"7z\xbc\xaf\x27\x1c\x00", "7z"),
        ("a.docx", uploads.archive("a.txt"), "zip"),
        ("a.docx", SHEET, "xlsx"),
        ("a.docx", uploads.OLE, "doc"),
        ("a.pdf", b"plain text", "txt"),
        ("a.txt", uploads.PNG, "png"),
        ("a.txt", "سلام".encode("cp1256"), ""),
        ("a.csv", "a;b\n".encode("utf-16"), ""),
        ("a.txt", b"a\x00b", ""),
        ("a.png", b"RIFF\x00\x00\x00\x00ACON", ""),
        ("a.mp3", b"\xff\xff\xff\xff", ""),
        ("a.mp3", b"\xff", ""),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(name: str, head: bytes, found: str) -> None:
    assert refusal(name, head) == ("type", found)


@pytest.mark.parametrize(
    "head",
    [
        uploads.EXE,
        b"\x7fELF\x02\x01\x01",
        b"\xcf\xfa\xed\xfe\x07\x00",
        b"\xca\xfe\xba\xbe\x00\x00\x00\x41",
        b"\x00asm\x01\x00\x00\x00",
        uploads.archive("META-INF/MANIFEST.MF", "Main.class"),
        uploads.archive("AndroidManifest.xml", "classes.dex"),
        b"#!/bin/sh\necho\n",
        b"\xef\xbb\xbf\n  <!DOCTYPE html><p>",
        b"<HTML><body>",
        b"<?php echo 1;",
        b'<?xml version="1.0"?><svg onload="x">',
        b"name,note\nSara,<script>x()</script>\n",
        b"@echo off\r\ndel *\r\n",
    ],
)
@pytest.mark.parametrize("name", ["a.txt", "a.png", "a.zip", "a.html", "a.exe"])
def test_what_runs_is_never_taken_whatever_it_is_called(name: str, head: bytes) -> None:
    assert refusal(name, head) == ("active", "")


def test_a_letter_that_the_first_bytes_cut_in_two_is_still_text() -> None:
    head = ("a" + "س" * HEAD).encode()[:HEAD]
    assert head[-1:] == b"\xd8"
    assert content_type("a.txt", head) == "text/plain"
    assert refusal("a.txt", head[:10]) == ("type", "")


@pytest.mark.parametrize(
    ("can", "name", "size", "code"),
    [
        (GoSMS.capabilities, "a.png", 10, "no_uploads"),
        (Najva.capabilities, "a.png", 0, "empty"),
        (Najva.capabilities, "a.pdf", 10, "extension"),
        (Najva.capabilities, "png", 10, "extension"),
        (Najva.capabilities, "", 10, "extension"),
        (Najva.capabilities, "a.png", 15 * 2**20 + 1, "size"),
        (Safir.capabilities, "a.png", 500 * 2**20 + 1, "size"),
        (Safir.capabilities, "a.exe", 500 * 2**20 + 1, "extension"),
    ],
)
def test_a_refusal_says_which_rule_it_is(can: Capabilities, name: str, size: int, code: str) -> None:
    assert refusal(name, uploads.PNG, size, can) == (code, "")


@pytest.mark.parametrize(("can", "most"), [(Najva.capabilities, 15), (Safir.capabilities, 500)])
def test_the_largest_file_is_still_taken(can: Capabilities, most: int) -> None:
    assert check("a.png", most * 2**20, uploads.PNG, can) == "image/png"


@pytest.mark.parametrize("provider", [Najva, Safir])
def test_a_content_is_known_for_every_extension_that_a_provider_takes(provider: type[Najva | Safir]) -> None:
    heads = [uploads.JPEG, uploads.PNG, uploads.GIF, uploads.WEBP, uploads.OPUS, uploads.BARE_MP3, uploads.mp4(), b"t"]
    heads += [uploads.mp4(b"qt  "), uploads.PDF, uploads.archive("[Content_Types].xml"), uploads.OLE]
    known = {extension for head in heads if (kind := kind_of(head)) for extension in kind.types}
    assert set(provider.capabilities.upload_extensions) <= known


def test_the_extension_is_what_follows_the_last_dot() -> None:
    assert [extension_of(name) for name in ("a.tar.GZ", "a", "a.", ".png", "")] == ["gz", "", "", "png", ""]


@given(st.sampled_from([b"", b"PK\x03\x04", b"RIFF", b"OggS", b"\0\0\0\0ftyp", b"\xff\xfb", b"<", b"MZ"]), st.binary())
def test_any_bytes_are_some_kind_or_none(start: bytes, rest: bytes) -> None:
    kind = kind_of(start + rest)
    assert kind is None or kind.active or kind.extension in kind.types
