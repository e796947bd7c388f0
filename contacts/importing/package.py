"""The archive that an XLSX file is (ECMA-376): whether it is safe to open, its sheets, and how its cells are shown.

Nothing is ever unpacked to the disk, and a name inside the archive is only looked up there.
"""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Self
from xml.parsers import expat

from contacts.importing import reasons
from contacts.importing.markup import BLOCK_BYTES, Attributes, Parser, local
from contacts.importing.numbers import Formats, custom_format
from contacts.importing.reasons import UnreadableFile

MAX_MEMBERS: Final = 10_000
MAX_UNPACKED: Final = 4 << 30  # bytes of all parts: a full sheet of 16 columns takes one gigabyte
MAX_RATIO: Final = 250  # a sheet of a million like rows has 60; deflate itself ends at 1,032
SMALL: Final = 16 << 20  # bytes that do no harm, whatever the ratio
MAX_FRAME: Final = 16 << 20  # bytes of a part beside the sheets and their texts
MAX_TAGS: Final = 500_000  # of such a part: a workbook has at most 65,490 styles of cells
MAX_INDEX: Final = 4 << 20  # bytes of the archive's list of its members: ten thousand have less

StartTag = Callable[[str, Attributes], None]
# What zipfile raises on archives that are damaged, or packed in a way that spreadsheets do not use.
_BROKEN: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)


@contextmanager
def told_as_damage() -> Iterator[None]:
    """Whatever goes wrong with a damaged archive or its XML becomes :class:`UnreadableFile`."""
    try:
        yield
    except (*_BROKEN, expat.ExpatError):
        raise UnreadableFile(reasons.DAMAGED) from None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of the workbook: its name, and that of its part of the archive."""

    name: str
    part: str


class _Archive(io.BufferedReader):
    """The file, of which ``zipfile`` may not read a list of members of any length into memory."""

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > MAX_INDEX:
            raise UnreadableFile(reasons.BOMB)
        return super().read(size)


class Package:
    """An open XLSX or XLSM file: ``sheets`` are those that a person sees, ``formats`` how numbers are shown.

    Raises :class:`UnreadableFile` where the file is another thing, protected, damaged or a bomb.
    """

    def __init__(self, path: Path) -> None:
        self._file = _Archive(io.FileIO(path))
        try:
            with told_as_damage():
                self._archive = zipfile.ZipFile(self._file)
            self._sizes = _checked(self._archive)
            book = self._related("", "/officeDocument")
            if not book or book[0] not in self._sizes:
                raise UnreadableFile(_kind(self._sizes))
            self._read_book(book[0])
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def size(self, part: str) -> int:
        """The bytes of a part as unpacked; 0 where there is none."""
        return self._sizes.get(part, 0)

    def open(self, part: str) -> IO[bytes]:
        """A part, to be read in blocks: never more bytes than :meth:`size` says."""
        with told_as_damage():
            return self._archive.open(part)

    def _read_book(self, book: str) -> None:
        parts, listed, settings = self._relations(book), list[Attributes](), Attributes()

        def start(tag: str, attributes: Attributes) -> None:
            if tag == "sheet":
                listed.append(attributes)
            elif tag == "workbookPr":
                settings.update(attributes)

        self._parse(book, start)
        self.sheets = [
            Sheet(it.get("name", "").replace("\0", "")[:100], target)
            for it in listed
            if it.get("state", "visible") == "visible"
            for kind, target in [parts.get(it.get("id", ""), ("", ""))]
            if kind.endswith("/worksheet")
        ]
        if any(it.part not in self._sizes for it in self.sheets):
            raise UnreadableFile(reasons.DAMAGED)
        self.strings = next((target for kind, target in parts.values() if kind.endswith("/sharedStrings")), "")
        styles = next((target for kind, target in parts.values() if kind.endswith("/styles")), "")
        self.formats = self._formats(styles, since_1904=settings.get("date1904") in ("1", "true"))

    def _formats(self, part: str, *, since_1904: bool) -> Formats:
        codes, used, inside = dict[str, str](), list[str](), [""]

        def start(tag: str, attributes: Attributes) -> None:
            if tag == "numFmt":
                codes[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
            elif tag in ("cellXfs", "cellStyleXfs"):
                inside[0] = tag
            elif tag == "xf" and inside[0] == "cellXfs":
                used.append(attributes.get("numFmtId", "0"))

        if part in self._sizes:
            self._parse(part, start)
        known = {number: custom_format(code) for number, code in codes.items()}
        return Formats(used, known, since_1904=since_1904)

    def _related(self, part: str, kind: str) -> list[str]:
        return [target for type_, target in self._relations(part).values() if type_.endswith(kind)]

    def _relations(self, part: str) -> dict[str, tuple[str, str]]:
        """The types and the parts that a part points to, by their ids. What lies outside of the archive is no part."""
        folder, name = posixpath.split(part)
        relations, found = posixpath.join(folder, "_rels", f"{name}.rels"), dict[str, tuple[str, str]]()

        def start(tag: str, attributes: Attributes) -> None:
            if tag == "Relationship" and attributes.get("TargetMode", "Internal") == "Internal":
                target = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", ""))).lstrip("/")
                found[attributes.get("Id", "")] = (attributes.get("Type", ""), target)

        if relations in self._sizes:
            self._parse(relations, start)
        return found

    def _parse(self, part: str, start: StartTag) -> None:
        if self.size(part) > MAX_FRAME:
            raise UnreadableFile(reasons.BOMB)
        parser = _Tags(start)
        with told_as_damage(), self._archive.open(part) as file:
            while block := file.read(BLOCK_BYTES):
                parser.feed(block)
            parser.end()


class _Tags(Parser):
    """Finds the tags, by names without prefixes."""

    def __init__(self, start: StartTag) -> None:
        super().__init__()
        self._found, self._number = start, 0

    def opened(self, tag: str, attributes: Attributes) -> None:
        self._number += 1
        if self._number > MAX_TAGS:
            raise UnreadableFile(reasons.BOMB)
        self._found(tag, {local(name): value for name, value in attributes.items()})


def _checked(archive: zipfile.ZipFile) -> dict[str, int]:
    """The sizes of the parts by their names, as the archive tells them; it never gives more. Refuses bombs."""
    members = archive.infolist()
    if any(it.flag_bits & 1 for it in members):
        raise UnreadableFile(reasons.ENCRYPTED)
    if len(members) > MAX_MEMBERS or sum(it.file_size for it in members) > MAX_UNPACKED:
        raise UnreadableFile(reasons.BOMB)
    if any(it.file_size > max(SMALL, MAX_RATIO * it.compress_size) for it in members):
        raise UnreadableFile(reasons.BOMB)
    return {it.filename: it.file_size for it in members}


def _kind(names: dict[str, int]) -> str:
    """What an archive is in which no workbook was found."""
    if "xl/workbook.bin" in names or "Index/Document.iwa" in names or "content.xml" in names:
        return reasons.WORKBOOK  # XLSB, Numbers, OpenDocument
    if any(name.startswith("xl/") for name in names):
        return reasons.DAMAGED
    if "[Content_Types].xml" in names:
        return reasons.BINARY  # a document or a presentation
    return reasons.COMPRESSED
