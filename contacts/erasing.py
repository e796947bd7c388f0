"""A person is erased: the contact, and the number wherever it stands. Suppressions stay, so that nobody writes again.

What must still be counted stays without the person: a refused row keeps its line and reason, a reply what it said, and
``contacts.elsewhere`` the messages. Locks follow one order: the turn (``contacts.turns``), kept exports by pk,
phonebooks by pk, what is elsewhere, contacts by id.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.db.models import F

from contacts import elsewhere
from contacts.bulk import writing
from contacts.models import (
    BulkAction,
    Contact,
    ImportIssue,
    Membership,
    Mirroring,
    OptOutReply,
    Phonebook,
    ProviderNumber,
)
from contacts.phones import bare, search_digits
from contacts.turns import take_turn

READ = 2_000  # refused rows at a time
_runs = re.compile(r"[0-9]{7,}").findall


@transaction.atomic
def erase(contact_ids: Sequence[int]) -> int:
    """Erase these contacts, at most some thousands; how many were there."""
    rows = list(Contact.objects.filter(pk__in=contact_ids).values_list("pk", "phone", "updated_at"))
    people = {pk: phone for pk, phone, _changed in rows}
    phones = sorted(map(str, people.values()))
    if not phones:
        return 0
    take_turn()
    writing.forget(phones, max(changed for _pk, _phone, changed in rows))
    _hold_phonebooks(list(people))
    elsewhere.erase(phones)
    _forget_numbers(phones)
    _blank_issues(phones)
    _forget_searches(phones)
    # By number, too: one that was changed a moment ago is another person's now.
    held = Contact.objects.select_for_update().filter(pk__in=list(people), phone__in=phones).order_by("pk")
    there = list(held.values_list("pk", flat=True))
    _leave_phonebooks(there)
    LogEntry.objects.filter(
        content_type__app_label="contacts", content_type__model="contact", object_id__in=list(map(str, there))
    ).update(object_repr="")
    Contact.objects.filter(pk__in=there).delete()
    return len(there)


def _hold_phonebooks(contact_ids: Sequence[int]) -> None:
    """Lock the phonebooks that these are in, as everybody does who changes a size."""
    found = Membership.objects.filter(contact__in=contact_ids).values("phonebook")
    list(Phonebook.objects.select_for_update(no_key=True).filter(pk__in=found).order_by("pk"))


def _leave_phonebooks(contact_ids: Sequence[int]) -> None:
    members = Membership.objects.filter(contact__in=contact_ids)
    left = Counter(members.values_list("phonebook_id", flat=True))
    members.delete()
    for phonebook_id, number in sorted(left.items()):
        Phonebook.objects.ours().filter(pk=phonebook_id).update(size=F("size") - number)


def _forget_numbers(phones: Sequence[str]) -> None:
    """What a provider's phonebooks and inbox had of them here."""
    mirrored = Mirroring.objects.filter(phonebook__isnull=False).values_list("phonebook", flat=True).distinct()
    # Phonebook by phonebook, in one statement: the index on the number begins with the phonebook.
    ProviderNumber.objects.filter(phonebook__in=list(mirrored), phone__in=phones).delete()
    OptOutReply.objects.filter(phone__in=phones).update(phone=None, text="")


def _blank_issues(phones: Sequence[str]) -> None:
    """Empty the refused rows in which any of the numbers stands, in whatever form; their line and reason stay."""
    wanted = {_national(phone) for phone in phones}
    lengths = sorted({len(digits) for digits in wanted})
    found = [pk for pk, cells in _issues() if any(_holds(str(cell), wanted, lengths) for cell in cells)]
    ImportIssue.objects.filter(pk__in=found).update(value="", row=[])


def _issues() -> Iterator[tuple[int, list[Any]]]:
    rows = ImportIssue.objects.exclude(value="", row=[]).values_list("pk", "value", "row")
    for pk, value, row in rows.iterator(chunk_size=READ):
        yield pk, [value, *(row if isinstance(row, list) else [row])]


def _holds(cell: str, wanted: set[str], lengths: Iterable[int]) -> bool:
    """Whether any of the numbers stands in a cell, alone or among other digits."""
    for run in _runs(bare(cell)):
        for length in lengths:
            for start in range(len(run) - length + 1):
                if run[start : start + length] in wanted:
                    return True
    return False


def _national(phone: str) -> str:
    """The digits that a number has in every form: an Iranian one is written with 0, 98 or neither before them."""
    return phone.removeprefix("+98") if phone.startswith("+98") else phone.removeprefix("+")


def _forget_searches(phones: Sequence[str]) -> None:
    """Bulk actions whose selection was a search for one of the numbers; one that runs is doing this, or soon ends."""
    digits = {phone.removeprefix("+") for phone in phones}
    searched = BulkAction.objects.filter(selection__filter__q__isnull=False)
    for action in searched.only("selection"):
        if search_digits(str(action.selection["filter"]["q"])) in digits:
            selection = {**action.selection, "filter": {**action.selection["filter"], "q": ""}}
            BulkAction.objects.filter(pk=action.pk).exclude(status=BulkAction.Status.RUNNING).update(
                selection=selection
            )
