"""What a file really is, told by its first bytes, and whether a provider takes it: its name alone proves nothing.

A kind is known by the signature that its format begins with; text is what decodes as UTF-8 without control characters.
Office documents are ZIP archives with folders of their own names, ``ftyp`` names the brand of an MP4. Web pages,
scripts and programs are never taken, whatever they are called.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from providers.base import Capabilities

HEAD = 8_192  # bytes that are looked at
_OFFICE = "application/vnd.openxmlformats-officedocument."


class Kind(NamedTuple):
    """One kind of content: the extensions that it may bear, each with its content type; the first is its usual one."""

    types: Mapping[str, str]
    active: bool = False  # runs, or makes a browser run something

    @property
    def extension(self) -> str:
        """The usual extension; empty for what is never taken."""
        return next(iter(self.types), "")


class UnsuitableFile(Exception):
    """A file that a provider does not take.

    ``code`` is ``no_uploads``, ``empty``, ``extension``, ``size``, ``type`` (not what its name says) or ``active``;
    ``found`` the usual extension of what a ``type`` really is, where that is known.
    """

    def __init__(self, code: str, found: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.found = found


JPEG = Kind({"jpg": "image/jpeg", "jpeg": "image/jpeg"})
PNG = Kind({"png": "image/png"})
GIF = Kind({"gif": "image/gif"})
WEBP = Kind({"webp": "image/webp"})
HEIC = Kind({"heic": "image/heic"})
OPUS = Kind({"opus": "audio/ogg", "ogg": "audio/ogg"})
OGG = Kind({"ogg": "audio/ogg"})
THEORA = Kind({"ogg": "video/ogg"})
MP3 = Kind({"mp3": "audio/mpeg"})
WAV = Kind({"wav": "audio/wav"})
M4A = Kind({"m4a": "audio/mp4"})
MP4 = Kind({"mp4": "video/mp4", "m4a": "audio/mp4"})
MOV = Kind({"mov": "video/quicktime"})
AVI = Kind({"avi": "video/x-msvideo"})
MATROSKA = Kind({"mkv": "video/x-matroska", "webm": "video/webm"})
PDF = Kind({"pdf": "application/pdf"})
ZIP = Kind({"zip": "application/zip"})
RAR = Kind({"rar": "application/vnd.rar"})
SEVEN_ZIP = Kind({"7z": "application/x-7z-compressed"})
DOCX = Kind({"docx": f"{_OFFICE}wordprocessingml.document", **ZIP.types})
XLSX = Kind({"xlsx": f"{_OFFICE}spreadsheetml.sheet", **ZIP.types})
PPTX = Kind({"pptx": f"{_OFFICE}presentationml.presentation", **ZIP.types})
OFFICE_2007 = Kind({**DOCX.types, **XLSX.types, **PPTX.types})  # which of them is not among the first bytes
OFFICE_97 = Kind(
    {"doc": "application/msword", "xls": "application/vnd.ms-excel", "ppt": "application/vnd.ms-powerpoint"}
)
TEXT = Kind({"txt": "text/plain", "csv": "text/csv"})
ACTIVE = Kind({}, active=True)

_SIGNATURES: tuple[tuple[bytes, Kind], ...] = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"ID3\x02", MP3),
    (b"ID3\x03", MP3),
    (b"ID3\x04", MP3),
    (b"%PDF-", PDF),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OFFICE_97),
    (b"\x1a\x45\xdf\xa3", MATROSKA),
    (b"Rar!\x1a\x07", RAR),
    (b"7z\xbc\xaf\x27\x1c", SEVEN_ZIP),
    (b"PK\x05\x06", ZIP),  # an empty archive
    (b"\x7fELF", ACTIVE),
    (b"\xfe\xed\xfa\xce", ACTIVE),  # Mach-O, in either order of its bytes
    (b"\xfe\xed\xfa\xcf", ACTIVE),
    (b"\xce\xfa\xed\xfe", ACTIVE),
    (b"\xcf\xfa\xed\xfe", ACTIVE),
    (b"\xca\xfe\xba\xbe", ACTIVE),  # Java classes, and Mach-O for several processors
    (b"\x00asm", ACTIVE),
    (b"L\x00\x00\x00\x01\x14\x02\x00", ACTIVE),  # a Windows shortcut
)
_RIFF = {b"WEBP": WEBP, b"WAVE": WAV, b"AVI ": AVI}
_BRANDS = {
    **dict.fromkeys((b"M4A ", b"M4B ", b"M4P "), M4A),
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis"), HEIC),
    b"qt  ": MOV,
}
_FOLDERS = ((b"word/", DOCX), (b"xl/", XLSX), (b"ppt/", PPTX))
_OFFICE_PARTS = (b"[Content_Types].xml", b"_rels/", b"docProps/")
_PROGRAM_PARTS = frozenset({b"META-INF/MANIFEST.MF", b"AndroidManifest.xml", b"classes.dex"})
_ENTRY = re.compile(rb"PK\x03\x04")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_MARKUP = re.compile(r"<(?:!doctype|html|head|body|script|iframe|svg|style|\?php|\?xml|!--)", re.IGNORECASE)
_SCRIPTED = re.compile(r"<(?:script|iframe|\?php)[\s>]", re.IGNORECASE)
_COMMANDS = ("#!", "@echo off")


def check(filename: str, size: int, head: bytes, can: Capabilities) -> str:
    """The content type of a file that a provider takes; ``size`` in bytes, ``head`` its first ``HEAD`` bytes.

    Raises:
        UnsuitableFile: it takes none, or not this one; the first reason that applies.
    """
    extension = extension_of(filename)
    if not can.max_upload:
        raise UnsuitableFile("no_uploads")
    if not size:
        raise UnsuitableFile("empty")
    if extension not in can.upload_extensions:
        raise UnsuitableFile("extension")
    if size > can.max_upload:
        raise UnsuitableFile("size")
    kind = kind_of(head)
    if kind and kind.active:
        raise UnsuitableFile("active")
    if kind is None or extension not in kind.types:
        raise UnsuitableFile("type", kind.extension if kind else "")
    return kind.types[extension]


def extension_of(filename: str) -> str:
    """What follows the last dot of a name, in lower case; empty without a dot."""
    _stem, dot, extension = filename.rpartition(".")
    return extension.lower() if dot else ""


def kind_of(head: bytes) -> Kind | None:
    """The kind of a file that begins like this; None where it is none of those that are known."""
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head.startswith(b"OggS"):
        return OPUS if b"OpusHead" in head[:64] else THEORA if b"\x80theora" in head[:64] else OGG
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], MP4)
    if head.startswith(b"PK\x03\x04"):
        return _archive(list(_entries(head)))
    if _begins_a_frame(head):
        return MP3
    text = _text(head)
    if text is None:
        return ACTIVE if head.startswith(b"MZ") else None
    return ACTIVE if _is_active(text) else TEXT


def _entries(head: bytes) -> Iterator[bytes]:
    """The names of the archive's members whose headers are among the first bytes."""
    for found in _ENTRY.finditer(head):
        fields = head[found.end() : found.end() + 26]
        length = int.from_bytes(fields[22:24], "little")
        yield head[found.end() + 26 : found.end() + 26 + length]


def _archive(names: list[bytes]) -> Kind:
    if _PROGRAM_PARTS.intersection(names):
        return ACTIVE
    for folder, kind in _FOLDERS:
        if any(name.startswith(folder) for name in names):
            return kind
    return OFFICE_2007 if any(name.startswith(_OFFICE_PARTS) for name in names) else ZIP


def _begins_a_frame(head: bytes) -> bool:
    """Whether an MPEG audio frame of layer III begins here: 11 bits set, no reserved version, bit or sample rate."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return False
    return head[1] & 0x18 != 0x08 and head[2] & 0xF0 != 0xF0 and head[2] & 0x0C != 0x0C


def _text(head: bytes) -> str | None:
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head, final=len(head) < HEAD)
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text


def _is_active(text: str) -> bool:
    begun = text.lstrip()
    return bool(_MARKUP.match(begun) or _SCRIPTED.search(text)) or begun.lower().startswith(_COMMANDS)
