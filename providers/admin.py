"""Accounts, lines, tariffs and files in the admin. Credentials are write-only there too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from interface.admin import JalaliDates
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
from providers.models import Holiday, ProviderAccount, SenderLine, Tariff, UploadedFile

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
        fields = ("name", "slug", "base_url", "enabled", "batch_size", "requests_per_second")

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
    fields = ("sender", "name", "kind", "channel", "daily_cap", "enabled")


class TariffInline(TariffTabularInline):
    model = Tariff
    extra = 0


@admin.register(ProviderAccount)
class ProviderAccountAdmin(JalaliDates):
    form = _with_credential_inputs()
    list_display = ("name", "slug", "base_url", "enabled", "breaker")
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
        "slowed_to",
        "slowed_at",
        "created_at",
    )
    inlines = (LineInline,)
    show_full_result_count = False

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
    inlines = (TariffInline,)
    show_full_result_count = False


@admin.register(Tariff)
class TariffAdmin(JalaliDates):
    list_display = ("line", "operator", "encoding", "rial_per_part")
    list_filter = ("operator", "encoding")
    list_select_related = ("line",)
    search_fields = ("line__sender", "line__name")
    autocomplete_fields = ("line",)
    show_full_result_count = False


@admin.register(Holiday)
class HolidayAdmin(JalaliDates):
    list_display = ("day", "name")
    search_fields = ("name",)
    show_full_result_count = False


@admin.register(UploadedFile)
class UploadedFileAdmin(JalaliDates):
    """Files are uploaded where campaigns are composed; here they are only looked at."""

    list_display = ("filename", "account", "content_type", "size", "created_at")
    list_select_related = ("account",)
    search_fields = ("filename", "provider_ref")
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: UploadedFile | None = None) -> bool:
        return False
