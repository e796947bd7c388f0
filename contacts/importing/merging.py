"""Clean rows into the tables: copied straight there, or staged in a temporary table and merged by set-based SQL.

The same statements run on PostgreSQL and on SQLite, but for how rows are staged, how JSON is merged and how new rows
are told from updated ones. Measured in docs of the benchmark: staging must be a real, analysed table; a CTE plans as a
nested loop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from django.db import IntegrityError, connection, transaction
from django.db.models import Model
from django.utils import timezone

from contacts.importing.categories import Category, named
from contacts.importing.cleaning import CleanRow
from contacts.models import Contact, ContactImport, Membership, Suppression

_CONTACT: Final = Contact._meta.db_table
_MEMBERSHIP: Final = Membership._meta.db_table
_STAGE: Final = "import_rows"
_COLUMNS: Final = "phone, first_name, last_name, operator, attributes"

_Policy = ContactImport.Policy


@dataclass(frozen=True, slots=True)
class Into:
    """Where rows go: the import that they are made in, its phonebooks, its policy, and the ids of job categories."""

    made_in: int
    phonebooks: Sequence[int]
    policy: str
    categories: Mapping[Category, int] = field(default_factory=dict)


class Span(NamedTuple):
    """The first and the last of the ids that were made, among what others made meanwhile; zeros for none."""

    first: int = 0
    last: int = 0

    def __or__(self, other: Span) -> Span:
        return Span(min(filter(None, (self.first, other.first)), default=0), max(self.last, other.last))


_NOWHERE: Final = Span()


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of clean rows. ``joined`` is how many contacts are new in each phonebook."""

    new: int = 0
    updated: int = 0
    unchanged: int = 0
    joined: Counter[int] = field(default_factory=Counter)
    contacts: Span = _NOWHERE
    memberships: Span = _NOWHERE

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.new + other.new,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.joined + other.joined,
            self.contacts | other.contacts,
            self.memberships | other.memberships,
        )


class _Merged(NamedTuple):
    """SQL for what a known contact (``c``) becomes when a row (``excluded``) meets it, and for whether that differs."""

    assignments: str
    differs: str


def _merged(policy: str) -> _Merged:
    kept, given = ("c", "excluded") if policy == _Policy.FILL else ("excluded", "c")
    first, last = (
        f"CASE WHEN {kept}.{name} = '' THEN {given}.{name} ELSE {kept}.{name} END"
        for name in ("first_name", "last_name")
    )
    category = f"coalesce({kept}.job_category_id, {given}.job_category_id)"
    if connection.vendor == "postgresql":
        attributes = f"{given}.attributes || {kept}.attributes"
        old, differ = "c.attributes", "IS DISTINCT FROM"
    else:
        # json_patch keeps the order of its first argument's keys, so that equal objects stay equal texts.
        attributes = "json_patch(c.attributes, excluded.attributes)"
        if policy == _Policy.FILL:
            attributes = f"json_patch({attributes}, c.attributes)"
        old, differ = "json(c.attributes)", "IS NOT"
    return _Merged(
        f"first_name = {first}, last_name = {last}, attributes = {attributes}, job_category_id = {category}",
        f"(c.first_name, c.last_name, {old}, c.job_category_id) {differ} ({first}, {last}, {attributes}, {category})",
    )


def keeps_json_parsed() -> bool:
    """Whether the database compares JSON as values and not as texts."""
    return connection.vendor == "postgresql"


def merge(rows: Sequence[CleanRow], into: Into) -> Tally:
    """Upserts contacts and adds them to the phonebooks, in the file's order. No two rows have the same phone.

    Runs inside the caller's transaction, which has the turn and holds the phonebooks.
    """
    if connection.vendor == "postgresql":
        return _copied(rows, into) or _upserted(rows, into)
    return _upserted_alone(rows, into)


def _copied(rows: Sequence[CleanRow], into: Into) -> Tally | None:
    """Copies rows straight into the tables, at half the cost of staging them; none where it cannot.

    It can only where no contact is known. One that another transaction adds meanwhile fails the copy's savepoint.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM {_CONTACT} WHERE phone = ANY(%s::bigint[]) LIMIT 1", [_phones(rows)])
        if cursor.fetchone():
            return None
        try:
            with transaction.atomic():
                contacts = _copy(cursor, rows, into)
        except IntegrityError:
            return None
        cursor.execute(
            f"WITH made AS (INSERT INTO {_MEMBERSHIP} (phonebook_id, contact_id, made_in) SELECT b, c.id, c.made_in "
            f"FROM {_CONTACT} c CROSS JOIN unnest(%s::bigint[]) b WHERE c.id BETWEEN %s AND %s AND c.made_in = %s "
            "ORDER BY b, c.id RETURNING id) SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM made",
            [list(into.phonebooks), *contacts, into.made_in],
        )
        joined = Counter(dict.fromkeys(into.phonebooks, len(rows)))
        return Tally(len(rows), joined=joined, contacts=contacts, memberships=Span(*cursor.fetchone()))


def _phones(rows: Sequence[CleanRow]) -> str:
    """The phones as one text, to be cast to an array: psycopg would adapt a list's elements one by one."""
    return "{" + ",".join([str(row.phone) for row in rows]) + "}"


@contextmanager
def copying(cursor: Any, table: str, columns: str) -> Iterator[Any]:
    """A COPY into a table. Django wraps the errors of ``execute`` only; these are made Django's own likewise."""
    with connection.wrap_database_errors, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        yield copy


def _copy(cursor: Any, rows: Sequence[CleanRow], into: Into) -> Span:
    """Contacts by COPY, with ids in the file's order. Returns where those are; others may have some between them."""
    sequence = f"pg_get_serial_sequence('{_CONTACT}', 'id')"
    cursor.execute(f"SELECT nextval({sequence})")
    before = cursor.fetchone()[0]
    now = timezone.now().isoformat()
    with copying(cursor, _CONTACT, f"{_COLUMNS}, job_category_id, made_in, created_at, updated_at") as copy:
        copy.write(_text(rows, into.categories, f"\t{into.made_in}\t{now}\t{now}"))
    cursor.execute(f"SELECT currval({sequence})")
    return Span(before + 1, cursor.fetchone()[0])


def _text(rows: Sequence[CleanRow], categories: Mapping[Category, int], end: str = "") -> str:
    """The rows as COPY takes them, each with its job category and the same end.

    Names hold no tab and no line end, cleaning has seen to that; JSON escapes its own.
    """
    ids: dict[Category | None, str] = {None: r"\N", **{category: str(pk) for category, pk in categories.items()}}
    if categories:
        return "".join([row.copied.replace("\\", "\\\\") + f"\t{ids[row.category]}{end}\n" for row in rows])
    end = f"\t{ids[None]}{end}\n"
    return end.join([row.copied.replace("\\", "\\\\") for row in rows]) + end


def _upserted(rows: Sequence[CleanRow], into: Into) -> Tally:
    """Stages the rows and merges them with what is there; what does not change is not even locked."""
    _stage(rows, into)
    now = timezone.now()
    with connection.cursor() as cursor:
        # xmax is 0 on a row version that this statement inserted, and the transaction's id on one that it updated.
        cursor.execute(
            f"WITH written AS ({_upsert(into.policy)} RETURNING (xmax = 0) AS is_new, id) SELECT count(*), "
            "count(*) FILTER (WHERE is_new), coalesce(min(id) FILTER (WHERE is_new), 0), "
            "coalesce(max(id) FILTER (WHERE is_new), 0) FROM written",
            [into.made_in, now, now],
        )
        written, new, *contacts = cursor.fetchone()
        cursor.execute(
            f"WITH made AS (INSERT INTO {_MEMBERSHIP} (phonebook_id, contact_id, made_in) SELECT b, c.id, %s "
            f"FROM {_STAGE} s JOIN {_CONTACT} c ON c.phone = s.phone CROSS JOIN unnest(%s::bigint[]) b "
            f"WHERE NOT EXISTS (SELECT 1 FROM {_MEMBERSHIP} m WHERE m.phonebook_id = b AND m.contact_id = c.id) "
            "ORDER BY b, s.line ON CONFLICT DO NOTHING RETURNING id, phonebook_id) "
            "SELECT phonebook_id, count(*), min(id), max(id) FROM made GROUP BY phonebook_id",
            [into.made_in, list(into.phonebooks)],
        )
        joined, memberships = Counter[int](), _NOWHERE
        for phonebook_id, number, first, last in cursor.fetchall():
            joined[phonebook_id] = number
            memberships |= Span(first, last)
    return Tally(new, written - new, len(rows) - written, joined, Span(*contacts), memberships)


def _upserted_alone(rows: Sequence[CleanRow], into: Into) -> Tally:
    """The same on SQLite, where nobody else writes meanwhile: what is above the last id is new."""
    _stage(rows, into)
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        last_contact, last_membership = _last(cursor, _CONTACT), _last(cursor, _MEMBERSHIP)
        cursor.execute(_upsert(into.policy), [into.made_in, now, now])
        written = cursor.rowcount
        joined = Counter[int]()
        for phonebook_id in into.phonebooks:
            cursor.execute(
                f"INSERT INTO {_MEMBERSHIP} (phonebook_id, contact_id, made_in) SELECT %s, c.id, %s FROM {_STAGE} s "
                f"JOIN {_CONTACT} c ON c.phone = s.phone WHERE true ORDER BY s.line ON CONFLICT DO NOTHING",
                [phonebook_id, into.made_in],
            )
            joined[phonebook_id] = cursor.rowcount
        new, contacts = _above(cursor, _CONTACT, last_contact)
        _number, memberships = _above(cursor, _MEMBERSHIP, last_membership)
    return Tally(new, written - new, len(rows) - written, joined, contacts, memberships)


def _last(cursor: Any, table: str) -> int:
    cursor.execute(f"SELECT coalesce(max(id), 0) FROM {table}")
    return int(cursor.fetchone()[0])


def _above(cursor: Any, table: str, after: int) -> tuple[int, Span]:
    cursor.execute(f"SELECT count(*), coalesce(min(id), 0), coalesce(max(id), 0) FROM {table} WHERE id > %s", [after])
    number, first, last = cursor.fetchone()
    return number, Span(first, last)


def _upsert(policy: str) -> str:
    """Inserts what is new and updates what differs. A contact that was not to be changed is passed over before.

    Known contacts come first and by id, the order in which everybody locks contacts.
    """
    differs = "false" if policy == _Policy.LEAVE else _merged(policy).differs
    insert = (
        f"INSERT INTO {_CONTACT} AS c ({_COLUMNS}, job_category_id, made_in, created_at, updated_at) SELECT "
        "excluded.phone, excluded.first_name, excluded.last_name, excluded.operator, excluded.attributes, "
        f"excluded.job_category_id, %s, %s, %s FROM {_STAGE} excluded LEFT JOIN {_CONTACT} c ON "
        f"c.phone = excluded.phone WHERE c.id IS NULL OR {differs} ORDER BY c.id, excluded.phone "
        "ON CONFLICT (phone) DO "
    )
    if policy == _Policy.LEAVE:
        return f"{insert}NOTHING"
    merged = _merged(policy)
    return f"{insert}UPDATE SET {merged.assignments}, updated_at = excluded.updated_at WHERE {merged.differs}"


def rehearse(rows: Sequence[CleanRow], into: Into) -> Tally:
    """The tally that :func:`merge` would give, without a write to a lasting table and without phonebooks."""
    _stage(rows, into)
    differs = "false" if into.policy == _Policy.LEAVE else _merged(into.policy).differs
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*), count(*) FILTER (WHERE {differs}) FROM {_STAGE} excluded "
            f"JOIN {_CONTACT} c ON c.phone = excluded.phone"
        )
        known, updated = cursor.fetchone()
    return Tally(len(rows) - known, updated, known - updated)


def _stage(rows: Sequence[CleanRow], into: Into) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            _stage_by_copy(cursor, rows, into)
            return
        cursor.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS {_STAGE} (line integer, phone bigint PRIMARY KEY, first_name text, "
            "last_name text, operator smallint, attributes text, job_category_id bigint)"
        )
        cursor.execute(f"DELETE FROM {_STAGE}")
        cursor.executemany(
            f"INSERT INTO {_STAGE} (line, {_COLUMNS}, job_category_id) VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [(*row[:6], named(row.category, into.categories)) for row in rows],
        )


def _stage_by_copy(cursor: Any, rows: Sequence[CleanRow], into: Into) -> None:
    """``line`` counts the rows as they come, which is the file's order."""
    cursor.execute(
        f"CREATE TEMP TABLE IF NOT EXISTS {_STAGE} (line integer GENERATED ALWAYS AS IDENTITY, phone bigint, "
        "first_name text, last_name text, operator smallint, attributes jsonb, job_category_id bigint) "
        "ON COMMIT DELETE ROWS"
    )
    cursor.execute(f"TRUNCATE {_STAGE} RESTART IDENTITY")
    with copying(cursor, _STAGE, f"{_COLUMNS}, job_category_id") as copy:
        copy.write(_text(rows, into.categories))
    cursor.execute(f"ANALYZE {_STAGE}")


def suppressed(rows: Sequence[CleanRow]) -> int:
    """How many of these must not be sent to, on any line or on those of advertising. An import lifts no suppression."""
    if not Suppression.objects.filter(line=None).exists():
        return 0
    if connection.vendor == "postgresql":
        listed, phones = "SELECT unnest(%s::bigint[])", _phones(rows)
    else:
        listed, phones = "SELECT value FROM json_each(%s)", _phones(rows).translate(_BRACKETS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(DISTINCT phone) FROM {Suppression._meta.db_table} "
            f"WHERE line_id IS NULL AND phone IN ({listed})",
            [phones],
        )
        return int(cursor.fetchone()[0])


_BRACKETS: Final = str.maketrans("{}", "[]")


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
