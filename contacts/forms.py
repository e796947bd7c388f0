"""Forms of contacts and phonebooks."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from contacts import phones
from contacts.category_forms import CategoryChoice
from contacts.importing import mapping
from contacts.importing.cleaning import MAX_VALUE
from contacts.importing.reasons import sentence
from contacts.models import Contact, JobCategory, Phonebook

INPUT = {"class": "input w-full"}
MAX_KEY = 2**63 - 1


class TypedPhoneField(forms.CharField):
    """A number in any form that people type; its value is E.164."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {**INPUT, "dir": "ltr", "inputmode": "tel", "autocomplete": "off", "placeholder": "0912 123 4567"}
        super().__init__(label=_("phone"), max_length=40, widget=forms.TextInput(attrs=attrs), **kwargs)

    def clean(self, value: Any) -> str:
        try:
            return phones.normalise(super().clean(value))
        except phones.InvalidPhone as error:
            raise forms.ValidationError(sentence(error.code), code=error.code) from None


class PhonebookChoices(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # no argument at run time
    """Phonebooks by key. A key beyond the column's range is no choice, where a database would only fail on it."""

    def clean(self, value: Any) -> Any:
        for key in value or ():
            if str(key).isdecimal() and int(str(key)[:20]) > MAX_KEY:
                raise forms.ValidationError(
                    self.error_messages["invalid_choice"], code="invalid_choice", params={"value": str(key)[:20]}
                )
        return super().clean(value)


class ContactForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes no argument at run time
    """A contact, its attributes as lines of ``key: value``, and the phonebooks it is in."""

    phone = TypedPhoneField()
    attribute_lines = forms.CharField(
        label=_("attributes"),
        required=False,
        help_text=_("One a line, such as “city: Tehran”. A message can then say {city}."),
        widget=forms.Textarea(attrs={"class": "textarea w-full", "rows": 4, "dir": "auto"}),
    )
    phonebooks = PhonebookChoices(
        Phonebook.objects.none(), label=_("phonebooks"), required=False, widget=forms.CheckboxSelectMultiple
    )

    job_category = CategoryChoice(_("job category"), _("none"))

    class Meta:
        model = Contact
        fields = ["phone", "first_name", "last_name", "job_category"]
        widgets = {"first_name": forms.TextInput(attrs=INPUT), "last_name": forms.TextInput(attrs=INPUT)}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["phonebooks"].queryset = Phonebook.objects.ours()  # type: ignore[attr-defined]
        self.fields["job_category"].queryset = JobCategory.objects.ours().in_tree_order()  # type: ignore[attr-defined]
        if self.instance.pk:
            self.initial["phonebooks"] = Phonebook.objects.ours().filter(membership__contact=self.instance)
        lines = (f"{key}: {value}" for key, value in self.instance.attributes.items())
        self.initial["attribute_lines"] = "\n".join(lines)

    def clean_first_name(self) -> str:
        return " ".join(self.cleaned_data["first_name"].translate(mapping.LETTERS).split())

    def clean_last_name(self) -> str:
        return " ".join(self.cleaned_data["last_name"].translate(mapping.LETTERS).split())

    def clean_attribute_lines(self) -> dict[str, str]:
        """The attributes; a key becomes one that can stand in a placeholder."""
        found: dict[str, str] = {}
        for line in filter(str.strip, self.cleaned_data["attribute_lines"].splitlines()):
            key, colon, value = line.partition(":")
            if not (colon and key.strip()):
                raise forms.ValidationError(gettext("Write each line as “key: value”."))
            if len(value) > MAX_VALUE:
                raise forms.ValidationError(gettext("The value is longer than 1,000 characters."))
            if value.strip():
                found[mapping.attribute_key(key)] = value.strip()
        return found

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's own hook
        if "attribute_lines" in self.cleaned_data:
            self.instance.attributes = self.cleaned_data["attribute_lines"]
        if "phone" in self.cleaned_data:
            self.instance.operator = phones.operator_of(self.cleaned_data["phone"])


class PhonebookForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes no argument at run time
    """A phonebook that is kept here."""

    class Meta:
        model = Phonebook
        fields = ["name"]
        widgets = {"name": forms.TextInput(attrs=INPUT)}

    def clean_name(self) -> str:
        name = " ".join(self.cleaned_data["name"].translate(mapping.LETTERS).split())
        if Phonebook.objects.ours().filter(name=name).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(gettext("There is a phonebook of this name already."))
        return name
