"""Accounts, lines, tariffs and files in the admin. Credentials are write-only there too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import PROTECT, ManyToOneRel
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from interface.admin import DayMonths, JalaliDates, months
from providers import registry
from providers.forms import (
    PREFIX,
    CredentialInput,
    CredentialsMixin,
    check_sender,
    clean_base_url,
    keyless,
    provider_choices,
    saved_credentials,
)
from providers.models import DailyCount, Holiday, ProviderAccount, SenderLine, Tariff, UploadedFile

if TYPE_CHECKING:  # Django's own classes take no parameters when the program runs
    LineTabularInline = admin.TabularInline[SenderLine, ProviderAccount]
    TariffTabularInline = admin.TabularInline[Tariff, SenderLine]
    LineModelForm = forms.ModelForm[SenderLine]
else:
    LineTabularInline = TariffTabularInline = admin.TabularInline
    LineModelForm = forms.ModelForm


class AccountAdminForm(CredentialsMixin):
    """An account of any provider: one input for each credential that any of them has."""

    slug = forms.ChoiceField(label=_("provider"), choices=provider_choices)

    class Meta:
        model = ProviderAccount
        fields = ("name", "slug", "base_url", "enabled", "batch_size", "requests_per_second", "low_credit")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in saved_credentials(self.instance):
            if PREFIX + name in self.fields:
                self.fields[PREFIX + name].help_text = _("Saved. Leave it empty to keep it.")

    def clean_base_url(self) -> str:
        return clean_base_url(self.cleaned_data["base_url"])

    def clean(self) -> dict[str, Any]:
        super().clean()
        slug = self.cleaned_data.get("slug")
        self.given = self.given_credentials(slug) if slug else {}
        if slug:
            self.check_account(slug, self.given)
        return self.cleaned_data

    def save(self, commit: bool = True) -> ProviderAccount:
        self.store_credentials(self.given)
        account: ProviderAccount = super().save(commit)
        return account


def _with_credential_inputs() -> type[AccountAdminForm]:
    inputs = {
        PREFIX + each.name: forms.CharField(label=_(each.label), widget=CredentialInput(), required=False)
        for provider in registry.PROVIDERS.values()
        for each in provider.credential_fields
    }
    return type("AccountAdminFormWithInputs", (AccountAdminForm,), inputs)


class LineAdminForm(LineModelForm):
    """A line whose sender must have the form that its account's provider puts onto the wire."""

    def clean(self) -> dict[str, Any]:
        super().clean()
        account = self.cleaned_data.get("account") or getattr(self.instance, "account", None)
        sender = self.cleaned_data.get("sender")
        if sender and account is not None and account.slug in registry.PROVIDERS:
            try:
                check_sender(keyless(account), sender)
            except forms.ValidationError as error:
                self.add_error("sender", error)
        return self.cleaned_data


class LineInline(LineTabularInline):
    model = SenderLine
    form = LineAdminForm
    extra = 0
    can_delete = False
    show_change_link = True
    fields = ("sender", "name", "kind", "channel", "daily_cap", "enabled")


class TariffInline(TariffTabularInline):
    model = Tariff
    extra = 0


@admin.register(ProviderAccount)
class ProviderAccountAdmin(JalaliDates):
    form = _with_credential_inputs()
    list_display = ("name", "slug", "base_url", "enabled", "breaker", "credit", "checked_at")
    list_filter = ("slug", "enabled", "breaker")
    search_fields = ("name", "base_url")
    readonly_fields = (
        "breaker",
        "breaker_code",
        "breaker_text",
        "breaker_at",
        "probe_at",
        "failures",
        "credit",
        "checked_at",
        "error_code",
        "error_text",
        "error_at",
        "slowed_to",
        "slowed_at",
        "created_at",
    )
    inlines = (LineInline,)
    show_full_result_count = False

    def has_delete_permission(self, request: HttpRequest, obj: ProviderAccount | None = None) -> bool:
        """One by one, and only without lines: what was sent over one that has them refers to it by the million."""
        return obj is not None and not obj.lines.exists() and super().has_delete_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: ProviderAccount | None = None) -> Any:
        return super().get_readonly_fields(request, obj) if obj else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs.setdefault("fields", None)
        return super().get_form(request, obj, change, **kwargs)


@admin.register(SenderLine)
class SenderLineAdmin(JalaliDates):
    form = LineAdminForm
    list_display = ("sender", "name", "account", "kind", "channel", "enabled")
    list_filter = ("kind", "channel", "enabled", "account")
    list_select_related = ("account",)
    search_fields = ("sender", "name", "account__name")
    autocomplete_fields = ("account",)
    inlines = (TariffInline,)
    show_full_result_count = False

    def has_delete_permission(self, request: HttpRequest, obj: SenderLine | None = None) -> bool:
        """One by one, and only one that no campaign names; what it sent would be looked for by the million."""
        return obj is not None and not _is_named(obj) and super().has_delete_permission(request, obj)

    def view_on_site(self, obj: SenderLine) -> str:
        return obj.account.get_absolute_url()


def _is_named(line: SenderLine) -> bool:
    """Whether anything that keeps the line from being deleted names it, by an index."""
    related = [each for each in line._meta.get_fields(include_hidden=True) if isinstance(each, ManyToOneRel)]
    return any(
        each.related_model._base_manager.filter(**{each.field.name: line}).exists()
        for each in related
        if each.on_delete is PROTECT and getattr(each.field, "db_index", False)
    )


@admin.register(DailyCount)
class DailyCountAdmin(JalaliDates):
    """What was counted against a line's daily cap."""

    list_display = ("day", "line", "messages")
    list_filter = (months("day", DayMonths),)
    list_select_related = ("line",)
    search_fields = ("line__sender", "line__name")
    show_full_result_count = False
    ordering = ("-day", "line")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: DailyCount | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: DailyCount | None = None) -> bool:
        return False

    def view_on_site(self, obj: DailyCount) -> str:
        return obj.line.account.get_absolute_url()


@admin.register(Tariff)
class TariffAdmin(JalaliDates):
    list_display = ("line", "operator", "encoding", "rial_per_part")
    list_filter = ("operator", "encoding")
    list_select_related = ("line__account",)
    search_fields = ("line__sender", "line__name")
    autocomplete_fields = ("line",)
    show_full_result_count = False

    def view_on_site(self, obj: Tariff) -> str:
        return obj.line.account.get_absolute_url()


@admin.register(Holiday)
class HolidayAdmin(JalaliDates):
    list_display = ("day", "name")
    list_filter = (months("day", DayMonths),)
    search_fields = ("name",)
    show_full_result_count = False


@admin.register(UploadedFile)
class UploadedFileAdmin(JalaliDates):
    """Files are uploaded where campaigns are composed; here they are only looked at."""

    list_display = ("filename", "account", "content_type", "size", "created_at")
    list_select_related = ("account",)
    list_filter = (months("created_at"),)
    search_fields = ("filename", "provider_ref")
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: UploadedFile | None = None) -> bool:
        return False
