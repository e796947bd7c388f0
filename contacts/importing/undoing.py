"""An import taken back: the memberships that it made, and the contacts that it made and nothing has touched since.

A contact stays if it was changed after (``updated_at`` is not ``created_at``), if it is in a phonebook by another hand,
or if a campaign names it. What the import changed in contacts that were known before stays, and so do job categories
and phonebooks. It is a bulk action: done in slices, resumed after a kill at the row that follows the last commit.
"""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Count, F, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts import bulk, elsewhere
from contacts.models import BulkAction, Contact, ContactImport, Membership, Phonebook
from contacts.turns import take_turn

# Memberships go first, by their ids; contacts after them, by theirs and this. Ids of rows never reach it.
_CONTACTS: Final = 1 << 62

RUNNING: Final = "import_running"
NOTHING: Final = "import_nothing"
_SENTENCES: Final[dict[str, str | Promise]] = {
    RUNNING: gettext_lazy("The import is still running. Stop it first."),
    NOTHING: gettext_lazy("This import has not changed anything."),
}
KEPT: Final = ("changed", "filed", "used")


class CannotUndo(Exception):
    """An import that cannot be taken back now. ``code`` says why, the text is its sentence."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        return str(_SENTENCES[self.code])


def start(contact_import: ContactImport, user: Any = None) -> BulkAction:
    """Begins to take an import back; a second call returns the same action. Raises :class:`CannotUndo`."""
    return done(contact_import) or bulk.start(BulkAction.Kind.UNDO, {"import": contact_import.pk}, {}, user)


def done(contact_import: ContactImport) -> BulkAction | None:
    """The action that has taken the import back."""
    undone = BulkAction.objects.filter(kind=BulkAction.Kind.UNDO, status=BulkAction.Status.COMPLETED)
    return undone.filter(selection__import=contact_import.pk).order_by("pk").first()


@bulk.register(BulkAction.Kind.UNDO)
class Undo(bulk.Kind):
    """Takes back the import ``{"import": id}``. ``params`` count what was removed, and what was kept and why:

    ``{"memberships": n, "contacts": n, "changed": n, "filed": n, "used": n}``.
    """

    slice_size = 10_000
    permission = "contacts.delete_contact"
    template = "contacts/_undone.html"

    def words(self) -> str:
        return _("Undo the import “%(name)s”") % {"name": self._import() or "—"}

    def link(self) -> tuple[str, str] | None:
        contact_import = self._import()
        return (_("Open the import"), contact_import.get_absolute_url()) if contact_import else None

    def begin(self) -> None:
        """The import's row is locked: what its worker was committing is in, and it will commit no more."""
        contact_import = ContactImport.objects.select_for_update().get(pk=self._id)
        if contact_import.status == ContactImport.Status.RUNNING:
            raise CannotUndo(RUNNING)
        if not (contact_import.new or contact_import.joined) or contact_import.dry_run:
            raise CannotUndo(NOTHING)
        self.action.params = dict.fromkeys(("memberships", "contacts", *KEPT), 0)

    def count(self) -> int:
        return self._memberships().count() + self._contacts().count()

    def next_ids(self, after: int, limit: int) -> list[int]:
        ids: list[int] = []
        if after < _CONTACTS:
            memberships = self._memberships().filter(pk__gt=after).order_by("pk")
            ids += memberships.values_list("pk", flat=True)[:limit]
        contacts = self._contacts().filter(pk__gt=max(after - _CONTACTS, 0)).order_by("pk")
        return ids + [_CONTACTS + pk for pk in contacts.values_list("pk", flat=True)[: limit - len(ids)]]

    def change(self, ids: list[int]) -> int:
        changed = 0
        if ids[-1] >= _CONTACTS:
            take_turn()
        if memberships := [pk for pk in ids if pk < _CONTACTS]:
            changed += self._leave(self._memberships().filter(pk__range=(memberships[0], memberships[-1])))
        if contacts := [pk - _CONTACTS for pk in ids if pk >= _CONTACTS]:
            changed += self._remove(self._contacts().filter(pk__range=(contacts[0], contacts[-1])))
        return changed

    def finish(self) -> None:
        ContactImport.objects.filter(pk=self._id, undone_at=None).update(undone_at=timezone.now())

    @property
    def _id(self) -> int:
        return int(self.action.selection["import"])

    def _import(self) -> ContactImport | None:
        return ContactImport.objects.filter(pk=self._id).first()

    def _memberships(self) -> QuerySet[Membership]:
        """Those that the import made. Its ids bound them: there is no index on what made a row."""
        first, last = self._span("membership")
        return Membership.objects.filter(made_in=self._id, pk__gte=first, pk__lte=last)

    def _contacts(self) -> QuerySet[Contact]:
        first, last = self._span("contact")
        return Contact.objects.filter(made_in=self._id, pk__gte=first, pk__lte=last)

    def _span(self, kind: str) -> tuple[int, int]:
        spans = ContactImport.objects.filter(pk=self._id)
        first, last = spans.values_list(f"first_{kind}_id", f"last_{kind}_id").get()
        return first or 0, last or 0

    def _leave(self, memberships: QuerySet[Membership]) -> int:
        """Takes contacts out of the phonebooks that the import put them into."""
        books = sorted(set(memberships.values_list("phonebook", flat=True)))
        list(Phonebook.objects.select_for_update().filter(pk__in=books).order_by("pk"))
        # Locked, nobody else moves members of these any more; a merge may have, before.
        held = memberships.filter(phonebook__in=books)
        sizes = held.order_by().values_list("phonebook").annotate(number=Count("pk"))
        for phonebook_id, number in list(sizes):
            Phonebook.objects.filter(pk=phonebook_id).update(size=F("size") - number)
        removed, _by_model = held.delete()
        self.action.params["memberships"] += removed
        return removed

    def _remove(self, contacts: QuerySet[Contact]) -> int:
        """Deletes those that nothing has touched; counts the others by the first reason to keep them."""
        rows = contacts.select_for_update().order_by("pk").values_list("pk", "created_at", "updated_at")
        untouched = {pk: created == updated for pk, created, updated in rows}
        left = {pk for pk, is_untouched in untouched.items() if is_untouched}
        members = Membership.objects.filter(contact__in=contacts.order_by().values("pk"))
        filed = left.intersection(members.values_list("contact", flat=True))
        used = elsewhere.used(sorted(left - filed))
        gone = left - filed - used
        contacts.exclude(pk__in=untouched.keys() - gone).delete()
        counts = (len(gone), len(untouched) - len(left), len(filed), len(used))
        for name, number in zip(("contacts", *KEPT), counts, strict=True):
            self.action.params[name] += number
        return len(gone)
