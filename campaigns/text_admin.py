"""Kept texts in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from campaigns.models import TextTemplate
from campaigns.text_forms import TextForm
from contacts.admin import LargeTableAdmin


@admin.register(TextTemplate)
class TextTemplateAdmin(LargeTableAdmin):
    """Kept texts, checked as the site's own page checks them."""

    form = TextForm
    list_display = ("name", "created_by", "created_at", "updated_at")
    list_select_related = ("created_by",)
    search_fields = ("name", "text")

    def save_model(self, request: HttpRequest, obj: TextTemplate, form: Any, change: bool) -> None:
        if not change:
            obj.created_by_id = request.user.pk
        super().save_model(request, obj, form, change)
