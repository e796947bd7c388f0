"""Campaigns in the admin. The state machines own every status: here they are only looked at, and moved by lifecycle."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy
from django_q.models import Failure, OrmQ, Schedule, Success

from campaigns import approving, checking, drafting, lifecycle, segment_admin, sending_admin, text_admin  # noqa: F401 - further models
from campaigns.auditing import note
from campaigns.models import AudienceRule, Campaign
from campaigns.sending import kept
from campaigns.states import statuses_of_outcome
from contacts.admin import LargeTableAdmin, ReadOnlyAdmin
from interface import masking, persian
from interface.admin import months
from interface.jalali import JalaliDateTimeField

if TYPE_CHECKING:  # Django's own classes take no parameters when the program runs
    CampaignModelForm = forms.ModelForm[Campaign]
    RuleInline = admin.TabularInline[AudienceRule, Campaign]
else:
    CampaignModelForm = forms.ModelForm
    RuleInline = admin.TabularInline


class CampaignForm(CampaignModelForm):
    """A draft, its text checked as the composer checks it."""

    scheduled_at = JalaliDateTimeField(label=gettext_lazy("scheduled for"), required=False)

    class Meta:
        model = Campaign
        fields = ("name", "line", "fallback_line", "text", "file", "copy_text", "is_secure", "scheduled_at")

    def clean_text(self) -> str:
        text = str(self.cleaned_data["text"]).replace("\r\n", "\n").replace("\r", "\n")
        if problems := checking.text_problems(text):
            raise ValidationError(problems)
        return text

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        line, text = data.get("line"), data.get("text", "")
        if line is None:
            return data
        options = {"copy_text": data.get("copy_text", ""), "secure": data.get("is_secure", False)}
        found = checking.line_problems_by_field(line, text, **options)
        if fallback := data.get("fallback_line"):
            found["fallback_line"] = checking.fallback_problems(line, fallback, text)
        for name, problems in found.items():
            if problems:
                self.add_error(name, problems)
        return data


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes no argument at run time
    """A rule that names exactly what its kind asks for."""

    class Meta:
        model = AudienceRule
        fields = ("rule", "kind", "phonebook", "job_category", "source", "segment", "params")
        widgets = {"params": forms.Textarea(attrs={"rows": 2, "cols": 30, "dir": "ltr"})}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        named = {"phonebook": "phonebook", "job_category": "job_category", "campaign": "source", "segment": "segment"}
        for kind, field in named.items():
            if (data.get("kind") == kind) != bool(data.get(field)) and field not in self.errors:
                says = (
                    _("This kind of rule needs it.") if data.get("kind") == kind else _("This kind of rule has none.")
                )
                self.add_error(field, says)
        if data.get("kind") == AudienceRule.Kind.NUMBERS and "params" not in self.errors:
            self._clean_numbers(data)
        if data.get("kind") == AudienceRule.Kind.CAMPAIGN and not _names_outcome(data.get("params")):
            self.add_error("params", _("Give an outcome as {“outcome”: “delivered”}, or nothing."))
        if data.get("kind") == AudienceRule.Kind.PROVIDER and not _names_lists(data.get("params")):
            self.add_error("params", _("Give the provider's ids as {“phonebooks”: [“12”]} or {“main”: 1, “sub”: 2}."))
        return data

    def _clean_numbers(self, data: dict[str, Any]) -> None:
        params = data.get("params")
        numbers = params.get("numbers") if isinstance(params, dict) else None
        try:
            if not isinstance(numbers, list) or not numbers:
                raise drafting.InvalidDraft(_("Give the numbers as {“numbers”: [“0912…”]}."))
            data["params"] = {"numbers": drafting.numbers_of(map(str, numbers))}
        except drafting.InvalidDraft as error:
            self.add_error("params", str(error))


def _names_outcome(params: Any) -> bool:
    """Whether parameters name an outcome that there is, or none."""
    try:
        outcome = params.get("outcome")
        return not outcome or bool(statuses_of_outcome(outcome))
    except (AttributeError, KeyError):
        return False


def _names_lists(params: Any) -> bool:
    """Whether parameters name what a provider keeps, as :class:`AudienceRule` has them."""
    try:
        found = kept.audience_from([params])
    except (AttributeError, KeyError, TypeError):
        return False
    categories = all(isinstance(part.main, int) for part in found.categories)
    return categories and all(part.ids and all(isinstance(ref, str) for ref in part.ids) for part in found.phonebooks)


class AudienceRuleInline(RuleInline):
    """The rules of a draft; fixed once it has been launched."""

    model = AudienceRule
    form = RuleForm
    fk_name = "campaign"
    extra = 1
    autocomplete_fields = ("phonebook", "job_category", "source", "segment")

    def get_exclude(self, request: HttpRequest, obj: Campaign | None = None) -> list[str]:
        """Pasted numbers stand in the parameters."""
        return [] if masking.may_see_numbers() else ["params"]

    def has_add_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        return self._open(obj) and super().has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        return self._open(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        return self._open(obj) and super().has_delete_permission(request, obj)

    def _open(self, obj: Campaign | None) -> bool:
        return (obj is None or obj.is_editable) and masking.may_see_numbers()


@admin.register(Campaign)
class CampaignAdmin(LargeTableAdmin):
    """Drafts may be made and changed here; everything else happens through the actions."""

    form = CampaignForm
    inlines = (AudienceRuleInline,)
    list_display = ("name", "status", "line", "audience", "created_at", "finished_at")
    list_filter = ("status", months("created_at"), "is_test", "line")
    list_select_related = ("line",)
    search_fields = ("name",)
    autocomplete_fields = ("line", "fallback_line", "file")
    actions = ("submit", "launch", "pause", "resume", "cancel")
    readonly_fields = (
        "status",
        "pause_text",
        "failover_line",
        "provider_keeps_time",
        "expires_at",
        "messages_per_minute",
        "sample_size",
        "pilot_size",
        "pilot_released_at",
        "audience",
        "sent_text",
        "is_test",
        "made_from",
        "created_by",
        "created_at",
        "launched_at",
        "started_at",
        "finished_at",
        "pruned_at",
    )

    def has_change_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        return (obj is None or obj.is_editable) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        """Drafts only, one by one: a campaign that went out is part of the record."""
        return obj is not None and obj.is_editable and super().has_delete_permission(request, obj)

    def get_fields(self, request: HttpRequest, obj: Campaign | None = None) -> Any:
        """A new one has nothing to look at yet."""
        return [*CampaignForm.Meta.fields, *(self.readonly_fields if obj else ())]

    def get_readonly_fields(self, request: HttpRequest, obj: Campaign | None = None) -> Any:
        return super().get_readonly_fields(request, obj) if obj else ()

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Campaign | None:
        """What is posted is judged with the row held: it may have been sent on its way since the page was read."""
        found: Campaign | None = super().get_object(request, object_id, from_field)
        if found is None or request.method != "POST" or not transaction.get_connection().in_atomic_block:
            return found
        return self.get_queryset(request).select_for_update(of=("self",)).filter(pk=found.pk).first()

    def has_launch_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("campaigns.launch_campaign")

    def save_model(self, request: HttpRequest, obj: Campaign, form: Any, change: bool) -> None:
        if change:  # its revision tells a step of the composer that is open meanwhile
            obj.revision += 1
            obj.save(update_fields=[*form.fields, "revision", "updated_at"])
        else:
            obj.created_by_id = request.user.pk
            obj.save()
        note("revised" if change else "created", obj.pk, request.user)

    def delete_model(self, request: HttpRequest, obj: Campaign) -> None:
        drafting.discard(obj.pk, request.user)

    def _do(self, request: HttpRequest, queryset: QuerySet[Campaign], change: Callable[..., Any]) -> None:
        done = 0
        for campaign in queryset.order_by("pk"):
            try:
                change(campaign.pk, request.user)
                done += 1
            except lifecycle.NotAllowed as error:
                self.message_user(request, f"{campaign}: {error}", messages.ERROR)
        if done:
            told = ngettext("Done for %(number)s campaign.", "Done for %(number)s campaigns.", done)
            self.message_user(request, told % {"number": persian.number(done)}, messages.SUCCESS)

    @admin.action(description=gettext_lazy("Launch"), permissions=["launch"])
    def launch(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        self._do(request, queryset, lifecycle.launch)

    @admin.action(description=gettext_lazy("Submit for approval"), permissions=["change"])
    def submit(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        """To approve is done on the campaign's page alone, by who has seen what it seals."""
        self._do(request, queryset, approving.submit)

    @admin.action(description=gettext_lazy("Pause"), permissions=["launch"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        self._do(request, queryset, lifecycle.pause)

    @admin.action(description=gettext_lazy("Let go on"), permissions=["launch"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        self._do(request, queryset, lifecycle.resume)

    @admin.action(description=pgettext_lazy("campaign", "Cancel"), permissions=["launch"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        self._do(request, queryset, lifecycle.cancel)


class TaskAdmin(ReadOnlyAdmin):
    """A finished task: the row tells when and how it ended; the doorbell's tasks have no result."""

    list_display = ("name", "func", "started", "stopped")
    search_fields = ("func",)
    fields = ("name", "func", "started", "stopped", "success", "attempt_count")


# Whoever may add a schedule has a shell (its function takes any dotted path), and the queue holds pickles.
for model in (Schedule, OrmQ, Success, Failure):
    if admin.site.is_registered(model):
        admin.site.unregister(model)
admin.site.register(Success, TaskAdmin)
admin.site.register(Failure, TaskAdmin)
