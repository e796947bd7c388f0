"""What goes out and what comes back, in the admin: to be looked at, and found through an index."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Max, Min, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from campaigns.models import (
    Approval,
    Attempt,
    AudienceRule,
    AuditEntry,
    Batch,
    Bulk,
    Campaign,
    DeliveryEvent,
    Heartbeat,
    Message,
    ProviderRef,
    StatusCount,
    Tally,
    TimelinePoint,
    Witness,
)
from contacts import phones
from contacts.admin import NAMED, ReadOnlyAdmin
from interface import jalali, masking
from interface.admin import Months, MonthsById, months
from providers.models import ProviderAccount

SEARCHED_CAMPAIGNS = 5_000  # the latest; within each, the index finds a number at once


class OfCampaign(ReadOnlyAdmin):
    """Rows of a campaign: found by its number or its name, and shown on its page."""

    search_fields = ("campaign__name",)
    search_help_text = gettext_lazy("The campaign's name or its number.")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[Any, bool]:
        term = search_term.strip()[:150]
        if not term:
            return queryset, False
        named = Q(name__icontains=term)
        if term.isdecimal() and len(term) < 19:
            named |= Q(pk=int(term))
        found = Campaign.objects.filter(named).order_by("-pk").values_list("pk", flat=True)[:NAMED]
        return queryset.filter(campaign__in=list(found)), False

    def view_on_site(self, obj: Any) -> str | None:
        return obj.campaign.get_absolute_url() if obj.campaign_id else None


class FrozenIn(Months):
    """Messages of the campaigns that went out in a month: their ids lie between those of these campaigns."""

    title = gettext_lazy("month of the campaign")

    def within(self, queryset: QuerySet[Any], month: jalali.Month) -> QuerySet[Any]:
        campaigns = Campaign.objects.filter(started_at__gte=month.start, started_at__lt=month.end)
        ends = campaigns.aggregate(first=Min("first_message_id"), last=Max("last_message_id"))
        if ends["first"] is None:
            return queryset.none()
        return queryset.filter(pk__gte=ends["first"], pk__lte=ends["last"])


class StillOpen(admin.SimpleListFilter):
    """Reports that have had no effect yet, or none at all: those that an index holds."""

    title = gettext_lazy("result")
    parameter_name = "result"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(str(each.value), each.label) for each in (_Result.WAITING, _Result.UNMATCHED)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = dict(self.lookup_choices).get(self.value() or "")
        return queryset.filter(result=int(self.value() or 0)) if chosen is not None else queryset


_Result = DeliveryEvent.Result


@admin.register(AudienceRule)
class AudienceRuleAdmin(OfCampaign):
    list_display = ("campaign", "rule", "kind", "phonebook", "segment")
    list_filter = ("rule", "kind")
    list_select_related = ("campaign", "phonebook", "segment")

    def get_exclude(self, request: HttpRequest, obj: AudienceRule | None = None) -> list[str]:
        """Pasted numbers stand in the parameters."""
        return [] if masking.may_see_numbers() else ["params"]


@admin.register(Batch)
class BatchAdmin(OfCampaign):
    list_display = (
        "campaign",
        "line",
        "ordinal",
        "status",
        "size",
        "pending",
        "accepted",
        "unlisted",
        "settled_at",
        "code",
    )
    list_filter = ("status",)
    list_select_related = ("campaign", "line")


@admin.register(Bulk)
class BulkAdmin(ReadOnlyAdmin):
    """A batch as a provider that keeps the recipients has it."""

    list_display = ("provider_ref", "batch", "state", "code", "words", "listed", "poll_at", "created_at")
    list_filter = ("state", months("created_at"))
    list_select_related = ("batch__campaign",)
    search_fields = ("provider_ref",)

    def view_on_site(self, obj: Bulk) -> str:
        return obj.batch.campaign.get_absolute_url()


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    """Earlier tries at messages that then went another way; found by the message's number here."""

    list_display = ("message_id", "line", "code", "words", "at")
    list_select_related = ("line",)
    search_fields = ("message_id",)
    search_help_text = gettext_lazy("The number of the message in this table.")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[Any, bool]:
        term = search_term.strip()[:18]
        if not term:
            return queryset, False
        return (queryset.filter(message_id=int(term)) if term.isdecimal() else queryset.none()), False


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """Found by the whole number, in any form, or by the provider's id: both through an index."""

    list_display = ("phone", "campaign", "status", "reason", "account", "provider_ref", "provider_code", "updated_at")
    list_select_related = ("campaign", "account")
    list_filter = (FrozenIn,)
    search_fields = ("phone",)
    search_help_text = gettext_lazy("A whole phone number, or the provider's id of the message.")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[Any, bool]:
        term = search_term.strip()[:64]
        if not term:
            return queryset, False
        known = ProviderRef.objects.filter(account__in=_accounts(), ref=term)
        by_ref = queryset.filter(pk__in=list(known.values_list("message", flat=True)))
        try:
            phone = phones.normalise(term)
        except phones.InvalidPhone:
            return by_ref, False
        latest = list(Campaign.objects.order_by("-pk").values_list("pk", flat=True)[:SEARCHED_CAMPAIGNS])
        return queryset.filter(campaign__in=latest, phone=phone) | by_ref, False


def _accounts() -> list[int]:
    return list(ProviderAccount.objects.values_list("pk", flat=True))


@admin.register(StatusCount)
class StatusCountAdmin(OfCampaign):
    list_display = ("campaign", "status", "messages", "cost")
    list_filter = ("status",)
    list_select_related = ("campaign",)


@admin.register(TimelinePoint)
class TimelinePointAdmin(OfCampaign):
    list_display = ("campaign", "at", "status", "messages")
    list_filter = ("status",)
    list_select_related = ("campaign",)


@admin.register(DeliveryEvent)
class DeliveryEventAdmin(ReadOnlyAdmin):
    """What providers reported, as they said it; found by the provider's id of the message."""

    list_display = ("provider_ref", "account", "code", "words", "report", "source", "result", "received_at")
    list_filter = (StillOpen, months("received_at", MonthsById))
    list_select_related = ("account",)
    search_fields = ("provider_ref",)
    search_help_text = gettext_lazy("The provider's id of the message.")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[Any, bool]:
        term = search_term.strip()[:64]
        return (queryset.filter(account__in=_accounts(), provider_ref=term) if term else queryset), False


@admin.register(AuditEntry)
class AuditEntryAdmin(OfCampaign):
    """Who did what, when; append-only."""

    list_display = ("created_at", "actor", "action", "campaign")
    list_select_related = ("actor", "campaign")
    list_filter = (months("created_at", MonthsById), "actor")


@admin.register(Approval)
class ApprovalAdmin(OfCampaign):
    """What was asked for and decided; the campaign's page decides."""

    list_display = ("campaign", "decision", "requested_by", "requested_at", "decided_by", "decided_at")
    list_filter = ("decision", months("requested_at"))
    list_select_related = ("campaign", "requested_by", "decided_by")


@admin.register(Tally)
class TallyAdmin(OfCampaign):
    list_display = ("campaign", "account", "operator", "status", "reason", "code", "messages", "cost", "refunded")
    list_filter = ("operator",)
    list_select_related = ("campaign", "account")


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin):
    list_display = ("name", "beat_at")
    search_fields = ("name",)


@admin.register(Witness)
class WitnessAdmin(ReadOnlyAdmin):
    """By what a restored database is noticed; the dashboard takes a person's word on it."""

    list_display = ("epoch", "counter", "doubt", "doubted_at", "is_settling")
