"""Lines as the composer and the review show them: what each can carry, and what is left of its day."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import checking
from providers import registry
from providers.base import Capabilities, Device
from providers.models import DailyCount, SenderLine

SHORT = 8  # characters of a phone's id that tell it from the others


class Card(NamedTuple):
    """A line with its provider's name and abilities.

    ``forbidden`` are characters that it cannot carry; ``device`` the phone that it sends from; ``left`` how many
    messages it may still send today, None without a cap.
    """

    line: SenderLine
    provider: str
    can: Capabilities
    takes_files: bool
    forbidden: str
    device: Device | None
    left: int | None

    @property
    def has_extras(self) -> bool:
        """It can do what only some Bale lines can: tell who is absent, a copy button, a secure message."""
        return self.can.tells_absence or self.can.copy_button or self.can.secure

    @property
    def title(self) -> str:
        """The line by name and sender; the id of a phone stands with its facts."""
        return self.line.name if self.line.name and self.device else str(self.line)

    @property
    def device_name(self) -> str:
        """The phone's id, shortened."""
        key = self.device.id if self.device else ""
        return key if len(key) <= 2 * SHORT else f"{key[:SHORT]}…"

    @property
    def slot_number(self) -> int | None:
        """The SIM slot as people count."""
        return self.device.slot + 1 if self.device and self.device.slot is not None else None


def cards(lines: Iterable[SenderLine]) -> list[Card]:
    """The lines' cards, in one query at most; their accounts are at hand."""
    lines = list(lines)
    capped = [line.pk for line in lines if line.daily_cap is not None]
    counts = DailyCount.objects.filter(line__in=capped, day=timezone.localdate())
    used = dict(counts.values_list("line", "messages")) if capped else {}
    return [_card(line, used.get(line.pk, 0)) for line in lines]


def _card(line: SenderLine, used: int) -> Card:
    provider = registry.provider_class(line.account.slug)
    bare = provider("", {})
    return Card(
        line,
        _(provider.label),
        provider.capabilities,
        checking.takes_files(line),
        "`" if bare.objects_to("`") == "backtick" else "",
        bare.device_of(line.sender),
        None if line.daily_cap is None else max(0, line.daily_cap - used),
    )
