"""How many SMS parts a text takes. Source: 3GPP TS 23.038; operators in Iran count the same way.

GSM-7 holds 160 characters, or 153 a part, its extension characters counting two. One character outside it makes the
whole text UCS-2: 70, or 67 a part (66 on some lines), in UTF-16 units: an emoji counts two, ZWNJ and newline one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

_GSM7_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijkl"
    "mnopqrstuvwxyzäöñüà"
)
_GSM7_EXTENSION = frozenset("\f^{}\\[~]|€")
_GSM7 = _GSM7_BASIC | _GSM7_EXTENSION
UCS2_PART = 67


class Segments(NamedTuple):
    """A text as SMS: ``encoding`` gsm7 or ucs2, ``units`` of that encoding, ``parts``, ``left`` units in the last."""

    encoding: str
    units: int
    parts: int
    left: int


def count(text: str, part_size: int = UCS2_PART) -> Segments:
    """The segments of a text as it is sent; ``part_size`` is the line's UCS-2 part in UTF-16 units."""
    if _GSM7.issuperset(text):
        units = len(text) + sum(character in _GSM7_EXTENSION for character in text)
        return _split("gsm7", units, 160, 153)
    return _split("ucs2", len(text.encode("utf-16-le")) // 2, 70, part_size)


def _split(encoding: str, units: int, single: int, part: int) -> Segments:
    if units <= single:
        return Segments(encoding, units, 1 if units else 0, single - units)
    parts = math.ceil(units / part)
    return Segments(encoding, units, parts, parts * part - units)
