"""The beginnings of files of every kind that matters, as their own programs write them."""

from __future__ import annotations

import io
import zipfile

from providers.backends.safir import PIXEL

PNG = PIXEL
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01"
GIF = b"GIF89a\x01\x00\x01\x00"
WEBP = b"RIFF\x1a\x00\x00\x00WEBPVP8L"
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
OPUS = b"OggS\x00\x02" + bytes(20) + b"\x01\x13OpusHead\x01\x02"
VORBIS = b"OggS\x00\x02" + bytes(20) + b"\x01\x1e\x01vorbis\x00"
THEORA = b"OggS\x00\x02" + bytes(20) + b"\x01\x2a\x80theora\x03"
TAGGED_MP3 = b"ID3\x04\x00\x00\x00\x00\x00\x21TSSE"
BARE_MP3 = b"\xff\xfb\x90\x64\x00\x00"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
EXE = b"MZ\x90\x00\x03\x00\x00\x00"


def mp4(brand: bytes = b"isom") -> bytes:
    """The first box of an MP4 of this brand."""
    return b"\x00\x00\x00\x20ftyp" + brand + b"\x00\x00\x02\x00isomiso2avc1mp41" + b"\x00\x00\x00\x08free"


def archive(*names: str) -> bytes:
    """A ZIP archive with members of these names, in this order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name in names:
            opened.writestr(name, f"<content of='{name}'/>")
    return buffer.getvalue()
