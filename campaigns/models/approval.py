"""What an approver's word stands on."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.campaign import Campaign


class Approval(models.Model):
    """One request for approval of a campaign, and what was decided.

    ``requested → approved | rejected | withdrawn``; one that was approved is ``void`` once the campaign is no longer
    what was sealed. ``seal`` is the SHA-256 of text, audience, line, schedule and cost as they were requested;
    ``facts`` are the figures in it: ``{"recipients", "parts", "cost"}``, cost in rial or null.
    """

    class Decision(models.TextChoices):
        REQUESTED = "requested", _("waiting")
        APPROVED = "approved", _("approved")
        REJECTED = "rejected", _("rejected")
        WITHDRAWN = "withdrawn", _("withdrawn")
        VOID = "void", _("void")

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="approvals", verbose_name=_("campaign"))
    decision = models.CharField(_("decision"), max_length=9, choices=Decision, default=Decision.REQUESTED)
    seal = models.CharField(_("seal"), max_length=64)
    facts: models.JSONField[Any, Any] = models.JSONField(_("figures"), default=dict)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("requested by")
    )
    requested_at = models.DateTimeField(_("requested at"), auto_now_add=True)
    request_comment = models.CharField(_("comment of the request"), max_length=500, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True)
    comment = models.CharField(_("comment"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign"],
                condition=Q(decision__in=["requested", "approved"]),
                name="approval_one_stands_per_campaign",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id}: {self.get_decision_display()}"
