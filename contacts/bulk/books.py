"""What is done with whole phonebooks: copied, merged into another, split. Their ids are those of memberships.

Members keep their order: what is added follows what was there, in the order in which it stood. The source's row is
locked throughout a slice, so that nobody is erased from it meanwhile.
"""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import F, ProtectedError, QuerySet
from django.utils.translation import gettext as _

from contacts.bulk.kinds import CannotGoOn, Kind, register
from contacts.bulk.reasons import PHONEBOOK_GONE
from contacts.models import BulkAction, Membership, Phonebook
from interface import persian

_TABLE = Membership._meta.db_table
_APPEND = f"""
    INSERT INTO {_TABLE} (phonebook_id, contact_id)
    SELECT %s, contact_id FROM {_TABLE} WHERE phonebook_id = %s AND id BETWEEN %s AND %s ORDER BY id
    ON CONFLICT DO NOTHING
"""


class OfPhonebook(Kind):
    """A kind that works through the members of the phonebook ``params["from"]``, none above the id ``last``."""

    slice_size = 20_000
    permission = "contacts.change_phonebook"

    def begin(self) -> None:
        last = self.members().order_by("-pk").values_list("pk", flat=True).first()
        self.action.selection = {**self.action.selection, "last": last or 0}

    def members(self) -> QuerySet[Membership]:
        """The memberships that it works through."""
        found = Membership.objects.filter(phonebook=self.action.params["from"])
        last = self.action.selection.get("last")
        return found if last is None else found.filter(pk__lte=last)

    def count(self) -> int:
        return self.members().count()

    def next_ids(self, after: int, limit: int) -> list[int]:
        rows = self.members().filter(pk__gt=after).order_by("pk")
        return list(rows.values_list("pk", flat=True)[:limit])

    def hold(self, *others: int) -> None:
        """Lock the phonebook and these. Raises :class:`CannotGoOn` where one of them is gone."""
        wanted = {self.action.params["from"], *others}
        held = Phonebook.objects.ours().select_for_update(no_key=True).filter(pk__in=wanted).order_by("pk")
        if len(held.values_list("pk")) != len(wanted):
            raise CannotGoOn(PHONEBOOK_GONE)

    def name(self, role: str = "from") -> str:
        """The name of a phonebook that takes part, as it was at the start."""
        return persian.isolated(self.action.params[f"{role}_name"])

    def delete_source(self) -> None:
        """Delete the phonebook; one that a campaign names, or that has got members meanwhile, stays."""
        source = Phonebook.objects.select_for_update().filter(pk=self.action.params["from"]).first()
        if source is None:
            return
        newer = Membership.objects.filter(phonebook=source, pk__gt=self.action.selection.get("last", 0))
        self.action.params["stays"] = newer.exists() or not _deleted(source)

    def append(self, target: int, ids: list[int]) -> int:
        """Add the members to a phonebook, after its own; how many were not in it."""
        with connection.cursor() as cursor:
            cursor.execute(_APPEND, [target, self.action.params["from"], ids[0], ids[-1]])
            added = int(cursor.rowcount)
        Phonebook.objects.filter(pk=target).update(size=F("size") + added)
        return added

    def take_out(self, ids: list[int]) -> None:
        """Take the members out of the phonebook that they come from."""
        taken, _by_model = self.members().filter(pk__gte=ids[0], pk__lte=ids[-1]).delete()
        Phonebook.objects.filter(pk=self.action.params["from"]).update(size=F("size") - taken)


def _deleted(phonebook: Phonebook) -> bool:
    """Delete a phonebook, unless a campaign names it; whether it did."""
    try:
        phonebook.delete()
    except ProtectedError:
        return False
    return True


class _Into(OfPhonebook):
    """``params``: ``{"from", "from_name", "into", "into_name"}``."""

    template = "contacts/_action_books.html"

    def link(self) -> tuple[str, str] | None:
        target = Phonebook.objects.filter(pk=self.action.params["into"]).first()
        return (_("Open the phonebook"), target.get_absolute_url()) if target else None


@register(BulkAction.Kind.COPY)
class Copy(_Into):
    """All members, also into another phonebook."""

    def words(self) -> str:
        return _("Copy “%(name)s” into “%(other)s”") % {"name": self.name(), "other": self.name("into")}

    def change(self, ids: list[int]) -> int:
        self.hold(self.action.params["into"])
        return self.append(self.action.params["into"], ids)


@register(BulkAction.Kind.MERGE)
class Merge(_Into):
    """All members into another phonebook and out of this one; with ``"delete": true`` the emptied one goes."""

    def begin(self) -> None:
        """Whoever comes in while it goes on is moved, too."""

    def words(self) -> str:
        return _("Merge “%(name)s” into “%(other)s”") % {"name": self.name(), "other": self.name("into")}

    def change(self, ids: list[int]) -> int:
        self.hold(self.action.params["into"])
        added = self.append(self.action.params["into"], ids)
        self.take_out(ids)
        return added

    def finish(self) -> None:
        if self.action.params.get("delete"):
            self.delete_source()


def named(source: Phonebook, target: Phonebook) -> dict[str, Any]:
    """The parameters of a copy or a merge."""
    return {"from": source.pk, "from_name": source.name, "into": target.pk, "into_name": target.name}
