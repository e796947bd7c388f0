"""Taking providers' calls: whose each is, what it reports, and into the table; what several threads bring, together.

Of the threads that bring calls at one moment the first stores for all that wait behind it, in one statement: a burst
costs the database a third of a transaction each. It also means that a process waits with one thread alone while a
lock, a full disk or a network makes the database slow; the others give up, their calls go to the spool.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections import deque

from django.db import DatabaseError, InterfaceError, OperationalError, connection

from campaigns.delivery import events
from campaigns.delivery.events import Reported
from campaigns.models import DeliveryEvent
from providers import registry
from providers.answers import StatusReport
from providers.base import WebhookCall
from providers.models import ProviderAccount

KNOWN_FOR = 5.0  # seconds that this process trusts what it has read of an account
PATIENCE = 0.5  # seconds that a call waits for the one that stores
_known: dict[int, tuple[str, bytes, float]] = {}  # by account: its provider's slug, its token, until when


class UnknownToken(Exception):
    """No account has this webhook address."""


class Busy(Exception):
    """The database does not get done with the calls that came before."""


class Brought:
    """A call that a thread waits with: ``stored`` reports, or the ``error`` that kept them from being."""

    def __init__(self, account_id: int, token: str, call: WebhookCall) -> None:
        self.account_id = account_id
        self.token = token
        self.call = call
        self.stored: int | None = None
        self.error: Exception | None = None
        self.called = threading.Lock()  # free once its thread may go on
        self.called.acquire()

    @property
    def is_settled(self) -> bool:
        """Whether something came of it."""
        return self.stored is not None or self.error is not None


class Desk:
    """Where the threads of a process bring calls; the one that stands first stores for all.

    Each of the others is called once: when its call is settled, or to be the first of those that came meanwhile. (A
    lock for which all stand in line woke them one after the other, while the database had nothing to do.)
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # of what follows; held for moments
        self._waiting: deque[Brought] = deque()
        self._occupied = False
        self._stuck = False  # somebody has waited in vain for the one that stands first

    def take(self, account_id: int, token: str, call: WebhookCall) -> int:
        """Store the reports of a call to an account's webhook; returns how many. Durable when it returns.

        Raises:
            UnknownToken, MalformedWebhook: see ``reports``.
            Busy, DatabaseError, InterfaceError: it is not certain to be stored; a repeat is harmless.
        """
        brought = Brought(account_id, token, call)
        if not self._stands_first(brought):
            self._wait(brought)
        if not brought.is_settled:
            self._serve(brought)
        if brought.error is not None:
            raise brought.error
        if brought.stored is None:
            raise Busy
        return brought.stored

    def _stands_first(self, brought: Brought) -> bool:
        with self._lock:
            if self._stuck:
                raise Busy
            if self._occupied:
                self._waiting.append(brought)
                return False
            self._occupied = True
            return True

    def _wait(self, brought: Brought) -> None:
        if brought.called.acquire(timeout=PATIENCE):
            return
        with self._lock:
            if brought.called.acquire(blocking=False):
                return  # at the last moment; it may have to be the first now
            self._stuck = True
            with contextlib.suppress(ValueError):  # it is in the hands of the one that stands first
                self._waiting.remove(brought)
            raise Busy

    def _serve(self, first: Brought) -> None:
        with self._lock:
            served = [first, *self._waiting]
            self._waiting.clear()
        try:
            _with_new_connection(served)
        except (DatabaseError, InterfaceError) as error:
            for each in served:
                each.error = each.error or error
        finally:
            with self._lock:
                self._stuck = False
                self._occupied = bool(self._waiting)
                if self._waiting:
                    self._waiting.popleft().called.release()
            for each in served[1:]:
                if not each.is_settled:
                    each.error = Busy()
                each.called.release()


desk = Desk()


def _with_new_connection(waiting: list[Brought]) -> None:
    """``_store`` on the thread's connection, and once more where the server, restarted meanwhile, had cut it."""
    kept = connection.connection is not None and not connection.in_atomic_block
    try:
        _store(waiting)
    except (OperationalError, InterfaceError):
        if kept:
            connection.close_if_unusable_or_obsolete()
        if not kept or connection.connection is not None:
            raise
        _store(waiting)


def _store(waiting: list[Brought]) -> None:
    found: list[tuple[Brought, Reported]] = []
    for each in waiting:
        try:
            found.append((each, Reported(each.account_id, reports(each.account_id, each.token, each.call))))
        except (DatabaseError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - raised for the one who brought it; the others are stored
            each.error = error
    if found:
        events.store_all([reported for _, reported in found], DeliveryEvent.Source.WEBHOOK)
    for each, reported in found:
        each.stored = len(reported.reports)


def reports(account_id: int, token: str, call: WebhookCall) -> list[StatusReport]:
    """What a call to an account's webhook reports, once its token is proven (compared in constant time).

    Raises:
        UnknownToken: there is no such account, or the token is not its own.
        MalformedWebhook: the content cannot be read.
        DatabaseError, InterfaceError: the account cannot be read.
    """
    given = token.encode(errors="replace")
    slug, expected, until = _known.get(account_id, ("", b"", 0.0))
    if until < time.monotonic() or not secrets.compare_digest(expected, given):
        slug, expected = _read(account_id)
        if not secrets.compare_digest(expected, given) or not slug:
            raise UnknownToken
        _known[account_id] = (slug, expected, time.monotonic() + KNOWN_FOR)
    return registry.provider_class(slug)("", {}).parse_webhook(call)


def _read(account_id: int) -> tuple[str, bytes]:
    """An account's provider and token; for no account no provider and a token that nobody has."""
    row = ProviderAccount.objects.filter(pk=account_id).values_list("slug", "webhook_token").first()
    known = row is not None and row[0] in registry.PROVIDERS
    return (row[0], row[1].encode()) if row and known else ("", secrets.token_urlsafe(32).encode())
