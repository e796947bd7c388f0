"""Numbers that must not be sent to, who said so and when, and files of such numbers."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from contacts.fields import PhoneField
from contacts.querysets import SuppressionFileQuerySet, SuppressionQuerySet
from providers.models import SenderLine


class Source(models.TextChoices):
    """Where a suppression, or its lifting, came from."""

    REPLY = "reply", _("a reply")
    REPORT = "delivery report", _("a delivery report")
    HAND = "hand", _("by hand")
    FILE = "file", _("a file")
    BULK = "bulk", _("an action on many contacts")


class Held(models.Model):
    """What a suppression says: for which lines, why, from where."""

    class Scope(models.TextChoices):
        ALL = "all", _("everything")
        ADVERTISING = "advertising", _("advertising lines")
        LINE = "line", _("one line")

    class Reason(models.TextChoices):
        OPT_OUT = "opt_out", _("opted out")
        BLOCKED = "blocked", _("blocked by the recipient")
        MANUAL = "manual", _("by hand")

    scope = models.CharField(_("scope"), max_length=12, choices=Scope, default=Scope.ALL)
    reason = models.CharField(_("reason"), max_length=12, choices=Reason, default=Reason.MANUAL)
    note = models.CharField(_("note"), max_length=200, blank=True)

    class Meta:
        abstract = True


class Sourced(Held):
    """The same with its source."""

    source = models.CharField(_("source"), max_length=100, blank=True)

    class Meta:
        abstract = True

    @property
    def source_label(self) -> str:
        """The source in words; a text that is none of ours as it is."""
        return str(Source(self.source).label) if self.source in Source.values else self.source


class Suppression(Sourced):
    """A number that must not be sent to, with its scope, reason and source.

    Each reason stands by itself: a person who opted out and whom an operator suppressed has two, and the one goes
    without the other. ``contacts.suppressions`` alone makes and lifts them. They are kept by number: a contact that is
    deleted and imported again is still suppressed.
    """

    phone = PhoneField(_("phone"))
    line = models.ForeignKey(SenderLine, models.CASCADE, null=True, blank=True, verbose_name=_("line"))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, verbose_name=_("created by")
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        constraints = [
            models.UniqueConstraint(
                fields=["phone", "scope", "reason"], condition=Q(line=None), name="suppression_once"
            ),
            models.UniqueConstraint(
                fields=["phone", "line", "reason"], condition=Q(line__isnull=False), name="suppression_once_per_line"
            ),
            models.CheckConstraint(
                condition=Q(scope="line", line__isnull=False) | (~Q(scope="line") & Q(line=None)),
                name="suppression_names_its_line",
            ),
        ]
        indexes = [
            # Neither unique index is whole, so none of them finds a number by itself.
            models.Index(fields=["phone"], name="suppression_by_phone"),
            models.Index(fields=["reason", "id"], name="suppression_by_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.get_scope_display()}: {self.get_reason_display()}"


class SuppressionChange(Sourced):
    """A suppression that was made or lifted: for a contact's timeline, and as evidence. Append-only.

    Written with the change itself, in one transaction, by ``contacts.suppressions``. A line that goes leaves it.
    """

    phone = PhoneField(_("phone"))
    line = models.ForeignKey(SenderLine, models.SET_NULL, null=True, blank=True, db_index=False, verbose_name=_("line"))
    made = models.BooleanField(_("made"))  # or lifted
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, db_index=False, verbose_name=_("who")
    )
    changed_at = models.DateTimeField(_("when"), auto_now_add=True)

    class Meta:
        verbose_name = _("change of a suppression")
        verbose_name_plural = _("changes of suppressions")
        indexes = [models.Index(fields=["phone", "id"], name="suppressionchange_by_phone")]

    def __str__(self) -> str:
        return f"{self.get_scope_display()}: {self.get_reason_display()}"


class SuppressionFile(Held):
    """A file of numbers to be suppressed.

    ``running → completed | failed``; ``cancelled`` from the first. A worker holds it by a lease (the database's clock)
    and commits each chunk of rows together with the counts: ``rows_done = made + known + refused``, of which the last
    is the row after which a restarted worker goes on. ``issues`` are the first of the refused rows as [line, what stood
    there, code].
    """

    class Status(models.TextChoices):
        RUNNING = "running", _("running")
        COMPLETED = "completed", _("completed")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.RUNNING)
    line = models.ForeignKey(SenderLine, models.CASCADE, null=True, blank=True, verbose_name=_("line"))
    filename = models.CharField(_("file name"), max_length=255)
    path = models.CharField(max_length=300, editable=False)
    size = models.PositiveBigIntegerField(_("size in bytes"), default=0)
    layout: models.JSONField[Any, Any] = models.JSONField(default=dict, editable=False)
    column = models.PositiveSmallIntegerField(default=0, editable=False)
    rows_done = models.PositiveIntegerField(_("rows"), default=0)
    bytes_done = models.PositiveBigIntegerField(_("bytes read"), default=0)
    made = models.PositiveIntegerField(_("newly suppressed"), default=0)
    known = models.PositiveIntegerField(_("suppressed before"), default=0)
    refused = models.PositiveIntegerField(_("refused"), default=0)
    issues: models.JSONField[Any, Any] = models.JSONField(_("refused rows"), default=list)
    owner = models.CharField(max_length=64, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    error = models.CharField(_("why it failed"), max_length=64, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, verbose_name=_("created by")
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished at"), null=True)

    objects = SuppressionFileQuerySet.as_manager()

    class Meta:
        verbose_name = _("file of suppressions")
        verbose_name_plural = _("files of suppressions")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(rows_done=F("made") + F("known") + F("refused")),
                name="suppressionfile_accounts_for_every_row",
            ),
        ]

    def __str__(self) -> str:
        return self.filename

    def get_absolute_url(self) -> str:
        return reverse("contacts:suppression_file", args=[self.pk])
