"""What a campaign will cost, in rial: parts by operator and encoding, at the line's tariffs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from campaigns.composing.accounting import Headcount

ANY_OPERATOR = 0


class Estimate(NamedTuple):
    """The estimate of a campaign before it is launched.

    ``recipients`` will be written to; ``suppressed`` won't. ``parts`` and ``cost`` (rial; None without a tariff) are
    exact for one common text, and extrapolated from ``sampled`` recipients where each has its own.
    """

    recipients: int
    suppressed: int
    parts: int
    cost: int | None
    sampled: int
    by_operator: Mapping[int, int]
    longest: int  # parts of the longest text seen
    headcount: Headcount
    charges: Sequence[Charge] = ()  # by operator, where they are counted

    @property
    def exact(self) -> bool:
        """Whether every recipient's text was counted."""
        return self.sampled >= self.recipients


class Charge(NamedTuple):
    """What an operator's share comes to: parts, and rial (None without a tariff)."""

    operator: int
    parts: int
    cost: int | None


class Tariffs:
    """The prices of a line, by operator and encoding, with the price of all operators where one has none."""

    def __init__(self, rows: Iterable[tuple[int, str, int]]) -> None:
        self._prices = {(operator, encoding): price for operator, encoding, price in rows}

    def price(self, operator: int, encoding: str) -> int | None:
        """Rial a part, or None where the line has no tariff for it."""
        return self._prices.get((operator, encoding), self._prices.get((ANY_OPERATOR, encoding)))

    def cost(self, parts: Mapping[tuple[int, str], int]) -> int | None:
        """The cost of parts by (operator, encoding); None where a price is missing."""
        total = 0
        for (operator, encoding), count in parts.items():
            price = self.price(operator, encoding)
            if price is None:
                return None
            total += price * count
        return total

    def charges(self, parts: Mapping[tuple[int, str], int], share: float = 1.0) -> list[Charge]:
        """The charges by operator for a ``share`` of the parts by (operator, encoding).

        They are rounded so that they add up to the whole: ``round(cost(parts) * share)``.
        """
        found: list[Charge] = []
        counted, spent = 0, 0
        for operator in sorted({operator for operator, _encoding in parts}):
            own = {key: number for key, number in parts.items() if key[0] == operator}
            cost, before = self.cost(own), (round(counted * share), round(spent * share))
            counted, spent = counted + sum(own.values()), spent + (cost or 0)
            told = None if cost is None else round(spent * share) - before[1]
            found.append(Charge(operator, round(counted * share) - before[0], told))
        return found
