"""A sample of an audience: who is drawn, and the same people each time it is asked.

Everybody has a draw, a hash of their number and of a key that the draft keeps for life; drawn are the least. So the
people stay the same from the preview to the freeze while the audience does, and nobody is likelier than another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db.models import BigIntegerField, F, QuerySet, TextField, Value
from django.db.models.functions import MD5, Cast, Concat

from campaigns.models import Campaign
from campaigns.sending import barring
from campaigns.sending.naming import Named, Recipients


class Sample(NamedTuple):
    """Who is drawn: everybody whose draw is at most ``last``; ``not_drawn`` others could have been."""

    last: str
    not_drawn: int


def key_of(campaign: Campaign) -> str:
    """What a campaign's draws are made of besides the numbers; a draft has it from its form on."""
    return str(campaign.form_token or campaign.send_key)


def draw(campaign: Campaign, phone: str) -> MD5:
    """The draw of the number at this path, in the database."""
    digits = Cast(Cast(F(phone), BigIntegerField()), TextField())
    return MD5(Concat(digits, Value(key_of(campaign)), output_field=TextField()))


def draw_of(campaign: Campaign, phone: str) -> str:
    """The same of a number (E.164), in Python."""
    text = phone.removeprefix("+") + key_of(campaign)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def sample(campaign: Campaign, who: Named, strangers: Sequence[str]) -> Sample | None:
    """The sample of a campaign's audience; None where it takes none, or is no smaller.

    ``strangers`` are the pasted numbers that no contact has and that nothing keeps from getting it.
    """
    if not campaign.sample_size:
        return None
    sets = _disjoint(campaign, who)
    found = sum(rows.count() for rows in sets) + len(strangers)
    if found <= campaign.sample_size:
        return None
    strange = sorted(draw_of(campaign, phone) for phone in strangers)
    # Of the contacts' draws only those can be the last one that strangers may push beyond it.
    skipped = max(0, campaign.sample_size - len(strange) - 1)
    near: list[str] = []
    if sets:
        ordered = (sets[0].union(*sets[1:], all=True) if sets[1:] else sets[0]).order_by("draw")
        near = [str(each) for each in ordered[skipped : campaign.sample_size]]
    return Sample(sorted([*near, *strange])[campaign.sample_size - 1 - skipped], found - campaign.sample_size)


def _disjoint(campaign: Campaign, who: Named) -> list[QuerySet[Any, str]]:
    """The draws of those who can get it, a set a rule, nobody in two."""
    before: list[Recipients] = []
    sets = []
    for _rule, recipients in who.included:
        rows = recipients.without([*before, *who.out]).rows.annotate(barred=barring.reason(campaign, recipients.phone))
        free = rows.filter(barred=0).order_by().annotate(draw=draw(campaign, recipients.phone))
        sets.append(free.values_list("draw", flat=True))
        before.append(recipients.of_rows())
    return sets
