"""A real HTTP server that speaks the providers' contracts, keeps a ledger of what it took, and fails on demand.

It ships with the product: people try a campaign on it without spending a rial, and the tests talk to it over sockets.
"""

from __future__ import annotations

from providers.sandbox.server import Sandbox, running_sandbox

__all__ = ["Sandbox", "running_sandbox"]
