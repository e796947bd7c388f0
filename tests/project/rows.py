"""Rows of any model, as few of its fields filled as it bears: for walks through all of them."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils import timezone

from campaigns.models import Approval, AudienceRule, Batch, Campaign, Segment, StatusCount, Witness
from contacts.models import Contact, JobCategory, Membership, Mirroring, ReplyInbox
from providers.models import DailyCount, ProviderAccount, SenderLine, Tariff
from providers.secrets import encrypt
from tests import builders

_numbers = itertools.count(1)


def permissions(*names: str) -> list[Permission]:
    return list(Permission.objects.filter(codename__in=names))


def make(model: type[models.Model], number: int) -> list[models.Model]:
    """So many new rows; of a model that has one row for good, that one."""
    if model is Witness:
        return [Witness.objects.get_or_create(pk=1)[0]]
    return list(model._default_manager.bulk_create([model(**_filled(model)) for _ in range(number)]))


def _filled(model: type[models.Model]) -> dict[str, Any]:
    values = {field.name: _value(field) for field in model._meta.concrete_fields if _is_needed(field)}
    special: dict[str, Any] = _SPECIAL.get(model, dict)()
    return values | special


def _is_needed(field: Any) -> bool:
    if field.primary_key:
        return not field.auto_created and not field.has_default()
    if field.related_model in (User, Campaign) and field.model not in (AudienceRule, field.related_model):
        return True  # named in a list, it must not be asked for row by row
    may_stay = field.has_default() or field.blank or getattr(field, "auto_now_add", False)
    return not field.null and (field.unique or not may_stay)


def _value(field: Any) -> Any:
    number = next(_numbers)
    if isinstance(field, models.ForeignKey):
        related = field.related_model
        is_own = isinstance(field, models.OneToOneField)
        return (None if is_own else related._default_manager.first()) or make(related, 1)[0]
    if field.choices:
        return field.choices[0][0]
    if isinstance(field, models.BooleanField):
        return False
    if isinstance(field, models.DateTimeField):
        return timezone.now()
    if isinstance(field, models.DateField):
        return timezone.localdate() + dt.timedelta(days=number) if field.unique else timezone.localdate()
    if isinstance(field, models.IntegerField):
        return number
    return f"x1 {number}"[: field.max_length or 20]


def _phone() -> dict[str, Any]:
    return {"phone": builders.phone(1_000 + next(_numbers))}


_SPECIAL: dict[type[models.Model], Any] = {
    User: lambda: {"username": f"user1{next(_numbers)}"},
    ProviderAccount: lambda: {
        "slug": "ippanel",
        "base_url": "http://127.0.0.1:9",
        "credentials": encrypt({"token": "x"}),
    },
    Contact: _phone,
    LogEntry: lambda: {"action_flag": 1, "object_repr": "x1", "content_type": ContentType.objects.get_for_model(User)},
    Segment: lambda: {"conditions": {"all": []}},
    Membership: lambda: {"contact": make(Contact, 1)[0]},
    Campaign: lambda: {"text": "x1"},
    Batch: lambda: {"pending": 0},
    Approval: lambda: {"campaign": make(Campaign, 1)[0]},
    StatusCount: lambda: {"campaign": make(Campaign, 1)[0]},
    Tariff: lambda: {"line": make(SenderLine, 1)[0]},
    DailyCount: lambda: {"line": make(SenderLine, 1)[0]},
    Mirroring: lambda: {"account": make(ProviderAccount, 1)[0]},
    AudienceRule: lambda: {"kind": "numbers", "params": {"numbers": [builders.phone(1)]}},
    JobCategory: lambda: {"name": f"x1 {next(_numbers)}"},
    ReplyInbox: lambda: {"account": make(ProviderAccount, 1)[0]},
}
