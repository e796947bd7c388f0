"""Forms of job categories."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from contacts import categories
from contacts.models import JobCategory

SELECT = {"class": "select w-full"}


class CategoryChoice(forms.ModelChoiceField):  # type: ignore[type-arg]  # no argument at run time
    """One of our categories, main ones and subs in the order of the tree."""

    def __init__(self, label: Any, empty_label: Any, **kwargs: Any) -> None:
        super().__init__(
            JobCategory.objects.none(),
            label=label,
            empty_label=empty_label,
            required=False,
            widget=forms.Select(attrs=SELECT),
            error_messages={"invalid_choice": _("This job category is no longer there.")},
            **kwargs,
        )

    def to_python(self, value: Any) -> Any:
        if value and not (str(value).isascii() and str(value).isdigit() and len(str(value)) < 19):
            raise forms.ValidationError(self.error_messages["invalid_choice"], code="invalid_choice")
        return super().to_python(value)


class JobCategoryForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes no argument at run time
    """A job category of ours: its name and the main category that it belongs to."""

    parent = CategoryChoice(_("main category"), _("None: it is a main category itself"))

    class Meta:
        model = JobCategory
        fields = ["name", "parent"]
        widgets = {"name": forms.TextInput(attrs={"class": "input w-full"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mains = JobCategory.objects.ours().filter(parent=None).exclude(pk=self.instance.pk)
        self.fields["parent"].queryset = mains.order_by("name")  # type: ignore[attr-defined]

    def clean_name(self) -> str:
        return categories.clean_name(self.cleaned_data["name"])


class RemoveCategoryForm(forms.Form):
    """What becomes of the contacts of a category that is deleted."""

    heir = CategoryChoice(_("Its contacts get"), _("no job category"))

    def __init__(self, category: JobCategory, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        heirs = JobCategory.objects.ours().in_tree_order().exclude(pk=category.pk).exclude(parent=category.pk)
        self.fields["heir"].queryset = heirs  # type: ignore[attr-defined]
