"""Answers on disk: what a provider said, synced before the database hears of it.

A file holds the ticket, the HTTP status and the body; it is removed once recorded. What is left over belongs to a
worker that died or a database that was away, and ``reconcile.sweep_answers`` records it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from campaigns.delivery.spool import Spool
from campaigns.sending.recording import Ticket
from providers.base import HttpResponse

spool = Spool("answers")


NOTHING_TAKEN = 0  # in the place of an HTTP status: it never reached the provider, or its keys make it safe to repeat


class Kept(NamedTuple):
    """A kept answer: which attempt it belongs to, and what came back; ``NOTHING_TAKEN`` with our code as its body."""

    ticket: Ticket
    response: HttpResponse


def keep(ticket: Ticket, response: HttpResponse) -> Path:
    """Store an answer durably and return its file."""
    head = json.dumps({"batch": ticket.batch_id, "owner": ticket.owner, "attempt": ticket.attempt}).encode()
    name = f"{ticket.batch_id}-{ticket.attempt}"
    return spool.write(head + b"\n" + str(response.status).encode() + b"\n" + response.body, name)


def keep_failure(ticket: Ticket, code: str) -> Path:
    """Store that the batch may go out again, for the database to learn when it is back: else it would be in doubt."""
    return keep(ticket, HttpResponse(NOTHING_TAKEN, code.encode()))


def read(path: Path) -> Kept:
    """The answer in a file.

    Raises:
        FileNotFoundError: another process has recorded and removed it.
        ValueError: the file is none of ours.
    """
    head, status, body = path.read_bytes().split(b"\n", 2)
    facts = json.loads(head)
    try:
        ticket = Ticket(int(facts["batch"]), str(facts["owner"]), int(facts["attempt"]))
    except (KeyError, TypeError):
        raise ValueError("not_an_answer") from None
    return Kept(ticket, HttpResponse(int(status), body))
