"""Forms that suppress: typed or pasted numbers, or a file of them."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from contacts import phones
from contacts.forms import INPUT
from contacts.import_forms import DROP_AREA
from contacts.importing.reasons import TOO_LARGE, file_sentence, sentence
from contacts.models import Suppression
from contacts.suppressions import Terms
from interface import persian
from providers.models import SenderLine

MOST_NUMBERS = 10_000
TOLD = 5  # numbers that are no numbers, of as many as there are
SELECT = {"class": "select w-full"}
_Scope, _Reason = Suppression.Scope, Suppression.Reason
_parted = re.compile(r"[\n\r,;،؛|]+").split


class TermsForm(forms.Form):
    """Where suppressions hold and why: the part that both forms share."""

    scope = forms.ChoiceField(
        label=_("they get nothing from"), choices=_Scope.choices, widget=forms.Select(attrs=SELECT)
    )
    line = forms.ModelChoiceField(
        SenderLine.objects.none(),
        label=_("line"),
        required=False,
        empty_label=_("only with “one line”"),
        widget=forms.Select(attrs=SELECT),
    )
    reason = forms.ChoiceField(
        label=_("reason"),
        choices=[(_Reason.MANUAL, _Reason.MANUAL.label), (_Reason.OPT_OUT, _Reason.OPT_OUT.label)],
        widget=forms.Select(attrs=SELECT),
    )
    note = forms.CharField(
        label=_("note"),
        required=False,
        max_length=200,
        help_text=_("For those who look at it later, such as “asked by phone”."),
        widget=forms.TextInput(attrs={**INPUT, "dir": "auto"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        lines = SenderLine.objects.select_related("account").order_by("account__name", "sender")
        self.fields["line"].queryset = lines  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("scope") == _Scope.LINE and not cleaned.get("line") and "line" not in self.errors:
            self.add_error("line", gettext("Choose the line."))
        return cleaned

    def terms(self, source: str) -> Terms:
        """What the cleaned form says of each number."""
        given = self.cleaned_data
        line = given["line"] if given["scope"] == _Scope.LINE else None
        return Terms(given["scope"], given["reason"], source, line, given["note"])


class HandForm(TermsForm):
    """Numbers that are typed or pasted, in any form; the cleaned ones are E.164, each once."""

    numbers = forms.CharField(
        label=_("numbers"),
        help_text=_("One a line, or with commas between them; in any form that people write. At most 10,000."),
        widget=forms.Textarea(
            attrs={"class": "textarea w-full", "rows": 8, "dir": "ltr", "placeholder": "0912 123 4567"}
        ),
    )

    def clean_numbers(self) -> list[str]:
        """The numbers; where some are none, the first of them are told, and nothing is suppressed."""
        found, wrong = dict[str, None](), list[str]()
        for part in filter(str.strip, _parted(self.cleaned_data["numbers"])):
            try:
                found[phones.normalise(part)] = None
            except phones.InvalidPhone as error:
                wrong.append(f"{persian.isolated(part.strip()[:40])}: {sentence(error.code)}")
        if len(found) + len(wrong) > MOST_NUMBERS:
            raise forms.ValidationError(gettext("These are more than 10,000 numbers. Put them into a file."))
        if wrong:
            more = len(wrong) - TOLD
            told = ngettext("And %(number)s more.", "And %(number)s more.", more) % {"number": persian.number(more)}
            raise forms.ValidationError([*wrong[:TOLD], *([told] if more > 0 else [])])
        if not found:
            raise forms.ValidationError(self.fields["numbers"].error_messages["required"], code="required")
        return list(found)


class FileForm(TermsForm):
    """A file with a column of numbers."""

    file = forms.FileField(
        label=_("file"),
        allow_empty_file=True,  # an empty file gets our own sentence
        max_length=255,
        widget=forms.FileInput(attrs={"class": DROP_AREA, "accept": ".csv,.txt,.tsv,.xlsx,text/csv"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        limit = {"data-max-bytes": settings.IMPORT_MAX_BYTES, "data-too-large": file_sentence(TOO_LARGE)}
        self.fields["file"].widget.attrs.update(limit)
