"""Contacts, the phonebooks that they are in, and their job categories."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from contacts.fields import PhoneField
from contacts.querysets import ContactQuerySet, JobCategoryQuerySet, PhonebookQuerySet
from interface import masking
from providers.models import ProviderAccount


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

    objects = JobCategoryQuerySet.as_manager()

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

    def get_absolute_url(self) -> str:
        if self.account_id:
            return reverse("contacts:mirrored_categories", args=[self.account_id])
        return reverse("contacts:category", args=[self.pk])

    def clean(self) -> None:
        """Two levels, within what is ours or within one account, and of ours each name once in its place."""
        problems = {"parent": self._misplaced(), "name": self._taken()}
        if told := {field: words for field, words in problems.items() if words}:
            raise ValidationError(told)

    def _misplaced(self) -> str:
        if self.parent is None:
            return ""
        if self.parent.pk == self.pk or self.parent.parent_id is not None:
            return gettext("A sub-category cannot have sub-categories: choose a main category.")
        if self.parent.account_id != self.account_id:
            return gettext("Choose a main category that is kept in the same place.")
        if self.pk and self.children.exists():
            return gettext("It has sub-categories of its own, so it stays a main category.")
        return ""

    def _taken(self) -> str:
        twins = JobCategory.objects.ours().filter(name=self.name, parent=self.parent_id).exclude(pk=self.pk)
        if self.account_id is not None or not twins.exists():
            return ""
        if self.parent is None:
            return gettext("There is a main category of this name already.")
        return gettext("This main category has a sub-category of this name already.")


class Contact(models.Model):
    """One phone number and what is known of its owner.

    A million rows: no database foreign keys, and no index beyond the key, the number, the rarely filled category and,
    on PostgreSQL, the words of names and attributes (``ContactQuerySet.with_words``) and small ones for the filters of
    the list (``0010_filters_are_found``).
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
    made_in = models.BigIntegerField(null=True, editable=False)  # the import that made it
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)  # equal to created_at while nothing touched it

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
        permissions = [
            ("export_contact", "Can export contacts"),
            ("see_numbers", "Can see whole phone numbers"),
        ]

    def __str__(self) -> str:
        return self.full_name or masking.shown(self.phone)

    def get_absolute_url(self) -> str:
        return reverse("contacts:contact", args=[self.pk])

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
    made_in = models.BigIntegerField(null=True, editable=False)  # the import that made it

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(fields=["phonebook", "contact"], name="membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.phonebook_id}: {self.contact_id}"
