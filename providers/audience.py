"""Whom a provider that keeps the recipients sends to, as values. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OperatorSlice:
    """Some of an operator's numbers in a job category: its id at the provider, ``size`` of them from ``start`` (0)."""

    id: int
    start: int | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class CategoryPart:
    """A job category of the provider: a main one, or a sub-category of it; all operators where none is named."""

    main: int
    sub: int | None = None
    operators: tuple[OperatorSlice, ...] = ()


@dataclass(frozen=True, slots=True)
class PhonebooksPart:
    """Whole phonebooks of the provider, or ``size`` numbers of them from ``start``, as the provider counts."""

    ids: tuple[str, ...]
    start: int | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class NumbersPart:
    """Chosen numbers of one phonebook of the provider, by the provider's ids of them."""

    phonebook: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a provider that keeps the recipients sends to: either job categories or phonebooks, never both."""

    categories: tuple[CategoryPart, ...] = ()
    phonebooks: tuple[PhonebooksPart | NumbersPart, ...] = ()
