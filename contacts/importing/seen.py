"""Which phone numbers a file has already had: exact, and at bounded memory."""

from __future__ import annotations

from typing import Final

_IRANIAN_MOBILES: Final = 989_000_000_000
_PAGE_BITS: Final = 16


class SeenPhones:
    """A set of E.164 integers in which an Iranian mobile takes one bit of a page that is made when first needed.

    All of them together take 125 MB, a million about 50 MB; numbers of other countries are an ordinary set.
    """

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}
        self._foreign: set[int] = set()

    def add(self, phone: int) -> bool:
        """Remembers the number; whether it is new."""
        number = phone - _IRANIAN_MOBILES
        if not 0 <= number < 1_000_000_000:
            if phone in self._foreign:
                return False
            self._foreign.add(phone)
            return True
        key = number >> _PAGE_BITS
        page = self._pages.get(key)
        if page is None:
            page = self._pages[key] = bytearray(1 << (_PAGE_BITS - 3))
        place, bit = (number & 0xFFFF) >> 3, 1 << (number & 7)
        if page[place] & bit:
            return False
        page[place] |= bit
        return True
