"""What a bulk action may be: one class a kind, registered under its name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, TypeVar

from contacts.filtering import selected
from contacts.models import BulkAction
from contacts.querysets import ContactQuerySet


class CannotGoOn(Exception):
    """What the action needs is not there; ``code`` (at most 64 characters) says what. It ends as failed."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Kind(ABC):
    """A kind of bulk action, made anew for each worker's turn at one ``action``.

    ``change``, ``finish`` and ``next_ids`` run in the transaction of a slice, in which the action's row is locked;
    locks follow in this order: the turn of whoever removes contacts (``contacts.turns``), phonebooks by pk, contacts by
    id. What they write to ``action.params`` and ``action.path`` is saved with the slice. ``permission`` is what
    starting or stopping one takes. ``template``, where there is one, shows more on the action's page (``action`` and
    ``kind`` in its context).
    """

    slice_size: ClassVar[int] = 5_000
    permission: ClassVar[str] = "contacts.change_contact"
    template: ClassVar[str] = ""

    def __init__(self, action: BulkAction) -> None:
        self.action = action

    @abstractmethod
    def count(self) -> int:
        """How many there are in all. Asked once, before the first slice."""

    @abstractmethod
    def next_ids(self, after: int, limit: int) -> list[int]:
        """The next at most ``limit`` ids above ``after``, ascending; none at the end. Of contacts, or what it likes."""

    @abstractmethod
    def change(self, ids: list[int]) -> int:
        """Do it to these; how many were not so before. Raises :class:`CannotGoOn`."""

    @abstractmethod
    def words(self) -> str:
        """What it does, in a sentence without an end mark: “Add to the phonebook “x””."""

    def begin(self) -> None:  # noqa: B027 - most kinds have nothing to prepare
        """Once, in the transaction that starts it: fix what must not move while it goes on."""

    def finish(self) -> None:  # noqa: B027
        """At the end, in the transaction that completes it."""

    def stopped(self) -> None:  # noqa: B027
        """After it was cancelled or failed: remove what nobody needs now."""

    def link(self) -> tuple[str, str] | None:
        """What its page leads to: a label and an address."""
        return None


class OfContacts(Kind):
    """A kind whose ids are those of the selected contacts: ``{"ids": [id]}`` or ``{"filter": {name: value}}``."""

    def contacts(self) -> ContactQuerySet:
        """Those that are selected; none that came after the start."""
        return selected(self.action.selection)

    def begin(self) -> None:
        from contacts.models import Contact

        last = Contact.objects.order_by("-pk").values_list("pk", flat=True).first()
        self.action.selection = {**self.action.selection, "last": last or 0}

    def count(self) -> int:
        return self.contacts().count()

    def next_ids(self, after: int, limit: int) -> list[int]:
        return list(self.contacts().filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:limit])


_kinds: dict[str, type[Kind]] = {}
_Class = TypeVar("_Class", bound=type[Kind])


def register(kind: BulkAction.Kind) -> Callable[[_Class], _Class]:
    """Class decorator: this class does the actions of that kind."""

    def remember(cls: _Class) -> _Class:
        _kinds[kind] = cls
        return cls

    return remember


def kind_of(action: BulkAction) -> Kind:
    """What does this action."""
    return _kinds[action.kind](action)


def permission_of(kind: str) -> str:
    """What starting an action of this kind takes."""
    return _kinds[kind].permission
