"""Imports into several phonebooks, from workbooks and to be undone; bulk actions; contacts found by their words."""

from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def several_phonebooks(apps: Any, schema_editor: Any) -> None:
    """An import's one phonebook becomes the first of several."""
    Import = apps.get_model("contacts", "ContactImport")
    through = Import.phonebooks.through
    pairs = Import.objects.filter(phonebook__isnull=False).values_list("pk", "phonebook")
    through.objects.bulk_create(through(contactimport_id=pk, phonebook_id=book) for pk, book in pairs.iterator())


def index_words(apps: Any, schema_editor: Any) -> None:
    """PostgreSQL only. The expression is that of ``ContactQuerySet.with_words``."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "CREATE INDEX contact_words ON contacts_contact USING gin ((to_tsvector('simple', first_name || ' ' || "
            "last_name) || jsonb_to_tsvector('simple', attributes, '[\"string\"]')))"
        )


def forget_words(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX contact_words")


class Migration(migrations.Migration):

    dependencies = [
        ('contacts', '0002_what_providers_keep'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='contact',
            name='made_in',
            field=models.BigIntegerField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='contactimport',
            name='digest',
            field=models.CharField(blank=True, db_index=True, editable=False, max_length=64, verbose_name='SHA-256'),
        ),
        migrations.AddField(
            model_name='contactimport',
            name='first_contact_id',
            field=models.BigIntegerField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='contactimport',
            name='first_membership_id',
            field=models.BigIntegerField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='contactimport',
            name='format',
            field=models.CharField(choices=[('csv', 'CSV'), ('xlsx', 'XLSX')], default='csv', max_length=4, verbose_name='format'),
        ),
        migrations.AddField(
            model_name='contactimport',
            name='joined',
            field=models.PositiveIntegerField(default=0, verbose_name='new in the phonebooks'),
        ),
        migrations.AddField(
            model_name='contactimport',
            name='last_contact_id',
            field=models.BigIntegerField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='contactimport',
            name='last_membership_id',
            field=models.BigIntegerField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='contactimport',
            name='makes_categories',
            field=models.BooleanField(default=False, verbose_name='makes missing job categories'),
        ),
        migrations.AddField(
            model_name='contactimport',
            name='phonebooks',
            field=models.ManyToManyField(blank=True, related_name='imports', to='contacts.phonebook', verbose_name='phonebooks'),
        ),
        migrations.RunPython(several_phonebooks, migrations.RunPython.noop),
        migrations.RemoveField(
            model_name='contactimport',
            name='phonebook',
        ),
        migrations.AddField(
            model_name='contactimport',
            name='sheet',
            field=models.CharField(blank=True, max_length=100, verbose_name='sheet'),
        ),
        migrations.AddField(
            model_name='contactimport',
            name='undone_at',
            field=models.DateTimeField(null=True, verbose_name='undone at'),
        ),
        migrations.AddField(
            model_name='membership',
            name='made_in',
            field=models.BigIntegerField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='suppression',
            name='created_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL, verbose_name='created by'),
        ),
        migrations.CreateModel(
            name='BulkAction',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('add', 'add to a phonebook'), ('remove', 'take out of a phonebook'), ('categorise', 'give a job category'), ('suppress', 'suppress'), ('delete', 'delete'), ('merge', 'merge phonebooks'), ('split', 'split a phonebook'), ('undo', 'undo an import'), ('export', 'export')], max_length=10, verbose_name='kind')),
                ('status', models.CharField(choices=[('running', 'running'), ('completed', 'completed'), ('failed', 'failed'), ('cancelled', 'cancelled')], default='running', max_length=10, verbose_name='status')),
                ('selection', models.JSONField(default=dict, verbose_name='contacts')),
                ('params', models.JSONField(default=dict, verbose_name='parameters')),
                ('total', models.PositiveIntegerField(null=True, verbose_name='total')),
                ('done', models.PositiveIntegerField(default=0, verbose_name='done')),
                ('changed', models.PositiveIntegerField(default=0, verbose_name='changed')),
                ('position', models.BigIntegerField(default=0, editable=False)),
                ('path', models.CharField(blank=True, editable=False, max_length=300)),
                ('owner', models.CharField(blank=True, editable=False, max_length=64)),
                ('lease_until', models.DateTimeField(editable=False, null=True)),
                ('error', models.CharField(blank=True, max_length=64, verbose_name='why it failed')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created at')),
                ('finished_at', models.DateTimeField(null=True, verbose_name='finished at')),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL, verbose_name='created by')),
            ],
            options={
                'verbose_name': 'bulk action',
                'verbose_name_plural': 'bulk actions',
                'ordering': ['-id'],
            },
        ),
        migrations.RunPython(index_words, forget_words),
    ]
