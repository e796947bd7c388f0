"""The texts that the cells of a workbook share, at bounded memory."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator
from itertools import accumulate, islice
from typing import Final

from contacts.importing import reasons
from contacts.importing.markup import Attributes, Parser, as_typed, decoded, decoded_piece, pieces
from contacts.importing.package import Package, told_as_damage
from contacts.importing.reasons import UnreadableFile

MAX_BYTES: Final = 160 << 20
MAX_TEXTS: Final = 16_000_000  # every cell of a full sheet of 16 columns
# Of what the cells of one piece of a sheet show: a few kilobytes may name a text of a megabyte thousands of times.
MAX_SHOWN: Final = 32 << 20
PLAIN: Final = r'<t(?: xml:space="preserve")?>([^<]*)</t>'
_plain: Final = re.compile(f"<si>{PLAIN}</si>").findall


class Texts:
    """The texts that the cells share, by number: read as far as they are asked for, one run of bytes and its cuts."""

    def __init__(self, package: Package) -> None:
        self._run, self._ends, self._shown = bytearray(), array("I", [0]), 0
        self._reading = self._read(package)

    def __getitem__(self, number: int) -> str:
        while not 0 <= number < len(self._ends) - 1:
            if number < 0 or next(self._reading, None) is None:
                raise UnreadableFile(reasons.DAMAGED)
        begin, end = self._ends[number], self._ends[number + 1]
        self._shown += end - begin
        if self._shown > MAX_SHOWN:
            raise UnreadableFile(reasons.BOMB)
        return self._run[begin:end].decode()

    def begin_piece(self) -> None:
        """What was shown so far is not kept any more."""
        self._shown = 0

    def _read(self, package: Package) -> Iterator[bool]:
        if not package.size(package.strings):
            return
        parser = _TextParser(self._add)
        with told_as_damage(), package.open(package.strings) as part:
            for piece, whole in pieces(part, b"</si>"):
                if not (whole and parser.plain and self._add_plain(decoded_piece(piece))):
                    parser.feed(piece)
                yield True
            parser.end()

    def _add_plain(self, piece: str) -> bool:
        """Adds the texts of a piece in which there is nothing but plain ones; whether it was such a one."""
        found = _plain(piece)
        if not found or piece.count("<") != 4 * len(found):
            return False
        if "&" in piece or "_x" in piece or "'" in piece:
            found = [as_typed(decoded(text)) for text in found]
        self._add(found)
        return True

    def _add(self, texts: list[str]) -> None:
        encoded = [text.encode("utf-8", "replace") for text in texts]
        begin = len(self._run)
        self._run += b"".join(encoded)
        if len(self._run) > MAX_BYTES or len(self._ends) + len(encoded) > MAX_TEXTS:
            raise UnreadableFile(reasons.BOMB)
        self._ends.extend(islice(accumulate(map(len, encoded), initial=begin), 1, None))


class _TextParser(Parser):
    """Finds the shared texts."""

    def __init__(self, add: Callable[[list[str]], None]) -> None:
        super().__init__()
        self._add = add

    def opened(self, tag: str, attributes: Attributes) -> None:
        if tag == "si":
            self.begin_text()

    def closed(self, tag: str) -> None:
        if tag == "si":
            self._add([as_typed(self.taken())])
