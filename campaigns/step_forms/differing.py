"""What a form says otherwise than its draft does by now, for a person to compare."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from campaigns.describing import Described
from interface import persian


class Difference(NamedTuple):
    """A field that somebody else has changed meanwhile: what this form says, and what is saved now.

    ``typed`` and ``saved`` are texts, or rules in words.
    """

    label: str
    typed: str | list[Described]
    saved: str | list[Described]

    @property
    def is_rules(self) -> bool:
        """Whether both are rules in words."""
        return isinstance(self.typed, list)


def shown(value: Any) -> str:
    """A field's value as people read it."""
    if value is None or value == "":
        return "—"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, dt.datetime):
        return persian.date(value, "datetime")
    return persian.number(value) if isinstance(value, int) else str(value)
