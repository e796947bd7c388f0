"""Python's garbage collector, at rest while many rows that make no cycles are on their way."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def at_rest() -> Iterator[None]:
    """Leave garbage to the counts of references: the collector would walk the same ten thousands of objects again and
    again, a third of an import's time and a quarter of a request's.
    """
    resting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if resting:
            gc.enable()
