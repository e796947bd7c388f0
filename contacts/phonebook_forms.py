"""Forms of what is done with a whole phonebook: copied, merged, split."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from contacts.bulk import splitting
from contacts.forms import MAX_KEY, PhonebookForm
from contacts.models import Phonebook
from interface import persian

INPUT = {"class": "input w-full"}
RADIO = {"class": "radio radio-sm radio-primary"}


class OnceForm(forms.Form):
    """A form that starts its action once, however often it is sent."""

    token = forms.UUIDField(widget=forms.HiddenInput)


class CopyForm(PhonebookForm):
    """The name of the copy."""

    token = forms.UUIDField(widget=forms.HiddenInput)


class PhonebookChoice(forms.ModelChoiceField):  # type: ignore[type-arg]  # no argument at run time
    """One phonebook of ours. A key beyond the column's range is no choice, where a database would only fail on it."""

    def to_python(self, value: Any) -> Any:
        if value and not (str(value).isascii() and str(value).isdigit() and int(str(value)[:20]) <= MAX_KEY):
            raise forms.ValidationError(self.error_messages["invalid_choice"], code="invalid_choice")
        return super().to_python(value)


class MergeForm(OnceForm):
    """The phonebook that takes the members, and whether the emptied one stays."""

    into = PhonebookChoice(
        Phonebook.objects.none(), label=_("Into"), widget=forms.Select(attrs={"class": "select w-full"})
    )
    delete = forms.BooleanField(
        label=_("Delete the emptied phonebook"), required=False, initial=True, widget=forms.CheckboxInput
    )

    def __init__(self, source: Phonebook, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = Phonebook.objects.ours().exclude(pk=source.pk).order_by("name")
        self.fields["into"].queryset = others  # type: ignore[attr-defined]
        self.fields["delete"].widget.attrs["class"] = "checkbox checkbox-sm checkbox-primary"


class SplitForm(OnceForm):
    """How a phonebook is parted, and in which order."""

    by = forms.ChoiceField(
        label=_("Split"),
        choices=[
            (splitting.EQUAL, _("into equal parts")),
            (splitting.SIZE, _("into parts of a size")),
            (splitting.OPERATOR, _("by operator (an estimate)")),
            (splitting.CATEGORY, _("by job category")),
        ],
        initial=splitting.EQUAL,
        widget=forms.RadioSelect(attrs=RADIO),
    )
    number = forms.CharField(
        label=_("How many parts, or contacts a part"),
        required=False,
        initial="2",
        max_length=12,
        widget=forms.TextInput(attrs={**INPUT, "dir": "ltr", "inputmode": "numeric", "autocomplete": "off"}),
    )
    random = forms.BooleanField(label=_("At random, not in their order"), required=False)
    delete = forms.BooleanField(label=_("Delete the phonebook when it is split"), required=False)

    def __init__(self, source: Phonebook, *args: Any, **kwargs: Any) -> None:
        self.source = source
        super().__init__(*args, **kwargs)
        for name in ("random", "delete"):
            self.fields[name].widget.attrs["class"] = "checkbox checkbox-sm checkbox-primary"

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("by") not in (splitting.EQUAL, splitting.SIZE):
            data["number"] = None
            return data
        text = persian.ascii_digits(data.get("number") or "").replace(",", "").strip()
        number = int(text) if text.isascii() and text.isdigit() else 0
        parts = number if data["by"] == splitting.EQUAL else -(-self.source.size // max(number, 1))
        if not number or number >= MAX_KEY:
            self.add_error("number", gettext("Enter a whole number above 0."))
        elif parts > splitting.MAX_PARTS:
            most = persian.number(splitting.MAX_PARTS)
            self.add_error("number", gettext("That makes more than %(most)s parts.") % {"most": most})
        elif data["by"] == splitting.EQUAL and number > max(self.source.size, 1):
            self.add_error("number", gettext("There are fewer contacts than parts."))
        data["number"] = number
        return data
