"""Numbers that must not be sent to."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from contacts.fields import PhoneField
from contacts.querysets import SuppressionQuerySet
from providers.models import SenderLine


class Suppression(models.Model):
    """A number that must not be sent to, with its scope, reason and source."""

    class Scope(models.TextChoices):
        ALL = "all", _("everything")
        ADVERTISING = "advertising", _("advertising lines")
        LINE = "line", _("one line")

    class Reason(models.TextChoices):
        OPT_OUT = "opt_out", _("opted out")
        BLOCKED = "blocked", _("blocked by the recipient")
        MANUAL = "manual", _("by hand")

    phone = PhoneField(_("phone"))
    scope = models.CharField(_("scope"), max_length=12, choices=Scope, default=Scope.ALL)
    line = models.ForeignKey(SenderLine, models.CASCADE, null=True, blank=True, verbose_name=_("line"))
    reason = models.CharField(_("reason"), max_length=12, choices=Reason, default=Reason.MANUAL)
    source = models.CharField(_("source"), max_length=100, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, verbose_name=_("created by")
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        constraints = [
            models.UniqueConstraint(fields=["phone", "scope"], condition=Q(line=None), name="suppression_once"),
            models.UniqueConstraint(
                fields=["phone", "line"], condition=Q(line__isnull=False), name="suppression_once_per_line"
            ),
            models.CheckConstraint(
                condition=Q(scope="line", line__isnull=False) | (~Q(scope="line") & Q(line=None)),
                name="suppression_names_its_line",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_scope_display()}: {self.get_reason_display()}"
