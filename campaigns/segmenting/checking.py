"""Whether conditions make sense, and their one form: what a segment keeps has passed here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.utils.translation import gettext as _

from campaigns.segmenting import vocabulary
from contacts import phones
from contacts.importing.mapping import LETTERS
from contacts.models import Operator
from interface import jalali, masking, persian

MOST_CONDITIONS: Final = 20
MOST_TEXTS: Final = 50  # of “one of several”
MOST_DAYS: Final = 3_650
MOST_SOON: Final = 60
MAX_TEXT: Final = 200
MAX_KEY: Final = 50
MAX_ID: Final = 2**63 - 1
# Fifteen digits are exact in both databases' floating point numbers, and in Python's.
NUMBER: Final = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{1,3})?")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_BETWEEN_TEXTS = re.compile(r"[\n،;؛]+")


class InvalidCondition(Exception):
    """A condition that makes no sense; ``field`` is the part at fault: field, key, test or value. The text tells."""

    def __init__(self, field: str, says: str) -> None:
        super().__init__(says)
        self.field = field


def checked(conditions: Any) -> dict[str, Any]:
    """Conditions in their one form.

    Raises:
        InvalidCondition: they are none, too many, or one makes no sense.
    """
    listed = conditions.get("conditions") if isinstance(conditions, Mapping) else None
    if not isinstance(listed, list) or not all(isinstance(each, Mapping) for each in listed):
        raise InvalidCondition("field", _("These are no conditions."))
    if not 0 < len(listed) <= MOST_CONDITIONS:
        says = _("A segment has 1 to %(most)s conditions.") % {"most": persian.number(MOST_CONDITIONS)}
        raise InvalidCondition("field", says)
    match = "any" if conditions.get("match") == "any" else "all"
    return {"match": match, "conditions": [checked_condition(each) for each in listed]}


def checked_condition(given: Mapping[str, Any]) -> dict[str, Any]:
    """One condition in its one form.

    Raises:
        InvalidCondition: it makes no sense.
    """
    field, test = str(given.get("field") or ""), str(given.get("test") or "")
    if field not in vocabulary.FIELDS:
        raise InvalidCondition("field", _("Choose what the condition is about."))
    found: dict[str, Any] = {"field": field}
    if field == "attribute":
        found["key"] = _key(given.get("key"))
    if test not in vocabulary.FIELDS[field]:
        raise InvalidCondition("test", _("Choose how to compare."))
    found["test"] = test
    kind = vocabulary.FIELDS[field][test]
    if kind != vocabulary.NOTHING:
        found["value"] = _VALUES[kind](given.get("value"))
    return found


def _key(given: Any) -> str:
    key = _clean(given)
    if not key or len(key) > MAX_KEY:
        raise InvalidCondition("key", _("Name the attribute, such as “city”."))
    return key


def _clean(given: Any) -> str:
    if isinstance(given, (list, tuple, dict)):
        return ""
    text = " ".join(str("" if given is None else given).translate(LETTERS).split())
    return "" if _UNSTORABLE.search(text) else text


def _text(given: Any) -> str:
    text = _clean(given)
    if not text:
        raise InvalidCondition("value", _("Write what to look for."))
    if len(text) > MAX_TEXT:
        most = persian.number(MAX_TEXT)
        raise InvalidCondition("value", _("This is longer than %(most)s characters.") % {"most": most})
    return text


def _texts(given: Any) -> list[str]:
    parts = given if isinstance(given, list) else _BETWEEN_TEXTS.split(str(given or ""))
    texts = list(dict.fromkeys(_text(part) for part in parts if _clean(part)))
    if not texts:
        raise InvalidCondition("value", _("Write what to look for."))
    if len(texts) > MOST_TEXTS:
        most = persian.number(MOST_TEXTS)
        raise InvalidCondition("value", _("At most %(most)s values fit into one condition.") % {"most": most})
    return texts


def _number(given: Any) -> str:
    text = persian.ascii_digits(_clean(given)).replace(",", "").replace(" ", "")
    if not NUMBER.fullmatch(text):
        raise InvalidCondition("value", _("Write a number, such as 250000 or 12.5."))
    return text


def _prefix(given: Any) -> str:
    if not masking.may_see_numbers():  # by whom it finds, a hidden number is found out digit by digit
        raise InvalidCondition("value", _("Numbers are hidden from you, so one is found only when it is given whole."))
    digits = phones.search_digits(_clean(given))
    if not 1 <= len(digits) <= 15 or digits.startswith("0"):
        raise InvalidCondition("value", _("Write how the number begins, such as 0912."))
    return f"+{digits}"


def _whole(given: Any, least: int, most: int) -> int:
    text = persian.ascii_digits(_clean(given)).replace(",", "")
    if not (text.isascii() and text.isdigit() and least <= int(text[:9]) <= most):
        bounds = {"least": persian.number(least), "most": persian.number(most)}
        raise InvalidCondition("value", _("Write a number of days from %(least)s to %(most)s.") % bounds)
    return int(text[:9])


def _dates(given: Any) -> list[str]:
    parts = [*given, "", ""][:2] if isinstance(given, (list, tuple)) else ["", ""]
    try:
        days = [jalali.day_from(text).isoformat() if (text := _clean(part)) else "" for part in parts]
    except (ValueError, OverflowError):
        raise InvalidCondition("value", _("Write a day, such as 1405/09/30.")) from None
    if not any(days):
        raise InvalidCondition("value", _("Write the first day, the last one, or both."))
    if all(days) and days[0] > days[1]:
        raise InvalidCondition("value", _("The last day comes before the first."))
    return days


def _ids(given: Any) -> list[int]:
    listed = given if isinstance(given, (list, tuple)) else [given]
    texts = dict.fromkeys(text for each in listed if (text := _clean(each)))
    ids = [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= MAX_ID]
    if not ids or len(ids) < len(texts):
        raise InvalidCondition("value", _("Choose at least one."))
    return ids


def _operators(given: Any) -> list[int]:
    ids = _ids(given)
    if set(ids) - set(Operator.values):
        raise InvalidCondition("value", _("Choose at least one."))
    return ids


def _one_id(given: Any) -> int:
    return _ids(given[:1] if isinstance(given, (list, tuple)) else given)[0]


_VALUES: Final[Mapping[str, Callable[[Any], Any]]] = {
    vocabulary.TEXT: _text,
    vocabulary.TEXTS: _texts,
    vocabulary.NUMBER: _number,
    vocabulary.PREFIX: _prefix,
    vocabulary.DAYS: lambda given: _whole(given, 1, MOST_DAYS),
    vocabulary.SOON: lambda given: _whole(given, 0, MOST_SOON),
    vocabulary.DATES: _dates,
    vocabulary.OPERATORS: _operators,
    vocabulary.CATEGORIES: _ids,
    vocabulary.PHONEBOOKS: _ids,
    vocabulary.CAMPAIGN: _one_id,
}
