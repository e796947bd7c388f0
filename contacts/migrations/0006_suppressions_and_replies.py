"""A suppression for each reason, what became of it, files of numbers, and replies of people who want no more."""

import contacts.fields
import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('contacts', '0005_import_counts_suppressed_numbers'),
        ('providers', '0003_control'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='OptOutReply',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('provider_ref', models.BigIntegerField(verbose_name="the provider's id")),
                ('phone', contacts.fields.PhoneField(null=True, verbose_name='phone')),
                ('said', models.CharField(choices=[('stop', 'stop'), ('rejoin', 'rejoin'), ('other', 'something else')], max_length=6, verbose_name='what it says')),
                ('text', models.CharField(blank=True, max_length=40, verbose_name='text')),
                ('received_at', models.DateTimeField(auto_now_add=True, verbose_name='received at')),
            ],
            options={
                'verbose_name': 'reply',
                'verbose_name_plural': 'replies',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='ReplyInbox',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('cursor', models.BigIntegerField(default=0, editable=False)),
                ('page', models.PositiveIntegerField(default=1, editable=False)),
                ('next_at', models.DateTimeField(null=True, verbose_name='next look')),
                ('looked_at', models.DateTimeField(null=True, verbose_name='last look')),
                ('stops', models.PositiveIntegerField(default=0, verbose_name='stopped')),
                ('rejoins', models.PositiveIntegerField(default=0, verbose_name='rejoined')),
                ('others', models.PositiveIntegerField(default=0, verbose_name='other replies')),
                ('last_reply_at', models.DateTimeField(null=True, verbose_name='last reply')),
                ('attempts', models.PositiveSmallIntegerField(default=0, verbose_name='attempts in vain')),
                ('owner', models.CharField(blank=True, editable=False, max_length=64)),
                ('lease_until', models.DateTimeField(editable=False, null=True)),
                ('error', models.CharField(blank=True, max_length=64, verbose_name='why it failed')),
                ('error_text', models.TextField(blank=True, verbose_name="the provider's words")),
            ],
            options={
                'verbose_name': 'inbox of replies',
                'verbose_name_plural': 'inboxes of replies',
            },
        ),
        migrations.CreateModel(
            name='SuppressionChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scope', models.CharField(choices=[('all', 'everything'), ('advertising', 'advertising lines'), ('line', 'one line')], default='all', max_length=12, verbose_name='scope')),
                ('reason', models.CharField(choices=[('opt_out', 'opted out'), ('blocked', 'blocked by the recipient'), ('manual', 'by hand')], default='manual', max_length=12, verbose_name='reason')),
                ('note', models.CharField(blank=True, max_length=200, verbose_name='note')),
                ('source', models.CharField(blank=True, max_length=100, verbose_name='source')),
                ('phone', contacts.fields.PhoneField(verbose_name='phone')),
                ('made', models.BooleanField(verbose_name='made')),
                ('changed_at', models.DateTimeField(auto_now_add=True, verbose_name='when')),
            ],
            options={
                'verbose_name': 'change of a suppression',
                'verbose_name_plural': 'changes of suppressions',
            },
        ),
        migrations.CreateModel(
            name='SuppressionFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scope', models.CharField(choices=[('all', 'everything'), ('advertising', 'advertising lines'), ('line', 'one line')], default='all', max_length=12, verbose_name='scope')),
                ('reason', models.CharField(choices=[('opt_out', 'opted out'), ('blocked', 'blocked by the recipient'), ('manual', 'by hand')], default='manual', max_length=12, verbose_name='reason')),
                ('note', models.CharField(blank=True, max_length=200, verbose_name='note')),
                ('status', models.CharField(choices=[('running', 'running'), ('completed', 'completed'), ('failed', 'failed'), ('cancelled', 'cancelled')], default='running', max_length=10, verbose_name='status')),
                ('filename', models.CharField(max_length=255, verbose_name='file name')),
                ('path', models.CharField(editable=False, max_length=300)),
                ('size', models.PositiveBigIntegerField(default=0, verbose_name='size in bytes')),
                ('layout', models.JSONField(default=dict, editable=False)),
                ('column', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('rows_done', models.PositiveIntegerField(default=0, verbose_name='rows')),
                ('bytes_done', models.PositiveBigIntegerField(default=0, verbose_name='bytes read')),
                ('made', models.PositiveIntegerField(default=0, verbose_name='newly suppressed')),
                ('known', models.PositiveIntegerField(default=0, verbose_name='suppressed before')),
                ('refused', models.PositiveIntegerField(default=0, verbose_name='refused')),
                ('issues', models.JSONField(default=list, verbose_name='refused rows')),
                ('owner', models.CharField(blank=True, editable=False, max_length=64)),
                ('lease_until', models.DateTimeField(editable=False, null=True)),
                ('error', models.CharField(blank=True, max_length=64, verbose_name='why it failed')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created at')),
                ('finished_at', models.DateTimeField(null=True, verbose_name='finished at')),
            ],
            options={
                'verbose_name': 'file of suppressions',
                'verbose_name_plural': 'files of suppressions',
                'ordering': ['-id'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='suppression',
            name='suppression_once',
        ),
        migrations.RemoveConstraint(
            model_name='suppression',
            name='suppression_once_per_line',
        ),
        migrations.AddField(
            model_name='suppression',
            name='note',
            field=models.CharField(blank=True, max_length=200, verbose_name='note'),
        ),
        migrations.AddIndex(
            model_name='suppression',
            index=models.Index(fields=['phone'], name='suppression_by_phone'),
        ),
        migrations.AddIndex(
            model_name='suppression',
            index=models.Index(fields=['reason', 'id'], name='suppression_by_reason'),
        ),
        migrations.AddConstraint(
            model_name='suppression',
            constraint=models.UniqueConstraint(condition=models.Q(('line', None)), fields=('phone', 'scope', 'reason'), name='suppression_once'),
        ),
        migrations.AddConstraint(
            model_name='suppression',
            constraint=models.UniqueConstraint(condition=models.Q(('line__isnull', False)), fields=('phone', 'line', 'reason'), name='suppression_once_per_line'),
        ),
        migrations.AddField(
            model_name='optoutreply',
            name='account',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='providers.provideraccount', verbose_name='account'),
        ),
        migrations.AddField(
            model_name='optoutreply',
            name='line',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to='providers.senderline', verbose_name='line'),
        ),
        migrations.AddField(
            model_name='replyinbox',
            name='account',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='reply_inbox', to='providers.provideraccount', verbose_name='account'),
        ),
        migrations.AddField(
            model_name='suppressionchange',
            name='changed_by',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL, verbose_name='who'),
        ),
        migrations.AddField(
            model_name='suppressionchange',
            name='line',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, to='providers.senderline', verbose_name='line'),
        ),
        migrations.AddField(
            model_name='suppressionfile',
            name='created_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL, verbose_name='created by'),
        ),
        migrations.AddField(
            model_name='suppressionfile',
            name='line',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to='providers.senderline', verbose_name='line'),
        ),
        migrations.AddIndex(
            model_name='optoutreply',
            index=models.Index(condition=models.Q(('phone__isnull', False)), fields=['phone', 'account'], name='optoutreply_by_phone'),
        ),
        migrations.AddConstraint(
            model_name='optoutreply',
            constraint=models.UniqueConstraint(fields=('account', 'provider_ref'), name='optoutreply_once'),
        ),
        migrations.AddIndex(
            model_name='suppressionchange',
            index=models.Index(fields=['phone', 'id'], name='suppressionchange_by_phone'),
        ),
        migrations.AddConstraint(
            model_name='suppressionfile',
            constraint=models.CheckConstraint(condition=models.Q(('rows_done', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('made'), '+', models.F('known')), '+', models.F('refused')))), name='suppressionfile_accounts_for_every_row'),
        ),
    ]
