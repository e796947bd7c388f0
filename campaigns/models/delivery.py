"""What comes back, what was done, and whether anybody is at work."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.campaign import Campaign
from campaigns.querysets import DeliveryEventQuerySet
from providers.models import ProviderAccount


class DeliveryEvent(models.Model):
    """A status as the provider reported it: stored first, applied after.

    What matches no message yet (it may precede the send's own answer) is tried again at ``retry_at``, ever more
    rarely, and given up after 30 days.
    """

    class Source(models.TextChoices):
        WEBHOOK = "webhook", _("webhook")
        POLL = "poll", _("poll")

    class Result(models.IntegerChoices):
        WAITING = 0, _("waiting")
        APPLIED = 1, _("applied")
        STALE = 2, _("changed nothing")
        UNRECOGNISED = 3, _("unknown status")
        UNMATCHED = 4, _("matched no message")  # in 30 days: kept, counted, never tried again

    account = models.ForeignKey(
        ProviderAccount, models.CASCADE, db_constraint=False, db_index=False, verbose_name=_("account")
    )
    provider_ref = models.CharField(_("the provider's id"), max_length=64)
    report = models.CharField(_("meaning"), max_length=12)
    code = models.CharField(_("the provider's code"), max_length=32)
    words = models.CharField(_("the provider's words"), max_length=300, blank=True, default="")
    source = models.CharField(_("source"), max_length=8, choices=Source, default=Source.WEBHOOK)
    cost = models.PositiveIntegerField(_("cost (rial)"), null=True)
    received_at = models.DateTimeField(_("received at"))
    result = models.PositiveSmallIntegerField(_("result"), choices=Result, default=Result.WAITING)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    retry_at = models.DateTimeField(_("tried next at"), null=True)

    objects = DeliveryEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("delivery event")
        verbose_name_plural = _("delivery events")
        indexes = [
            models.Index(fields=["retry_at"], condition=Q(result=0), name="event_to_apply"),
            models.Index(fields=["account", "provider_ref"], name="event_by_provider_ref"),
            models.Index(fields=["account"], condition=Q(result=4), name="event_unmatched"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.code}"


class AuditEntry(models.Model):
    """Who did what to what, when. Append-only: a row is never changed or deleted by the product."""

    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, verbose_name=_("who"))
    action = models.CharField(_("action"), max_length=40)
    campaign = models.ForeignKey(
        Campaign, models.SET_NULL, null=True, blank=True, related_name="audit_entries", verbose_name=_("campaign")
    )
    facts: models.JSONField[Any, Any] = models.JSONField(_("facts"), default=dict)
    created_at = models.DateTimeField(_("when"), auto_now_add=True)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.action


class Heartbeat(models.Model):
    """When a tick last ran end to end on a worker's cluster; a stale one: it hangs or is gone (docs/operations.md)."""

    name = models.CharField(_("name"), max_length=100, primary_key=True)
    beat_at = models.DateTimeField(_("last beat"))

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")

    def __str__(self) -> str:
        return self.name
