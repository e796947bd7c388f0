"""Phonebooks are copied; contacts are exported by those who may."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('contacts', '0006_suppressions_and_replies'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='contact',
            options={'permissions': [('export_contact', 'Can export contacts')], 'verbose_name': 'contact', 'verbose_name_plural': 'contacts'},
        ),
        migrations.AlterField(
            model_name='bulkaction',
            name='kind',
            field=models.CharField(choices=[('add', 'add to a phonebook'), ('remove', 'take out of a phonebook'), ('categorise', 'give a job category'), ('suppress', 'suppress'), ('delete', 'delete'), ('copy', 'copy a phonebook'), ('merge', 'merge phonebooks'), ('split', 'split a phonebook'), ('undo', 'undo an import'), ('export', 'export')], max_length=10, verbose_name='kind'),
        ),
    ]
