"""What a file is: CSV in an encoding, with a delimiter and a header, or XLSX; or the reason why it is neither."""

from __future__ import annotations

import codecs
import csv
import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from contacts.importing import reasons, sheets
from contacts.importing.layout import MAX_COLUMNS, Layout, column_names, is_phone
from contacts.importing.reasons import UnreadableFile
from interface.formulas import original

SAMPLE_BYTES: Final = 65_536
BLOCK_BYTES: Final = 1 << 20
DELIMITERS: Final = (",", ";", "\t", "|")
_ARCHIVE: Final = b"PK\x03\x04"

_MAGIC: Final = (
    (b"\xd0\xcf\x11\xe0", reasons.WORKBOOK),
    (b"\x1f\x8b", reasons.COMPRESSED),
    (b"BZh", reasons.COMPRESSED),
    (b"\xfd7zXZ", reasons.COMPRESSED),
    (b"7z\xbc\xaf", reasons.COMPRESSED),
    (b"Rar!", reasons.COMPRESSED),
    (b"(\xb5/\xfd", reasons.COMPRESSED),
    (b"%PDF", reasons.PDF),
    (b"\x89PNG", reasons.BINARY),
    (b"\xff\xd8\xff", reasons.BINARY),
    (b"GIF8", reasons.BINARY),
    (b"SQLite format 3", reasons.BINARY),
    (b"\x7fELF", reasons.BINARY),
)
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before the mark that it begins with
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_PROTECTED: Final = "EncryptedPackage".encode("utf-16-le")
_CONTROLS: Final = bytes(set(range(32)) - set(b"\t\n\r\x0b\x0c\x1a\x1b"))
_web_page = re.compile(rb"\s*<(!doctype html|html|\?xml)", re.IGNORECASE).match
# Excel's own directive, on the line before the header.
separator_line = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE).fullmatch


def sniff(path: Path, *, max_bytes: int) -> Layout:
    """The layout of the file, with its digest. Reads it once from end to end, in blocks, which settles the encoding.

    What it is called does not count. Raises :class:`UnreadableFile`.
    """
    size = path.stat().st_size
    if size > max_bytes:
        raise UnreadableFile(reasons.TOO_LARGE)
    with path.open("rb") as file:
        sample = file.read(SAMPLE_BYTES)
    if not sample.strip(b" \t\r\n\x00\xef\xbb\xbf\xff\xfe"):
        raise UnreadableFile(reasons.EMPTY_FILE)
    if sample.startswith(_ARCHIVE):
        return replace(sheets.layout_of(path), digest=_read(path, decode=False)[0])
    marked = _marked(path, sample)
    digest, is_utf8 = _read(path, decode=not marked)
    encoding = marked or ("utf-8" if is_utf8 else "cp1256")
    whole = size <= SAMPLE_BYTES
    layout = _layout(encoding, _sample_lines(sample, encoding, whole=whole), whole=whole)
    return replace(layout, digest=digest)


def _marked(path: Path, sample: bytes) -> str:
    """The encoding that the beginning of the file gives away, if any."""
    for magic, code in _MAGIC:
        if sample.startswith(magic):
            raise UnreadableFile(reasons.ENCRYPTED if code == reasons.WORKBOOK and _is_protected(path) else code)
    if _web_page(sample.removeprefix(codecs.BOM_UTF8)):
        raise UnreadableFile(reasons.WORKBOOK if b"<Workbook" in sample else reasons.WEB_PAGE)
    for bom, encoding in _BOMS:
        if sample.startswith(bom):
            return encoding
    if wide := _utf16_without_mark(sample):
        return wide
    if len(sample.translate(None, _CONTROLS)) < 0.98 * len(sample):
        raise UnreadableFile(reasons.BINARY)
    return ""


def _is_protected(path: Path) -> bool:
    """Whether an OLE file is an XLSX that a password locks: it holds a stream of this name."""
    return any(_PROTECTED in block for block in _blocks(path))


def _utf16_without_mark(sample: bytes) -> str:
    """UTF-16 shows in the zero bytes of its digits, commas and line ends: all at odd places, or all at even ones."""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if max(even, odd) < len(sample) / 20 or min(even, odd) * 20 > max(even, odd):
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def _read(path: Path, *, decode: bool) -> tuple[str, bool]:
    """The SHA-256 of the whole content, and whether it is UTF-8, where that is asked.

    It also is with a few broken rows: more of its non-ASCII characters decode than fail.
    """
    digest, decoder = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")("replace")
    good = bad = 0
    for block in _blocks(path):
        digest.update(block)
        text = decoder.decode(block) if decode else ""
        if decode and (len(text) != len(block) or not text.isascii()):
            good += len(block) - len(text)
            bad += text.count("\ufffd")
    return digest.hexdigest(), bad == 0 or good > bad


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def _sample_lines(sample: bytes, encoding: str, *, whole: bool) -> list[str]:
    """The complete lines of the sample; its last line may be cut and is left out unless it is the only one."""
    text = codecs.getincrementaldecoder(encoding)("replace").decode(sample).replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    return lines if whole or len(lines) == 1 else lines[:-1]


def _layout(encoding: str, lines: list[str], *, whole: bool) -> Layout:
    if len(lines) == 1 and not whole:
        raise UnreadableFile(reasons.BINARY)  # no line ends within the sample
    directive = separator_line(lines[0])
    delimiter = directive[1] if directive and directive[1] in DELIMITERS else _delimiter(lines)
    rows = [row for row in _parse(lines[1:] if directive else lines, delimiter) if any(cell.strip() for cell in row)]
    if not rows:
        raise UnreadableFile(reasons.EMPTY_FILE)
    if len(rows[0]) > MAX_COLUMNS:
        raise UnreadableFile(reasons.TOO_MANY_COLUMNS)
    headless = any(map(is_phone, rows[0]))
    if len(rows) == 1 and whole and not headless:
        raise UnreadableFile(reasons.ONLY_HEADER)
    names = [""] * len(rows[0]) if headless else [original(cell) for cell in rows[0]]
    return Layout(encoding, delimiter, column_names(names), headless)


def _parse(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    """The sample's rows, leniently: this only looks at shapes."""
    rows: list[list[str]] = []
    # a cell of the sample above the csv module's limit; the rows before it tell enough
    with suppress(csv.Error):
        rows.extend(csv.reader((line + "\n" for line in lines), delimiter=delimiter))
    return rows


def _delimiter(lines: list[str]) -> str:
    """The delimiter by which most rows have as many cells as the header; the wider one where two agree."""
    best, best_score = DELIMITERS[0], (0.0, 1)
    for delimiter in DELIMITERS:
        widths = [len(row) for row in _parse(lines, delimiter) if row]
        if not widths or widths[0] < 2:
            continue
        score = (widths.count(widths[0]) / len(widths), widths[0])
        if score > best_score:
            best, best_score = delimiter, score
    return best
