"""The index on a contact's number holds the contact's id too: who is suppressed is found without a look at the table."""

from __future__ import annotations

from typing import Any

from django.db import migrations

NAME = "contacts_contact_phone_key"


def cover(apps: Any, schema_editor: Any) -> None:
    """PostgreSQL only. The constraint keeps its name."""
    if schema_editor.connection.vendor == "postgresql":
        _replace(schema_editor, "(phone) INCLUDE (id)")


def uncover(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        _replace(schema_editor, "(phone)")


def _replace(schema_editor: Any, columns: str) -> None:
    schema_editor.execute(f"CREATE UNIQUE INDEX contact_phone_new ON contacts_contact {columns}")
    schema_editor.execute(f"ALTER TABLE contacts_contact DROP CONSTRAINT {NAME}")
    schema_editor.execute(f"ALTER TABLE contacts_contact ADD CONSTRAINT {NAME} UNIQUE USING INDEX contact_phone_new")


class Migration(migrations.Migration):
    """A covering index."""

    dependencies = [("contacts", "0007_copies_and_exports")]
    operations = [migrations.RunPython(cover, uncover)]
