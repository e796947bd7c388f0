"""A worker that kills itself over an inbox: ``python -m tests.contacts.killed_look ACCOUNT_ID PAGES``.

It dies by SIGKILL within the transaction of the page after so many, when all of it is written and before the commit.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import django


def main() -> None:
    django.setup()
    from contacts import replies
    from contacts.replies import looking
    from providers.backends.ippanel import IPPanel

    account_id, pages = int(sys.argv[1]), int(sys.argv[2])
    IPPanel.per_page = 10
    looking_at: Any = looking
    take, calls = looking_at.take, 0

    def dying(*args: Any) -> Any:
        nonlocal calls
        taken = take(*args)
        calls += 1
        if calls > pages:
            os.kill(os.getpid(), signal.SIGKILL)
        return taken

    looking_at.take = dying
    replies.look(account_id)


if __name__ == "__main__":
    main()
