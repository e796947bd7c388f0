"""The table of holidays as people keep it: a text with a line a day, in the calendar of their language."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from interface import jalali, persian
from providers.models import Holiday

MOST = 400  # days; more than a year has


class HolidaysForm(forms.Form):
    """The holidays to come. What is saved replaces those from today on; days that have passed stay as they are."""

    days = forms.CharField(
        label=_("Holidays to come"),
        required=False,
        max_length=40_000,
        help_text=_("A line a day: the date, a space, and its name, such as “1405/01/13 Nature Day”."),
        widget=forms.Textarea(attrs={"class": "textarea w-full leading-8", "rows": 14, "dir": "auto"}),
    )

    def clean_days(self) -> dict[dt.date, str]:
        """The days with their names, in their order."""
        found: dict[dt.date, str] = {}
        for number, line in enumerate(str(self.cleaned_data["days"]).splitlines(), start=1):
            text, _space, name = line.strip().partition(" ")
            if not text:
                continue
            try:
                day = jalali.day_from(text)
            except (ValueError, OverflowError):
                words = gettext("Line %(number)s does not begin with a date: %(text)s")
                raise ValidationError(words % {"number": persian.number(number), "text": text[:20]}) from None
            found[day] = name.strip()[:100]
        if len(found) > MOST:
            raise ValidationError(gettext("At most %(most)s days fit.") % {"most": persian.number(MOST)})
        return dict(sorted(found.items()))

    def save(self) -> int:
        """Replace the holidays to come; how many there are now."""
        days = {day: name for day, name in self.cleaned_data["days"].items() if day >= timezone.localdate()}
        with transaction.atomic():
            Holiday.objects.filter(day__gte=timezone.localdate()).delete()
            rows = [Holiday(day=day, name=name) for day, name in days.items()]
            # Another tab may have saved since the delete began: the later one's names hold.
            Holiday.objects.bulk_create(rows, update_conflicts=True, unique_fields=["day"], update_fields=["name"])
        return len(days)


def initial() -> dict[str, Any]:
    """The holidays to come as the form's text."""
    return {"days": "\n".join(as_lines(Holiday.objects.filter(day__gte=timezone.localdate())))}


def as_lines(holidays: Iterable[Holiday]) -> Iterable[str]:
    """Each holiday as a line that the form reads."""
    for holiday in holidays:
        yield f"{jalali.typed_day(holiday.day)} {holiday.name}".strip()
