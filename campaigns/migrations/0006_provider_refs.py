"""The providers' ids in a table of their own, so that an update of a message touches no index (docs/decisions/1)."""

from __future__ import annotations

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

NO_KEY: dict[str, Any] = {
    "db_constraint": False,
    "db_index": False,
    "on_delete": django.db.models.deletion.DO_NOTHING,
    "related_name": "+",
}


def leave_room_for_each_row_once_more(apps: Any, schema_editor: Any) -> None:
    """PostgreSQL only, and for pages that are still to be written."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE campaigns_message SET (fillfactor = 45)")


class Migration(migrations.Migration):
    """A table, what is to be in it, and the index that it replaces."""

    dependencies = [("campaigns", "0005_control"), ("providers", "0003_control")]
    operations = [
        migrations.CreateModel(
            name="ProviderRef",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id", "ref", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("account", models.ForeignKey(to="providers.provideraccount", verbose_name="account", **NO_KEY)),
                ("ref", models.CharField(max_length=64, verbose_name="the provider's id")),
                ("message", models.ForeignKey(to="campaigns.message", verbose_name="message", **NO_KEY)),
            ],
            options={"verbose_name": "provider's id", "verbose_name_plural": "providers' ids"},
        ),
        migrations.RunSQL(
            "INSERT INTO campaigns_providerref (account_id, ref, message_id) "
            "SELECT account_id, provider_ref, id FROM campaigns_message "
            "WHERE account_id IS NOT NULL AND provider_ref IS NOT NULL",
            migrations.RunSQL.noop,
        ),
        migrations.RemoveConstraint(model_name="message", name="message_by_provider_ref"),
        migrations.RunPython(leave_room_for_each_row_once_more, migrations.RunPython.noop),
    ]
