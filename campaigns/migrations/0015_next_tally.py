"""When a campaign's messages are tallied next; those that went out before are tallied once."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models
from django.db.models.functions import Now


def look(apps: Any, schema_editor: Any) -> None:
    frozen = apps.get_model("campaigns", "Campaign").objects.filter(audience__isnull=False, pruned_at=None)
    frozen.update(tally_at=Now())


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0014_batch_in_pilot")]

    operations = [
        migrations.AddField("campaign", "tally_at", models.DateTimeField(editable=False, null=True)),
        migrations.AddField("campaign", "tally_lease", models.DateTimeField(editable=False, null=True)),
        migrations.AddIndex(
            "campaign",
            models.Index(
                fields=["tally_at"], name="campaign_to_tally", condition=models.Q(("tally_at__isnull", False))
            ),
        ),
        migrations.RunPython(look, migrations.RunPython.noop),
    ]
