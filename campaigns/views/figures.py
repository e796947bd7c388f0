"""A campaign's accounting and course as its screens draw them."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns import reporting
from campaigns.composing.accounting import Headcount
from campaigns.models import Campaign
from campaigns.states import MessageStatus, Reason
from interface import persian

# Each status with the class of its colour; bars and dots are drawn in the current colour.
TONES = {
    MessageStatus.PENDING: "text-base-300",
    MessageStatus.SENDING: "text-info",
    MessageStatus.UNKNOWN: "text-warning",
    MessageStatus.ACCEPTED: "text-primary/45",
    MessageStatus.SENT: "text-primary",
    MessageStatus.DELIVERED: "text-success",
    MessageStatus.UNDELIVERED: "text-error/60",
    MessageStatus.BLOCKED: "text-secondary",
    MessageStatus.FAILED: "text-error",
    MessageStatus.SKIPPED: "text-base-content/30",
    MessageStatus.CANCELLED: "text-base-content/45",
    MessageStatus.EXPIRED: "text-base-content/20",
}
# What stands behind on a phone's small screen reads better in this order: good, open, lost.
ORDER = [
    MessageStatus.DELIVERED,
    MessageStatus.SENT,
    MessageStatus.ACCEPTED,
    MessageStatus.SENDING,
    MessageStatus.UNKNOWN,
    MessageStatus.UNDELIVERED,
    MessageStatus.BLOCKED,
    MessageStatus.FAILED,
    MessageStatus.SKIPPED,
    MessageStatus.CANCELLED,
    MessageStatus.EXPIRED,
    MessageStatus.PENDING,
]


class Piece(NamedTuple):
    """One status in a bar: ``x`` and ``width`` in percent of the audience, as SVG reads them."""

    status: MessageStatus
    name: str
    tone: str
    number: int
    x: str
    width: str


def pieces(account: reporting.Accounting) -> list[Piece]:
    """Every status that has messages; their numbers add up to the audience."""
    found, x = [], 0.0
    whole = account.audience or 1
    for status in ORDER:
        if number := account.counts[status]:
            width = 100 * number / whole
            found.append(Piece(status, status.name.lower(), TONES[status], number, f"{x:.3f}", f"{width:.3f}"))
            x += width
    return found


def tells_delivery(campaign: Campaign) -> bool:
    """Whether a share of delivered messages means something: Bale does not tell of delivery."""
    return reporting.tells_delivery(campaign.line)


class Course(NamedTuple):
    """A campaign's course: ``data`` as static/js/app.js draws it; ``rows`` the same to read, without empty steps."""

    data: dict[str, Any]
    rows: list[tuple[str, list[int]]]


def course(campaign: Campaign) -> Course:
    """When messages were accepted, delivered and lost."""
    timeline = reporting.timeline(campaign)
    colours = {MessageStatus.ACCEPTED: "c1", MessageStatus.DELIVERED: "c2", MessageStatus.FAILED: "c3"}
    lost = _("not reached")
    series = [
        {
            "label": lost if line.status is MessageStatus.FAILED else str(line.status.label),
            "values": line.values,
            "colour": colours[line.status],
        }
        for line in timeline.series
    ]
    long = bool(timeline.points) and timeline.points[-1] - timeline.points[0] > dt.timedelta(hours=20)
    labels = [persian.date(at, "datetime" if long else "time") for at in timeline.points]
    numbers = zip(*(line.values for line in timeline.series), strict=True)
    rows = [(label, list(row)) for label, row in zip(labels, numbers, strict=True) if any(row)] if labels else []
    return Course({"labels": labels, "series": series}, rows)


class Share(NamedTuple):
    """Some of those whom the rules name, and why they get nothing; of who gets it ``name`` is ``gets_it``."""

    name: str
    label: str
    tone: str
    number: int
    x: str
    width: str


def headcount(found: Headcount) -> list[Share]:
    """What becomes of everybody whom the rules name, as a bar and as numbers; only who is somebody is told.

    The shares add up to ``found.named``. Drawn in the order in which people think: who gets it, then who does not.
    """
    parts = [
        ("gets_it", _("gets it"), "text-success", found.recipients),
        ("repeated", _("named twice or more"), "text-base-content/20", found.repeated),
        ("excluded", _("excluded by a rule"), "text-secondary", found.excluded),
        *[(reason.name.lower(), _SUPPRESSED[reason], "text-error/60", n) for reason, n in found.suppressed.items()],
        ("capped", _("enough messages lately"), "text-warning", found.capped or 0),
        ("not_drawn", _("not drawn for the sample"), "text-info", found.not_drawn),
    ]
    shares, x, whole = [], 0.0, found.named or 1
    for name, label, tone, number in parts:
        if number or name == "gets_it":
            shares.append(Share(name, str(label), tone, number, f"{x:.3f}", f"{100 * number / whole:.3f}"))
            x += 100 * number / whole
    return shares


_SUPPRESSED = {
    Reason.SUPPRESSED: gettext_lazy("suppressed by hand"),
    Reason.OPTED_OUT: gettext_lazy("opted out"),
    Reason.BLOCKS_ADVERTISING: gettext_lazy("blocks advertising"),
}
