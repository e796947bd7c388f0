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
    dependencies = [("campaigns", "0008_timeline_by_time")]

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
        migrations.AddIndex(
            model_name="batch",
            index=models.Index(
                condition=models.Q(("anomalies", {}), _negated=True), fields=["campaign", "number"], name="batch_odd"
            ),
        ),
        migrations.AlterField(
            model_name="message",
            name="reason",
            field=models.PositiveSmallIntegerField(
                choices=[
                    (0, ""),
                    (1, "The number is on the suppression list."),
                    (2, "This provider cannot reach the number."),
                    (3, "The provider refused this recipient."),
                    (4, "The provider refused the whole request."),
                    (5, "The request went out and its answer never arrived."),
                    (6, "The worker ended in the middle of the request."),
                    (7, "The provider's answer does not mention this recipient."),
                    (8, "The provider says that it does not know this message."),
                    (9, "The provider reported it."),
                    (10, "Decided by an operator."),
                    (11, "The text is empty for this recipient."),
                    (12, "This person has no Bale account."),
                    (13, "This provider cannot carry the text."),
                    (14, "The provider's list does not have this message."),
                    (15, "The campaign's time was over before its turn came."),
                    (16, "The provider's reports contradict each other; what it says when it is asked counts."),
                ],
                default=0,
                verbose_name="reason",
            ),
        ),
    ]
