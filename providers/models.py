"""Accounts at providers, and the lines that messages come from."""

from __future__ import annotations

import datetime as dt
import secrets

from django.core.validators import MinValueValidator, URLValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from interface import persian
from providers.files import extension_of
from providers.querysets import FAILURES, ProviderAccountQuerySet, SenderLineQuerySet
from providers.secrets import Credentials, EncryptedCredentialsField, decrypt


def new_webhook_token() -> str:
    """256 random bits for the URL of an account's webhook."""
    return secrets.token_urlsafe(32)


class ProviderAccount(models.Model):
    """One credential at one provider, with its pace and its breaker.

    The breaker opens when the provider refuses the account itself (bad token, no credit), or after ``failures`` calls
    in a row that came to nothing: everything stays pending. At ``probe_at`` it is half open: one small batch goes out,
    and what comes of it closes the breaker or opens it for longer (``probes`` in vain so far).
    ``ProviderAccountQuerySet`` alone moves it; an operator may close it at any time.
    """

    class Breaker(models.TextChoices):
        CLOSED = "closed", _("closed")
        OPEN = "open", _("open")
        HALF_OPEN = "half_open", _("half open")

    name = models.CharField(_("name"), max_length=100, unique=True)
    slug = models.SlugField(_("provider"), max_length=20, db_index=False)
    base_url = models.CharField(_("base URL"), max_length=300, validators=[URLValidator(schemes=["http", "https"])])
    credentials = EncryptedCredentialsField(_("credentials"), editable=False)
    webhook_token = models.CharField(max_length=64, default=new_webhook_token, editable=False)
    enabled = models.BooleanField(_("enabled"), default=True)
    batch_size = models.PositiveIntegerField(
        _("recipients a request"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    requests_per_second = models.FloatField(
        _("requests a second"), null=True, blank=True, validators=[MinValueValidator(0.01)]
    )
    next_request_at = models.DateTimeField(null=True, editable=False)
    next_status_at = models.DateTimeField(null=True, editable=False)
    slowed_to = models.FloatField(_("the pace it was slowed to"), null=True, editable=False)
    slowed_at = models.DateTimeField(_("slowed down at"), null=True, editable=False)
    breaker = models.CharField(_("breaker"), max_length=10, choices=Breaker, default=Breaker.CLOSED, editable=False)
    breaker_code = models.CharField(_("the provider's code"), max_length=64, blank=True, editable=False)
    breaker_text = models.TextField(_("the provider's words"), blank=True, editable=False)
    breaker_at = models.DateTimeField(_("breaker opened at"), null=True, editable=False)
    probe_at = models.DateTimeField(_("tried again at"), null=True, editable=False)
    probes = models.PositiveSmallIntegerField(_("probes in vain"), default=0, editable=False)
    failures = models.PositiveSmallIntegerField(_("failures in a row"), default=0, editable=False)
    credit = models.BigIntegerField(_("credit, in rial"), null=True, editable=False)
    low_credit = models.PositiveBigIntegerField(
        _("warn below this credit, in rial"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    credit_asked_at = models.DateTimeField(null=True, editable=False)  # no other asks for some minutes
    checked_at = models.DateTimeField(_("last found in order"), null=True, editable=False)
    # The latest refusal or failure; it stays when all is well again.
    error_code = models.CharField(_("code of the last error"), max_length=64, blank=True, editable=False)
    error_text = models.TextField(_("the provider's words with it"), blank=True, editable=False)
    error_at = models.DateTimeField(_("last error at"), null=True, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    objects = ProviderAccountQuerySet.as_manager()

    class Meta:
        verbose_name = _("provider account")
        verbose_name_plural = _("provider accounts")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("providers:account", args=[self.pk])

    @property
    def secrets(self) -> Credentials:
        """The credentials in clear, for a request only.

        Raises:
            providers.secrets.UndecryptableSecret: the keys of this installation don't open them.
        """
        value = self.credentials
        return decrypt(value) if isinstance(value, str) else Credentials(value)

    @property
    def is_unreachable(self) -> bool:
        """Its breaker is open because calls came to nothing, and not because the provider refused it."""
        return self.breaker != self.Breaker.CLOSED and self.failures >= FAILURES

    @property
    def is_low(self) -> bool:
        """Its credit has fallen below the one to warn at."""
        return self.credit is not None and self.low_credit is not None and self.credit < self.low_credit

    @property
    def webhook_path(self) -> str:
        """The path of this account's webhook, without a leading slash, as printed and shown to operators."""
        return f"webhooks/{self.pk}/{self.webhook_token}/"


class SenderLine(models.Model):
    """A number, bot or phone that messages come from."""

    class Kind(models.TextChoices):
        ADVERTISING = "advertising", _("advertising")
        SERVICE = "service", _("service")

    class Channel(models.TextChoices):
        SMS = "sms", _("SMS")
        BALE = "bale", _("Bale")

    account = models.ForeignKey(ProviderAccount, models.PROTECT, related_name="lines", verbose_name=_("account"))
    sender = models.CharField(_("sender"), max_length=64)
    name = models.CharField(_("name"), max_length=100, blank=True)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind, default=Kind.ADVERTISING)
    channel = models.CharField(_("channel"), max_length=8, choices=Channel, default=Channel.SMS)
    window_start = models.TimeField(_("sends from"), default=dt.time(8, 0))
    window_end = models.TimeField(_("sends until"), default=dt.time(21, 0))
    part_size = models.PositiveSmallIntegerField(_("characters a part"), default=67, choices=[(67, "67"), (66, "66")])
    opt_out_suffix = models.CharField(_("opt-out suffix"), max_length=20, default="لغو11", blank=True)
    daily_cap = models.PositiveIntegerField(
        _("messages a day"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    rests_on_holidays = models.BooleanField(_("rests on holidays"), default=True)
    enabled = models.BooleanField(_("enabled"), default=True)

    objects = SenderLineQuerySet.as_manager()

    class Meta:
        verbose_name = _("sender line")
        verbose_name_plural = _("sender lines")
        ordering = ["account", "sender"]
        constraints = [
            models.UniqueConstraint(fields=["account", "sender"], name="senderline_once_per_account"),
        ]

    def __str__(self) -> str:
        # Isolated: within a Persian name the plus of +98PRO would stand on its wrong side.
        return f"{self.name} ({persian.isolated(self.sender)})" if self.name else self.sender

    @property
    def is_advertising(self) -> bool:
        """Advertising lines carry the opt-out suffix and keep to their window."""
        return self.kind == self.Kind.ADVERTISING

    @property
    def suffix(self) -> str:
        """What is appended to a text on this line, or an empty text."""
        return self.opt_out_suffix if self.is_advertising else ""


class Holiday(models.Model):
    """A day (of the project's time zone) on which advertising lines rest, except those that are told not to."""

    day = models.DateField(_("day"), unique=True)
    name = models.CharField(_("name"), max_length=100, blank=True)

    class Meta:
        verbose_name = _("holiday")
        verbose_name_plural = _("holidays")
        ordering = ["day"]

    def __str__(self) -> str:
        return self.name or str(self.day)

    @classmethod
    def rests_of(cls, line: SenderLine, since: dt.date) -> frozenset[dt.date]:
        """The days from ``since`` on, itself included, on which a line rests."""
        if not (line.is_advertising and line.rests_on_holidays):
            return frozenset()
        return frozenset(cls.objects.filter(day__gte=since).values_list("day", flat=True))


class DailyCount(models.Model):
    """How many messages a line has been given on one day (Asia/Tehran), for its daily cap."""

    line = models.ForeignKey(SenderLine, models.CASCADE, related_name="daily_counts", verbose_name=_("line"))
    day = models.DateField(_("day"))
    messages = models.PositiveIntegerField(_("messages"), default=0)

    class Meta:
        verbose_name = _("daily count")
        verbose_name_plural = _("daily counts")
        constraints = [
            models.UniqueConstraint(fields=["line", "day"], name="dailycount_once"),
        ]

    def __str__(self) -> str:
        return f"{self.line}, {self.day}: {self.messages}"


class Tariff(models.Model):
    """The price of one part on a line, in rial; for one operator, or for all that have no row of their own."""

    class Operator(models.IntegerChoices):
        ANY = 0, _("all operators")
        MCI = 1, _("MCI")
        IRANCELL = 2, _("Irancell")
        OTHER = 13, _("other operators")

    class Encoding(models.TextChoices):
        UCS2 = "ucs2", _("Persian (UCS-2)")
        GSM7 = "gsm7", _("Latin (GSM-7)")

    line = models.ForeignKey(SenderLine, models.CASCADE, related_name="tariffs", verbose_name=_("line"))
    operator = models.PositiveSmallIntegerField(_("operator"), choices=Operator, default=Operator.ANY)
    encoding = models.CharField(_("encoding"), max_length=4, choices=Encoding, default=Encoding.UCS2)
    rial_per_part = models.PositiveIntegerField(_("rial a part"))

    class Meta:
        verbose_name = _("tariff")
        verbose_name_plural = _("tariffs")
        constraints = [
            models.UniqueConstraint(fields=["line", "operator", "encoding"], name="tariff_once_per_line"),
        ]

    def __str__(self) -> str:
        return f"{self.line}: {self.rial_per_part}"


class UploadedFile(models.Model):
    """A file for Bale messages: uploaded once an account and content, then named by the provider's id."""

    account = models.ForeignKey(ProviderAccount, models.CASCADE, verbose_name=_("account"))
    sha256 = models.CharField(max_length=64)
    filename = models.CharField(_("file name"), max_length=200)
    content_type = models.CharField(_("content type"), max_length=100)
    size = models.PositiveBigIntegerField(_("size in bytes"))
    path = models.CharField(max_length=300, editable=False)
    provider_ref = models.CharField(_("the provider's id"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("uploaded file")
        verbose_name_plural = _("uploaded files")
        constraints = [
            models.UniqueConstraint(fields=["account", "sha256"], name="uploadedfile_once_per_content"),
            models.CheckConstraint(condition=Q(size__gt=0), name="uploadedfile_is_not_empty"),
        ]

    def __str__(self) -> str:
        return self.filename

    @property
    def extension(self) -> str:
        """What the name ends in, in lower case, without the dot."""
        return extension_of(self.filename)
