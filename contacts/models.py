"""Contacts, phonebooks, job categories, suppressions; the imports and the mirrorings that bring them in."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from contacts.fields import PhoneField
from contacts.querysets import (
    ContactImportQuerySet,
    ContactQuerySet,
    MirroringQuerySet,
    PhonebookQuerySet,
    ProviderNumberQuerySet,
    SuppressionQuerySet,
)
from providers.models import ProviderAccount, SenderLine


class Operator(models.IntegerChoices):
    """The operator that a prefix points to. Numbers are portable between operators: an estimate."""

    UNKNOWN = 0, _("unknown")
    MCI = 1, _("MCI")
    IRANCELL = 2, _("Irancell")
    OTHER = 13, _("other operators")


class Mirrored(models.Model):
    """What is ours, or the mirror of a thing that a provider keeps: then with the account, and its id there.

    ``gone_since``: no longer at the provider, but a campaign names it, so that it cannot be removed.
    """

    account = models.ForeignKey(ProviderAccount, models.CASCADE, null=True, blank=True, verbose_name=_("account"))
    provider_ref = models.CharField(_("the provider's id"), max_length=64, blank=True)
    seen_in = models.BigIntegerField(null=True, editable=False)  # the mirroring that found it there last
    gone_since = models.DateTimeField(_("gone at the provider since"), null=True, blank=True, editable=False)

    class Meta:
        abstract = True


class JobCategory(Mirrored):
    """A job category, main or sub (two levels)."""

    name = models.CharField(_("name"), max_length=150)
    parent = models.ForeignKey(
        "self", models.CASCADE, null=True, blank=True, related_name="children", verbose_name=_("main category")
    )

    class Meta:
        verbose_name = _("job category")
        verbose_name_plural = _("job categories")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["name"], condition=Q(account=None, parent=None), name="category_name_once"),
            models.UniqueConstraint(
                fields=["name", "parent"],
                condition=Q(account=None, parent__isnull=False),
                name="subcategory_name_once",
            ),
            models.UniqueConstraint(
                fields=["account", "provider_ref"],
                condition=Q(account__isnull=False, parent=None),
                name="category_mirrored_once",
            ),
            models.UniqueConstraint(
                fields=["account", "parent", "provider_ref"],
                condition=Q(account__isnull=False, parent__isnull=False),
                name="subcategory_mirrored_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.parent.name} / {self.name}" if self.parent else self.name


class Contact(models.Model):
    """One phone number and what is known of its owner.

    A million rows: no database foreign keys, and no index beyond the key, the number and the rarely filled category.
    """

    phone = PhoneField(_("phone"), unique=True)
    first_name = models.CharField(_("first name"), max_length=100, blank=True, default="")
    last_name = models.CharField(_("last name"), max_length=100, blank=True, default="")
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    operator = models.PositiveSmallIntegerField(
        _("operator (estimate)"), choices=Operator, default=Operator.UNKNOWN, editable=False
    )
    job_category = models.ForeignKey(
        JobCategory,
        models.SET_NULL,
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
        verbose_name=_("job category"),
    )
    not_on_bale_since = models.DateTimeField(_("not on Bale since"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    objects = ContactQuerySet.as_manager()

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        indexes = [
            models.Index(
                fields=["job_category", "operator"],
                condition=Q(job_category__isnull=False),
                name="contact_by_category",
            ),
        ]

    def __str__(self) -> str:
        return self.full_name or self.phone

    def get_absolute_url(self) -> str:
        return reverse("contacts:contact_edit", args=[self.pk])

    @property
    def full_name(self) -> str:
        """First and last name, or an empty text."""
        return f"{self.first_name} {self.last_name}".strip()


class Phonebook(Mirrored):
    """A list of contacts; of a mirror, ``size`` is what the provider says."""

    name = models.CharField(_("name"), max_length=150)
    size = models.PositiveIntegerField(_("contacts"), default=0, editable=False)  # kept with every membership change
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    objects = PhonebookQuerySet.as_manager()

    class Meta:
        verbose_name = _("phonebook")
        verbose_name_plural = _("phonebooks")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["name"], condition=Q(account=None), name="phonebook_name_once"),
            models.UniqueConstraint(
                fields=["account", "provider_ref"],
                condition=Q(account__isnull=False),
                name="phonebook_mirrored_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("contacts:mirrored_phonebook" if self.account_id else "contacts:phonebook", args=[self.pk])


class Membership(models.Model):
    """A contact in a phonebook. Ordered by id: the order in which contacts were added."""

    phonebook = models.ForeignKey(
        Phonebook, models.CASCADE, db_constraint=False, db_index=False, verbose_name=_("phonebook")
    )
    contact = models.ForeignKey(Contact, models.CASCADE, db_constraint=False, verbose_name=_("contact"))

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(fields=["phonebook", "contact"], name="membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.phonebook_id}: {self.contact_id}"


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


class ContactImport(models.Model):
    """One file's import.

    ``uploaded → running → completed | failed``; ``cancelled`` from the first two. A worker holds a running import by a
    lease (the database's clock) and commits each chunk of rows together with the counts and ``rows_done``, the data row
    after which a restarted worker goes on. At every commit ``rows_done = new + updated + unchanged + repeated +
    refused``.
    """

    class Status(models.TextChoices):
        UPLOADED = "uploaded", _("waiting for its columns to be confirmed")
        RUNNING = "running", _("running")
        COMPLETED = "completed", _("completed")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    class Policy(models.TextChoices):
        FILL = "fill", _("fill in what is blank")
        OVERWRITE = "overwrite", _("overwrite")
        LEAVE = "leave", _("leave as it is")

    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.UPLOADED)
    phonebook = models.ForeignKey(Phonebook, models.SET_NULL, null=True, verbose_name=_("phonebook"))
    filename = models.CharField(_("file name"), max_length=255)
    path = models.CharField(max_length=300, editable=False)
    size = models.PositiveBigIntegerField(_("size in bytes"), default=0)
    encoding = models.CharField(_("encoding"), max_length=20, blank=True)
    delimiter = models.CharField(_("delimiter"), max_length=1, blank=True)
    header: models.JSONField[Any, Any] = models.JSONField(_("header"), default=list)
    mapping: models.JSONField[Any, Any] = models.JSONField(_("columns"), default=dict)
    policy = models.CharField(_("for known contacts"), max_length=10, choices=Policy, default=Policy.FILL)
    dry_run = models.BooleanField(_("dry run"), default=False)
    rows_done = models.PositiveIntegerField(_("rows"), default=0)
    bytes_done = models.PositiveBigIntegerField(_("bytes read"), default=0)
    new = models.PositiveIntegerField(_("new"), default=0)
    updated = models.PositiveIntegerField(_("updated"), default=0)
    unchanged = models.PositiveIntegerField(_("unchanged"), default=0)
    repeated = models.PositiveIntegerField(_("repeated in the file"), default=0)
    refused = models.PositiveIntegerField(_("refused"), default=0)
    owner = models.CharField(max_length=64, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    error = models.TextField(_("why it failed"), blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, verbose_name=_("created by")
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    started_at = models.DateTimeField(_("started at"), null=True)
    finished_at = models.DateTimeField(_("finished at"), null=True)

    objects = ContactImportQuerySet.as_manager()

    class Meta:
        verbose_name = _("contact import")
        verbose_name_plural = _("contact imports")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(rows_done=F("new") + F("updated") + F("unchanged") + F("repeated") + F("refused")),
                name="import_accounts_for_every_row",
            ),
        ]

    def __str__(self) -> str:
        return self.filename

    def get_absolute_url(self) -> str:
        return reverse("contacts:import_detail", args=[self.pk])


class ImportIssue(models.Model):
    """A row that an import refused: where it stood, what it held, and why."""

    contact_import = models.ForeignKey(
        ContactImport, models.CASCADE, related_name="issues", verbose_name=_("contact import")
    )
    line = models.PositiveIntegerField(_("line"))
    column = models.CharField(_("column"), max_length=200, blank=True)
    value = models.TextField(_("value"), blank=True)
    code = models.CharField(_("reason"), max_length=40)
    row: models.JSONField[Any, Any] = models.JSONField(_("the row"), default=list)

    class Meta:
        verbose_name = _("import issue")
        verbose_name_plural = _("import issues")

    def __str__(self) -> str:
        return f"{self.line}: {self.code}"


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
        return self.name or self.phone


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
