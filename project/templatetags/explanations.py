"""A provider's code in plain words, for the page: ``{% explain slug code as explained %}``."""

from __future__ import annotations

from django import template

from providers import explaining

register = template.Library()


@register.simple_tag
def explain(slug: str, code: str) -> explaining.Explanation | None:
    """What the code means and what to do next; None where there is nothing to say of it."""
    return explaining.explain(slug, code)
