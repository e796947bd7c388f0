"""A worker that kills itself: ``python -m tests.contacts.killed_bulk ACTION_ID SLICES POINT``.

After that many committed slices it dies by SIGKILL in the next one: ``before`` its change, ``after`` its rows are
written and before the commit, or ``between`` two slices. The product's code knows nothing of it.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import django


def main() -> None:
    django.setup()
    from contacts import bulk
    from contacts.bulk import kinds, running
    from contacts.models import BulkAction

    action_id, slices, point = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    kind: Any = type(kinds.kind_of(BulkAction.objects.get(pk=action_id)))
    kind.slice_size = 100  # small slices, so that there is a middle
    owner: Any = running._Worker if point == "between" else kind
    step = "_slice" if point == "between" else "change"
    original, calls = getattr(owner, step), 0

    def dying(self: Any, *args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > slices and point == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(self, *args)
        if calls > slices - (point == "between"):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, step, dying)
    bulk.run(action_id)


if __name__ == "__main__":
    main()
