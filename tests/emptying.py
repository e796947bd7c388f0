"""Empties the database after a test that commits, in a part of the time that Django's ``flush`` takes for it.

``flush`` empties every table and then makes content types, permissions and roles anew. Most tests fill a few tables and
leave those three alone: so only what holds something is emptied, and only where they were touched all is flushed.
"""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection

# What ``post_migrate`` makes. None of them refers to a table that is emptied.
MADE = ("django_content_type", "auth_permission", "auth_group", "auth_group_permissions")


class Emptying:
    """Remembers, for a run, which tables there are and what was made in them."""

    def __init__(self) -> None:
        self._tables: list[str] = []
        self._made: list[Any] = []

    def empty(self) -> None:
        """Leave the database as ``migrate`` leaves it."""
        if self._made and self._made == made():
            self._empty_filled()
        else:
            call_command("flush", verbosity=0, interactive=False)
            self._made = made()
            found = connection.introspection.django_table_names(only_existing=True, include_views=False)
            self._tables = sorted(set(found) - set(MADE))

    def filled(self) -> list[str]:
        """The tables that have a row, those that ``post_migrate`` fills aside."""
        named = [(table, connection.ops.quote_name(table)) for table in self._tables]
        asked = (f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {quoted})" for table, quoted in named)
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(asked))
            return [row[0] for row in cursor.fetchall()]

    def _empty_filled(self) -> None:
        if tables := self.filled():
            connection.ops.execute_sql_flush(connection.ops.sql_flush(no_style(), tables, allow_cascade=True))


def made() -> list[Any]:
    """Every row of the tables that ``post_migrate`` fills."""
    found = []
    with connection.cursor() as cursor:
        for table in MADE:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)} ORDER BY id")
            found.append(cursor.fetchall())
    return found if all(found) else []
