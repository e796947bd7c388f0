"""The same bulk action runs once: by the form it was made by, and by what it does."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('contacts', '0003_audiences_at_a_million'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='bulkaction',
            name='digest',
            field=models.CharField(blank=True, default='', editable=False, max_length=64),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='bulkaction',
            name='form_token',
            field=models.UUIDField(editable=False, null=True, unique=True),
        ),
        migrations.AddConstraint(
            model_name='bulkaction',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'running'), models.Q(('digest', ''), _negated=True)), fields=('digest',), name='bulkaction_once_at_a_time'),
        ),
    ]
