"""Headers to fields: what each column of a file is, guessed from its name and its content, in Persian and English.

A column's target is ``phone``, ``first_name``, ``last_name``, ``full_name``, ``category`` (“main / sub”),
``main_category`` and ``sub_category``, ``ignore`` or ``attribute:<key>``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from contacts.importing.layout import is_phone
from contacts.importing.reasons import NO_PHONE_COLUMN, UnreadableFile

PHONE: Final = "phone"
FIRST_NAME: Final = "first_name"
LAST_NAME: Final = "last_name"
FULL_NAME: Final = "full_name"
CATEGORY: Final = "category"
MAIN_CATEGORY: Final = "main_category"
SUB_CATEGORY: Final = "sub_category"
IGNORE: Final = "ignore"
ATTRIBUTE: Final = "attribute"
CATEGORIES: Final = (CATEGORY, MAIN_CATEGORY, SUB_CATEGORY)
# What a template's placeholder has: no attribute has such a key.
_PLACEHOLDERS: Final = (PHONE, FIRST_NAME, LAST_NAME, FULL_NAME)
FIELDS: Final = (*_PLACEHOLDERS, *CATEGORIES)
MAX_KEY: Final = 50
# What a table of refused rows has in front of them: an import of the corrected table leaves these columns out.
HELPERS: Final[tuple[Promise, ...]] = (
    _("Line of the file"),
    _("Column at fault"),
    _("Value at fault"),
    _("Why it was refused"),
)

# Arabic letters to the Persian ones that look the same; direction marks vanish.
LETTERS: Final = str.maketrans(
    {
        "ي": "ی",
        "ى": "ی",
        "ك": "ک",
        **dict.fromkeys("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"),
    }
)

# Best names first: "mobile" beats "tel", which may be a landline.
_NAMES: Final[dict[str, tuple[str, ...]]] = {
    PHONE: (
        "موبایل", "شماره موبایل", "تلفن همراه", "شماره همراه", "شماره تلفن همراه", "همراه", "گوشی", "mobile",
        "mobile number", "mobile phone", "mobile no", "cell", "cellphone", "cell phone", "cell number",
        "msisdn", "phone", "phone number", "phonenumber", "receptor", "receiver", "recipient", "شماره تماس",
        "شماره تلفن", "شماره", "تلفن", "تماس", "تلفن تماس", "گیرنده", "telephone", "tel", "contact number",
        "number", "phone 1 value", "телефон",
    ),
    FIRST_NAME: (
        "نام", "نام کوچک", "اسم", "اسم کوچک", "first name", "firstname", "fname", "given name", "forename",
        "name",
    ),
    LAST_NAME: (
        "نام خانوادگی", "خانوادگی", "نامخانوادگی", "فامیل", "فامیلی", "نام فامیل", "شهرت", "last name",
        "lastname", "lname", "surname", "family", "family name",
    ),
    FULL_NAME: (
        "نام و نام خانوادگی", "نام و فامیل", "نام نام خانوادگی", "نام کامل", "اسم و فامیل", "مشتری",
        "نام مشتری", "full name", "fullname", "display name", "contact name", "customer", "customer name",
    ),
    CATEGORY: (
        "دسته شغلی", "دسته بندی شغلی", "گروه شغلی", "رسته شغلی", "صنف", "رسته", "دسته", "دسته بندی", "job category",
        "business category", "jobcategory", "category", "industry",
    ),
    MAIN_CATEGORY: (
        "دسته شغلی اصلی", "دسته اصلی", "گروه شغلی اصلی", "گروه اصلی", "دسته اصلی شغلی", "main job category",
        "main category", "category main", "maincategory", "parent category",
    ),
    SUB_CATEGORY: (
        "زیردسته", "زیر دسته", "زیردسته شغلی", "زیر دسته شغلی", "دسته شغلی فرعی", "دسته فرعی", "زیرگروه",
        "زیر گروه", "گروه فرعی", "زیرشاخه", "sub job category", "sub category", "subcategory", "category sub",
    ),
}  # fmt: skip
_FIELDS: Final = {name: (field, rank) for field, names in _NAMES.items() for rank, name in enumerate(names)}
# What an export tells beside: it follows from the number, or is chosen when the file is imported again.
_DERIVED: Final = frozenset({"operator", "phonebooks", "added", "اپراتور", "دفترچه های تلفن", "تاریخ افزودن"})
_separators = re.compile(r"[\s\u200c_\-./\\:()\[\]*#«»]+")


def fold(text: str) -> str:
    """A header in the form in which it is looked up: Persian letters, lower case, words parted by one space."""
    return _separators.sub(" ", text.translate(LETTERS)).strip().casefold()


def guess(header: Sequence[str], samples: Sequence[Sequence[str]], *, attributes: bool = True) -> list[str]:
    """A target for each column. One of no known name becomes an attribute, or is ignored where they are not wanted."""
    if beyond := _helpers(header):
        own = guess(header[beyond:], [row[beyond:] for row in samples], attributes=attributes)
        return [IGNORE] * beyond + own
    best: dict[str, tuple[int, int]] = {}
    for index, name in enumerate(header):
        field, rank = _FIELDS.get(fold(name), ("", 0))
        if field == PHONE and samples and _share_of_phones(samples, index) == 0:
            rank += 1_000  # called a phone, but none of its samples is one
        if field and (field not in best or rank < best[field][0]):
            best[field] = (rank, index)
    _settle_phone(best, len(header), samples)
    _settle_names(best, samples)
    _settle_categories(best)
    targets = [IGNORE if fold(name) in _DERIVED else "" for name in header]
    for field, (_rank, index) in best.items():
        targets[index] = field
    return complete(header, targets, attributes=attributes)


def _helpers(header: Sequence[str]) -> int:
    """How many columns a table of refused rows put in front, in any language of the interface."""
    first = [fold(name) for name in header[: len(HELPERS)]]
    for language, _name in settings.LANGUAGES:
        with override(language):
            if first == [fold(str(name)) for name in HELPERS]:
                return len(HELPERS)
    return 0


def _share_of_phones(samples: Sequence[Sequence[str]], index: int) -> float:
    cells = [row[index] for row in samples if index < len(row) and row[index].strip()]
    return sum(map(is_phone, cells)) / len(cells) if cells else 0.0


def _settle_phone(best: dict[str, tuple[int, int]], width: int, samples: Sequence[Sequence[str]]) -> None:
    """Where no header says phone, or that column has none, it is the one in which most cells are phones."""
    if PHONE in best and best[PHONE][0] < 1_000:
        return
    shares = [(_share_of_phones(samples, index), -index) for index in range(width)]
    share, index = max(shares, default=(0.0, 0))
    if share >= 0.5:
        for field in [field for field, (_rank, taken) in best.items() if taken == -index]:
            del best[field]
        best[PHONE] = (0, -index)


def _settle_names(best: dict[str, tuple[int, int]], samples: Sequence[Sequence[str]]) -> None:
    """A column called “name”, without one of last names and with mostly two words a cell, is the full name."""
    if FULL_NAME in best and (FIRST_NAME in best or LAST_NAME in best):
        del best[FULL_NAME]
    if FIRST_NAME in best and LAST_NAME not in best:
        index = best[FIRST_NAME][1]
        cells = [row[index] for row in samples if index < len(row) and row[index].strip()]
        if cells and sum(len(cell.split()) > 1 for cell in cells) * 2 > len(cells):
            best[FULL_NAME] = best.pop(FIRST_NAME)


def _settle_categories(best: dict[str, tuple[int, int]]) -> None:
    """One column of main categories, with or without one of sub-categories; or one that has both."""
    if SUB_CATEGORY in best and MAIN_CATEGORY not in best and CATEGORY in best:
        best[MAIN_CATEGORY] = best.pop(CATEGORY)
    best.pop(CATEGORY if MAIN_CATEGORY in best else SUB_CATEGORY, None)


def complete(header: Sequence[str], targets: Sequence[str], *, attributes: bool) -> list[str]:
    """The targets, each blank or plain ``attribute`` one turned into an attribute of its own key, or ``ignore``."""
    taken = set(_PLACEHOLDERS) | {target.partition(":")[2] for target in targets if target.startswith(f"{ATTRIBUTE}:")}
    result: list[str] = []
    for name, target in zip(header, targets, strict=True):
        if target == ATTRIBUTE or (not target and attributes):
            key = _free_key(name, taken)
            taken.add(key)
            target = f"{ATTRIBUTE}:{key}"
        result.append(target or IGNORE)
    return result


def attribute_key(text: str) -> str:
    """A key that can stand in a ``{placeholder}``: letters (Persian too), digits and underscores, not a digit first."""
    key = re.sub(r"\W+", "_", text.translate(LETTERS).strip().casefold()).strip("_")[:MAX_KEY]
    return f"_{key}" if not key or key[0].isdigit() else key


def _free_key(name: str, taken: set[str]) -> str:
    base = key = attribute_key(name)
    copy = 2
    while key in taken:
        key = f"{base}_{copy}"
        copy += 1
    return key


def is_target(text: str) -> bool:
    """Whether a text can be a column's target; a plain ``attribute`` is one that still wants its key."""
    kind, _, key = text.partition(":")
    return text in (*FIELDS, IGNORE, ATTRIBUTE) or (
        kind == ATTRIBUTE and key not in _PLACEHOLDERS and key == attribute_key(key)
    )


def check(targets: Sequence[str]) -> None:
    """Raises :class:`UnreadableFile` where no column is the phone, :class:`ValueError` where two do not go together."""
    if PHONE not in targets:
        raise UnreadableFile(NO_PHONE_COLUMN)
    used = [target for target in targets if target != IGNORE]
    if len(used) != len(set(used)):
        raise ValueError(gettext("Two columns have the same field."))
    if CATEGORY in used and (MAIN_CATEGORY in used or SUB_CATEGORY in used):
        raise ValueError(gettext("The job category is one column, or one of main and one of sub-categories."))
    if SUB_CATEGORY in used and MAIN_CATEGORY not in used:
        raise ValueError(gettext("Sub-categories need a column of their main categories."))
