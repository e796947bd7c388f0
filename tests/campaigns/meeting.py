"""Whether a contact meets a condition, told in plain Python: what both databases must agree with."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from persiantools.jdatetime import JalaliDate

from campaigns.models import Batch, Campaign, Message
from campaigns.states import TAKEN, MessageStatus, statuses_of_outcome
from contacts.models import Contact, Membership

_JALALI: Any = JalaliDate  # it ships no types
_FORMS = dict(zip("يىك" + "۰۱۲۳۴۵۶۷۸۹" + "٠١٢٣٤٥٦٧٨٩", "ییک" + "0123456789" * 2, strict=True))


def fold(text: str) -> str:
    return "".join(_FORMS.get(letter, letter.lower() if letter.isascii() else letter) for letter in text)


class World:
    """What is beside the contacts, read once."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = now
        self.members = set(Membership.objects.values_list("phonebook", "contact"))
        self.campaigns = set(Campaign.objects.values_list("pk", flat=True))
        claimed = {(row.campaign_id, row.number): row.claimed_at for row in Batch.objects.all()}
        self.messages: dict[str, list[tuple[int, MessageStatus, dt.datetime | None]]] = {}
        for row in Message.objects.all():
            at = claimed[row.campaign_id, row.batch_number or 0]
            self.messages.setdefault(str(row.phone), []).append((row.campaign_id, MessageStatus(row.status), at))


def meets(contact: Contact, condition: Mapping[str, Any], world: World) -> bool:
    """Whether a contact meets one checked condition."""
    now = world.now
    field, test = str(condition["field"]), str(condition["test"])
    value: Any = condition.get("value")
    if field in ("first_name", "last_name", "attribute"):
        return _text(_text_of(contact, condition), test, value, now)
    if field == "phone":
        return str(contact.phone).startswith(str(value))
    if field == "operator":
        return bool(contact.operator in value) == (test == "one_of")
    if field == "job_category":
        return _category(contact, test, value)
    if field == "phonebook":
        inside = any((book, contact.pk) in world.members for book in list(value))
        return inside == (test == "one_of")
    if field == "added":
        return _added(contact, test, value, now)
    if field == "bale":
        return (contact.not_on_bale_since is not None) == (test == "absent")
    return _messages(contact, field, test, value, world)


def _text_of(contact: Contact, condition: Mapping[str, Any]) -> str:
    if condition["field"] != "attribute":
        return str(getattr(contact, condition["field"]))
    found = contact.attributes.get(condition["key"])
    if isinstance(found, bool):
        return "true" if found else "false"
    return "" if found is None else str(found)


def _text(text: str, test: str, value: Any, now: dt.datetime) -> bool:
    if test in ("blank", "filled"):
        return (text.strip(" ") == "") == (test == "blank")
    if test in ("more", "less"):
        plain = fold(text.strip(" ")).replace("٬", "").replace("٫", ".").replace(",", "")
        if not re.fullmatch(r"[+-]?[0-9]{1,12}(\.[0-9]{1,3})?", plain):
            return False
        return float(plain) > float(value) if test == "more" else float(plain) < float(value)
    if test == "birthday":
        return _birthday(fold(text.strip(" ")), value, timezone.localdate(now))
    mine, sought = fold(text), [fold(each) for each in (value if isinstance(value, list) else [value])]
    if test == "contains":
        return sought[0] in mine
    if test == "begins":
        return mine.startswith(sought[0])
    return (mine in sought) == (test != "is_not")


def _birthday(text: str, days: int, today: dt.date) -> bool:
    found = re.fullmatch(r"(\d\d)\d\d([/.-])(\d{1,2})\2(\d{1,2})", text)
    if not found or found[1] not in ("12", "13", "14", "19", "20"):
        return False
    born = (int(found[3]), int(found[4]))
    for day in (today + dt.timedelta(days=ahead) for ahead in range(days + 1)):
        it = _JALALI(day) if found[1] in ("12", "13", "14") else day
        after = day + dt.timedelta(days=1)
        last = (_JALALI(after) if found[1] in ("12", "13", "14") else after).day == 1
        leap = {(12, 29): (12, 30)} if found[1] in ("12", "13", "14") else {(2, 28): (2, 29)}
        if born == (it.month, it.day) or (last and born == leap.get((it.month, it.day))):
            return True
    return False


def _category(contact: Contact, test: str, value: Any) -> bool:
    category = contact.job_category
    if test in ("blank", "filled"):
        return (category is None) == (test == "blank")
    named = category is not None and bool({category.pk, category.parent_id} & set(value))
    return named == (test == "one_of")


def _added(contact: Contact, test: str, value: Any, now: dt.datetime) -> bool:
    if test == "between":
        day = timezone.localdate(contact.created_at).isoformat()
        return (not value[0] or day >= value[0]) and (not value[1] or day <= value[1])
    return (contact.created_at >= now - dt.timedelta(days=value)) == (test == "within")


def _messages(contact: Contact, field: str, test: str, value: Any, world: World) -> bool:
    sent = TAKEN | {MessageStatus.UNKNOWN}
    own = world.messages.get(contact.phone, [])
    if field == "campaign":
        if value not in world.campaigns:
            return False
        wanted = frozenset(sent) if test in ("received", "not_received") else statuses_of_outcome(test)
        return any(campaign == value and status in wanted for campaign, status, _at in own) == (test != "not_received")
    if test == "never":
        return not any(status in sent for _campaign, status, _at in own)
    wanted = frozenset({MessageStatus.DELIVERED}) if test == "delivered_within" else frozenset(sent)
    since = world.now - dt.timedelta(days=value)
    recent = any(status in wanted and at is not None and at >= since for _campaign, status, at in own)
    return recent == (test != "none_within")
