"""The text step: what is said, the file that goes along, and what only some Bale lines can."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns import attaching, checking
from campaigns.models import Campaign
from campaigns.step_forms.stepping import StepForm, usable_lines
from providers.models import SenderLine, UploadedFile

if TYPE_CHECKING:
    FileChoice = forms.ModelChoiceField[UploadedFile]
else:
    FileChoice = forms.ModelChoiceField

FILE_AREA = (
    "block h-24 w-full cursor-pointer rounded-box border-2 border-dashed border-base-300 bg-base-200/50 p-4 "
    "text-transparent hover:border-primary focus-visible:border-primary file:invisible"
)


class TextForm(StepForm):
    """What is said. Which line says it is chosen later: what at least one of them carries is taken.

    The file is kept for the draft's line, or where that takes none for the first that does.
    """

    SAVED = ("text", "copy_text", "is_secure")

    text = forms.CharField(
        label=gettext_lazy("Text"),
        max_length=checking.MAX_TEXT,
        widget=forms.Textarea(attrs={"class": "textarea w-full h-44 leading-8 text-base", "dir": "auto"}),
    )
    file = forms.FileField(
        label=gettext_lazy("File"), required=False, max_length=200, widget=forms.FileInput(attrs={"class": FILE_AREA})
    )
    kept_file = FileChoice(UploadedFile.objects.all(), required=False)  # uploaded with a form that came back
    remove_file = forms.BooleanField(
        label=gettext_lazy("Send without the file"),
        required=False,
        widget=forms.CheckboxInput(attrs={"class": "checkbox checkbox-sm rounded-md"}),
    )
    copy_text = forms.CharField(
        label=gettext_lazy("Copy button"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("The message gets a button that copies this text, such as a discount code."),
        widget=forms.TextInput(attrs={"class": "input w-full", "dir": "auto"}),
    )
    is_secure = forms.BooleanField(label=gettext_lazy("Secure message"), required=False)

    def __init__(self, *args: Any, campaign: Campaign, **kwargs: Any) -> None:
        self.draft = campaign
        super().__init__(*args, campaign=campaign, **kwargs)

    @cached_property
    def lines(self) -> list[SenderLine]:
        """The lines that this audience can go out on, the draft's own first."""
        keeps = checking.keeps_audience(self.draft.line)
        found = [line for line in usable_lines(self.draft.line_id) if checking.keeps_audience(line) == keeps]
        if keeps:
            found = [line for line in found if line.account_id == self.draft.line.account_id]
        return sorted(found, key=lambda line: line.pk != self.draft.line_id)

    @cached_property
    def taking(self) -> SenderLine | None:
        """The line that a file is kept for."""
        return next((line for line in self.lines if checking.takes_files(line)), None)

    def clean_text(self) -> str:
        """The text with plain newlines: a browser's CR would count as a character of the message."""
        text = str(self.cleaned_data["text"]).replace("\r\n", "\n").replace("\r", "\n")
        if problems := checking.text_problems(text):
            raise ValidationError(problems)
        return text

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        asked: dict[str, Any] = {"copy_text": data.get("copy_text", ""), "secure": data.get("is_secure", False)}
        found = [checking.line_problems_by_field(line, data.get("text", ""), **asked) for line in self.lines]
        for name in ("text", "copy_text", "is_secure"):
            if found and all(each.get(name) for each in found) and name not in self.errors:
                self.add_error(name, found[0][name])
        if data.get("file") and self.taking is None:
            self.add_error("file", _("Files go out on Bale lines only."))
        return data

    def kept(self) -> UploadedFile | None:
        """The file that is there already, unless it is taken away."""
        if self.cleaned_data.get("remove_file"):
            return None
        return self.cleaned_data.get("kept_file") or self.draft.file

    def attach(self) -> UploadedFile | None:
        """The file to send along: the uploaded one, kept now, or the one that is there; else an error of its field.

        Whatever is wrong with the rest of the form: nobody uploads half a gigabyte again for a missing word.
        """
        self.is_valid()
        given = self.cleaned_data.get("file")
        if self.taking is None or "file" in self.errors or not isinstance(given, TemporaryUploadedFile):
            return self.kept() if self.is_bound else self.draft.file
        try:
            return attaching.attach(self.taking, Path(given.temporary_file_path()), given.name or "", take=True)
        except attaching.InvalidFile as error:
            self.add_error("file", str(error))
            return self.kept()
