"""What goes out: batches and messages, and the counters beside them."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from campaigns.models.campaign import Campaign
from campaigns.querysets import BatchQuerySet, MessageQuerySet
from campaigns.states import BatchStatus, MessageStatus, Reason
from contacts.fields import PhoneField
from contacts.models import Contact, Operator
from providers.models import ProviderAccount, SenderLine
from providers.registry import provider_class


class Batch(models.Model):
    """One provider request's worth of messages: the unit of claim, lease, retry, audit and idempotency.

    ``pending → sending → done | failed | unknown | cancelled``; back to pending where it is certain that nothing was
    sent. ``owner``, ``attempt`` and ``lease_until`` fence the worker that holds it. Its messages are those of
    ``number`` between ``first_message_id`` and ``last_message_id``; ``pending`` counts the ones still unsent,
    ``accepted`` those that the provider took, ``unclear`` those that may have been sent. ``repeats`` counts the tries
    in a row that came to nothing, ``doubts`` the unclear ones. Batches on the campaign's fallback line are numbered
    from ``FALLBACK_FROM``. ``in_pilot``: its messages are of the campaign's first ``pilot_size``. Recipients that
    only the provider knows have no rows: ``unlisted`` of them stand in ``unlisted_status``, until its report lists
    them.
    """

    FALLBACK_FROM = 1_000_000_000

    campaign = models.ForeignKey(
        Campaign, models.CASCADE, related_name="batches", db_index=False, verbose_name=_("campaign")
    )
    line = models.ForeignKey(SenderLine, models.PROTECT, related_name="+", db_index=False, verbose_name=_("line"))
    number = models.PositiveIntegerField(_("number"))
    in_pilot = models.BooleanField(_("of the pilot"), default=False, db_default=False)
    status = models.PositiveSmallIntegerField(_("status"), choices=BatchStatus, default=BatchStatus.PENDING)
    first_message_id = models.BigIntegerField(_("first message"))
    last_message_id = models.BigIntegerField(_("last message"))
    size = models.PositiveIntegerField(_("messages"))
    pending = models.PositiveIntegerField(_("still pending"))
    accepted = models.PositiveIntegerField(_("accepted"), default=0)
    unclear = models.PositiveIntegerField(_("unclear"), default=0, db_default=0)
    unlisted = models.PositiveIntegerField(_("known to the provider alone"), default=0)
    unlisted_status = models.PositiveSmallIntegerField(
        _("status of those"), choices=MessageStatus, default=MessageStatus.PENDING
    )
    owner = models.CharField(_("owner"), max_length=160, blank=True)
    attempt = models.PositiveIntegerField(_("attempt"), default=0)
    repeats = models.PositiveSmallIntegerField(_("tries in vain"), default=0)
    doubts = models.PositiveSmallIntegerField(_("unclear tries"), default=0)
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
            models.Index(fields=["campaign"], condition=Q(status=BatchStatus.SENDING), name="batch_in_flight"),
            models.Index(fields=["poll_at"], condition=Q(poll_at__isnull=False), name="batch_to_poll"),
            # Asked for every few seconds by a page; of a campaign's ten thousand batches few are unclear.
            models.Index(fields=["campaign", "number"], condition=Q(unclear__gt=0), name="batch_unclear"),
            models.Index(fields=["campaign", "number"], condition=~Q(anomalies={}), name="batch_odd"),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id}/{self.number}"

    @property
    def is_fallback(self) -> bool:
        """Its messages go out on the fallback line."""
        return self.number >= self.FALLBACK_FROM

    @property
    def may_have_been_sent(self) -> bool:
        """Whether unclear messages wait among its pending ones: with a key they are repeated."""
        return self.doubts > 0 and provider_class(self.line.account.slug).capabilities.idempotent

    def messages(self) -> MessageQuerySet:
        """Its messages."""
        return Message.objects.in_batch(self)

    @property
    def ordinal(self) -> int:
        """Its place among the requests on its line, from 1, as people count."""
        return self.number - (self.FALLBACK_FROM if self.is_fallback else 0) + 1


class Attempt(models.Model):
    """An earlier try at a message that then went another way: what the first line's provider said of it."""

    message_id = models.BigIntegerField(_("message"), db_index=True)
    line = models.ForeignKey(SenderLine, models.PROTECT, related_name="+", db_index=False, verbose_name=_("line"))
    code = models.CharField(_("the provider's code"), max_length=32, blank=True)
    words = models.CharField(_("the provider's words"), max_length=300, blank=True)
    at = models.DateTimeField(_("when"), auto_now_add=True)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")

    def __str__(self) -> str:
        return f"{self.message_id}: {self.code}"


class Bulk(models.Model):
    """A batch as a provider that keeps the recipients has it: followed by its id there until its state is final.

    ``recipients`` is what the provider says of their number, null where it does not; ``listed`` of them have become
    rows. ``unreadable`` and ``next_page`` (a count of pages, from 1) are of the reading under way or, after it, done.
    """

    class State(models.TextChoices):
        """The values of ``providers.keeping.BulkState``."""

        CREATING = "creating", _("being made")
        AWAITING_APPROVAL = "awaiting_approval", _("waits for the provider's approval")
        QUEUED = "queued", _("in the provider's queue")
        SENDING = "sending", _("being sent")
        SENT = "sent", pgettext_lazy("bulk", "sent")
        REJECTED = "rejected", _("rejected by the provider's monitor")
        INVALID = "invalid", _("its recipients were invalid")
        UNFUNDED = "unfunded", _("not enough credit at the provider")
        BROKEN = "broken", _("an error at the provider")
        CANCELLED = "cancelled", _("cancelled")
        UNRECOGNISED = "unrecognised", _("unknown state")

    batch = models.ForeignKey(Batch, models.CASCADE, related_name="bulks", verbose_name=_("batch"))
    provider_ref = models.CharField(_("the provider's id"), max_length=64)
    state = models.CharField(_("state"), max_length=20, choices=State, default=State.CREATING)
    code = models.CharField(_("the provider's code"), max_length=64, blank=True)
    words = models.TextField(_("the provider's words"), blank=True)
    counts: models.JSONField[Any, Any] = models.JSONField(_("the provider's figures"), default=dict)
    recipients = models.PositiveIntegerField(_("recipients"), null=True)
    listed = models.PositiveIntegerField(_("recipients listed"), default=0)
    unreadable = models.PositiveIntegerField(_("recipients without a readable number"), default=0)
    next_page = models.PositiveIntegerField(_("next page of recipients"), default=1)
    pages = models.PositiveIntegerField(_("pages of recipients"), default=1)
    readings = models.PositiveIntegerField(_("whole readings of the recipients"), default=0)
    is_complete = models.BooleanField(_("all its recipients are known"), default=False)
    cancel_answer = models.CharField(_("the provider's answer to the cancellation"), max_length=64, blank=True)
    poll_at = models.DateTimeField(_("polled next at"), null=True)
    poll_round = models.PositiveSmallIntegerField(_("polls so far"), default=0)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("bulk")
        verbose_name_plural = _("bulks")
        constraints = [models.UniqueConstraint(fields=["batch", "provider_ref"], name="bulk_once")]
        indexes = [models.Index(fields=["poll_at"], condition=Q(poll_at__isnull=False), name="bulk_to_poll")]

    def __str__(self) -> str:
        return self.provider_ref


class Message(models.Model):
    """One recipient of one campaign: the row whose fate is told.

    ``pending → accepted → sent → delivered | undelivered | blocked``, and ``failed`` (provably not sent), ``skipped``,
    ``cancelled``, ``expired``, ``unknown`` (may have been sent); ``states.MESSAGE_MOVES``, moved by
    ``MessageQuerySet.move`` alone. ``sending`` is never stored: it is a pending row whose batch is in flight.
    ``text`` is null where it equals the campaign's. Lean on purpose (docs/decisions): no database foreign keys, no
    index on anything that an update writes, so that it stays on its page and touches no index. By the provider's id it
    is found through ``ProviderRef``.
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
    provider_ref = models.CharField(_("the provider's id"), max_length=64, null=True)  # noqa: DJ001 - null where unknown
    provider_code = models.CharField(_("the provider's code"), max_length=32, blank=True, default="")
    provider_text = models.CharField(_("the provider's words"), max_length=300, blank=True, default="")
    cost = models.PositiveIntegerField(_("cost (rial)"), null=True)
    refunded = models.PositiveIntegerField(_("refunded (rial)"), null=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.UniqueConstraint(fields=["campaign", "phone"], name="message_once_per_campaign"),
        ]
        permissions = [("export_message", "Can export messages")]

    def __str__(self) -> str:
        return f"{self.campaign_id}/{self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("campaigns:message", args=[self.pk])

    @property
    def is_decided(self) -> bool:
        """A person's word put it where it stands; a code is that of the answer that never came."""
        return self.reason == Reason.BY_OPERATOR

    @property
    def is_fallback(self) -> bool:
        """It goes out on the campaign's fallback line."""
        return self.batch_number is not None and self.batch_number >= Batch.FALLBACK_FROM


class ProviderRef(models.Model):
    """Which message has a provider's id: the index of ``Message.provider_ref``, and why no two of them are alike.

    A table of its own, written by ``MessageQuerySet.move``: as an index of the message it would make every update write
    all indexes of the row (docs/decisions).
    """

    pk = models.CompositePrimaryKey("account_id", "ref")
    account = models.ForeignKey(
        ProviderAccount,
        models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("account"),
    )
    ref = models.CharField(_("the provider's id"), max_length=64)
    message = models.ForeignKey(
        Message, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False, verbose_name=_("message")
    )

    class Meta:
        verbose_name = _("provider's id")
        verbose_name_plural = _("providers' ids")

    def __str__(self) -> str:
        return f"{self.account_id}: {self.ref}"


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
        indexes = [models.Index(fields=["at"], name="timelinepoint_by_time")]

    def __str__(self) -> str:
        return f"{self.campaign_id}: {self.at:%H:%M} {self.messages}"


class Tally(models.Model):
    """How many messages of a campaign are alike: same account, operator, status, reason and provider's code.

    Counted from the rows now and then (``Campaign.tallied_at``), all of a campaign in one statement. ``operator`` is
    what the number's prefix points to. The counters (``StatusCount``) are exact at any moment; this is what they lack.
    """

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="tallies", verbose_name=_("campaign"))
    account = models.ForeignKey(
        ProviderAccount, models.CASCADE, null=True, related_name="+", db_index=False, verbose_name=_("account")
    )
    operator = models.PositiveSmallIntegerField(_("operator"), choices=Operator)
    status = models.PositiveSmallIntegerField(_("status"), choices=MessageStatus)
    reason = models.PositiveSmallIntegerField(_("reason"), choices=Reason, default=Reason.NONE)
    code = models.CharField(_("the provider's code"), max_length=32, blank=True)
    messages = models.BigIntegerField(_("messages"))
    cost = models.BigIntegerField(_("cost (rial)"), default=0)
    refunded = models.BigIntegerField(_("refunded (rial)"), default=0)

    class Meta:
        verbose_name = _("tally")
        verbose_name_plural = _("tallies")

    def __str__(self) -> str:
        return f"{self.campaign_id}: {self.get_status_display()} {self.messages}"
