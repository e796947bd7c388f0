"""Segments in the admin, and who was left out of a campaign."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse

from campaigns import segmenting
from campaigns.models import LeftOut, Segment
from contacts.admin import FoundByNumber, LargeTableAdmin, ReadOnlyAdmin


class SegmentForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes no argument at run time
    """A segment, its conditions checked as the builder checks them."""

    class Meta:
        model = Segment
        fields = ("name", "conditions")
        widgets = {"conditions": forms.Textarea(attrs={"rows": 12, "cols": 80, "dir": "ltr"})}

    def clean_conditions(self) -> dict[str, Any]:
        try:
            return segmenting.checked(self.cleaned_data["conditions"])
        except segmenting.InvalidCondition as error:
            raise ValidationError(str(error)) from None


@admin.register(Segment)
class SegmentAdmin(LargeTableAdmin):
    """Segments as they are kept; the site's own pages build them without JSON."""

    form = SegmentForm
    list_display = ("name", "created_by", "created_at", "updated_at")
    list_select_related = ("created_by",)
    search_fields = ("name",)

    def view_on_site(self, obj: Segment) -> str:
        return reverse("campaigns:segment_edit", args=[obj.pk])

    def save_model(self, request: HttpRequest, obj: Segment, form: Any, change: bool) -> None:
        if not change:
            obj.created_by_id = request.user.pk
        super().save_model(request, obj, form, change)


@admin.register(LeftOut)
class LeftOutAdmin(FoundByNumber, ReadOnlyAdmin):
    """Whom an exclude rule took out of a campaign; found by the whole number."""

    list_display = ("phone", "campaign", "rule")
    list_select_related = ("campaign", "rule")

    def view_on_site(self, obj: LeftOut) -> str:
        return reverse("campaigns:left-out", args=[obj.campaign_id])
