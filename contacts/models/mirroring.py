"""What a provider keeps, as it was fetched: numbers of its phonebooks, and the fetchings themselves."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from contacts.fields import PhoneField
from contacts.models.people import Phonebook
from contacts.querysets import MirroringQuerySet, ProviderNumberQuerySet
from interface import masking
from providers.models import ProviderAccount


class ProviderNumber(models.Model):
    """A number of a mirrored phonebook: the provider's id of it is what a campaign to chosen numbers names.

    Fetched on demand only. No database foreign key: a phonebook may have a million.
    """

    phonebook = models.ForeignKey(
        Phonebook, models.CASCADE, db_constraint=False, db_index=False, verbose_name=_("phonebook")
    )
    provider_ref = models.CharField(_("the provider's id"), max_length=64)
    phone = PhoneField(_("phone"))
    name = models.CharField(_("name"), max_length=150, blank=True)
    seen_in = models.BigIntegerField(editable=False)  # the mirroring that found it there last

    objects = ProviderNumberQuerySet.as_manager()

    class Meta:
        verbose_name = _("number at the provider")
        verbose_name_plural = _("numbers at the provider")
        constraints = [models.UniqueConstraint(fields=["phonebook", "provider_ref"], name="providernumber_once")]
        indexes = [
            models.Index(fields=["phonebook", "id"], name="providernumber_by_page"),
            models.Index(fields=["phonebook", "phone"], name="providernumber_by_phone"),
        ]

    def __str__(self) -> str:
        return self.name or masking.shown(self.phone)


class Mirroring(models.Model):
    """A pass over what a provider keeps: an account's lines, phonebooks and job categories; or a phonebook's numbers.

    ``running → completed | failed``. A worker holds it by a lease (the database's clock). Each page is committed with
    ``stage``, ``page`` (how many of the stage's pages are in) and the counts; a restarted worker goes on after it.
    ``done`` of ``total`` is the stage's progress; ``senders`` are the lines that the provider listed.
    """

    class Status(models.TextChoices):
        RUNNING = "running", _("running")
        COMPLETED = "completed", _("completed")
        FAILED = "failed", _("failed")

    class Stage(models.TextChoices):
        LINES = "lines", _("lines")
        PHONEBOOKS = "phonebooks", _("phonebooks")
        CATEGORIES = "categories", _("job categories")
        SUBCATEGORIES = "subcategories", _("sub-categories")
        NUMBERS = "numbers", _("numbers")

    account = models.ForeignKey(ProviderAccount, models.CASCADE, verbose_name=_("account"))
    phonebook = models.ForeignKey(Phonebook, models.CASCADE, null=True, blank=True, verbose_name=_("phonebook"))
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.RUNNING)
    stage = models.CharField(_("stage"), max_length=14, choices=Stage)
    page = models.PositiveIntegerField(_("pages"), default=0)
    done = models.PositiveIntegerField(_("done"), default=0)
    total = models.PositiveIntegerField(_("total"), null=True)
    counts: models.JSONField[Any, Any] = models.JSONField(_("counts"), default=dict)
    senders: models.JSONField[Any, Any] = models.JSONField(default=list, editable=False)
    attempts = models.PositiveSmallIntegerField(_("attempts in a row"), default=0)
    owner = models.CharField(max_length=64, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    error = models.CharField(_("why it failed"), max_length=64, blank=True)
    error_text = models.TextField(_("the provider's words"), blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, verbose_name=_("created by")
    )
    started_at = models.DateTimeField(_("started at"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished at"), null=True)

    objects = MirroringQuerySet.as_manager()

    class Meta:
        verbose_name = _("fetching from a provider")
        verbose_name_plural = _("fetchings from providers")
        ordering = ["-id"]
        constraints = [  # one at a time
            models.UniqueConstraint(
                fields=["account"], condition=Q(status="running", phonebook=None), name="mirroring_once_per_account"
            ),
            models.UniqueConstraint(
                fields=["phonebook"],
                condition=Q(status="running", phonebook__isnull=False),
                name="mirroring_once_per_phonebook",
            ),
        ]

    def __str__(self) -> str:
        return str(self.phonebook or self.account)
