"""Campaigns, and the rules that say who gets them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from campaigns.models.segment import Segment
from campaigns.querysets import CampaignQuerySet
from campaigns.states import EDITABLE, FROZEN, LIVE, CampaignStatus
from contacts.fields import PhoneField
from contacts.models import JobCategory, Phonebook
from interface import masking
from providers.models import SenderLine, UploadedFile


class Campaign(models.Model):
    """One text to one audience over one line.

    ``draft → pending_approval → scheduled → preparing → running ⇄ paused → completed | completed_with_problems |
    cancelled | expired | rejected`` (``states.CAMPAIGN_MOVES``); only ``campaigns.lifecycle`` moves it.
    Where its time has passed by too much it stays scheduled with the ``pause_code`` ``LATE``, until somebody decides.
    What is still pending at ``expires_at`` expires. ``failover_line`` takes over where the account of ``line`` is
    stopped. ``audience`` is fixed by the freeze; its messages' ids lie between ``first_message_id`` and
    ``last_message_id``.

    Who has had ``cap_messages`` in ``cap_days`` days is skipped; of who remains, ``sample_size`` are drawn.
    ``left_out`` counts whom the freeze left out, by cause: without a message ``excluded`` (each of them is a
    ``LeftOut``), ``repeated`` (named by several rules) and ``not_drawn``; with a skipped one, by the reason's name.

    The composer fills a draft in step by step: ``composed_to`` is the step that comes next, ``revision`` counts its
    changes, so that a form of an older one is noticed. With a ``pilot_size`` the first so many go out, then it pauses
    until somebody lets it go on (``pilot_released_at``). ``is_test``: a text tried on a few numbers for ``made_from``;
    otherwise that is the campaign whose copy, or whose further try, it is.
    """

    LATE = "late"

    class Step(models.TextChoices):
        """The composer's steps, in their order."""

        AUDIENCE = "audience", _("Audience")
        TEXT = "text", _("Text")
        SENDING = "sending", _("Sending")
        REVIEW = "review", _("Review")

    name = models.CharField(_("name"), max_length=150)
    status = models.CharField(
        _("status"), max_length=24, choices=CampaignStatus, default=CampaignStatus.DRAFT, editable=False
    )
    line = models.ForeignKey(SenderLine, models.PROTECT, related_name="campaigns", verbose_name=_("line"))
    fallback_line = models.ForeignKey(
        SenderLine, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("fallback line")
    )
    failover_line = models.ForeignKey(
        SenderLine, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("failover line")
    )
    text = models.TextField(_("text"))
    sent_text = models.TextField(_("text as sent"), blank=True, editable=False)  # with the suffix; fixed by the freeze
    file = models.ForeignKey(UploadedFile, models.PROTECT, null=True, blank=True, verbose_name=_("file"))
    copy_text = models.CharField(_("text of the copy button"), max_length=200, blank=True, default="")
    is_secure = models.BooleanField(_("secure message"), default=False)
    # Names its messages to a provider with an idempotency key: row ids alone return when a database is made anew.
    send_key = models.UUIDField(default=uuid.uuid4, editable=False)
    scheduled_at = models.DateTimeField(_("scheduled for"), null=True, blank=True)
    provider_keeps_time = models.BooleanField(_("the provider keeps the time"), default=False)
    expires_at = models.DateTimeField(_("not after"), null=True, blank=True)
    messages_per_minute = models.PositiveIntegerField(
        _("messages a minute"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    cap_messages = models.PositiveSmallIntegerField(
        _("at most this many messages"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    cap_days = models.PositiveSmallIntegerField(_("in this many days"), null=True, blank=True)
    sample_size = models.PositiveIntegerField(
        _("a sample of"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    pilot_size = models.PositiveIntegerField(
        _("recipients of the pilot"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    pilot_released_at = models.DateTimeField(_("pilot let go on at"), null=True, editable=False)
    composed_to = models.CharField(max_length=8, choices=Step, default=Step.REVIEW, editable=False)
    revision = models.PositiveIntegerField(default=0, editable=False)
    is_test = models.BooleanField(_("a test"), default=False, editable=False)
    made_from = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, editable=False, related_name="made", verbose_name=_("made from")
    )
    next_batch_at = models.DateTimeField(null=True, editable=False)  # the next turn of its own pace
    pause_code = models.CharField(max_length=64, blank=True, editable=False)
    pause_text = models.TextField(_("why it is paused"), blank=True, editable=False)
    audience = models.PositiveIntegerField(_("audience"), null=True, editable=False)
    left_out: models.JSONField[Any, Any] = models.JSONField(_("left out"), default=dict, editable=False)
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
    pruned_at = models.DateTimeField(_("recipients removed at"), null=True, editable=False)
    tallied_at = models.DateTimeField(_("tallied at"), null=True, editable=False)  # its ``Tally`` rows are of then

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
            models.CheckConstraint(
                condition=Q(cap_messages=None, cap_days=None) | Q(cap_messages__gte=1, cap_days__gte=1),
                name="campaign_cap_is_whole",
            ),
        ]
        permissions = [
            ("launch_campaign", "Can launch, pause, resume and cancel campaigns"),
            ("approve_campaign", "Can approve and reject campaigns"),
            ("test_campaign", "Can send tests to chosen numbers"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("campaigns:detail", args=[self.pk])

    def audience_rules(self) -> list[AudienceRule]:
        """The rules in their order: those being composed, or else the saved ones."""
        if self.proposed_rules is not None:
            return list(self.proposed_rules)
        return list(self.rules.select_related("source", "phonebook", "segment"))

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
    job_category ``{operators?: [{id, start, size}]}``; numbers ``{numbers: [E.164]}``; campaign ``{outcome?}``;
    segment none; provider, for a line whose provider keeps the recipients, by its own ids: ``{phonebooks: [id],
    start?, size?}``, ``{phonebook: id, numbers: [id]}`` or ``{main: id, sub?: id, operators?: [{id, start?, size?}]}``.
    """

    class Rule(models.TextChoices):
        INCLUDE = "include", _("include")
        EXCLUDE = "exclude", _("exclude")

    class Kind(models.TextChoices):
        PHONEBOOK = "phonebook", _("phonebook")
        JOB_CATEGORY = "job_category", _("job category")
        NUMBERS = "numbers", _("pasted numbers")
        CAMPAIGN = "campaign", _("recipients of a campaign")
        SEGMENT = "segment", _("segment")
        PROVIDER = "provider", _("kept by the provider")

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="rules", verbose_name=_("campaign"))
    rule = models.CharField(_("rule"), max_length=8, choices=Rule, default=Rule.INCLUDE)
    kind = models.CharField(_("kind"), max_length=14, choices=Kind, default=Kind.PHONEBOOK)
    phonebook = models.ForeignKey(Phonebook, models.PROTECT, null=True, blank=True, verbose_name=_("phonebook"))
    job_category = models.ForeignKey(JobCategory, models.PROTECT, null=True, blank=True, verbose_name=_("job category"))
    source = models.ForeignKey(
        Campaign, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("campaign")
    )
    segment = models.ForeignKey(Segment, models.PROTECT, null=True, blank=True, verbose_name=_("segment"))
    params: models.JSONField[Any, Any] = models.JSONField(_("parameters"), default=dict, blank=True)

    class Meta:
        verbose_name = _("audience rule")
        verbose_name_plural = _("audience rules")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="phonebook", phonebook__isnull=False, job_category=None, source=None, segment=None)
                | Q(kind="job_category", job_category__isnull=False, phonebook=None, source=None, segment=None)
                | Q(kind="campaign", source__isnull=False, phonebook=None, job_category=None, segment=None)
                | Q(kind="segment", segment__isnull=False, phonebook=None, job_category=None, source=None)
                | Q(kind__in=["numbers", "provider"], phonebook=None, job_category=None, source=None, segment=None),
                name="audiencerule_names_its_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_rule_display()}: {self.get_kind_display()}"


class LeftOut(models.Model):
    """Somebody whom an include rule of a campaign names and an exclude rule took out, as the freeze found it.

    Who is suppressed or has had enough messages has a skipped message instead. No database foreign keys: there may be
    a million.
    """

    campaign = models.ForeignKey(
        Campaign, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False, verbose_name=_("campaign")
    )
    phone = PhoneField(_("phone"))
    rule = models.ForeignKey(
        AudienceRule, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False, verbose_name=_("rule")
    )

    class Meta:
        verbose_name = _("left out of a campaign")
        verbose_name_plural = _("left out of campaigns")
        constraints = [models.UniqueConstraint(fields=["campaign", "phone"], name="leftout_once")]

    def __str__(self) -> str:
        return f"{self.campaign_id}: {masking.shown(self.phone)}"
