"""What a reply says: stop, rejoin, or something else. Pure.

Only what is certain counts: the whole text, folded, must be one of the known forms. “My address is 11, Azadi” stops
nothing, and neither does “11 or 12?”.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

STOP: Final = "stop"
REJOIN: Final = "rejoin"
OTHER: Final = "other"

MAX_CHARS: Final = 40  # no known form is longer, however it is spaced
_LETTERS: Final = str.maketrans({"ي": "ی", "ى": "ی", "ك": "ک", "ـ": None})
_stop = re.compile(r"11|(?:لغو|stop)[\s=:_-]*(?:11)?|11[\s=:_-]*(?:لغو|stop)|لغو\s*(?:عضویت|اشتراک)").fullmatch
_rejoin = re.compile(r"12|عضویت[\s=:_-]*(?:12)?|12[\s=:_-]*عضویت").fullmatch
_EDGES: Final = " \t\r\n.,;:!?،؛؟«»()[]{}\"'“”‘’*#=_-–—…"


def fold(text: str) -> str:
    """A text with digits of any script as ASCII, Persian letters, small, without invisible marks and outer signs."""
    text = unicodedata.normalize("NFKC", text).translate(_LETTERS).casefold()
    kept = [
        str(unicodedata.decimal(sign)) if sign.isdecimal() else sign
        for sign in text
        if unicodedata.category(sign) not in ("Cf", "Mn")
    ]
    return "".join(kept).strip(_EDGES)


def said(text: str) -> str:
    """``STOP``, ``REJOIN`` or ``OTHER``."""
    if len(text) > MAX_CHARS:
        return OTHER
    folded = fold(text)
    if _stop(folded):
        return STOP
    return REJOIN if _rejoin(folded) else OTHER
