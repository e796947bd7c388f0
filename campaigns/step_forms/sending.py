"""The sending step: which line says it, when, how fast and until when, and who stands in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from campaigns import attaching, carrying, checking, drafting
from campaigns.models import Campaign
from campaigns.step_forms.stepping import StepForm, add_problems, give, number_field, usable_lines
from interface.jalali import JalaliDateTimeField
from providers.models import SenderLine, UploadedFile

if TYPE_CHECKING:  # Django's own classes take no parameters when the program runs
    LineChoice = forms.ModelChoiceField[SenderLine]
else:
    LineChoice = forms.ModelChoiceField

NOW, AT = "now", "at"


class SendingForm(StepForm):
    """How it goes out. The line is one that carries the draft; its file moves to the line's account."""

    SAVED = (
        *("line", "fallback_line", "failover_line", "scheduled_at", "provider_keeps_time"),
        *("expires_at", "messages_per_minute", "pilot_size"),
    )

    line = LineChoice(SenderLine.objects.none(), label=_("Line"), widget=forms.RadioSelect, empty_label=None)
    fallback_line = LineChoice(SenderLine.objects.none(), label=_("SMS for those who are not on Bale"), required=False)
    failover_line = LineChoice(SenderLine.objects.none(), label=_("If the account is stopped"), required=False)
    when = forms.ChoiceField(
        label=_("When"),
        required=False,
        choices=[(NOW, _("As soon as it is launched")), (AT, _("At a certain time"))],
    )
    scheduled_at = JalaliDateTimeField(
        label=pgettext_lazy("begin of a campaign", "Begins at"), required=False, help_text=_("Tehran time.")
    )
    provider_keeps_time = forms.BooleanField(label=_("The provider keeps the time"), required=False)
    expires_at = JalaliDateTimeField(
        label=_("Not after"),
        required=False,
        help_text=_("Tehran time. What has not gone out by then never will, such as an offer that is over."),
    )
    messages_per_minute = number_field(
        _("Messages a minute"),
        1_000_000,
        _("At most so many, for example so that a call centre can keep up. Empty: as fast as the line goes."),
    )
    pilot_size = number_field(
        _("First only to"),
        drafting.MAX_NATURAL,
        _("So many recipients, then the campaign waits for your word. Empty: to everybody in one go."),
    )

    def __init__(self, *args: Any, campaign: Campaign, **kwargs: Any) -> None:
        self.draft = campaign
        super().__init__(*args, campaign=campaign, **kwargs)
        choices = usable_lines(campaign.line_id, campaign.fallback_line_id, campaign.failover_line_id)
        for name in ("line", "fallback_line", "failover_line"):
            give(self, name, choices)

    def initial_of(self, campaign: Campaign | None) -> dict[str, Any]:
        found = super().initial_of(campaign)
        return found | {"when": AT if found["scheduled_at"] else NOW, "line": self._suggested().pk}

    def _suggested(self) -> SenderLine:
        """The draft's line where it carries the draft; else the first that does."""
        able = [card.line for card in self.carried if not card.problems]
        return self.draft.line if self.draft.line in able or not able else able[0]

    @cached_property
    def lines(self) -> list[SenderLine]:
        """The lines that can be chosen, and the draft's own."""
        return list(usable_lines(self.draft.line_id).prefetch_related("tariffs"))

    @cached_property
    def carried(self) -> list[carrying.Carried]:
        """What each line makes of the draft: those that carry it first."""
        found = carrying.carried(self.draft, self.lines)
        return sorted(found, key=lambda each: bool(each.problems))

    @property
    def chosen_line(self) -> SenderLine:
        """The line that is ticked."""
        value = str(self["line"].value() or "")
        return next((line for line in self.lines if str(line.pk) == value), self.draft.line)

    @cached_property
    def fallbacks(self) -> list[SenderLine]:
        """The lines that can take over from a Bale line, and the one that is to."""
        saved = self.draft.fallback_line
        found = [line for line in self.lines if line.channel == SenderLine.Channel.SMS]
        found = [line for line in found if not checking.keeps_audience(line)]
        return found if saved is None or saved in found else [*found, saved]

    @cached_property
    def stand_ins(self) -> list[SenderLine]:
        """The lines that can take over where the account of another is stopped, and the one that is to."""
        saved = self.draft.failover_line
        found = [line for line in self.lines if not checking.keeps_audience(line)]
        return found if saved is None or saved in found else [*found, saved]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        self._read_when(data)
        line = data.get("line")
        if line is None:
            return data
        (found,) = carrying.carried(self.draft, [line])
        if found.problems:
            self.add_error("line", found.problems)
        if data.get("provider_keeps_time") and "scheduled_at" not in self.errors:
            for problem in checking.schedule_problems(line, data.get("scheduled_at")):
                self.add_error("scheduled_at", problem)
        fallback = data.get("fallback_line")
        if fallback and (problems := checking.fallback_problems(line, fallback, self.draft.text)):
            self.add_error("fallback_line", problems)
        add_problems(self, list(checking.course_problems(self.as_campaign()).items()), "line")
        return data

    def _read_when(self, data: dict[str, Any]) -> None:
        if data.get("when") == NOW and "scheduled_at" not in self.errors:
            data["scheduled_at"] = None
        elif data.get("when") == AT and not data.get("scheduled_at") and "scheduled_at" not in self.errors:
            self.add_error("scheduled_at", gettext("Choose when it begins."))
        at = data.get("scheduled_at")
        if at is not None and (problem := checking.time_problem(at)):
            self.add_error("scheduled_at", problem)

    def as_campaign(self) -> Campaign:
        """The draft as it would be with what is valid of the form; nothing of it is saved."""
        shown = Campaign.objects.select_related("line__account", "file").get(pk=self.draft.pk)
        for name in self.SAVED:
            if name in self.cleaned_data:
                setattr(shown, name, self.cleaned_data[name])
        return shown

    def attach(self) -> UploadedFile | None:
        """The draft's file, kept for the account of the chosen line; else an error of that.

        Raises:
            attaching.InvalidFile: the line's provider does not take it.
        """
        file, line = self.draft.file, self.cleaned_data.get("line")
        if file is None or line is None or line.account_id == file.account_id or not checking.takes_files(line):
            return file
        return attaching.attach(line, Path(file.path), file.filename)
