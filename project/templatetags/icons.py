"""Inline icons: ``{% icon "send" %}`` or ``{% icon "send" "size-4" %}``. Source: lucide, vendored in static/vendor."""

from __future__ import annotations

import re
from functools import cache

from django import template
from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@cache
def _paths(name: str) -> SafeString:
    svg = (settings.BASE_DIR / "static" / "vendor" / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    found = re.search(r"<svg[^>]*>(.*)</svg>", re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL), re.DOTALL)
    if found is None:
        raise ValueError(f"{name}.svg is no icon")
    return mark_safe(" ".join(found.group(1).split()))  # noqa: S308 - a vendored file, checked by its hash


@register.simple_tag
def icon(name: str, css: str = "size-5") -> SafeString:
    """The icon as inline SVG, hidden from screen readers: the word beside it tells what it means."""
    return format_html(
        '<svg class="{} shrink-0" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" '
        'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">{}</svg>',
        css,
        _paths(name),
    )
