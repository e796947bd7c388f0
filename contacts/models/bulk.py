"""Actions on many contacts at once."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from contacts.querysets import BulkActionQuerySet


class BulkAction(models.Model):
    """One action on many contacts, done in slices of them by id.

    ``running → completed | failed``; ``cancelled`` from the first. A worker holds it by a lease (the database's clock)
    and commits each slice together with the counts and ``position``, the id after which a restarted worker goes on.
    ``selection`` says which contacts, ``{"ids": [id]}`` or ``{"filter": {name: value}}`` as the list's query has it,
    none above the id ``last``; ``params`` what with them, by kind. ``done`` of ``total`` have been looked at,
    ``changed`` of them were not so before. ``digest`` is of kind, selection and params: the same action runs once.
    """

    class Kind(models.TextChoices):
        ADD = "add", _("add to a phonebook")
        REMOVE = "remove", _("take out of a phonebook")
        CATEGORISE = "categorise", _("give a job category")
        SUPPRESS = "suppress", _("suppress")
        DELETE = "delete", _("delete")
        COPY = "copy", _("copy a phonebook")
        MERGE = "merge", _("merge phonebooks")
        SPLIT = "split", _("split a phonebook")
        UNDO = "undo", _("undo an import")
        EXPORT = "export", _("export")
        MESSAGES = "messages", _("export messages")

    class Status(models.TextChoices):
        RUNNING = "running", _("running")
        COMPLETED = "completed", _("completed")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.RUNNING)
    selection: models.JSONField[Any, Any] = models.JSONField(_("contacts"), default=dict)
    params: models.JSONField[Any, Any] = models.JSONField(_("parameters"), default=dict)
    total = models.PositiveIntegerField(_("total"), null=True)
    done = models.PositiveIntegerField(_("done"), default=0)
    changed = models.PositiveIntegerField(_("changed"), default=0)
    position = models.BigIntegerField(default=0, editable=False)
    path = models.CharField(max_length=300, blank=True, editable=False)  # of the file that an export writes
    digest = models.CharField(max_length=64, blank=True, editable=False)
    form_token = models.UUIDField(null=True, unique=True, editable=False)  # of the form it was made by: one a form
    owner = models.CharField(max_length=64, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    error = models.CharField(_("why it failed"), max_length=64, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, verbose_name=_("created by")
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished at"), null=True)

    objects = BulkActionQuerySet.as_manager()

    class Meta:
        verbose_name = _("bulk action")
        verbose_name_plural = _("bulk actions")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["digest"], condition=Q(status="running") & ~Q(digest=""), name="bulkaction_once_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return str(self.get_kind_display())

    def get_absolute_url(self) -> str:
        return reverse("contacts:bulk_action", args=[self.pk])
