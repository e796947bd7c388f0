"""Campaigns, their recipients' messages, and what providers report about them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from campaigns.querysets import BatchQuerySet, CampaignQuerySet, DeliveryEventQuerySet, MessageQuerySet
from campaigns.states import EDITABLE, FROZEN, LIVE, BatchStatus, CampaignStatus, MessageStatus, Reason
from contacts.fields import PhoneField
from contacts.models import Contact, JobCategory, Phonebook
from providers.models import ProviderAccount, SenderLine, UploadedFile


class Campaign(models.Model):
    """One text to one audience over one line.

    ``draft → pending_approval → scheduled → preparing → running ⇄ paused → completed | completed_with_problems |
    cancelled | expired | rejected`` (``states.CAMPAIGN_MOVES``); only ``campaigns.lifecycle`` moves it.
    ``audience`` is fixed by the freeze; its messages' ids lie between ``first_message_id`` and ``last_message_id``.
    """

    name = models.CharField(_("name"), max_length=150)
    status = models.CharField(
        _("status"), max_length=24, choices=CampaignStatus, default=CampaignStatus.DRAFT, editable=False
    )
    line = models.ForeignKey(SenderLine, models.PROTECT, related_name="campaigns", verbose_name=_("line"))
    fallback_line = models.ForeignKey(
        SenderLine, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("fallback line")
    )
    text = models.TextField(_("text"))
    sent_text = models.TextField(_("text as sent"), blank=True, editable=False)  # with the suffix; fixed by the freeze
    file = models.ForeignKey(UploadedFile, models.PROTECT, null=True, blank=True, verbose_name=_("file"))
    scheduled_at = models.DateTimeField(_("scheduled for"), null=True, blank=True)
    pause_code = models.CharField(max_length=64, blank=True, editable=False)
    pause_text = models.TextField(_("why it is paused"), blank=True, editable=False)
    audience = models.PositiveIntegerField(_("audience"), null=True, editable=False)
    first_message_id = models.BigIntegerField(_("first message"), null=True, editable=False)
    last_message_id = models.BigIntegerField(_("last message"), null=True, editable=False)
    form_token = models.UUIDField(
        null=True, unique=True, editable=False
    )  # of the form it was made by: one draft a form
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, verbose_name=_("created by")
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)
    launched_at = models.DateTimeField(_("launched at"), null=True, editable=False)
    started_at = models.DateTimeField(_("started at"), null=True, editable=False)
    finished_at = models.DateTimeField(_("finished at"), null=True, editable=False)

    # The rules of a campaign that is being composed and has no row yet; else they are those of the table.
    proposed_rules: Sequence[AudienceRule] | None = None

    objects = CampaignQuerySet.as_manager()

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["status"], name="campaign_by_status"),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(text="") | Q(status="draft"), name="campaign_has_a_text"),
            models.CheckConstraint(
                condition=~Q(status__in=sorted(FROZEN - {CampaignStatus.CANCELLED, CampaignStatus.EXPIRED}))
                | Q(audience__isnull=False),
                name="campaign_runs_on_a_frozen_audience",
            ),
        ]
        permissions = [("launch_campaign", "Can launch, pause, resume and cancel campaigns")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("campaigns:detail", args=[self.pk])

    def audience_rules(self) -> list[AudienceRule]:
        """The rules in their order: those being composed, or else the saved ones."""
        if self.proposed_rules is not None:
            return list(self.proposed_rules)
        return list(self.rules.select_related("source"))

    @property
    def is_editable(self) -> bool:
        """Nothing of it has been fixed yet."""
        return self.status in EDITABLE

    @property
    def is_live(self) -> bool:
        """Something of it may still go out: its page keeps polling."""
        return self.status in LIVE


class AudienceRule(models.Model):
    """One part of an audience: whom a campaign includes or excludes.

    ``params`` by kind: phonebook ``{start?, size?, numbers?}`` (positions from 0, in the order contacts were added);
    job_category ``{operators?: [{id, start, size}]}``; numbers ``{numbers: [E.164]}``; campaign ``{outcome?}``.
    """

    class Rule(models.TextChoices):
        INCLUDE = "include", _("include")
        EXCLUDE = "exclude", _("exclude")

    class Kind(models.TextChoices):
        PHONEBOOK = "phonebook", _("phonebook")
        JOB_CATEGORY = "job_category", _("job category")
        NUMBERS = "numbers", _("pasted numbers")
        CAMPAIGN = "campaign", _("recipients of a campaign")

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="rules", verbose_name=_("campaign"))
    rule = models.CharField(_("rule"), max_length=8, choices=Rule, default=Rule.INCLUDE)
    kind = models.CharField(_("kind"), max_length=14, choices=Kind, default=Kind.PHONEBOOK)
    phonebook = models.ForeignKey(Phonebook, models.PROTECT, null=True, blank=True, verbose_name=_("phonebook"))
    job_category = models.ForeignKey(JobCategory, models.PROTECT, null=True, blank=True, verbose_name=_("job category"))
    source = models.ForeignKey(
        Campaign, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("campaign")
    )
    params: models.JSONField[Any, Any] = models.JSONField(_("parameters"), default=dict, blank=True)

    class Meta:
        verbose_name = _("audience rule")
        verbose_name_plural = _("audience rules")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="phonebook", phonebook__isnull=False, job_category=None, source=None)
                | Q(kind="job_category", job_category__isnull=False, phonebook=None, source=None)
                | Q(kind="campaign", source__isnull=False, phonebook=None, job_category=None)
                | Q(kind="numbers", phonebook=None, job_category=None, source=None),
                name="audiencerule_names_its_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_rule_display()}: {self.get_kind_display()}"


class Batch(models.Model):
    """One provider request's worth of messages: the unit of claim, lease, retry, audit and idempotency.

    ``pending → sending → done | failed | unknown | cancelled``; back to pending where it is certain that nothing was
    sent. ``owner``, ``attempt`` and ``lease_until`` fence the worker that holds it. Its messages are those of
    ``number`` between ``first_message_id`` and ``last_message_id``; ``pending`` counts the ones still unsent.
    """

    campaign = models.ForeignKey(
        Campaign, models.CASCADE, related_name="batches", db_index=False, verbose_name=_("campaign")
    )
    number = models.PositiveIntegerField(_("number"))
    status = models.PositiveSmallIntegerField(_("status"), choices=BatchStatus, default=BatchStatus.PENDING)
    first_message_id = models.BigIntegerField(_("first message"))
    last_message_id = models.BigIntegerField(_("last message"))
    size = models.PositiveIntegerField(_("messages"))
    pending = models.PositiveIntegerField(_("still pending"))
    owner = models.CharField(_("owner"), max_length=160, blank=True)
    attempt = models.PositiveIntegerField(_("attempt"), default=0)
    lease_until = models.DateTimeField(_("leased until"), null=True)
    not_before = models.DateTimeField(_("not before"), null=True)
    claimed_at = models.DateTimeField(_("claimed at"), null=True)
    settled_at = models.DateTimeField(_("settled at"), null=True)
    code = models.CharField(_("the provider's code"), max_length=64, blank=True)
    words = models.TextField(_("the provider's words"), blank=True)
    anomalies: models.JSONField[Any, Any] = models.JSONField(_("anomalies"), default=dict)
    poll_at = models.DateTimeField(_("polled next at"), null=True)
    poll_round = models.PositiveSmallIntegerField(_("polls so far"), default=0)

    objects = BatchQuerySet.as_manager()

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        constraints = [
            models.UniqueConstraint(fields=["campaign", "number"], name="batch_number_once"),
            models.CheckConstraint(
                condition=~Q(status=BatchStatus.SENDING) | (~Q(owner="") & Q(lease_until__isnull=False)),
                name="batch_in_flight_has_an_owner",
            ),
            models.CheckConstraint(condition=Q(pending__lte=F("size")), name="batch_pending_within_size"),
        ]
        indexes = [
            models.Index(
                fields=["campaign", "number"],
                condition=Q(status__in=[BatchStatus.PENDING, BatchStatus.SENDING]),
                name="batch_open",
            ),
            models.Index(fields=["poll_at"], condition=Q(poll_at__isnull=False), name="batch_to_poll"),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id}/{self.number}"


class Message(models.Model):
    """One recipient of one campaign: the row whose fate is told.

    ``pending → accepted → sent → delivered | undelivered | blocked``, and ``failed`` (provably not sent), ``skipped``,
    ``cancelled``, ``expired``, ``unknown`` (may have been sent); ``states.MESSAGE_MOVES``, moved by
    ``MessageQuerySet.move`` alone. ``sending`` is never stored: it is a pending row whose batch is in flight.
    ``text`` is null where it equals the campaign's. Lean on purpose (docs/decisions): no database foreign keys, no
    index on status, free space for updates in place.
    """

    campaign = models.ForeignKey(
        Campaign, models.CASCADE, db_constraint=False, db_index=False, verbose_name=_("campaign")
    )
    contact = models.ForeignKey(
        Contact, models.DO_NOTHING, null=True, db_constraint=False, db_index=False, verbose_name=_("contact")
    )
    phone = PhoneField(_("phone"), null=True)
    batch_number = models.PositiveIntegerField(_("batch"), null=True)
    status = models.PositiveSmallIntegerField(_("status"), choices=MessageStatus, default=MessageStatus.PENDING)
    reason = models.PositiveSmallIntegerField(_("reason"), choices=Reason, default=Reason.NONE)
    text = models.TextField(_("text"), null=True)  # noqa: DJ001 - null is "the campaign's", empty would be a text
    account = models.ForeignKey(
        ProviderAccount, models.DO_NOTHING, null=True, db_constraint=False, db_index=False, verbose_name=_("account")
    )
    provider_ref = models.CharField(_("the provider's id"), max_length=64, null=True)  # noqa: DJ001 - unique where set
    provider_code = models.CharField(_("the provider's code"), max_length=32, blank=True, default="")
    provider_text = models.CharField(_("the provider's words"), max_length=300, blank=True, default="")
    cost = models.PositiveIntegerField(_("cost (rial)"), null=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.UniqueConstraint(fields=["campaign", "phone"], name="message_once_per_campaign"),
            models.UniqueConstraint(
                fields=["account", "provider_ref"],
                condition=Q(provider_ref__isnull=False),
                name="message_by_provider_ref",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id}/{self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("campaigns:message", args=[self.pk])


class StatusCount(models.Model):
    """How many messages of a campaign stand in a status, and their cost in rial.

    A cache of the rows, written in the same transaction as they are; ``campaign audit`` recounts and compares.
    """

    campaign = models.ForeignKey(
        Campaign, models.CASCADE, related_name="counts", db_index=False, verbose_name=_("campaign")
    )
    status = models.PositiveSmallIntegerField(_("status"), choices=MessageStatus)
    messages = models.BigIntegerField(_("messages"), default=0)
    cost = models.BigIntegerField(_("cost (rial)"), default=0)

    class Meta:
        verbose_name = _("status count")
        verbose_name_plural = _("status counts")
        constraints = [models.UniqueConstraint(fields=["campaign", "status"], name="statuscount_once")]

    def __str__(self) -> str:
        return f"{self.campaign_id}: {self.get_status_display()} {self.messages}"


class TimelinePoint(models.Model):
    """How many messages of a campaign reached a status within a minute from ``at``: the chart's data."""

    campaign = models.ForeignKey(
        Campaign, models.CASCADE, related_name="timeline", db_index=False, verbose_name=_("campaign")
    )
    at = models.DateTimeField(_("from"))
    status = models.PositiveSmallIntegerField(_("status"), choices=MessageStatus)
    messages = models.BigIntegerField(_("messages"), default=0)

    class Meta:
        verbose_name = _("timeline point")
        verbose_name_plural = _("timeline points")
        constraints = [models.UniqueConstraint(fields=["campaign", "at", "status"], name="timelinepoint_once")]

    def __str__(self) -> str:
        return f"{self.campaign_id}: {self.at:%H:%M} {self.messages}"


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
        UNMATCHED = 4, _("matched no message")

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
    """When a task last ran end to end on a cluster; a stale one means that the queue hangs (docs/operations.md)."""

    name = models.CharField(_("name"), max_length=100, primary_key=True)
    beat_at = models.DateTimeField(_("last beat"))

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")

    def __str__(self) -> str:
        return self.name

    def is_fresh(self, now: dt.datetime, limit: dt.timedelta) -> bool:
        """Whether the last beat is at most ``limit`` old."""
        return now - self.beat_at <= limit
