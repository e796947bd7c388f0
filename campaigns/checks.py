"""System checks of the engine's settings: what would make a live call lose its lease, or a task its time."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register()
def the_lease_outlives_every_call(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A lease that ends during a call would call its batch unclear while the answer is still on its way.

    A group of requests begins its last one at the end of its slice.
    """
    longest = settings.SEND_SLICE + settings.SEND_CONNECT_TIMEOUT + 2 * settings.SEND_READ_TIMEOUT
    if longest < settings.SEND_LEASE:
        return []
    return [
        Error(
            "SEND_LEASE is shorter than a call may take.",
            hint=f"Set it above SEND_SLICE + SEND_CONNECT_TIMEOUT + 2 x SEND_READ_TIMEOUT = {longest:.0f} seconds.",
            id="campaigns.E001",
        )
    ]


@register()
def a_task_outlives_its_slice(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """django-q2 kills a task at its timeout and repeats one that is not acknowledged after ``retry``."""
    timeout, retry = settings.Q_CLUSTER["timeout"], settings.Q_CLUSTER["retry"]
    longest = settings.SEND_SLICE + settings.SEND_CONNECT_TIMEOUT + 2 * settings.SEND_READ_TIMEOUT
    if longest < timeout and 2 * timeout < retry:
        return []
    return [
        Error(
            "A task of the queue would be killed in the middle of a call.",
            hint="Its timeout must exceed SEND_SLICE + SEND_CONNECT_TIMEOUT + 2 x SEND_READ_TIMEOUT, retry twice that.",
            id="campaigns.E002",
        )
    ]


@register()
def the_time_zone_is_up_to_date(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Iran has had no summer time since 2022; an older table sends an hour early or late, half the year."""
    if settings.TIME_ZONE != "Asia/Tehran":
        return []
    summer = dt.datetime(2026, 7, 1, tzinfo=zoneinfo.ZoneInfo(settings.TIME_ZONE))
    if summer.utcoffset() == dt.timedelta(hours=3, minutes=30):
        return []
    return [
        Error(
            "The time zones of this machine are older than Iran's end of summer time in 2022.",
            hint="Update the package tzdata of the system to 2022b or newer (or install the one of PyPI).",
            id="campaigns.E003",
        )
    ]
