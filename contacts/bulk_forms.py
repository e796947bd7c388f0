"""What an action on many contacts has to be told, a form a kind."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from contacts.importing.mapping import LETTERS
from contacts.models import BulkAction, JobCategory, Phonebook, Suppression
from providers.models import SenderLine

SELECT = {"class": "select w-full"}
INPUT = {"class": "input w-full"}
MAX_KEY = 2**63 - 1


class _Choice(forms.ModelChoiceField):  # type: ignore[type-arg]  # Django's class takes no argument at run time
    """One row by key. A key beyond the column's range is no choice, where a database would only fail on it."""

    def to_python(self, value: Any) -> Any:
        if str(value or "").isdecimal() and int(str(value)[:20]) > MAX_KEY:
            raise forms.ValidationError(self.error_messages["invalid_choice"], code="invalid_choice")
        return super().to_python(value)


class ActionForm(forms.Form):
    """What every kind has: nothing. ``params`` are those of the action."""

    def params(self) -> dict[str, Any]:
        """The action's parameters; of a valid form."""
        return {}


class AddForm(ActionForm):
    """Into a phonebook that is there, or a new one."""

    phonebook = _Choice(
        Phonebook.objects.none(), label=_("phonebook"), required=False, widget=forms.Select(attrs=SELECT)
    )
    new_name = forms.CharField(
        label=_("or a new phonebook"), required=False, max_length=150, widget=forms.TextInput(attrs=INPUT)
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["phonebook"].queryset = Phonebook.objects.ours()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        data["new_name"] = " ".join(data.get("new_name", "").translate(LETTERS).split())
        if not data.get("phonebook") and not data["new_name"] and not self.errors:
            self.add_error("new_name", gettext("Choose a phonebook, or name a new one."))
        return data

    def params(self) -> dict[str, Any]:
        """With the phonebook of the new name, which is made where there is none yet."""
        name = self.cleaned_data["new_name"]
        book = Phonebook.objects.get_or_create(name=name, account=None)[0] if name else self.cleaned_data["phonebook"]
        return {"phonebook": book.pk}


class RemoveForm(ActionForm):
    """Out of a phonebook."""

    phonebook = _Choice(Phonebook.objects.none(), label=_("phonebook"), widget=forms.Select(attrs=SELECT))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["phonebook"].queryset = Phonebook.objects.ours()  # type: ignore[attr-defined]

    def params(self) -> dict[str, Any]:
        return {"phonebook": self.cleaned_data["phonebook"].pk}


class CategoryForm(ActionForm):
    """A job category of ours, or none."""

    category = _Choice(
        JobCategory.objects.none(),
        label=_("job category"),
        required=False,
        empty_label=_("none: take it away"),
        widget=forms.Select(attrs=SELECT),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["category"].queryset = categories()  # type: ignore[attr-defined]

    def params(self) -> dict[str, Any]:
        category = self.cleaned_data["category"]
        return {"category": category.pk if category else None}


class SuppressForm(ActionForm):
    """How far the suppression reaches, and why."""

    scope = forms.ChoiceField(
        label=_("from what"), choices=Suppression.Scope.choices, widget=forms.Select(attrs=SELECT)
    )
    line = _Choice(
        SenderLine.objects.all(),
        label=_("line"),
        required=False,
        help_text=_("Only where it is one line."),
        widget=forms.Select(attrs=SELECT),
    )
    note = forms.CharField(label=_("reason"), required=False, max_length=200, widget=forms.TextInput(attrs=INPUT))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("scope") == Suppression.Scope.LINE and not data.get("line") and "line" not in self.errors:
            self.add_error("line", gettext("Choose the line."))
        return data

    def params(self) -> dict[str, Any]:
        data = self.cleaned_data
        line = data["line"].pk if data["scope"] == Suppression.Scope.LINE else None
        return {"scope": data["scope"], "line": line, "note": " ".join(data["note"].split())}


class DeleteForm(ActionForm):
    """A word that it is meant."""

    sure = forms.BooleanField(
        label=_("Yes, these people are to be forgotten. It cannot be undone."),
        widget=forms.CheckboxInput(attrs={"class": "checkbox checkbox-error checkbox-sm rounded-md"}),
    )


FORMS: dict[str, type[ActionForm]] = {
    BulkAction.Kind.ADD: AddForm,
    BulkAction.Kind.REMOVE: RemoveForm,
    BulkAction.Kind.CATEGORISE: CategoryForm,
    BulkAction.Kind.SUPPRESS: SuppressForm,
    BulkAction.Kind.DELETE: DeleteForm,
}


def categories() -> Any:
    """The job categories of ours, each main one before its sub-categories."""
    ours = JobCategory.objects.filter(account=None).select_related("parent")
    return ours.annotate(main=Coalesce("parent__name", "name")).order_by(
        "main", F("parent").asc(nulls_first=True), "name"
    )
