"""Forms of the import: a file and where its contacts go, then what each of its columns is."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from contacts.forms import INPUT, PhonebookChoices
from contacts.importing import mapping
from contacts.importing.reasons import TOO_LARGE, UnreadableFile, file_sentence
from contacts.models import ContactImport, Phonebook

DROP_AREA = (
    "block h-52 max-sm:h-60 w-full cursor-pointer rounded-box border-2 border-dashed border-base-300 "
    "bg-base-200/50 p-6 text-transparent hover:border-primary focus-visible:border-primary file:invisible"
)
ENDINGS: Final = (".csv", ".txt", ".tsv", ".xlsx")
NO_PHONEBOOK = _("Choose a phonebook, or name a new one.")


class UploadForm(forms.Form):
    """A file, and where its contacts go: phonebooks that are there, a new one by its name, or both."""

    file = forms.FileField(
        label=_("file"),
        allow_empty_file=True,  # an empty file gets our own sentence
        max_length=255,
        # The input is the whole dashed box: a file can be dropped anywhere on it, without a script.
        widget=forms.FileInput(attrs={"class": DROP_AREA, "accept": ",".join(ENDINGS)}),
    )
    phonebooks = PhonebookChoices(Phonebook.objects.none(), label=_("phonebooks"), required=False)
    new_name = forms.CharField(
        label=_("name of the new phonebook"),
        required=False,
        max_length=150,
        widget=forms.TextInput(attrs={**INPUT, "data-needed": NO_PHONEBOOK}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.books = list(Phonebook.objects.ours())
        self.fields["phonebooks"].queryset = Phonebook.objects.ours()  # type: ignore[attr-defined]
        # Told before the upload: a server that refuses two gigabytes half-way looks like a broken connection.
        limit = {"data-max-bytes": settings.IMPORT_MAX_BYTES, "data-too-large": file_sentence(TOO_LARGE)}
        self.fields["file"].widget.attrs.update(limit)

    def chosen(self) -> list[str]:
        """The ticked phonebooks, as texts of their keys."""
        return [str(key) for key in self["phonebooks"].value() or ()]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        data["new_name"] = " ".join(data.get("new_name", "").translate(mapping.LETTERS).split())
        if not data.get("phonebooks") and not data["new_name"] and "phonebooks" not in self.errors:
            self.add_error("new_name", str(NO_PHONEBOOK))
        return data


TARGETS = [
    (mapping.PHONE, _("mobile number")),
    (mapping.FIRST_NAME, _("first name")),
    (mapping.LAST_NAME, _("last name")),
    (mapping.FULL_NAME, _("first and last name together")),
    (mapping.CATEGORY, _("job category, as “main / sub”")),
    (mapping.MAIN_CATEGORY, _("main job category")),
    (mapping.SUB_CATEGORY, _("sub job category")),
    (mapping.ATTRIBUTE, _("attribute")),
    (mapping.IGNORE, _("leave out")),
]
POLICIES: Final = {
    ContactImport.Policy.FILL: _(
        "What the file says goes only where nothing is known yet. Nothing that you have is replaced."
    ),
    ContactImport.Policy.OVERWRITE: _(
        "What the file says replaces what is known. Where a cell of the file is blank, what is known stays."
    ),
    ContactImport.Policy.LEAVE: _("A known contact is not changed at all; it is only added to the phonebooks."),
}


class MappingForm(forms.Form):
    """What each column of the file is, and what happens to contacts that are known already.

    ``asks``: the same content was imported before, and the start waits for a word on that.
    """

    policy = forms.ChoiceField(label=_("for known contacts"), choices=ContactImport.Policy.choices)
    makes_categories = forms.BooleanField(label=_("make job categories that are missing"), required=False)
    again = forms.BooleanField(
        label=_("Yes, import it again"),
        error_messages={"required": _("Say first whether this file is to be imported again.")},
    )

    def __init__(self, contact_import: ContactImport, *args: Any, asks: bool = False, **kwargs: Any) -> None:
        self.header: list[str] = contact_import.header
        super().__init__(*args, **kwargs)
        self.fields["policy"].initial = contact_import.policy
        self.fields["makes_categories"].initial = contact_import.makes_categories
        self.fields["again"].initial = contact_import.mapping.get("again", False)
        self.fields["again"].required = asks
        for number, (name, target) in enumerate(zip(self.header, contact_import.mapping["columns"], strict=True)):
            self._add_column(number, name, target)

    def _add_column(self, number: int, name: str, target: str) -> None:
        kind, _colon, key = target.partition(":")
        self.fields[f"column_{number}"] = forms.ChoiceField(
            label=name,
            choices=TARGETS,
            initial=kind,
            widget=forms.Select(attrs={"class": "select select-sm w-full min-w-40"}),
        )
        typed = {"class": "input input-sm w-full", "dir": "auto", "autocomplete": "off"}
        self.fields[f"key_{number}"] = forms.CharField(
            label=gettext("Name of the attribute"),
            initial=key,
            required=False,
            max_length=mapping.MAX_KEY,
            widget=forms.TextInput(attrs={**typed, "placeholder": mapping.attribute_key(name)}),
        )

    def column_fields(self) -> list[Any]:
        """The bound fields of the columns, in the file's order."""
        return [self[f"column_{number}"] for number in range(len(self.header))]

    def key_fields(self) -> list[Any]:
        """The bound fields of the attributes' names, in the file's order."""
        return [self[f"key_{number}"] for number in range(len(self.header))]

    def policies(self) -> list[tuple[Any, str, bool]]:
        """Each policy: its choice, what it does to a known contact, and whether it is the chosen one."""
        chosen = self["policy"].value()
        return [(policy, str(does), policy == chosen) for policy, does in POLICIES.items()]

    def targets(self) -> list[str]:
        """A target for each column, attributes with their keys: as submitted, or else as guessed."""
        pairs = zip(self.column_fields(), self.key_fields(), strict=True)
        chosen = [self._target(str(column.value() or ""), str(key.value() or "")) for column, key in pairs]
        return mapping.complete(self.header, chosen, attributes=False)

    @staticmethod
    def _target(kind: str, key: str) -> str:
        if kind != mapping.ATTRIBUTE or not key.strip():
            return kind
        return f"{mapping.ATTRIBUTE}:{mapping.attribute_key(key)}"

    def problem(self) -> str:
        """Why these columns cannot be imported so, or an empty text."""
        targets = self.targets()
        if any(not mapping.is_target(target) for target in targets):
            return gettext("An attribute cannot have the name of a field. Give it another one.")
        try:
            mapping.check(targets)
        except (UnreadableFile, ValueError) as error:
            return str(error)
        return ""

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not self.errors and (problem := self.problem()):
            self.add_error(None, problem)
        return data
