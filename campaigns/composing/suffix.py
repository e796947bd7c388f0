"""The opt-out suffix of advertising lines: appended once, never twice, and counted."""

from __future__ import annotations

import re

# لغو11, لغو۱۱, لغو ۱۱, لغو=11, in the digits of all three families, at the end of the text.
_PRESENT = re.compile(r"لغو[\s\u200b-\u200f=:]*[1۱١]{2}[\s.\u200b-\u200f]*$")


def with_suffix(text: str, suffix: str) -> str:
    """The text with the line's opt-out suffix on a line of its own, unless it ends in one already."""
    if not suffix or _PRESENT.search(text) or text.rstrip().endswith(suffix):
        return text
    return f"{text.rstrip()}\n{suffix}"
