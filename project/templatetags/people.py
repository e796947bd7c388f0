"""What a role may do, in a sentence: ``{{ role|of_role }}``."""

from __future__ import annotations

from django import template
from django.utils.translation import gettext as _

from project import roles

register = template.Library()


@register.filter
def of_role(name: str) -> str:
    """The duties of a ready role; without one nothing but looking is left."""
    return str(roles.DUTIES.get(str(name), _("Looks at everything, and changes nothing. Sees masked phone numbers.")))
