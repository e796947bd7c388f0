"""What recipients will read: a text rendered for real contacts, with its segments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from campaigns.composing import segments, templating
from campaigns.composing.suffix import with_suffix


class Preview(NamedTuple):
    """One recipient's text as it will be sent."""

    name: str
    phone: str
    text: str
    segments: segments.Segments


def template_of(text: str, suffix: str) -> templating.Template:
    """The template of a campaign's text with the line's opt-out suffix.

    Raises:
        TemplateError: the text is no template.
    """
    return templating.parse(with_suffix(text, suffix))


def previews(template: templating.Template, contacts: Iterable[Any], part_size: int) -> list[Preview]:
    """The texts for some contacts, each with its segments on a line with this part size."""
    found = []
    for contact in contacts:
        text = template.render(templating.values_of(contact))
        found.append(Preview(contact.full_name, contact.phone, text, segments.count(text, part_size)))
    return found
