"""Phone numbers: from what people type to E.164, and the operator that a prefix points to. Pure.

Iranian mobiles go through a regular expression (about 1 µs); every other number through ``phonenumbers`` (about 25 µs).
"""

from __future__ import annotations

import re
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumberType

# The values of contacts.models.Operator, which are the ids that IPPanel uses for operators.
UNKNOWN: Final = 0
MCI: Final = 1
IRANCELL: Final = 2
OTHER: Final = 13

EMPTY: Final = "phone_empty"
NOT_A_NUMBER: Final = "phone_not_a_number"
SCIENTIFIC: Final = "phone_scientific"
DATE: Final = "phone_date"
TOO_SHORT: Final = "phone_too_short"
TOO_LONG: Final = "phone_too_long"
LANDLINE: Final = "phone_landline"
NO_COUNTRY: Final = "phone_no_country"
NO_SUCH_NUMBER: Final = "phone_no_such_number"

CODES: Final = (EMPTY, NOT_A_NUMBER, SCIENTIFIC, DATE, TOO_SHORT, TOO_LONG, LANDLINE, NO_COUNTRY, NO_SUCH_NUMBER)


class InvalidPhone(ValueError):
    """Not a number that a message can be sent to. ``code`` says why; the number itself is never in the text."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


_SPACES = " \t\r\n\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_INVISIBLE = (
    "\u00ad\u061c\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u0640"
_MARKS = "./\\()[]{}\u00b7"
_DIGITS: Final = str.maketrans("۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩", "01234567890123456789")
_CLEAN: Final = dict.fromkeys(map(ord, _SPACES + _INVISIBLE + _DASHES + _MARKS)) | {
    **{sign: chr(digit) for sign, digit in _DIGITS.items()},
    ord("＋"): "+",
}

# [0-9] and not \d, which takes every script's digits. The 0 after 98 is that of "+98 (0) 912 …".
_iranian_mobile = re.compile(r"(?:(?:\+|00)?980?|0)?(9[0-9]{9})").fullmatch
_scientific = re.compile(r"[+-]?[0-9]+(?:[.,/٫][0-9]+)?[eE][+-]?[0-9]+").fullmatch
# A year of four digits first or last, as spreadsheets and people in Iran write dates; perhaps a time after it.
_date = re.compile(
    r"(?:(?:1[2-5]|19|20)[0-9]{2}([-/.])[01]?[0-9]\1[0-3]?[0-9]|[0-3]?[0-9]([-/.])[0-3]?[0-9]\2(?:1[2-5]|19|20)[0-9]{2})"
    r"(?:[ T].*)?"
).fullmatch
_international = re.compile(r"\+[1-9][0-9]*").fullmatch
_digits = re.compile(r"[0-9]+").fullmatch
# What spreadsheets put around a number to keep its zero, and the .0 of a column that was read as floats.
_wrapped = re.compile(
    r"""\s*(?:=?"(?P<quoted>[^"]*)"|'(?P<marked>.*)|(?P<float>[^.]{8,}?)\.0+)\s*""", re.DOTALL
).fullmatch

_REACHABLE: Final = {
    PhoneNumberType.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE,
    PhoneNumberType.PERSONAL_NUMBER,
}


def normalise(raw: str) -> str:
    """E.164 of a number that can get a message, such as ``'+989121234567'``.

    Takes ``09…``, ``9…``, ``98…``, ``+98…`` and ``0098…``, in ASCII, Persian or Arabic digits, with spaces, invisible
    marks, dashes, dots, slashes and brackets; numbers of other countries with ``+`` or ``00``.
    Raises :class:`InvalidPhone` with one of ``CODES``.
    """
    found = _iranian_mobile(raw) or _iranian_mobile(raw.translate(_CLEAN))
    if found and not raw.endswith((".0", ".00")):
        return "+98" + found[1]
    return _normalise_slowly(raw)


def _normalise_slowly(raw: str) -> str:
    if wrapped := _wrapped(raw):
        raw = wrapped["quoted"] or wrapped["marked"] or wrapped["float"] or ""
    cleaned = raw.translate(_CLEAN)
    if found := _iranian_mobile(cleaned):
        return "+98" + found[1]
    if not cleaned:
        raise InvalidPhone(EMPTY)
    if _scientific(raw.strip()) or _scientific(cleaned):
        raise InvalidPhone(SCIENTIFIC)
    if _date(raw.strip().translate(_DIGITS)):
        raise InvalidPhone(DATE)
    if cleaned.startswith("00"):
        cleaned = "+" + cleaned[2:]
    if cleaned.startswith("+98") and _digits(cleaned[1:]):
        raise InvalidPhone(_why_not_iranian(cleaned[1:]))
    if _international(cleaned):
        return _foreign(cleaned)
    raise InvalidPhone(_why_not_iranian(cleaned))


def _foreign(number: str) -> str:
    """E.164 of a number with ``+`` and its country code, if it exists and can get a message."""
    if len(number) > 17:
        raise InvalidPhone(TOO_LONG)
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException as error:
        short = error.error_type == phonenumbers.NumberParseException.TOO_SHORT_NSN
        raise InvalidPhone(TOO_SHORT if short else NO_SUCH_NUMBER) from None
    if not phonenumbers.is_valid_number(parsed):
        raise InvalidPhone(_why_invalid(parsed))
    if phonenumbers.number_type(parsed) not in _REACHABLE:
        raise InvalidPhone(LANDLINE)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _why_invalid(parsed: phonenumbers.PhoneNumber) -> str:
    reason = phonenumbers.is_possible_number_with_reason(parsed)
    if reason == phonenumbers.ValidationResult.TOO_SHORT:
        return TOO_SHORT
    return TOO_LONG if reason == phonenumbers.ValidationResult.TOO_LONG else NO_SUCH_NUMBER


def _why_not_iranian(cleaned: str) -> str:
    """Why digits, with Iran's country code or with none, are no Iranian mobile."""
    if not _digits(cleaned):
        return NOT_A_NUMBER
    national = cleaned[2:] if cleaned.startswith("98") and len(cleaned) > 10 else cleaned
    national = national.removeprefix("0")
    if national.startswith("9"):
        return TOO_SHORT if len(national) < 10 else TOO_LONG
    if len(national) == 10 and (cleaned.startswith("0") or national is not cleaned):
        return LANDLINE
    if len(national) <= 8:
        return TOO_SHORT
    return TOO_LONG if len(national) > 15 else NO_COUNTRY


PREFIXES: Final = {
    **{f"91{digit}": MCI for digit in range(10)},
    **{f"99{digit}": MCI for digit in range(7)},
    **{f"90{digit}": IRANCELL for digit in range(6)},
    **dict.fromkeys(("930", "933", "935", "936", "937", "938", "939", "941"), IRANCELL),
}


def operator_of(phone: str) -> int:
    """The operator (a value of ``contacts.models.Operator``) that the prefix of an E.164 number points to.

    An estimate: numbers are portable between operators. ``UNKNOWN`` for numbers of other countries.
    """
    if not phone.startswith("+989"):
        return UNKNOWN
    return PREFIXES.get(phone[3:6], OTHER)


def bare(text: str) -> str:
    """A text without what people write between the digits of a number, and with ASCII digits."""
    return text.translate(_CLEAN)


def search_digits(text: str) -> str:
    """The E.164 digits that the typed beginning of a number stands for, without plus; empty if it is no number.

    ``'0912'``, ``'912'``, ``'+98 912'`` and ``'۰۹۱۲'`` all give ``'98912'``.
    """
    cleaned = text.translate(_CLEAN)
    if cleaned.startswith("00"):
        cleaned = "+" + cleaned[2:]
    digits = cleaned.removeprefix("+")
    if not _digits(digits):
        return ""
    if cleaned.startswith("+"):
        return digits
    if digits.startswith("98") and len(digits) != 10:
        return digits
    national = digits.removeprefix("0")
    return f"98{national}"
