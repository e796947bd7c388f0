"""Clean rows into the tables: staged in a temporary table, then merged by set-based SQL, on PostgreSQL and on SQLite.

The same statements run on both, but for how rows are staged, how JSON is merged and how new rows are told from updated
ones. Measured in docs of the benchmark: staging must be a real, analysed table; a CTE plans as a nested loop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from django.db import IntegrityError, connection, transaction
from django.db.models import Model
from django.utils import timezone

from contacts.importing.cleaning import CleanRow
from contacts.models import Contact, ContactImport, Membership

_CONTACT: Final = Contact._meta.db_table
_MEMBERSHIP: Final = Membership._meta.db_table
_STAGE: Final = "import_rows"
_COLUMNS: Final = "line, phone, first_name, last_name, operator, attributes"

_Policy = ContactImport.Policy


class Tally(NamedTuple):
    """What became of clean rows."""

    new: int = 0
    updated: int = 0
    unchanged: int = 0

    def __add__(self, other: object) -> Tally:
        if not isinstance(other, Tally):
            return NotImplemented
        return Tally(self.new + other.new, self.updated + other.updated, self.unchanged + other.unchanged)


class _Merged(NamedTuple):
    """SQL for what a known contact (``c``) becomes when a row (``excluded``) meets it, and for whether that differs."""

    first_name: str
    last_name: str
    attributes: str
    differs: str


def _merged(policy: str) -> _Merged:
    kept, given = ("c", "excluded") if policy == _Policy.FILL else ("excluded", "c")
    first, last = (
        f"CASE WHEN {kept}.{name} = '' THEN {given}.{name} ELSE {kept}.{name} END"
        for name in ("first_name", "last_name")
    )
    if connection.vendor == "postgresql":
        attributes = f"{given}.attributes || {kept}.attributes"
        differs = f"(c.first_name, c.last_name, c.attributes) IS DISTINCT FROM ({first}, {last}, {attributes})"
    else:
        # json_patch keeps the order of its first argument's keys, so that equal objects stay equal texts.
        attributes = "json_patch(c.attributes, excluded.attributes)"
        if policy == _Policy.FILL:
            attributes = f"json_patch({attributes}, c.attributes)"
        differs = f"(c.first_name, c.last_name, json(c.attributes)) IS NOT ({first}, {last}, {attributes})"
    return _Merged(first, last, attributes, differs)


def keeps_json_parsed() -> bool:
    """Whether the database compares JSON as values and not as texts."""
    return connection.vendor == "postgresql"


def merge(rows: Sequence[CleanRow], *, phonebooks: Sequence[int], policy: str) -> tuple[Tally, Counter[int]]:
    """Upserts contacts and adds them to the phonebooks, in the file's order. No two rows have the same phone.

    Returns the tally and the number of contacts that are new in each phonebook. Runs inside the caller's transaction.
    """
    if connection.vendor == "postgresql" and _copied(rows, phonebooks):
        return Tally(new=len(rows)), Counter(dict.fromkeys(phonebooks, len(rows)))
    return _upserted(rows, phonebooks, policy)


def _copied(rows: Sequence[CleanRow], phonebooks: Sequence[int]) -> bool:
    """Copies rows straight into the tables, at half the cost of staging them; false where it cannot.

    It can only where no contact is known. One that another transaction adds meanwhile fails the copy's savepoint.
    """
    with connection.cursor() as cursor:
        # One text, cast there: psycopg would adapt a list's elements one by one.
        phones = "{" + ",".join([str(row[1]) for row in rows]) + "}"
        cursor.execute(f"SELECT 1 FROM {_CONTACT} WHERE phone = ANY(%s::bigint[]) LIMIT 1", [phones])
        if cursor.fetchone():
            return False
        cursor.execute(
            f"SELECT nextval((SELECT pg_get_serial_sequence('{_CONTACT}', 'id')::regclass)) "
            "FROM generate_series(1, %s)",
            [len(rows)],
        )
        ids = [number for (number,) in cursor.fetchall()]
        try:
            with transaction.atomic():
                _copy(cursor, rows, ids, phonebooks)
        except IntegrityError:
            return False
    return True


@contextmanager
def copying(cursor: Any, table: str, columns: str) -> Iterator[Any]:
    """A COPY into a table. Django wraps the errors of ``execute`` only; these are made Django's own likewise."""
    with connection.wrap_database_errors, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        yield copy


def _copy(cursor: Any, rows: Sequence[CleanRow], ids: list[int], phonebooks: Sequence[int]) -> None:
    now = timezone.now().isoformat()
    contacts = [
        f"{number}\t{row[1]}\t{row[2]}\t{row[3]}\t{row[4]}\t{row[5]}\t{now}\t{now}"
        for number, row in zip(ids, rows, strict=True)
    ]
    names = "id, phone, first_name, last_name, operator, attributes, created_at, updated_at"
    with copying(cursor, _CONTACT, names) as copy:
        # Names hold no tab and no line end, cleaning has seen to that; JSON escapes its own.
        copy.write(("\n".join(contacts) + "\n").replace("\\", "\\\\"))
    with copying(cursor, _MEMBERSHIP, "phonebook_id, contact_id") as copy:
        for phonebook_id in phonebooks:
            copy.write("".join([f"{phonebook_id}\t{number}\n" for number in ids]))


def _upserted(rows: Sequence[CleanRow], phonebooks: Sequence[int], policy: str) -> tuple[Tally, Counter[int]]:
    """Stages the rows and merges them with what is there."""
    _stage(rows)
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        known = 0
        if connection.vendor != "postgresql":  # the only writer: nothing comes between the count and the insert
            cursor.execute(f"SELECT count(*) FROM {_STAGE} s JOIN {_CONTACT} c ON c.phone = s.phone")
            known = cursor.fetchone()[0]
        cursor.execute(_upsert(policy), [now, now])
        if connection.vendor == "postgresql":
            new, written = cursor.fetchone()
        else:
            new, written = len(rows) - known, cursor.rowcount
        joined: Counter[int] = Counter()
        for phonebook_id in phonebooks:
            cursor.execute(
                f"INSERT INTO {_MEMBERSHIP} (phonebook_id, contact_id) SELECT %s, c.id FROM {_STAGE} s "
                f"JOIN {_CONTACT} c ON c.phone = s.phone WHERE true ORDER BY s.line ON CONFLICT DO NOTHING",
                [phonebook_id],
            )
            joined[phonebook_id] = cursor.rowcount
    return Tally(new, written - new, len(rows) - written), joined


def _upsert(policy: str) -> str:
    insert = (
        f"INSERT INTO {_CONTACT} AS c (phone, first_name, last_name, attributes, operator, created_at, updated_at) "
        f"SELECT phone, first_name, last_name, attributes, operator, %s, %s FROM {_STAGE} WHERE true ORDER BY phone "
    )
    if policy == _Policy.LEAVE:
        insert += "ON CONFLICT (phone) DO NOTHING"
    else:
        merged = _merged(policy)
        insert += (
            f"ON CONFLICT (phone) DO UPDATE SET first_name = {merged.first_name}, last_name = {merged.last_name}, "
            f"attributes = {merged.attributes}, updated_at = excluded.updated_at WHERE {merged.differs}"
        )
    if connection.vendor != "postgresql":
        return insert
    # xmax is 0 on a row version that this statement inserted, and the transaction's id on one that it updated.
    return (
        f"WITH written AS ({insert} RETURNING (xmax = 0) AS is_new) "
        "SELECT count(*) FILTER (WHERE is_new), count(*) FROM written"
    )


def rehearse(rows: Sequence[CleanRow], *, policy: str) -> Tally:
    """The tally that :func:`merge` would give, without a write to a lasting table."""
    _stage(rows)
    differs = "false" if policy == _Policy.LEAVE else _merged(policy).differs
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*), count(*) FILTER (WHERE {differs}) FROM {_STAGE} excluded "
            f"JOIN {_CONTACT} c ON c.phone = excluded.phone"
        )
        known, updated = cursor.fetchone()
    return Tally(len(rows) - known, updated, known - updated)


def _stage(rows: Sequence[CleanRow]) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            _stage_by_copy(cursor, rows)
        else:
            cursor.execute(
                f"CREATE TEMP TABLE IF NOT EXISTS {_STAGE} (line integer, phone bigint PRIMARY KEY, first_name text, "
                "last_name text, operator smallint, attributes text)"
            )
            cursor.execute(f"DELETE FROM {_STAGE}")
            cursor.executemany(
                f"INSERT INTO {_STAGE} ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s)", [row[:6] for row in rows]
            )


def _stage_by_copy(cursor: Any, rows: Sequence[CleanRow]) -> None:
    cursor.execute(
        f"CREATE TEMP TABLE IF NOT EXISTS {_STAGE} (line integer, phone bigint, first_name text, last_name text, "
        "operator smallint, attributes jsonb) ON COMMIT DELETE ROWS"
    )
    cursor.execute(f"TRUNCATE {_STAGE}")
    with copying(cursor, _STAGE, _COLUMNS) as copy:
        for row in rows:
            copy.write_row(row[:6])
    cursor.execute(f"ANALYZE {_STAGE}")


def insert(model: type[Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Adds rows to a model's table, by COPY where there is one; values are as the database takes them."""
    names = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with copying(cursor, model._meta.db_table, names) as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            marks = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {model._meta.db_table} ({names}) VALUES ({marks})", rows)
