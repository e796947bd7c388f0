"""Contacts in the admin. What the machine keeps is read-only, and no list counts a million rows."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _

from contacts import bulk, filing, suppressions
from contacts.category_forms import JobCategoryForm
from contacts.fields import PhoneField
from contacts.filtering import search
from contacts.forms import ContactForm
from contacts.models import (
    BulkAction,
    Contact,
    ContactImport,
    ImportIssue,
    JobCategory,
    Membership,
    Mirroring,
    OptOutReply,
    Phonebook,
    ProviderNumber,
    ReplyInbox,
    Source,
    Suppression,
    SuppressionChange,
    SuppressionFile,
)
from contacts.paging import BoundedPaginator
from contacts.phones import search_digits
from contacts.querysets import JobCategoryQuerySet
from contacts.suppressions import Terms
from interface import masking
from interface.admin import JalaliDates, MonthsById, months

NAMED = 100  # rows that a name finds, whose own rows are then looked for by their key


class LargeTableAdmin(JalaliDates):
    """A model whose table may have millions of rows: none of its pages counts or loads them all."""

    show_full_result_count = False
    paginator = BoundedPaginator
    ordering = ["-pk"]
    list_per_page = 50

    def __init__(self, model: type[Model], site: Any) -> None:
        super().__init__(model, site)
        self.phone_fields = tuple(field.name for field in self.opts.fields if isinstance(field, PhoneField))

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **named: Any
    ) -> HttpResponse | None:
        """An action on the rows that were ticked; never on all that a search finds, which may be a million."""
        if request.POST.get("select_across") == "1":
            self.message_user(request, _("Choose rows on the page: there may be millions in all."), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        return super().response_action(request, queryset, *args, **named)


class ReadOnlyAdmin(LargeTableAdmin):
    """Rows that the machine writes: to be looked at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class FoundByNumber(LargeTableAdmin):
    """Rows that are searched by their whole phone number, typed in any form."""

    search_fields = ["phone"]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        digits = search_digits(search_term)
        if not search_term:
            return queryset, False
        return (queryset.filter(phone=digits) if 7 <= len(digits) <= 15 else queryset.none()), False


@admin.register(Contact)
class ContactAdmin(LargeTableAdmin):
    list_display = ["phone", "first_name", "last_name", "operator", "created_at"]
    search_fields = ["phone"]  # get_search_results searches by number or name
    autocomplete_fields = ["job_category"]
    list_filter = [months("created_at", MonthsById)]
    readonly_fields = ["operator", "not_on_bale_since", "created_at", "updated_at"]
    fields = ["phone", "first_name", "last_name", "attributes", "job_category", *readonly_fields]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        return (search(queryset, search_term)[0] if search_term else queryset), False

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "phone":
            return ContactForm.base_fields["phone"]
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Contact, form: Any, change: bool) -> None:
        from contacts.phones import operator_of

        obj.operator = operator_of(obj.phone)
        super().save_model(request, obj, form, change)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """The contacts alone: what goes with them is not listed by rows, nor a matter of other permissions."""
        names = [str(contact) for contact in objs]
        return names, {str(Contact._meta.verbose_name_plural): len(names)}, set(), []

    def delete_model(self, request: HttpRequest, obj: Contact) -> None:
        filing.delete(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> None:
        ids = list(queryset.values_list("pk", flat=True))
        bulk.start(BulkAction.Kind.DELETE, {"ids": ids}, {}, request.user)


@admin.register(Phonebook)
class PhonebookAdmin(LargeTableAdmin):
    list_display = ["name", "account", "size", "created_at"]
    list_select_related = ["account"]
    search_fields = ["name"]
    readonly_fields = ["account", "provider_ref", "gone_since", "size", "created_at"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Its own page deletes it at once; the admin would first load a million memberships to list them."""
        return False


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    list_display = ["phonebook", "contact"]
    list_select_related = ["phonebook", "contact"]
    search_fields = ["contact__phone"]
    search_help_text = "+98…"

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        digits = search_digits(search_term)
        found = Contact.objects.filter(phone=digits) if 7 <= len(digits) <= 15 else Contact.objects.none()
        return (queryset.filter(contact__in=found) if search_term else queryset), False


@admin.register(JobCategory)
class JobCategoryAdmin(LargeTableAdmin):
    """As a tree: main categories by name, each followed by its subs. A provider's are read-only."""

    list_display = ["place", "account", "provider_ref"]
    list_select_related = ["parent", "account"]
    list_filter = [("account", admin.EmptyFieldListFilter)]
    search_fields = ["name", "parent__name", "provider_ref"]
    fields = ["name", "parent", "account", "provider_ref", "gone_since"]
    readonly_fields = ["account", "provider_ref", "gone_since"]
    form = JobCategoryForm

    def get_queryset(self, request: HttpRequest) -> JobCategoryQuerySet:
        return JobCategory.objects.in_tree_order()

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        return list(JobCategory.objects.in_tree_order().query.order_by)

    @admin.display(description=_("name"))
    def place(self, category: JobCategory) -> str:
        return f"— {category.name}" if category.parent_id else category.name

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_change_permission(request, obj) and getattr(obj, "account_id", None) is None

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Its own page asks what becomes of its contacts."""
        return False


@admin.display(description=_("source"), ordering="source")
def source(row: Suppression | SuppressionChange) -> str:
    """Where it came from, in words."""
    return row.source_label


@admin.register(Suppression)
class SuppressionAdmin(FoundByNumber):
    """Made and lifted as everywhere else, and written down; nothing of one is changed."""

    list_display = ["phone", "scope", "line", "reason", source, "created_by", "created_at"]
    list_select_related = ["line", "created_by"]
    list_filter = ["scope", "reason", months("created_at", MonthsById)]
    autocomplete_fields = ["line"]
    fields = ["phone", "scope", "line", "reason", "note"]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "phone":
            return ContactForm.base_fields["phone"]
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Suppression, form: Any, change: bool) -> None:
        terms = Terms(obj.scope, obj.reason, Source.HAND, obj.line, obj.note)
        suppressions.suppress([obj.phone], user=request.user, **terms._asdict())
        obj.pk = suppressions.held([obj.phone], terms).get().pk

    def delete_model(self, request: HttpRequest, obj: Suppression) -> None:
        suppressions.lift(Suppression.objects.filter(pk=obj.pk), source=Source.HAND, user=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        suppressions.lift(queryset, source=Source.HAND, user=request.user)


@admin.register(SuppressionChange)
class SuppressionChangeAdmin(FoundByNumber, ReadOnlyAdmin):
    list_display = ["phone", "made", "scope", "line", "reason", source, "changed_by", "changed_at"]
    list_select_related = ["line", "changed_by"]
    list_filter = ["made", "reason", months("changed_at", MonthsById)]


@admin.register(SuppressionFile)
class SuppressionFileAdmin(ReadOnlyAdmin):
    list_display = ["filename", "status", "rows_done", "made", "refused", "created_at"]
    list_filter = ["status", months("created_at")]
    search_fields = ["filename"]
    exclude = ["path", "owner", "layout", "column"]


@admin.register(OptOutReply)
class OptOutReplyAdmin(FoundByNumber, ReadOnlyAdmin):
    list_display = ["phone", "said", "account", "line", "received_at"]
    list_select_related = ["account", "line"]
    list_filter = ["said"]


@admin.register(ReplyInbox)
class ReplyInboxAdmin(ReadOnlyAdmin):
    list_display = ["account", "looked_at", "last_reply_at", "stops", "rejoins", "error"]
    list_select_related = ["account"]
    search_fields = ["account__name"]
    exclude = ["owner"]


@admin.register(ContactImport)
class ContactImportAdmin(ReadOnlyAdmin):
    list_display = ["filename", "status", "rows_done", "new", "refused", "created_by", "created_at"]
    list_select_related = ["created_by"]
    list_filter = ["status", months("created_at")]
    search_fields = ["filename", "created_by__username"]
    exclude = ["path", "owner", "lease_until"]


@admin.register(ImportIssue)
class ImportIssueAdmin(ReadOnlyAdmin):
    list_display = ["contact_import", "line", "column", "code"]
    list_select_related = ["contact_import"]
    search_fields = ["contact_import__filename"]
    search_help_text = _("The file's name.")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        if not search_term:
            return queryset, False
        imports = ContactImport.objects.filter(filename__icontains=search_term.strip()[:255])[:NAMED]
        return queryset.filter(contact_import__in=list(imports)), False

    def get_exclude(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """A refused row holds numbers as they were typed."""
        return [] if masking.may_see_numbers() else ["value", "row"]

    def view_on_site(self, obj: ImportIssue) -> str:
        return obj.contact_import.get_absolute_url()


@admin.register(ProviderNumber)
class ProviderNumberAdmin(FoundByNumber, ReadOnlyAdmin):
    list_display = ["phone", "name", "phonebook", "provider_ref"]
    list_select_related = ["phonebook"]
    search_help_text = "+98…"


@admin.register(Mirroring)
class MirroringAdmin(ReadOnlyAdmin):
    list_display = ["account", "phonebook", "status", "stage", "done", "total", "error", "started_at", "finished_at"]
    list_select_related = ["account", "phonebook"]
    list_filter = ["status", months("started_at")]
    search_fields = ["account__name", "phonebook__name"]
    exclude = ["owner", "lease_until"]


@admin.register(BulkAction)
class BulkActionAdmin(ReadOnlyAdmin):
    list_display = ["kind", "status", "total", "done", "changed", "created_by", "created_at", "finished_at"]
    list_select_related = ["created_by"]
    list_filter = ["kind", "status", months("created_at")]
    search_fields = ["created_by__username"]
    exclude = ["path", "owner", "lease_until"]
