"""Texts with placeholders: ``{first_name}``, or ``{first_name|مشتری}`` with what stands in where the field is blank.

A template renders in Python (preview, cost) and compiles to one database expression (the freeze, a million rows in one
statement); both give the same text, and a test holds them together. ``{{`` and ``}}`` are braces. Nothing is evaluated:
a placeholder is a contact's field or attribute and cannot reach anything else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import F, TextField, Value
from django.db.models.expressions import Combinable, Expression
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, Concat, NullIf, Trim

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler

FIELDS = ("first_name", "last_name", "full_name")
_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}|]*)(?:\|([^{}]*))?\}|[{}]")
_NAME = re.compile(r"[^\W\d]\w{0,59}")
# What both databases and Python agree to strip around a value.
_BLANK = " "


class Placeholder(NamedTuple):
    """A place for a contact's value; ``fallback`` stands in where it is blank."""

    name: str
    fallback: str


class TemplateError(ValueError):
    """A text that cannot be a template: ``code`` (``brace``, ``name``) and the ``token`` it stumbles over."""

    def __init__(self, code: str, token: str) -> None:
        super().__init__(code)
        self.code = code
        self.token = token


class Template(NamedTuple):
    """A parsed text: literals and placeholders in order."""

    parts: Sequence[str | Placeholder]

    @property
    def names(self) -> list[str]:
        """The names it asks for, each once, in order."""
        return list(dict.fromkeys(part.name for part in self.parts if isinstance(part, Placeholder)))

    @property
    def is_personal(self) -> bool:
        """Whether two recipients may get different texts."""
        return bool(self.names)

    @property
    def literal(self) -> str:
        """The text without its placeholders' values: each one's fallback stands in its place."""
        return "".join(part.fallback if isinstance(part, Placeholder) else part for part in self.parts)

    def render(self, values: Mapping[str, str]) -> str:
        """The text for one contact; ``values`` as ``values_of`` gives them."""
        return "".join(
            (values.get(part.name, "") or part.fallback) if isinstance(part, Placeholder) else part
            for part in self.parts
        )

    def expression(self, prefix: str = "") -> Combinable:
        """The same as a database expression over contacts; ``prefix`` leads there (``"contact__"``)."""
        pieces: list[Combinable] = [
            _value(part, prefix) if isinstance(part, Placeholder) else Value(part, output_field=TextField())
            for part in self.parts
        ]
        return reduce(lambda left, right: Concat(left, right, output_field=TextField()), pieces)


def is_name(name: str) -> bool:
    """Whether a placeholder can have this name."""
    return _NAME.fullmatch(name) is not None


def parse(text: str) -> Template:
    """The template of a text.

    Raises:
        TemplateError: a brace without its pair, or a placeholder whose name is no name.
    """
    parts: list[str | Placeholder] = []
    literal: list[str] = []
    end = 0
    for match in _TOKEN.finditer(text):
        literal.append(text[end : match.start()])
        end = match.end()
        token = match.group()
        if token in ("{{", "}}"):
            literal.append(token[0])
        elif token in ("{", "}"):
            raise TemplateError("brace", token)
        else:
            name = match.group(1).strip()
            if not is_name(name):
                raise TemplateError("name", token)
            parts += ["".join(literal), Placeholder(name, (match.group(2) or "").strip())]
            literal = []
    literal.append(text[end:])
    parts.append("".join(literal))
    return Template([part for part in parts if part != ""])


def escaped(text: str) -> str:
    """A template that gives this very text to everybody."""
    return text.replace("{", "{{").replace("}", "}}")


def values_of(contact: Any) -> dict[str, str]:
    """A contact's values by placeholder name: its fields, and its attributes as text, outer spaces stripped."""
    values = {key: _text(value) for key, value in (contact.attributes or {}).items()}
    values["first_name"] = contact.first_name.strip(_BLANK)
    values["last_name"] = contact.last_name.strip(_BLANK)
    values["full_name"] = f"{values['first_name']} {values['last_name']}".strip(_BLANK)
    return values


def _text(value: object) -> str:
    if value is None:
        return ""
    return value.strip(_BLANK) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class _Attribute(KeyTextTransform):
    """An attribute's text; a JSON null is nothing on both databases (Django on SQLite makes it the word "null")."""

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra_context: Any
    ) -> tuple[str, tuple[Any, ...]]:
        sql, params = super().as_sqlite(compiler, connection, **extra_context)
        column, key_params, _keys = self.preprocess_lhs(compiler, connection)
        path = f"$.{json.dumps(self.key_name)}"
        missing = f"JSON_TYPE({column}, %s) = 'null'"
        return f"(CASE WHEN {missing} THEN NULL ELSE {sql} END)", (*key_params, path, *params)


def _value(placeholder: Placeholder, prefix: str) -> Combinable:
    if placeholder.name == "full_name":
        first, last = Trim(F(f"{prefix}first_name")), Trim(F(f"{prefix}last_name"))
        raw: Expression = Trim(Concat(first, Value(" "), last))
    elif placeholder.name in FIELDS:
        raw = Trim(F(f"{prefix}{placeholder.name}"))
    else:
        raw = Trim(Coalesce(Cast(_Attribute(placeholder.name, f"{prefix}attributes"), TextField()), Value("")))
    return Coalesce(NullIf(raw, Value("")), Value(placeholder.fallback), output_field=TextField())
