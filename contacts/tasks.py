"""What the worker runs for contacts. A task may run never, once, twice or in parallel: the row's lease decides."""

from __future__ import annotations

import time

from contacts import bulk, importing, mirroring, replies, suppression_files

SLICE = 25.0  # seconds


def run_import(import_id: int) -> None:
    """Works on an import for a slice of time and rings for the next one."""
    if not importing.run(import_id, deadline=time.monotonic() + SLICE):
        importing.ring(import_id)


def run_mirroring(run_id: int) -> None:
    """Fetches a provider's lists for a slice of time and rings for the next one."""
    if not mirroring.run(run_id, deadline=time.monotonic() + SLICE):
        mirroring.ring(run_id)


def run_bulk_action(action_id: int) -> None:
    """Works on a bulk action for a slice of time and rings for the next one."""
    if not bulk.run(action_id, deadline=time.monotonic() + SLICE):
        bulk.ring(action_id)


def look_for_replies(account_id: int) -> None:
    """Reads an account's inbox for a slice of time and rings for the next one."""
    if not replies.look(account_id, deadline=time.monotonic() + SLICE):
        replies.ring(account_id)


def suppress_file(file_id: int) -> None:
    """Suppresses the numbers of a file for a slice of time and rings for the next one."""
    if not suppression_files.run(file_id, deadline=time.monotonic() + SLICE):
        suppression_files.ring(file_id)
