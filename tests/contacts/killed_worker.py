"""A worker that kills itself: ``python -m tests.contacts.killed_worker IMPORT_ID COMMITS POINT``.

After that many committed chunks it dies by SIGKILL in the next one: ``before`` its merge, ``after`` its rows are
written and before the commit, or ``between`` two chunks. The product's code knows nothing of it.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import django


def main() -> None:
    django.setup()
    from contacts import importing
    from contacts.importing import loading

    import_id, commits, point = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    loading.CHUNK_ROWS = 100  # type: ignore[misc]  # small chunks, so that there is a middle
    step = {"before": "_merge", "after": "_count", "between": "_commit"}[point]
    original, calls = getattr(loading._Loader, step), 0

    def dying(self: Any, *args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > commits and point == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(self, *args)
        if calls > commits - (point == "between"):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(loading._Loader, step, dying)
    importing.run(import_id)


if __name__ == "__main__":
    main()
