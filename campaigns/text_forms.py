"""The form of a text that is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from campaigns import checking
from campaigns.models import TextTemplate

if TYPE_CHECKING:  # Django's own class takes no parameters when the program runs
    TextModelForm = forms.ModelForm[TextTemplate]
else:
    TextModelForm = forms.ModelForm

TAKEN = _("There is a text of this name already.")


class TextForm(TextModelForm):
    """A text under a name; the text is checked as a campaign's is."""

    class Meta:
        model = TextTemplate
        fields = ("name", "text")
        labels = {"name": _("Name"), "text": _("Text")}
        error_messages = {"name": {"unique": TAKEN}}
        widgets = {"name": forms.TextInput(attrs={"class": "input w-full", "dir": "auto", "autocomplete": "off"})}

    def clean_name(self) -> str:
        """The name with single spaces: two that look the same are one."""
        return " ".join(str(self.cleaned_data["name"]).split())

    def clean_text(self) -> str:
        """The text with plain newlines: a browser's CR would count as a character of the message."""
        text = str(self.cleaned_data["text"]).replace("\r\n", "\n").replace("\r", "\n")
        if problems := checking.text_problems(text):
            raise ValidationError(problems)
        return text
