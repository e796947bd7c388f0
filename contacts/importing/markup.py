"""XML in pieces: cut where elements end, read by a parser that refuses what no spreadsheet writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Final
from xml.parsers import expat

from contacts.importing import reasons
from contacts.importing.layout import MAX_ROW_CHARS
from contacts.importing.reasons import UnreadableFile
from interface.formulas import original

BLOCK_BYTES: Final = 1 << 18
# The parser keeps every open element and the whole of an unfinished tag: what bounds its memory.
MAX_DEPTH: Final = 100
MAX_TAG_BYTES: Final = 1 << 20

Attributes = dict[str, str]

_entity: Final = re.compile(r"&([^;]*);?").sub
_escape: Final = re.compile(r"_x([0-9A-Fa-f]{4})_").sub
_forbidden: Final = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]").match
_CONTROLS: Final = bytes(set(range(32)) - set(b"\t\n\r"))
_ENTITIES: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


def _safe_parser() -> expat.XMLParserType:
    """An XML parser that refuses declarations of types and entities: no spreadsheet writes them, attacks do."""
    parser = expat.ParserCreate()

    def refuse(*_declaration: object) -> None:
        raise UnreadableFile(reasons.XML_DECLARATIONS)

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.buffer_text = True
    return parser


def local(name: str) -> str:
    """A name of XML without its prefix."""
    return name.rpartition(":")[2]


class Parser:
    """An XML parser that is fed pieces and collects what stands in values and texts, but for their pronunciation.

    ``plain`` tells that it has met nothing yet that a search for tags could mistake.
    """

    def __init__(self) -> None:
        self.plain = True
        self._depth = self._unfinished = 0
        self._text, self._room, self._inside, self._spoken = list[str](), 0, False, False
        self._parser = _safe_parser()
        self._parser.XmlDeclHandler = self._declared
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters

    def feed(self, piece: bytes) -> None:
        self.plain = self.plain and b"<!" not in piece  # a comment or CDATA may hold what looks like tags
        self._bound(piece)
        self._parser.Parse(piece)

    def end(self) -> None:
        self._parser.Parse(b"", True)

    def opened(self, tag: str, attributes: Attributes) -> None:
        """An element of another kind begins."""

    def closed(self, tag: str) -> None:
        """An element of another kind ends."""

    def begin_text(self) -> None:
        self._text, self._room = [], MAX_ROW_CHARS + 1

    def taken(self) -> str:
        return "".join(self._text)

    def _bound(self, piece: bytes) -> None:
        """Refuses a tag that goes on and on."""
        opened, closed = piece.rfind(b"<"), piece.rfind(b">")
        if opened > closed:
            self._unfinished = len(piece) - opened
        elif closed >= 0:
            self._unfinished = 0
        elif self._unfinished:
            self._unfinished += len(piece)
        if self._unfinished > MAX_TAG_BYTES:
            raise UnreadableFile(reasons.DAMAGED)

    def _declared(self, _version: str, encoding: str | None, _standalone: int) -> None:
        self.plain = self.plain and (encoding or "utf-8").lower() == "utf-8"

    def _start(self, name: str, attributes: Attributes) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise UnreadableFile(reasons.DAMAGED)
        tag = local(name)
        if tag in ("v", "t"):
            self._inside = not self._spoken
        elif tag == "rPh":
            self._spoken = True
        else:
            self.opened(tag, attributes)

    def _end(self, name: str) -> None:
        self._depth -= 1
        tag = local(name)
        if tag in ("v", "t"):
            self._inside = False
        elif tag == "rPh":
            self._spoken = False
        else:
            self.closed(tag)

    def _characters(self, text: str) -> None:
        if self._inside and self._room > 0:
            self._text.append(text[: self._room])
            self._room -= len(text)


def pieces(part: IO[bytes], closing: bytes) -> Iterator[tuple[bytes, bool]]:
    """The part's bytes, each piece up to a ``closing`` tag, and whether it is made of whole elements."""
    tail, whole = b"", False
    while block := part.read(BLOCK_BYTES):
        cut = block.rfind(closing) + len(closing)
        if cut >= len(closing):
            yield tail + block[:cut], whole
            tail, whole = block[cut:], True
        elif len(tail) < MAX_ROW_CHARS:
            tail += block
        else:
            yield tail + block, False
            tail, whole = b"", False
    yield tail, False


def decoded_piece(piece: bytes) -> str:
    """The text of a piece; empty where it holds what no XML may, which the parser then tells."""
    return piece.decode() if len(piece.translate(None, _CONTROLS)) == len(piece) else ""


def decoded(text: str) -> str:
    return _entity(_character, text) if "&" in text else text


def _character(found: re.Match[str]) -> str:
    name = found[1]
    if name.startswith("#"):
        sign = chr(int(f"0{name[1:]}", 0) if name[1:2] == "x" else int(name[1:]))
    else:
        sign = _ENTITIES.get(name, "\0")
    if _forbidden(sign):
        raise UnreadableFile(reasons.DAMAGED)
    return sign


def as_typed(text: str) -> str:
    """A text as a person typed it: without the apostrophe before a formula, and with what XML cannot hold.

    Of that, what is no text is left out.
    """
    if "_x" in text:
        text = _escape(_unescaped, text)
    return original(text) if text.startswith("'") else text


def _unescaped(found: re.Match[str]) -> str:
    sign = chr(int(found[1], 16))
    return sign if sign.isprintable() or sign in "\t\n\r\xa0\u200c\u200d\u200e\u200f\u3000" else ""
