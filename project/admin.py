"""People, groups and the admin's own log, in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from contacts.admin import ReadOnlyAdmin
from interface import masking
from interface.admin import JalaliDates, MonthsById, months
from project import roles
from project.people_forms import check_one_stays

ABOVE_ALL = ("is_superuser", "user_permissions")  # only a superuser makes others more than a group makes them
OWN = ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")  # nobody changes them of their own

admin.site.unregister([User, Group])
admin.site.site_url = None  # the page's head has a way back of its own


class PersonAdminForm(UserChangeForm):  # type: ignore[type-arg]  # Django's class takes no argument at run time
    """Somebody, as the page of people has it: an administrator is left."""

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        groups = data["groups"] if "groups" in data else self.instance.groups.all()
        named = any(group.name == roles.ADMINISTRATOR for group in groups)
        is_one = named or data.get("is_superuser", self.instance.is_superuser)
        check_one_stays(self.instance, stays=data.get("is_active", self.instance.is_active) and is_one)
        return data


@admin.register(User)
class PersonAdmin(JalaliDates, UserAdmin):  # type: ignore[type-arg]  # Django's class takes no argument at run time
    """People are switched off, not deleted: the record names them. The rules are those of the page of people."""

    form = PersonAdminForm
    list_display = ("username", "first_name", "last_name", "is_active", "is_staff", "last_login", "roles")
    list_filter = ("is_active", "is_staff", "groups")
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        above: tuple[str, ...] = () if request.user.is_superuser else ABOVE_ALL
        fixed = OWN if obj is not None and obj.pk == request.user.pk else above
        return [*super().get_readonly_fields(request, obj), *fixed, *self._written(["last_login", "date_joined"])]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who is no superuser changes none, their password above all."""
        above = isinstance(obj, User) and obj.is_superuser and not request.user.is_superuser
        return not above and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("groups"))
    def roles(self, person: User) -> str:
        return ", ".join(roles.label_of(group.name) for group in person.groups.all()) or "—"


@admin.register(Group)
class RoleAdmin(JalaliDates, GroupAdmin):
    """Roles: who may do what."""

    list_display = ("label",)
    search_fields = ("name",)
    show_full_result_count = False

    @admin.display(description=_("name"), ordering="name")
    def label(self, group: Group) -> str:
        return roles.label_of(group.name)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """A group gives permissions: only a superuser may give more than they have."""
        return bool(request.user.is_superuser) and super().has_change_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser) and super().has_add_permission(request)


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin):
    """What was changed in the admin."""

    list_display = ("action_time", "user", "content_type", "subject", "action_flag")
    list_filter = ("action_flag", months("action_time", MonthsById))
    list_select_related = ("user", "content_type")
    search_fields = ("user__username",)

    @admin.display(description=_("what"))
    def subject(self, entry: LogEntry) -> str:
        return masking.veiled(entry.object_repr)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> LogEntry | None:
        """An entry as this person may read it: a contact without a name was named by its number."""
        entry = super().get_object(request, object_id, from_field)
        if entry is not None:
            entry.object_repr, entry.change_message = map(masking.veiled, (entry.object_repr, entry.change_message))
        return entry
