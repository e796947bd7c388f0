"""Free space on the pages of the busiest tables, so that an update stays on its page."""

from __future__ import annotations

from typing import Any

from django.db import migrations


def leave_free_space(apps: Any, schema_editor: Any) -> None:
    """PostgreSQL only; SQLite has no such setting."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE campaigns_message SET (fillfactor = 80)")
        schema_editor.execute("ALTER TABLE campaigns_statuscount SET (fillfactor = 50)")
        schema_editor.execute("ALTER TABLE campaigns_timelinepoint SET (fillfactor = 50)")


class Migration(migrations.Migration):
    """Storage parameters."""

    dependencies = [("campaigns", "0001_initial")]
    operations = [migrations.RunPython(leave_free_space, migrations.RunPython.noop)]
