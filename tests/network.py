"""Keeps the suite on this machine: a connection or a name look-up beyond loopback fails the test that made it."""

from __future__ import annotations

import ipaddress
import sys
from typing import Any


class NetworkForbidden(AssertionError):
    """A test tried to reach another machine."""


attempts: list[str] = []
_installed = False
_active = False


def is_local(host: object) -> bool:
    """Whether ``host`` is loopback, a unix socket's path, or a name that by RFC 2606 never resolves."""
    name = host.decode() if isinstance(host, bytes) else str(host or "")
    if name in ("", "localhost") or name.startswith("/") or name.endswith(".invalid"):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if not _active or not event.startswith("socket."):
        return
    if event in ("socket.connect", "socket.sendto"):
        host = args[1][0] if isinstance(args[1], tuple) else "/"
    elif event == "socket.getaddrinfo":
        host = args[0]
    else:
        return
    if not is_local(host):
        attempts.append(f"{event} {host}")
        raise NetworkForbidden(f"The suite stays on this machine; refused: {event} {host}")


def forbid() -> None:
    """Starts to refuse. An audit hook sees every socket of the process, whoever imported what; it can't be removed."""
    global _installed, _active
    if not _installed:
        sys.addaudithook(_audit)
    _installed = _active = True


def allow() -> None:
    """Stops to refuse."""
    global _active
    _active = False
