"""Segments: saved filters over contacts."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Segment(models.Model):
    """A saved filter: whoever meets its conditions when a campaign is frozen gets it.

    ``conditions``: ``{"match": "all" | "any", "conditions": [{"field", "key"?, "test", "value"?}]}``, as
    ``campaigns.segmenting`` reads them.
    """

    name = models.CharField(_("name"), max_length=150, unique=True)
    conditions: models.JSONField[Any, Any] = models.JSONField(_("conditions"), default=dict)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, verbose_name=_("created by")
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
