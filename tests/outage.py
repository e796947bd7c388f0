"""A database that goes away: every statement fails as the driver would make it fail, from a moment on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from django.db import OperationalError, connection


@contextlib.contextmanager
def outage(when: Callable[[str], bool] = lambda statement: True) -> Iterator[None]:
    """Let statements fail from the first one on for which ``when(its SQL)`` is true, until the block ends."""
    away = False

    def execute(go_on: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal away
        away = away or when(sql)
        if away:
            raise OperationalError("server closed the connection unexpectedly")
        return go_on(sql, params, many, context)

    with connection.execute_wrapper(execute):
        yield
