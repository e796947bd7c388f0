"""A worker that kills itself: ``python -m tests.contacts.killed_mirror RUN_ID PAGES POINT``.

After that many committed pages it dies by SIGKILL over the next one: ``before`` the page's transaction, with its answer
in hand; ``after`` its rows are written and before the commit; or ``between`` two pages. The product's code knows
nothing of it.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import django


def main() -> None:
    django.setup()
    from contacts import mirroring
    from contacts.mirroring import lists, running
    from providers.backends import ippanel

    run_id, pages, point = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    ippanel.MAX_PER_PAGE = 100  # short pages, so that there is a middle
    owner, step = {
        "before": (running._Worker, "_commit"),
        "after": (lists.Numbers, "store"),
        "between": (running._Worker, "_commit"),
    }[point]
    original, calls = getattr(owner, step), 0

    def dying(self: Any, *args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > pages and point == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(self, *args)
        if calls > pages - (point == "between"):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, step, dying)
    mirroring.run(run_id)


if __name__ == "__main__":
    main()
