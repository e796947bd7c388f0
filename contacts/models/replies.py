"""Texts that people send back to our lines, and where the reading of an account's inbox stands."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from contacts.fields import PhoneField
from contacts.querysets import ReplyInboxQuerySet
from providers.models import ProviderAccount, SenderLine


class ReplyInbox(models.Model):
    """How far an account's inbox has been read, and how that goes.

    A look reads the pages of what came in after ``cursor`` (the provider's id; 0: everything), one transaction each; a
    worker holds it by a lease (the database's clock), and another goes on at ``page``. ``looked_at`` is the end of the
    last whole look, ``attempts`` those in vain since then, for ``error``. ``stops``, ``rejoins`` and ``others`` count
    the replies that came in.
    """

    account = models.OneToOneField(
        ProviderAccount, models.CASCADE, related_name="reply_inbox", verbose_name=_("account")
    )
    cursor = models.BigIntegerField(default=0, editable=False)
    page = models.PositiveIntegerField(default=1, editable=False)
    next_at = models.DateTimeField(_("next look"), null=True)
    looked_at = models.DateTimeField(_("last look"), null=True)
    stops = models.PositiveIntegerField(_("stopped"), default=0)
    rejoins = models.PositiveIntegerField(_("rejoined"), default=0)
    others = models.PositiveIntegerField(_("other replies"), default=0)
    last_reply_at = models.DateTimeField(_("last reply"), null=True)
    attempts = models.PositiveSmallIntegerField(_("attempts in vain"), default=0)
    owner = models.CharField(max_length=64, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    error = models.CharField(_("why it failed"), max_length=64, blank=True)
    error_text = models.TextField(_("the provider's words"), blank=True)

    objects = ReplyInboxQuerySet.as_manager()

    class Meta:
        verbose_name = _("inbox of replies")
        verbose_name_plural = _("inboxes of replies")

    def __str__(self) -> str:
        return str(self.account)


class OptOutReply(models.Model):
    """A text that came in on a line, once, and what it says of wanting more.

    Of any but a stop or a rejoin neither the text nor the number is kept: it is none of our business, and the row only
    tells that it was read. Of these the text is one of the few words of ``contacts.replies.words``.
    """

    class Said(models.TextChoices):
        STOP = "stop", _("stop")
        REJOIN = "rejoin", _("rejoin")
        OTHER = "other", _("something else")

    account = models.ForeignKey(ProviderAccount, models.CASCADE, verbose_name=_("account"))
    line = models.ForeignKey(SenderLine, models.SET_NULL, null=True, blank=True, verbose_name=_("line"))
    provider_ref = models.BigIntegerField(_("the provider's id"))  # ids grow: they are the order
    phone = PhoneField(_("phone"), null=True)  # of a stop or a rejoin
    said = models.CharField(_("what it says"), max_length=6, choices=Said)
    text = models.CharField(_("text"), max_length=40, blank=True)
    received_at = models.DateTimeField(_("received at"), auto_now_add=True)

    class Meta:
        verbose_name = _("reply")
        verbose_name_plural = _("replies")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["account", "provider_ref"], name="optoutreply_once")]
        indexes = [
            models.Index(fields=["phone", "account"], condition=Q(phone__isnull=False), name="optoutreply_by_phone"),
        ]

    def __str__(self) -> str:
        return str(self.get_said_display())
