"""Segments, samples, a frequency cap, and who was left out of a campaign."""


import contacts.fields
import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0011_pruning'),
        ('contacts', '0003_audiences_at_a_million'),
        ('providers', '0003_control'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='LeftOut',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('phone', contacts.fields.PhoneField(verbose_name='phone')),
            ],
            options={
                'verbose_name': 'left out of a campaign',
                'verbose_name_plural': 'left out of campaigns',
            },
        ),
        migrations.CreateModel(
            name='Segment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=150, unique=True, verbose_name='name')),
                ('conditions', models.JSONField(default=dict, verbose_name='conditions')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created at')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated at')),
            ],
            options={
                'verbose_name': 'segment',
                'verbose_name_plural': 'segments',
                'ordering': ['name'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='audiencerule',
            name='audiencerule_names_its_kind',
        ),
        migrations.AddField(
            model_name='campaign',
            name='cap_days',
            field=models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='in this many days'),
        ),
        migrations.AddField(
            model_name='campaign',
            name='cap_messages',
            field=models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='at most this many messages'),
        ),
        migrations.AddField(
            model_name='campaign',
            name='left_out',
            field=models.JSONField(default=dict, editable=False, verbose_name='left out'),
        ),
        migrations.AddField(
            model_name='campaign',
            name='sample_size',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='a sample of'),
        ),
        migrations.AlterField(
            model_name='audiencerule',
            name='kind',
            field=models.CharField(choices=[('phonebook', 'phonebook'), ('job_category', 'job category'), ('numbers', 'pasted numbers'), ('campaign', 'recipients of a campaign'), ('segment', 'segment'), ('provider', 'kept by the provider')], default='phonebook', max_length=14, verbose_name='kind'),
        ),
        migrations.AlterField(
            model_name='message',
            name='reason',
            field=models.PositiveSmallIntegerField(choices=[(0, ''), (1, 'The number is on the suppression list.'), (2, 'This provider cannot reach the number.'), (3, 'The provider refused this recipient.'), (4, 'The provider refused the whole request.'), (5, 'The request went out and its answer never arrived.'), (6, 'The worker ended in the middle of the request.'), (7, "The provider's answer does not mention this recipient."), (8, 'The provider says that it does not know this message.'), (9, 'The provider reported it.'), (10, 'Decided by an operator.'), (11, 'The text is empty for this recipient.'), (12, 'This person has no Bale account.'), (13, 'This provider cannot carry the text.'), (14, "The provider's list does not have this message."), (15, "The campaign's time was over before its turn came."), (16, "The provider's reports contradict each other; what it says when it is asked counts."), (17, 'The database was restored from a backup: it may have been sent since then.'), (18, 'The recipient has opted out.'), (19, 'The recipient blocks advertising.'), (20, 'The recipient has had enough messages lately.')], default=0, verbose_name='reason'),
        ),
        migrations.AddConstraint(
            model_name='campaign',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('cap_days', None), ('cap_messages', None)), models.Q(('cap_days__gte', 1), ('cap_messages__gte', 1)), _connector='OR'), name='campaign_cap_is_whole'),
        ),
        migrations.AddField(
            model_name='leftout',
            name='campaign',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='campaigns.campaign', verbose_name='campaign'),
        ),
        migrations.AddField(
            model_name='leftout',
            name='rule',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='campaigns.audiencerule', verbose_name='rule'),
        ),
        migrations.AddField(
            model_name='segment',
            name='created_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL, verbose_name='created by'),
        ),
        migrations.AddField(
            model_name='audiencerule',
            name='segment',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='campaigns.segment', verbose_name='segment'),
        ),
        migrations.AddConstraint(
            model_name='audiencerule',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('job_category', None), ('kind', 'phonebook'), ('phonebook__isnull', False), ('segment', None), ('source', None)), models.Q(('job_category__isnull', False), ('kind', 'job_category'), ('phonebook', None), ('segment', None), ('source', None)), models.Q(('job_category', None), ('kind', 'campaign'), ('phonebook', None), ('segment', None), ('source__isnull', False)), models.Q(('job_category', None), ('kind', 'segment'), ('phonebook', None), ('segment__isnull', False), ('source', None)), models.Q(('job_category', None), ('kind__in', ['numbers', 'provider']), ('phonebook', None), ('segment', None), ('source', None)), _connector='OR'), name='audiencerule_names_its_kind'),
        ),
        migrations.AddConstraint(
            model_name='leftout',
            constraint=models.UniqueConstraint(fields=('campaign', 'phone'), name='leftout_once'),
        ),
    ]
