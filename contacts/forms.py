"""Forms of contacts, phonebooks and imports."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from contacts import phones
from contacts.importing import mapping
from contacts.importing.cleaning import MAX_VALUE
from contacts.importing.reasons import TOO_LARGE, UnreadableFile, file_sentence, sentence
from contacts.models import Contact, ContactImport, Phonebook

INPUT = {"class": "input w-full"}
MAX_KEY = 2**63 - 1
DROP_AREA = (
    "block h-52 w-full cursor-pointer rounded-box border-2 border-dashed border-base-300 bg-base-200/50 p-6 "
    "text-transparent hover:border-primary focus-visible:border-primary file:invisible"
)


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

    class Meta:
        model = Contact
        fields = ["phone", "first_name", "last_name"]
        widgets = {"first_name": forms.TextInput(attrs=INPUT), "last_name": forms.TextInput(attrs=INPUT)}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["phonebooks"].queryset = Phonebook.objects.ours()  # type: ignore[attr-defined]
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


class UploadForm(forms.Form):
    """A file, and where its contacts go: a phonebook that is there, or the name of a new one."""

    file = forms.FileField(
        label=_("CSV file"),
        allow_empty_file=True,  # an empty file gets our own sentence
        max_length=255,
        # The input is the whole dashed box: a file can be dropped anywhere on it, without a script.
        widget=forms.FileInput(attrs={"class": DROP_AREA, "accept": ".csv,.txt,.tsv,text/csv"}),
    )
    phonebook = forms.ModelChoiceField(
        Phonebook.objects.none(),
        label=_("phonebook"),
        required=False,
        empty_label=_("A new phonebook"),
        widget=forms.Select(attrs={"class": "select w-full"}),
    )
    new_name = forms.CharField(
        label=_("name of the new phonebook"), required=False, max_length=150, widget=forms.TextInput(attrs=INPUT)
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["phonebook"].queryset = Phonebook.objects.ours()  # type: ignore[attr-defined]
        # Told before the upload: a server that refuses two gigabytes half-way looks like a broken connection.
        limit = {"data-max-bytes": settings.IMPORT_MAX_BYTES, "data-too-large": file_sentence(TOO_LARGE)}
        self.fields["file"].widget.attrs.update(limit)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        data["new_name"] = " ".join(data.get("new_name", "").translate(mapping.LETTERS).split())
        if not data.get("phonebook") and not data["new_name"] and "phonebook" not in self.errors:
            self.add_error("new_name", gettext("Choose a phonebook, or name a new one."))
        return data


TARGETS = [
    (mapping.PHONE, _("mobile number")),
    (mapping.FIRST_NAME, _("first name")),
    (mapping.LAST_NAME, _("last name")),
    (mapping.FULL_NAME, _("first and last name together")),
    (mapping.ATTRIBUTE, _("attribute")),
    (mapping.IGNORE, _("leave out")),
]


class MappingForm(forms.Form):
    """What each column of the file is, and what happens to contacts that are known already."""

    policy = forms.ChoiceField(
        label=_("For known contacts"), choices=ContactImport.Policy.choices, widget=forms.RadioSelect
    )

    def __init__(self, contact_import: ContactImport, *args: Any, **kwargs: Any) -> None:
        self.header: list[str] = contact_import.header
        super().__init__(*args, **kwargs)
        self.fields["policy"].initial = contact_import.policy
        for number, (name, target) in enumerate(zip(self.header, contact_import.mapping["columns"], strict=True)):
            self.fields[f"column_{number}"] = forms.ChoiceField(
                label=name,
                choices=TARGETS,
                initial=target.partition(":")[0],
                widget=forms.Select(attrs={"class": "select select-sm w-full min-w-40"}),
            )

    def column_fields(self) -> list[Any]:
        """The bound fields of the columns, in the file's order."""
        return [self[f"column_{number}"] for number in range(len(self.header))]

    def targets(self) -> list[str]:
        """A target for each column, attributes with their keys: as submitted, or else as guessed."""
        chosen = [str(field.value() or "") for field in self.column_fields()]
        return mapping.complete(self.header, chosen, attributes=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                mapping.check(self.targets())
            except (UnreadableFile, ValueError) as error:
                self.add_error(None, str(error))
        return data
