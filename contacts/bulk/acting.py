"""The bulk actions of the list: into a phonebook and out of it, a job category, suppressed, deleted."""

from __future__ import annotations

from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from contacts import erasing, suppressions
from contacts.bulk.kinds import CannotGoOn, OfContacts, register
from contacts.bulk.reasons import CATEGORY_GONE, LINE_GONE, PHONEBOOK_GONE
from contacts.models import BulkAction, Contact, JobCategory, Membership, Phonebook, Source, Suppression
from providers.models import SenderLine


def locked(ids: list[int]) -> list[int]:
    """Lock these contacts, in the order of their ids; those of them that are still there."""
    rows = Contact.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
    return list(rows.values_list("pk", flat=True))


class _OfPhonebook(OfContacts):
    """With a phonebook of ours: ``params`` are ``{"phonebook": id}``."""

    permission = "contacts.change_phonebook"

    def _hold(self) -> int:
        books = Phonebook.objects.ours().select_for_update(no_key=True).filter(pk=self.action.params["phonebook"])
        found = books.values_list("pk", flat=True).first()
        if found is None:
            raise CannotGoOn(PHONEBOOK_GONE)
        return found

    def _phonebook(self) -> Phonebook | None:
        return Phonebook.objects.filter(pk=self.action.params["phonebook"]).first()

    def link(self) -> tuple[str, str] | None:
        phonebook = self._phonebook()
        return (_("Open the phonebook"), phonebook.get_absolute_url()) if phonebook else None


@register(BulkAction.Kind.ADD)
class Add(_OfPhonebook):
    """Into a phonebook, in the order of the contacts' ids."""

    def words(self) -> str:
        return _("Add to the phonebook “%(name)s”") % {"name": self._phonebook() or "—"}

    def change(self, ids: list[int]) -> int:
        phonebook_id = self._hold()
        there = locked(ids)
        members = Membership.objects.filter(phonebook=phonebook_id, contact__in=there)
        known = set(members.values_list("contact_id", flat=True))
        new = [Membership(phonebook_id=phonebook_id, contact_id=pk) for pk in there if pk not in known]
        Membership.objects.bulk_create(new)
        Phonebook.objects.filter(pk=phonebook_id).update(size=F("size") + len(new))
        return len(new)


@register(BulkAction.Kind.REMOVE)
class Remove(_OfPhonebook):
    """Out of a phonebook; the contacts themselves stay."""

    def words(self) -> str:
        return _("Take out of the phonebook “%(name)s”") % {"name": self._phonebook() or "—"}

    def change(self, ids: list[int]) -> int:
        phonebook_id = self._hold()
        gone, _by_model = Membership.objects.filter(phonebook=phonebook_id, contact__in=ids).delete()
        Phonebook.objects.filter(pk=phonebook_id).update(size=F("size") - gone)
        return gone


@register(BulkAction.Kind.CATEGORISE)
class Categorise(OfContacts):
    """A job category, or none: ``params`` are ``{"category": id or null}``."""

    def words(self) -> str:
        if self.action.params["category"] is None:
            return _("Take the job category away")
        category = JobCategory.objects.select_related("parent").filter(pk=self.action.params["category"]).first()
        return _("Give the job category “%(name)s”") % {"name": category or "—"}

    def change(self, ids: list[int]) -> int:
        category = self.action.params["category"]
        if category is not None and not JobCategory.objects.select_for_update(no_key=True).filter(pk=category).exists():
            raise CannotGoOn(CATEGORY_GONE)
        others = Contact.objects.filter(pk__in=locked(ids))
        others = others.exclude(job_category=category) if category else others.filter(job_category__isnull=False)
        return others.update(job_category=category, updated_at=Now())


@register(BulkAction.Kind.SUPPRESS)
class Suppress(OfContacts):
    """Suppressed by hand: ``params`` are ``{"scope": scope, "line": id or null, "note": text}``."""

    permission = "contacts.add_suppression"

    def words(self) -> str:
        scope = Suppression.Scope(self.action.params["scope"])
        line = SenderLine.objects.filter(pk=self.action.params["line"]).first()
        return _("Suppress: %(scope)s") % {"scope": line or scope.label}

    def change(self, ids: list[int]) -> int:
        params = self.action.params
        line = SenderLine.objects.filter(pk=params["line"]).first()
        if params["scope"] == Suppression.Scope.LINE and line is None:
            raise CannotGoOn(LINE_GONE)
        return suppressions.suppress(
            Contact.objects.filter(pk__in=ids).values_list("phone", flat=True),
            scope=params["scope"],
            reason=Suppression.Reason.MANUAL,
            source=Source.BULK,
            line=line,
            user=self.action.created_by,
            note=params["note"],
        )


@register(BulkAction.Kind.DELETE)
class Delete(OfContacts):
    """Erased everywhere (``contacts.erasing``)."""

    slice_size = 1_000
    permission = "contacts.delete_contact"

    def words(self) -> str:
        return _("Delete, and forget everywhere")

    def change(self, ids: list[int]) -> int:
        return erasing.erase(ids)

    def finish(self) -> None:
        """Keep nothing of the selection: it may be a search for a number."""
        BulkAction.objects.filter(pk=self.action.pk).update(selection={})

    stopped = finish
