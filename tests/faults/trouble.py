"""What the random kills run in: short times for the workers, and the faults of the provider."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

READ_TIMEOUT = 1.0
LEASE = 5.0  # of a batch; a frozen worker sleeps longer
SLICE = 1.0
DOUBT = 3
# What the workers need to know. There is no cluster: the places of its workers must not limit ours.
ENVIRONMENT = {
    "SEND_CONNECT_TIMEOUT": "1",
    "SEND_READ_TIMEOUT": str(READ_TIMEOUT),
    "SEND_LEASE": str(LEASE),
    "SEND_SLICE": str(SLICE),
    "SEND_DOUBT": str(DOUBT),
    "SEND_CONCURRENCY": "1000",
    "Q_WORKERS": "1000",
    "LOG_LEVEL": "CRITICAL",
}
# Each kind with its weight. The sandbox takes the messages of all that are not marked otherwise.
FAULTS: tuple[tuple[float, dict[str, Any]], ...] = (
    (3, {"kind": "close_after_accept"}),
    (1, {"kind": "timeout", "seconds": 2 * READ_TIMEOUT}),
    (2, {"kind": "reset"}),
    (2, {"kind": "reset", "taken": False}),
    (2, {"kind": "refuse"}),  # resets before it has read the body
    (2, {"kind": "cut"}),
    (1, {"kind": "500"}),
    (1, {"kind": "500", "taken": False}),
    (1, {"kind": "html"}),
    (1, {"kind": "html", "taken": False}),
    (1, {"kind": "truncated"}),
    (2, {"kind": "partial"}),  # half the entries
    (1, {"kind": "slow", "seconds": READ_TIMEOUT / 2}),
)


def rules(trouble: float) -> Iterator[dict[str, Any]]:
    """The faults as the sandbox takes them; ``trouble`` is the share of requests that meet one."""
    weights = sum(weight for weight, _ in FAULTS)
    left = 1.0
    for weight, rule in FAULTS:  # the first that strikes wins, so a later one is asked more rarely
        share = trouble * weight / weights
        yield rule | {"operation": "send", "rate": share / left}
        left -= share
