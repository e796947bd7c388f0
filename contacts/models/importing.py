"""Imports of files, and the rows that they refused."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from contacts.models.people import Phonebook
from contacts.querysets import ContactImportQuerySet


class ContactImport(models.Model):
    """One file's import.

    ``uploaded → running → completed | failed``; ``cancelled`` from the first two. A worker holds a running import by a
    lease (the database's clock) and commits each chunk of rows together with the counts and ``rows_done``, the data row
    after which a restarted worker goes on. At every commit ``rows_done = new + updated + unchanged + repeated +
    refused``. A completed dry run may be started once more, in earnest. ``mapping`` says what the columns are and, once
    it is started, the ids of its phonebooks: the relation forgets one that is deleted.
    """

    class Status(models.TextChoices):
        UPLOADED = "uploaded", _("waiting for its columns to be confirmed")
        RUNNING = "running", _("running")
        COMPLETED = "completed", _("completed")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    class Policy(models.TextChoices):
        FILL = "fill", _("fill in what is blank")
        OVERWRITE = "overwrite", _("overwrite")
        LEAVE = "leave", _("leave as it is")

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        XLSX = "xlsx", "XLSX"

    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.UPLOADED)
    phonebooks = models.ManyToManyField(Phonebook, blank=True, related_name="imports", verbose_name=_("phonebooks"))
    filename = models.CharField(_("file name"), max_length=255)
    path = models.CharField(max_length=300, editable=False)
    size = models.PositiveBigIntegerField(_("size in bytes"), default=0)
    digest = models.CharField(_("SHA-256"), max_length=64, blank=True, db_index=True, editable=False)
    format = models.CharField(_("format"), max_length=4, choices=Format, default=Format.CSV)
    sheet = models.CharField(_("sheet"), max_length=100, blank=True)
    encoding = models.CharField(_("encoding"), max_length=20, blank=True)
    delimiter = models.CharField(_("delimiter"), max_length=1, blank=True)
    header: models.JSONField[Any, Any] = models.JSONField(_("header"), default=list)
    mapping: models.JSONField[Any, Any] = models.JSONField(_("columns"), default=dict)
    policy = models.CharField(_("for known contacts"), max_length=10, choices=Policy, default=Policy.FILL)
    makes_categories = models.BooleanField(_("makes missing job categories"), default=False)
    dry_run = models.BooleanField(_("dry run"), default=False)
    rows_done = models.PositiveIntegerField(_("rows"), default=0)
    bytes_done = models.PositiveBigIntegerField(_("bytes read"), default=0)
    new = models.PositiveIntegerField(_("new"), default=0)
    updated = models.PositiveIntegerField(_("updated"), default=0)
    unchanged = models.PositiveIntegerField(_("unchanged"), default=0)
    repeated = models.PositiveIntegerField(_("repeated in the file"), default=0)
    refused = models.PositiveIntegerField(_("refused"), default=0)
    joined = models.PositiveIntegerField(_("new in the phonebooks"), default=0)
    suppressed = models.PositiveIntegerField(_("suppressed numbers"), default=0)  # among the clean rows
    # What it made lies between these ids, among what others made meanwhile: an undo looks nowhere else.
    first_contact_id = models.BigIntegerField(null=True, editable=False)
    last_contact_id = models.BigIntegerField(null=True, editable=False)
    first_membership_id = models.BigIntegerField(null=True, editable=False)
    last_membership_id = models.BigIntegerField(null=True, editable=False)
    owner = models.CharField(max_length=64, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    error = models.TextField(_("why it failed"), blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, verbose_name=_("created by")
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    started_at = models.DateTimeField(_("started at"), null=True)
    finished_at = models.DateTimeField(_("finished at"), null=True)
    undone_at = models.DateTimeField(_("undone at"), null=True)

    objects = ContactImportQuerySet.as_manager()

    class Meta:
        verbose_name = _("contact import")
        verbose_name_plural = _("contact imports")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(rows_done=F("new") + F("updated") + F("unchanged") + F("repeated") + F("refused")),
                name="import_accounts_for_every_row",
            ),
        ]

    def __str__(self) -> str:
        return self.filename

    def get_absolute_url(self) -> str:
        return reverse("contacts:import_detail", args=[self.pk])


class ImportIssue(models.Model):
    """A row that an import refused: where it stood, what it held, and why."""

    contact_import = models.ForeignKey(
        ContactImport, models.CASCADE, related_name="issues", verbose_name=_("contact import")
    )
    line = models.PositiveIntegerField(_("line"))
    column = models.CharField(_("column"), max_length=200, blank=True)
    value = models.TextField(_("value"), blank=True)
    code = models.CharField(_("reason"), max_length=40)
    row: models.JSONField[Any, Any] = models.JSONField(_("the row"), default=list)

    class Meta:
        verbose_name = _("import issue")
        verbose_name_plural = _("import issues")

    def __str__(self) -> str:
        return f"{self.line}: {self.code}"
