"""When a campaign's recipients were removed; and the heart that all workers shared, which nobody stamps any more."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models


def forget_the_shared_heart(apps: Any, schema_editor: Any) -> None:
    """Else it would be told as a worker that has stopped, for a day."""
    apps.get_model("campaigns", "Heartbeat").objects.filter(name="worker").delete()


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0010_witness")]
    operations = [
        migrations.AddField(
            model_name="campaign",
            name="pruned_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="recipients removed at"),
        ),
        migrations.RunPython(forget_the_shared_heart, migrations.RunPython.noop),
    ]
