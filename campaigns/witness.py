"""Whether this database is still the one that was worked on: one that was restored would send again what it forgot.

Its row counts every tick and every slice of sending; a file on this machine, written after the commit, holds the
highest count. A row behind the file, or on another server than it says, has been restored, copied or failed over: then
nothing is claimed until somebody confirms what it was (``campaigns.restoring``). Without a file (a new machine, a lost
disk) the row is believed, as is one that has never counted.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import secrets
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.db import ProgrammingError, connection, transaction
from django.db.backends.signals import connection_created
from django.db.models.functions import Now

from campaigns.models import Witness

logger = logging.getLogger(__name__)
Doubt = Witness.Doubt

ROW = 1
CLEAN = 1.0  # seconds for which a database without doubt is not asked again: as fine as the ticks
FRESH = 5.0  # seconds for which a connection's server is taken to be the same: a proxy may change it behind our back
_IDENTITY = {  # what tells servers, databases and histories apart, as far as we may ask
    Doubt.SYSTEM: "SELECT system_identifier::text FROM pg_control_system()",
    Doubt.DATABASE: "SELECT oid::text FROM pg_database WHERE datname = current_database()",
    Doubt.TIMELINE: "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)",
}


class Told(NamedTuple):
    """What the file tells: the highest counter seen in an epoch."""

    epoch: str
    counter: int


def doubt() -> str:
    """The code of what speaks against this database (``Witness.Doubt``), empty where nothing does. Writes nothing.

    In a claim's transaction: a query and the reading of a small file, at most once a second on the same connection.
    """
    if time.monotonic() < _known.clean_until:
        return ""
    told = read()  # before the row: the other way round, a count in between would make the file look ahead
    row = Witness.objects.filter(pk=ROW).first()
    found = "" if row is None else row.doubt or _found(row, _identity(), told)
    if not found:
        _known.clean_until = time.monotonic() + CLEAN
    return found


def in_doubt() -> Witness | None:
    """The row, where a worker has found that the database was restored; None otherwise. For the screens."""
    return Witness.objects.exclude(doubt="").first()


def count() -> None:
    """Count one on, and let the file know once that is committed; in doubt, only note what the file tells."""
    _known.forget()
    told = read()
    with transaction.atomic():
        row = held()
        if code := row.doubt or _found(row, _identity(), told):
            _doubt(row, code, told)
            return
        row.counter += 1
        row.identity |= _identity()
        row.save(update_fields=["counter", "identity"])
        transaction.on_commit(partial(_write, Told(str(row.epoch), row.counter)))


def held() -> Witness:
    """The row, held until the caller's transaction ends."""
    rows = Witness.objects.select_for_update(no_key=True)
    found = rows.filter(pk=ROW).first()
    if found is None:
        Witness.objects.bulk_create([Witness(pk=ROW)], ignore_conflicts=True)  # another process may be as far
        found = rows.get(pk=ROW)
    return found


def begin_anew(row: Witness) -> None:
    """Begin a new epoch in a held row: what it is now is taken for the truth, and whatever files knew is settled."""
    _known.forget()
    last: dict[str, int] = {**row.former, str(row.epoch): row.counter}
    for epoch, counter in row.told.items():
        last[epoch] = max(counter, last.get(epoch, 0))
    row.former, row.epoch, row.counter = last, uuid.uuid4(), max(last.values()) + 1
    row.identity, row.told, row.doubt, row.doubted_at, row.is_settling = dict(_identity()), {}, "", None, False
    row.save()
    transaction.on_commit(partial(_write, Told(str(row.epoch), row.counter)))


def _found(row: Witness, here: Mapping[str, str], told: Told | None) -> str:
    if not row.counter:
        return ""  # nothing was ever sent from it
    for part in _IDENTITY:
        if row.identity.get(part, here.get(part)) != here.get(part, row.identity.get(part)):
            return str(part)
    if told is None:
        return ""
    last = row.counter if told.epoch == str(row.epoch) else row.former.get(told.epoch)
    if last is None:
        return str(Doubt.FOREIGN)
    return str(Doubt.BEHIND) if told.counter > last else ""


def _doubt(row: Witness, code: str, told: Told | None) -> None:
    known = dict(row.told)
    if told is not None:
        known[told.epoch] = max(told.counter, known.get(told.epoch, 0))
    if row.doubt and known == row.told:
        return
    if not row.doubt:
        logger.error("The database was restored, copied or failed over (%s): nothing is sent until confirmed", code)
    facts: dict[str, Any] = {} if row.doubt else {"doubt": code, "doubted_at": Now()}
    Witness.objects.filter(pk=row.pk).update(told=known, **facts)


class _Known:
    """What the server of this connection said of itself."""

    def __init__(self) -> None:
        self.parts: dict[str, str] = {}
        self.withheld: set[str] = set()  # what we may not ask: once a process, for each try stands in the server's log
        self.until = self.clean_until = 0.0

    def forget(self, **signal: Any) -> None:
        self.until = self.clean_until = 0.0


_known = _Known()
connection_created.connect(_known.forget, dispatch_uid="campaigns.witness")  # perhaps to another server


def _identity() -> dict[str, str]:
    if connection.vendor != "postgresql":
        return {}
    if time.monotonic() > _known.until:
        parts = [part for part in _IDENTITY if part not in _known.withheld]
        answers = _ask(parts)
        if answers is None:  # a provider of databases may withhold some of it
            one_by_one = {part: _ask([part]) for part in parts}
            _known.withheld.update(part for part, answer in one_by_one.items() if answer is None)
            answers = [answer[0] for answer in one_by_one.values() if answer]
            parts = [part for part in parts if part not in _known.withheld]
        _known.parts = dict(zip(map(str, parts), answers, strict=True))
        _known.until = time.monotonic() + FRESH
    return _known.parts


def _ask(parts: Sequence[Doubt]) -> Sequence[str] | None:
    """The answers; None where one of them may not be asked for."""
    if not parts:
        return []
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT " + ", ".join(f"({_IDENTITY[part]})" for part in parts))
            return list(map(str, cursor.fetchone()))
    except transaction.TransactionManagementError:
        raise  # one of ours that has failed already says nothing of what may be asked
    except ProgrammingError:
        return None


def read() -> Told | None:
    """What this machine's file tells; None without one, or with one that cannot be understood."""
    try:
        facts = json.loads(Path(settings.WITNESS_FILE).read_bytes())
        return Told(str(facts["epoch"]), int(facts["counter"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _write(told: Told) -> None:
    """Set the file forward, never back within an epoch; whole, or not at all.

    Raises:
        OSError: the disk refused.
    """
    path = Path(settings.WITNESS_FILE)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path.with_suffix(".lock")):
        there = read()
        if there is not None and there.epoch == told.epoch and there.counter >= told.counter:
            return
        hidden = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            with hidden.open("w") as file:
                json.dump(told._asdict(), file)
                file.flush()
                os.fsync(file.fileno())
            hidden.replace(path)
        except OSError:
            hidden.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
