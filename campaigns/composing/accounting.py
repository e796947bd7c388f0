"""The accounting of an audience before a campaign is frozen. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from campaigns.states import Reason


class Headcount(NamedTuple):
    """The accounting of an audience: ``named`` − ``repeated`` − ``excluded`` − suppressed − ``capped`` − ``not_drawn``
    = ``recipients``.

    ``named`` counts people as often as the include rules name them. ``suppressed`` is by reason. ``capped`` is None
    where it was not asked for; they are among the recipients then. ``strangers`` of the recipients are no contacts.
    """

    named: int
    repeated: int
    excluded: int
    suppressed: Mapping[Reason, int]
    capped: int | None
    not_drawn: int
    strangers: int

    @property
    def all_suppressed(self) -> int:
        """The suppressed, whatever the reason."""
        return sum(self.suppressed.values())

    @property
    def free(self) -> int:
        """Whom nothing keeps from getting it, before a sample is drawn."""
        return self.named - self.repeated - self.excluded - self.all_suppressed - (self.capped or 0)

    @property
    def recipients(self) -> int:
        """Who gets it."""
        return self.free - self.not_drawn

    @property
    def audience(self) -> int:
        """The people whom the rules name, without the excluded: each of them becomes a message, or is not drawn."""
        return self.named - self.repeated - self.excluded
