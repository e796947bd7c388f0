"""Batches count their unclear messages, those that are unclear already included."""

from django.db import migrations, models

_COUNT = """
    UPDATE campaigns_batch SET unclear = (
        SELECT COUNT(*) FROM campaigns_message AS m
        WHERE m.campaign_id = campaigns_batch.campaign_id
        AND m.id BETWEEN campaigns_batch.first_message_id AND campaigns_batch.last_message_id
        AND m.batch_number = campaigns_batch.number AND m.status = 30
    ) + CASE WHEN unlisted_status = 30 THEN unlisted ELSE 0 END
    WHERE campaign_id IN (SELECT campaign_id FROM campaigns_statuscount WHERE status = 30 AND messages > 0)
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0005_control")]

    operations = [
        migrations.AddField(
            model_name="batch",
            name="unclear",
            field=models.PositiveIntegerField(db_default=0, default=0, verbose_name="unclear"),
        ),
        migrations.RunSQL(_COUNT, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="batch",
            index=models.Index(
                condition=models.Q(("unclear__gt", 0)), fields=["campaign", "number"], name="batch_unclear"
            ),
        ),
    ]
