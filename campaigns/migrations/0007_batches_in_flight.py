"""An index of the batches in flight, which every claim counts: a few, however many are still to go out."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """One partial index."""

    dependencies = [("campaigns", "0006_provider_refs")]
    operations = [
        migrations.AddIndex(
            model_name="batch",
            index=models.Index(condition=models.Q(("status", 20)), fields=["campaign"], name="batch_in_flight"),
        ),
    ]
