"""Numbers of a workbook as its reader sees them: a phone with its digits, a date as a date. Pure."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Final

DATE: Final = -1
"""The format of dates and times. Others are how many digits a number has at least, zeros in front; 0 for most."""

# Ids that have no code in the file: ECMA-376, part 1, 18.8.30, with those that East Asian languages add.
_BUILT_IN_DATES: Final = frozenset(map(str, (*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59))))
_literal = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_zeros = re.compile(r"0{2,20}").fullmatch
_FIRST_1900: Final = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet's dates have no zone
_FIRST_1904: Final = dt.datetime(1904, 1, 1)  # noqa: DTZ001
_MAX_DAY: Final = 2_957_003  # 9999-12-31 counted from 1904


def custom_format(code: str) -> int:
    """What a format code of the file means: :data:`DATE`, a number of digits, or 0."""
    plain = _literal.sub("", code.partition(";")[0])
    if _zeros(plain):
        return len(plain)
    return DATE if "general" not in plain.lower() and re.search("[dmyhs]", plain, re.IGNORECASE) else 0


class Formats:
    """How the cells of each style show their numbers."""

    def __init__(self, used: Sequence[str], custom: Mapping[str, int], *, since_1904: bool = False) -> None:
        formats = {str(style): custom.get(it, DATE if it in _BUILT_IN_DATES else 0) for style, it in enumerate(used)}
        self.special = {style: format_ for style, format_ in formats.items() if format_}
        self._since_1904 = since_1904

    def shown(self, raw: str, style: str) -> str:
        """A number's text. More than 15 digits are not kept by a spreadsheet: such a one has an exponent."""
        format_ = self.special.get(style, 0)
        if not format_ and len(raw) <= 15 and raw.isascii() and raw.isdigit():
            return raw
        try:
            value = float(raw)
        except ValueError:
            return raw
        if format_ == DATE and 0 <= value <= _MAX_DAY:
            return self._moment(value)
        text = f"{value:.15G}"
        return text.zfill(format_) if format_ > 0 and text.isdigit() else text

    def _moment(self, value: float) -> str:
        """A date, a time or both, from a number of days. The 29 February 1900 that Excel counts never was."""
        seconds = round(value * 86_400)
        first = _FIRST_1904 if self._since_1904 else _FIRST_1900 + dt.timedelta(days=value < 60)
        at = first + dt.timedelta(seconds=seconds)
        time = f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"
        if value < 1 and seconds:
            return time
        return f"{at:%Y-%m-%d} {time}" if seconds % 86_400 else f"{at:%Y-%m-%d}"
