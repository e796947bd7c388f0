"""Making the next piece of work while the one before it is being done."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import TypeVar

_Item = TypeVar("_Item")
# Seconds. By default the maker keeps the interpreter for 5 ms each time the other thread has sent a piece to the
# database and wants to send the next: side by side was then slower than in turn (4.4 s to 4.0 s; so it is 3.1 s).
SWITCH_INTERVAL = 0.0002


def one_ahead(items: Iterator[_Item]) -> Generator[_Item, None, None]:
    """The items, each made by a thread while the one before it is being used: parsing while the database loads.

    An exception of ``items`` comes at its place. Close the generator to stop early; the thread has ended then.
    """
    made: queue.Queue[tuple[_Item | None, BaseException | None]] = queue.Queue(maxsize=1)
    stopped = threading.Event()

    def put(item: _Item | None, error: BaseException | None = None) -> None:
        while not stopped.is_set():
            with suppress(queue.Full):
                made.put((item, error), timeout=0.1)
                return

    def make() -> None:
        try:
            for item in items:
                put(item)
                if stopped.is_set():
                    return
            put(None)
        except BaseException as error:  # noqa: BLE001 - it is raised where the item would have been
            put(None, error)

    maker = threading.Thread(target=make, daemon=True)
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    maker.start()
    try:
        while True:
            item, error = made.get()
            if error is not None:
                raise error
            if item is None:
                return
            yield item
    finally:
        stopped.set()
        maker.join()
        sys.setswitchinterval(usual)
