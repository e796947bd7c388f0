"""Forms of the people who work with Chapar: who they are, which role they have, how they sign in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import password_validation
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from project import roles

INPUT = {"class": "input w-full"}
_SECRET = {**INPUT, "dir": "ltr", "autocomplete": "new-password"}


def role_of(user: User) -> str:
    """The ready role that somebody has, the most capable of several; empty without one."""
    held = {group.name for group in user.groups.all()}
    return next((role for role in reversed(list(roles.LABELS)) if role in held), "")


def administrators() -> QuerySet[User]:
    """The active people who may say who may do what."""
    able = Q(is_superuser=True) | Q(pk__in=User.objects.filter(groups__name=roles.ADMINISTRATOR).values("pk"))
    return User.objects.filter(able, is_active=True)


def check_one_stays(person: User, *, stays: bool) -> None:
    """See to it that an administrator is left; whoever may change them is held until this one is saved.

    ``stays``: this person is an active one after the change.

    Raises:
        ValidationError: this is the last one.
    """
    held = list(administrators().select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))
    if not stays and held == [person.pk]:
        raise forms.ValidationError(gettext("This is the last administrator: name another one first."))


class PersonForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes no argument at run time
    """Somebody with a name, a role and a password; without a new password the old one stays."""

    role = forms.ChoiceField(
        label=pgettext_lazy("of a person", "role"), required=False, widget=forms.RadioSelect(attrs={"class": "radio"})
    )
    password = forms.CharField(
        label=_("new password"), required=False, strip=False, max_length=128, widget=forms.PasswordInput(attrs=_SECRET)
    )

    class Meta:
        model = User
        fields = ["username", "first_name", "last_name", "is_active"]
        labels = {"username": _("user name"), "is_active": _("may sign in")}
        help_texts = {"username": _("To sign in with: letters, digits and @ . + - _"), "is_active": ""}
        widgets = {
            "username": forms.TextInput(attrs={**INPUT, "dir": "ltr", "autocomplete": "off"}),
            "first_name": forms.TextInput(attrs=INPUT),
            "last_name": forms.TextInput(attrs=INPUT),
            "is_active": forms.CheckboxInput(attrs={"class": "toggle toggle-primary"}),
        }

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_new = self.instance.pk is None
        self.is_own = self.instance.pk == by.pk
        known = [(name, label) for name, label in roles.LABELS.items()]
        self.fields["role"].choices = [*known, ("", _("none"))]  # type: ignore[attr-defined]
        self.initial["role"] = roles.COMPOSER if self.is_new else role_of(self.instance)
        if self.is_new:
            self.fields["password"].required = True
            self.fields["password"].label = _("first password")
            del self.fields["is_active"]
        if self.is_own or self.instance.is_superuser:  # its role means nothing; nobody locks themselves out
            del self.fields["role"]
        if self.is_own:
            del self.fields["is_active"]

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        if password:
            password_validation.validate_password(password, self.instance)
        return password

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not (self.is_new or self.errors):
            is_one = self.instance.is_superuser or data.get("role", roles.ADMINISTRATOR) == roles.ADMINISTRATOR
            check_one_stays(self.instance, stays=data.get("is_active", True) and is_one)
        return data

    @transaction.atomic
    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit=False)
        if password := self.cleaned_data["password"]:
            user.set_password(password)
        role = self.cleaned_data.get("role")
        if role is not None:
            user.is_staff = role == roles.ADMINISTRATOR
        user.save()
        if role is not None:
            user.groups.remove(*Group.objects.filter(name__in=roles.LABELS))
            user.groups.add(*Group.objects.filter(name=role))
        return user
