"""A worker that kills itself: ``python -m tests.faults.worker POINT OCCURRENCE CAMPAIGN_ID``.

It wraps one step of the engine or of its transport and ends its own process there by SIGKILL, at the given occurrence;
the product knows nothing of it. With the point ``none`` it is an ordinary worker; at ``stopped_before_the_begin`` it
stops itself (SIGSTOP) instead, until somebody lets it go on. The nursery forks it for ``labour``.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import django


class Killer:
    """Wraps functions so that they kill this process before or after their n-th call."""

    def __init__(self, occurrence: int) -> None:
        self.left = occurrence
        self.signal = signal.SIGKILL

    def strike(self) -> None:
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), self.signal)

    def before(self, holder: Any, name: str) -> None:
        def around(original: Callable[..., Any], *args: Any, **named: Any) -> Any:
            self.strike()
            return original(*args, **named)

        self._wrap(holder, name, around)

    def after(self, holder: Any, name: str) -> None:
        def around(original: Callable[..., Any], *args: Any, **named: Any) -> Any:
            result = original(*args, **named)
            self.strike()
            return result

        self._wrap(holder, name, around)

    def _wrap(self, holder: Any, name: str, around: Callable[..., Any]) -> None:
        original = getattr(holder, name)
        setattr(holder, name, lambda *args, **named: around(original, *args, **named))


def arm(point: str, killer: Killer) -> None:
    """Lay the mine."""
    import requests

    from campaigns.sending import answers, claiming, dispatch, groups, journals, recording
    from providers import http

    mines: dict[str, Callable[[], None]] = {
        "none": lambda: None,
        "before_the_claim_commits": lambda: killer.after(claiming, "_claim"),
        "after_the_claim": lambda: killer.before(dispatch, "send"),
        "before_the_body": lambda: killer.after(http._Watched, "_new_conn"),
        "after_the_body": lambda: killer.after(http._Watched, "send"),
        "after_the_headers": lambda: killer.after(requests.Session, "send"),
        "after_the_answer": lambda: killer.after(http, "_read"),
        "after_the_spool": lambda: killer.after(answers, "keep"),
        "in_the_record": lambda: killer.after(recording._Record, "_settle"),
        "after_the_record": lambda: killer.after(dispatch, "record"),
        "before_the_group": lambda: killer.before(groups.Group, "send"),
        "before_the_begin": lambda: killer.before(journals.Journal, "begun"),
        "after_the_begin": lambda: killer.after(journals.Journal, "begun"),
        "after_the_journal": lambda: killer.after(journals.Journal, "answered"),
        "after_the_group": lambda: killer.after(groups.Group, "send"),
    }
    if point.startswith("stopped_"):
        killer.signal, point = signal.SIGSTOP, point.removeprefix("stopped_")
    mines[point]()


def preload() -> None:
    """Load whatever a worker needs, so that its fork need not."""
    from campaigns import lifecycle, tasks  # noqa: F401
    from tests.faults import resends  # noqa: F401


def labour(
    campaign: int, point: str = "none", occurrence: int = 1, seconds: float = 30.0, engine: str = "ours"
) -> None:
    """Do for a campaign what the tasks do, round after round, until nothing is open or may go out, or the time is over.

    A round is the tick's recovery, a slice of sending, the finish. ``engine="resends"`` is the control, which is wrong.
    """
    from campaigns import lifecycle
    from campaigns.sending import dispatch, reconcile
    from tests.faults import resends

    if engine == "resends":
        resends.install()
    arm(point, Killer(occurrence))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        reconcile.sweep_answers()
        reconcile.expire_leases()
        why = dispatch.work(campaign, min(1.0, seconds))
        if lifecycle.finish(campaign) or why in ("stopped", "breaker"):
            return
        if why != "slice":
            time.sleep(0.05)


def main() -> None:
    point, occurrence, campaign_id = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    django.setup()
    from campaigns.sending import dispatch

    arm(point, Killer(occurrence))
    dispatch.work(campaign_id, 30)


if __name__ == "__main__":
    main()
