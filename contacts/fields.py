"""A phone number in the database: eight bytes instead of a text, half the index, and still E.164 in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    # Not the integer field's types: a value and a lookup are texts, whatever the column holds.
    class _BigIntegerField(models.Field[Any, Any]):
        _pyi_private_set_type: str
        _pyi_private_get_type: str
        _pyi_lookup_exact_type: str
else:
    _BigIntegerField = models.BigIntegerField


class PhoneField(_BigIntegerField):
    """E.164 as ``'+989121234567'`` in Python and as the integer 989121234567 in the column.

    No country code begins with 0 and E.164 has at most 15 digits, so the two are the same value. It validates the
    shape only; ``contacts.phones.normalise`` turns what people type into E.164.
    """

    default_error_messages = {"invalid": _("Enter a phone number in international form, such as +989121234567.")}

    @cached_property
    def validators(self) -> list[Any]:
        """None of the column's integer limits: they would compare the text with a number, and ``to_python`` has it."""
        return list(self._validators)  # type: ignore[attr-defined]  # Django keeps them there

    def from_db_value(self, value: int | None, expression: object, connection: object) -> str | None:
        return None if value is None else f"+{value}"

    def to_python(self, value: Any) -> Any:
        if value in (None, ""):
            return None
        digits = str(value).removeprefix("+")
        if not (digits.isascii() and digits.isdigit() and 7 <= len(digits) <= 15):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return f"+{digits}"

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else int(str(value).removeprefix("+"))

    def formfield(self, form_class: Any = None, choices_form_class: Any = None, **kwargs: Any) -> Any:
        return models.Field.formfield(self, **{"form_class": forms.CharField, "max_length": 16, **kwargs})
