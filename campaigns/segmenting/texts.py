"""Texts as they are compared, alike in Python and in both databases' SQL.

Two texts are the same where they differ only in Arabic or Persian letters (ي and ی, ك and ک), in the family of their
digits, or in the case of Latin letters. A column is compared as it is wherever the value tells that this is enough: a
folded column costs twice the time of a bare one.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import prod
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models import CharField, Expression, F, Func, Value
from django.db.models.functions import Coalesce

_DIGITS: Final = dict(zip("0123456789", map("".join, zip("۰۱۲۳۴۵۶۷۸۹", "٠١٢٣٤٥٦٧٨٩", strict=True)), strict=True))
_FORMS: Final = {"ی": "يى", "ک": "ك"} | _DIGITS
_FOLDED: Final = str.maketrans({form: letter for letter, forms in _FORMS.items() for form in forms})
_LOWER: Final = str.maketrans({chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)})
MOST_SPELLINGS: Final = 64


def folded(text: str) -> str:
    """A text in the form that is compared."""
    return text.translate(_FOLDED).translate(_LOWER)


class Attribute(Func):
    """The text of a contact's attribute; NULL where it has none. A number or a truth is its JSON."""

    output_field = CharField()

    def __init__(self, key: str) -> None:
        super().__init__(F("attributes"))
        self.key = key

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any) -> tuple[str, Any]:
        column, params = compiler.compile(self.get_source_expressions()[0])
        if connection.vendor == "postgresql":
            return f"({column} ->> %s)", [*params, self.key]
        # By its name, whatever that is: in a path a number would be a place in a list, and a quotation mark an end.
        value = "CASE type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(value AS TEXT) END"
        return f"(SELECT {value} FROM JSON_EACH({column}) WHERE key = %s)", [*params, self.key]


class Folded(Func):
    """A column folded as far as a comparison with ``value`` (folded) needs it: letters that it lacks don't matter."""

    output_field = CharField()

    def __init__(self, column: Expression | F, value: str, letters: bool = True) -> None:
        super().__init__(column)
        forms = _FORMS.items() if letters else ()
        pairs = [(form, letter) for letter, forms in forms if letter in value for form in forms]
        self.forms, self.letters = "".join(form for form, _to in pairs), "".join(to for _form, to in pairs)
        self.has_case = any("a" <= letter <= "z" for letter in value)

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any) -> tuple[str, Any]:
        sql, params = compiler.compile(self.get_source_expressions()[0])
        params = [*params]
        if self.forms:
            sql, params = f"TRANSLATE({sql}, %s, %s)", [*params, self.forms, self.letters]
        if self.has_case:  # Latin alone, whatever the database's locale: as SQLite does
            sql = f'LOWER({sql} COLLATE "C")' if connection.vendor == "postgresql" else f"LOWER({sql})"
        return sql, params


def teach(connection: Any, **_kwargs: Any) -> None:
    """Give a new connection to SQLite PostgreSQL's TRANSLATE; a REPLACE for each letter overflows its parser."""
    if connection.vendor == "sqlite":
        connection.connection.create_function("TRANSLATE", 3, _translate, deterministic=True)


def _translate(text: str | None, forms: str, letters: str) -> str | None:
    return None if text is None else str(text).translate(_table(forms, letters))


@lru_cache(maxsize=64)
def _table(forms: str, letters: str) -> dict[int, int]:
    return str.maketrans(forms, letters)


connection_created.connect(teach, dispatch_uid="campaigns.segmenting")


def text_of(field: str, key: str = "") -> Expression | F:
    """The text that a condition compares, never NULL."""
    return Coalesce(Attribute(key), Value("")) if field == "attribute" else F(field)


def spellings(text: str) -> list[str] | None:
    """All the ways to write a folded text, but for the case of its letters; None where they are too many."""
    choices = [letter + _FORMS.get(letter, "") for letter in text]
    if prod(map(len, choices)) > MOST_SPELLINGS:
        return None
    return ["".join(letters) for letters in product(*choices)]
