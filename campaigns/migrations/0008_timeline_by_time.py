"""An index of what came lately, which the dashboard draws: a few of many points."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """One index."""

    dependencies = [("campaigns", "0007_batches_in_flight")]
    operations = [
        migrations.AddIndex(
            model_name="timelinepoint", index=models.Index(fields=["at"], name="timelinepoint_by_time")
        ),
    ]
