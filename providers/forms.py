"""Forms for accounts and lines. Credentials go in and never come out: no widget renders a stored value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from interface import persian
from providers import registry
from providers.base import Capabilities, CredentialField, Provider
from providers.models import ProviderAccount, SenderLine, Tariff
from providers.querysets import CLEARED
from providers.secrets import UndecryptableSecret

if TYPE_CHECKING:  # Django's own classes take no parameters when the program runs
    AccountModelForm = forms.ModelForm[ProviderAccount]
    LineModelForm = forms.ModelForm[SenderLine]
else:
    AccountModelForm = LineModelForm = forms.ModelForm

PREFIX, REMOVED = "credential_", "_removed"


def provider_choices() -> list[tuple[str, str]]:
    """Slug and name of every provider, in the reader's language."""
    return [(slug, gettext(label)) for slug, label in registry.choices()]


def clean_credential(value: str) -> str:
    """A credential as it goes into a header: visible ASCII.

    Raises:
        ValidationError: it holds a space, a line break or a letter that no header can carry; the text doesn't show it.
    """
    value = value.strip()
    if not all("!" <= character <= "~" for character in value):
        raise ValidationError(_("A credential has visible Latin characters only, without spaces."), code="credential")
    return value


def clean_base_url(value: str) -> str:
    """A base URL without a trailing slash.

    Raises:
        ValidationError: it carries a user, a query or a fragment, or its host or port cannot be.
    """
    try:
        parts = urlsplit(value)
        _port = parts.port
    except ValueError:
        raise ValidationError(gettext("Enter a valid URL."), code="base_url") from None
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValidationError(_("Give the address only, without user, query or fragment."), code="base_url")
    return value.rstrip("/")


def keyless(account: ProviderAccount) -> Provider:
    """The account's backend without its credentials, for questions that need none."""
    return registry.provider_class(account.slug)(account.base_url, {})


def check_sender(provider: Provider, sender: str) -> None:
    """Make sure that a sender has the form that goes onto the wire.

    Raises:
        ValidationError: it has not; the text says what it looks like.
    """
    if not provider.knows_sender(sender):
        raise ValidationError(gettext(provider.sender_hint), code="sender")


def saved_credentials(account: ProviderAccount) -> frozenset[str]:
    """The names of what is stored for an account; of all that it needs where the keys don't open it."""
    if account._state.adding:
        return frozenset()
    try:
        return frozenset(name for name, value in account.secrets.items() if value)
    except UndecryptableSecret:
        fields = registry.PROVIDERS[account.slug].credential_fields if account.slug in registry.PROVIDERS else ()
        return frozenset(each.name for each in fields if each.required)


class CredentialInput(forms.PasswordInput):
    """A password input that is always empty, and that browsers don't fill with the operator's own password."""

    def __init__(self) -> None:
        super().__init__(attrs={"autocomplete": "new-password", "dir": "ltr"}, render_value=False)


def dress(form: forms.BaseForm) -> None:
    """Give every widget the look of the site."""
    for field in form.fields.values():
        look = "input w-full"
        if isinstance(field, forms.BooleanField):
            look = "toggle toggle-primary"
        elif isinstance(field, forms.ChoiceField):
            look = "select w-full"
        field.widget.attrs["class"] = look


class CredentialsMixin(AccountModelForm):
    """Reads and writes the credential inputs of one provider; an empty input keeps what is stored."""

    def add_credential_inputs(self, credential_fields: Iterable[CredentialField]) -> None:
        adding = self.instance._state.adding
        saved = saved_credentials(self.instance)
        for each in credential_fields:
            hint = "" if each.required else _("May stay empty.")
            self.fields[PREFIX + each.name] = forms.CharField(
                label=gettext(each.label),
                widget=CredentialInput(),
                required=each.required and adding,
                help_text=_("Saved. Leave it empty to keep it.") if each.name in saved else hint,
                max_length=4000,
            )
            if each.name in saved and not each.required:
                self.fields[PREFIX + each.name + REMOVED] = forms.BooleanField(
                    label=gettext("Remove the saved %(credential)s") % {"credential": gettext(each.label)},
                    required=False,
                )

    def given_credentials(self, slug: str) -> dict[str, str]:
        """What was typed for this provider, checked; errors go to their inputs."""
        given = {}
        for each in registry.provider_class(slug).credential_fields:
            try:
                if value := clean_credential(self.cleaned_data.get(PREFIX + each.name) or ""):
                    given[each.name] = value
            except ValidationError as error:
                self.add_error(PREFIX + each.name, error)
        return given

    def check_account(self, slug: str, given: dict[str, str]) -> None:
        """Rules that need the whole account: limits of its provider, and no stored token for a new host."""
        provider = registry.provider_class(slug)
        size, most = self.cleaned_data.get("batch_size"), provider.capabilities.max_batch
        if size and provider.capabilities.keeps_audience:
            self.add_error("batch_size", gettext("This provider keeps the recipients itself: leave it empty."))
        elif size and size > most:
            said = gettext("At most %(most)s recipients a request.") % {"most": persian.number(most)}
            self.add_error("batch_size", said)
        missing = [each.name for each in provider.credential_fields if each.required and each.name not in given]
        for name in missing if self._starts_afresh() else ():
            if PREFIX + name in self.fields and PREFIX + name not in self.errors:
                self.add_error(PREFIX + name, gettext("Needed for a new account, and again for a new address."))

    def store_credentials(self, given: dict[str, str]) -> bool:
        """Merge what was typed into what is stored, and tell whether it changed; a change closes the breaker."""
        known = registry.provider_class(self.instance.slug).credential_fields
        removed = {each.name for each in known if self.cleaned_data.get(PREFIX + each.name + REMOVED)}
        if not given and not removed:
            return False
        kept = self._kept(given, {each.name for each in known}, {each.name for each in known if each.required})
        self.instance.credentials = {**{name: kept[name] for name in kept if name not in removed}, **given}
        for name, value in CLEARED.items():
            setattr(self.instance, name, value)
        return True

    def _starts_afresh(self) -> bool:
        """A new account, another provider or another host: nothing that is stored is for it."""
        moved = "base_url" in self.changed_data and _host(self.initial.get("base_url")) != _host(
            self.cleaned_data.get("base_url")
        )
        return self.instance._state.adding or moved or "slug" in self.changed_data

    def _kept(self, given: dict[str, str], known: set[str], needed: set[str]) -> dict[str, str]:
        """What stays of the stored credentials beside those that were typed."""
        if self._starts_afresh() or known == given.keys():
            return {}
        try:
            return {name: value for name, value in self.instance.secrets.items() if name in known}
        except UndecryptableSecret:
            if needed <= given.keys():
                return {}
            raise


class AccountForm(CredentialsMixin):
    """An account of a provider that is already chosen."""

    class Meta:
        model = ProviderAccount
        fields = ("name", "base_url", "enabled", "batch_size", "requests_per_second", "low_credit")
        widgets = {"base_url": forms.TextInput(attrs={"dir": "ltr", "inputmode": "url"})}

    def __init__(self, *args: Any, slug: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance._state.adding:
            self.instance.slug = slug
            self.initial.setdefault("base_url", registry.provider_class(slug).default_base_url)
        provider = registry.provider_class(self.instance.slug)
        self.add_credential_inputs(provider.credential_fields)
        self._explain_limits(provider.capabilities)
        dress(self)

    def _explain_limits(self, capabilities: Capabilities) -> None:
        """Say what an empty limit comes to, and leave out what this provider has no use for."""
        pace = self.fields["requests_per_second"]
        pace.help_text = _("Empty: as fast as the provider answers.")
        if capabilities.pace is not None:
            said = gettext("Empty: %(pace)s a second, the pace to begin with at this provider.")
            pace.help_text = said % {"pace": persian.decimal(capabilities.pace)}
        if capabilities.credit:
            self.fields["low_credit"].help_text = _("The dashboard tells when the credit falls below it. Empty: never.")
        else:
            del self.fields["low_credit"]
        if capabilities.keeps_audience:
            del self.fields["batch_size"]
            return
        said = gettext("Empty: the installation's default. At most %(most)s.")
        self.fields["batch_size"].help_text = said % {"most": persian.number(capabilities.max_batch)}

    def clean_base_url(self) -> str:
        return clean_base_url(self.cleaned_data["base_url"])

    def clean(self) -> dict[str, Any]:
        super().clean()
        self.given = self.given_credentials(self.instance.slug)
        self.check_account(self.instance.slug, self.given)
        return self.cleaned_data

    def save(self, commit: bool = True) -> ProviderAccount:
        changed = self.store_credentials(self.given)
        if self.instance._state.adding or not commit:
            account: ProviderAccount = super().save(commit)
            return account
        # Only what the form holds: the worker may be writing the pace and the breaker of the same row.
        also = ["credentials", *CLEARED] if changed else []
        self.instance.save(update_fields=[*AccountForm.Meta.fields, *also])
        return self.instance


class LineForm(LineModelForm):
    """A line of an account, with its price a part for Persian and for Latin texts."""

    price_ucs2 = forms.IntegerField(label=_("rial a part, Persian"), min_value=0, max_value=10**7, required=False)
    price_gsm7 = forms.IntegerField(label=_("rial a part, Latin"), min_value=0, max_value=10**7, required=False)

    class Meta:
        model = SenderLine
        fields = (
            "sender",
            "name",
            "kind",
            "channel",
            "window_start",
            "window_end",
            "rests_on_holidays",
            "part_size",
            "opt_out_suffix",
            "daily_cap",
            "enabled",
        )
        widgets = {
            "sender": forms.TextInput(attrs={"dir": "ltr"}),
            "window_start": forms.TimeInput(format="%H:%M", attrs={"dir": "ltr", "placeholder": "08:00"}),
            "window_end": forms.TimeInput(format="%H:%M", attrs={"dir": "ltr", "placeholder": "21:00"}),
        }

    def __init__(self, *args: Any, account: ProviderAccount, **options: Any) -> None:
        super().__init__(*args, **options)
        self.provider = keyless(account)
        channels = self.provider.capabilities.channels
        if self.instance._state.adding:
            self.instance.account = account
            self.initial["channel"] = channels[0]
        channel = self.fields["channel"]
        if isinstance(channel, forms.ChoiceField):
            channel.choices = [choice for choice in SenderLine.Channel.choices if choice[0] in channels]
        self.fields["sender"].help_text = gettext(self.provider.sender_hint)
        sizes = self.fields["part_size"]
        if isinstance(sizes, forms.ChoiceField):
            sizes.choices = [
                (value, persian.digits(text)) for value, text in SenderLine._meta.get_field("part_size").flatchoices
            ]
        self.fields["window_start"].help_text = _("Service lines send at any hour.")
        self.fields["window_end"].help_text = _("Before the start: on the next day. The same: all day.")
        self.fields["daily_cap"].help_text = _("Empty: no cap. The day is counted in Tehran.")
        for tariff in self._tariffs():
            self.initial[f"price_{tariff.encoding}"] = tariff.rial_per_part
        dress(self)

    def clean_sender(self) -> str:
        sender: str = self.cleaned_data["sender"].strip()
        check_sender(self.provider, sender)
        if (
            SenderLine.objects.filter(account=self.instance.account, sender=sender)
            .exclude(pk=self.instance.pk)
            .exists()
        ):
            raise ValidationError(_("This account has this sender already."), code="unique")
        return sender

    def save(self, commit: bool = True) -> SenderLine:
        line: SenderLine = super().save(commit)
        for encoding in Tariff.Encoding.values:
            price = self.cleaned_data[f"price_{encoding}"]
            scope: dict[str, Any] = {"line": line, "operator": Tariff.Operator.ANY, "encoding": encoding}
            if price is None:
                Tariff.objects.filter(**scope).delete()
            else:
                Tariff.objects.update_or_create(**scope, defaults={"rial_per_part": price})
        return line

    def _tariffs(self) -> Iterable[Tariff]:
        return self.instance.tariffs.filter(operator=Tariff.Operator.ANY) if self.instance.pk else ()


def _host(address: str | None) -> tuple[str, str]:
    parts = urlsplit(address or "")
    return parts.scheme, parts.netloc.lower()
