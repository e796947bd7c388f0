"""The same work in several threads at one moment, each with a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import connection

_T = TypeVar("_T")


def at_once(first: Callable[[], _T], number: int, other: Callable[[], _T] | None = None, others: int = 0) -> list[_T]:
    """Run ``first`` in ``number`` threads and ``other`` in ``others``, released together; their results in order."""
    barrier = threading.Barrier(number + others)

    def run(work: Callable[[], _T]) -> _T:
        barrier.wait(10)
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(number + others) as pool:
        work: list[Any] = [first] * number + ([other] * others if other else [])
        return list(pool.map(run, work))
