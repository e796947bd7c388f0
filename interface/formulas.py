"""Cells that a spreadsheet would take for formulas, made harmless, and their text given back."""

from __future__ import annotations

from typing import Final

# What a formula begins with, or a full-width form that is folded to such a character.
SIGNS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def harmless(text: str) -> str:
    """A CSV cell that is no formula: one that would be gets an apostrophe in front.

    A text that looks as if it had got one gets one too, so that :func:`original` gives back every text.
    """
    return f"'{text}" if text.lstrip("'").startswith(SIGNS) else text


def original(text: str) -> str:
    """The cell without the apostrophe that :func:`harmless` put there, or a person in its place."""
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(SIGNS) else text


def unambiguous(text: str) -> str:
    """A cell that is marked as text, so that it needs no apostrophe, but of which :func:`original` would take one."""
    return harmless(text) if text.startswith("'") else text
