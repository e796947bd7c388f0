"""Erasing a person: the number stands nowhere any more, but where it keeps people from being written to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from contacts import bulk, erasing, filing
from contacts.bulk import acting
from contacts.models import (
    BulkAction,
    Contact,
    ContactImport,
    ImportIssue,
    Membership,
    Mirroring,
    OptOutReply,
    Phonebook,
    ProviderNumber,
    Suppression,
)
from tests import builders
from tests.contacts.files import imported, write

pytestmark = pytest.mark.django_db


def test_the_contact_leaves_every_phonebook_with_its_size() -> None:
    people = builders.contacts(3)
    first, second = builders.phonebook(people, "a"), builders.phonebook(people[:2], "b")
    assert erasing.erase([people[0].pk, people[1].pk, 0]) == 2
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.size, second.size, Membership.objects.count(), Contact.objects.count()) == (1, 0, 1, 1)
    assert erasing.erase([people[0].pk]) == 0


def test_suppressions_stay() -> None:
    person = builders.contacts(1)[0]
    Suppression.objects.create(phone=person.phone)
    filing.delete(person)
    assert Suppression.objects.filter(phone=person.phone).exists()


def test_what_a_provider_had_of_the_number_goes() -> None:
    person = builders.contacts(1)[0]
    account = builders.account()
    book = Phonebook.objects.create(name="theirs", account=account, provider_ref="7", size=2)
    Mirroring.objects.create(account=account, phonebook=book, stage="numbers", status="completed")
    for ref, phone in enumerate([person.phone, builders.phone(9)]):
        ProviderNumber.objects.create(phonebook=book, provider_ref=str(ref), phone=phone, name="Sara", seen_in=1)
    OptOutReply.objects.create(account=account, provider_ref=1, phone=person.phone, said="stop", text="11")
    filing.delete(person)
    assert list(ProviderNumber.objects.values_list("phone", flat=True)) == [builders.phone(9)]
    assert OptOutReply.objects.values_list("phone", "said", "text").get() == (None, "stop", "")


@pytest.mark.parametrize(
    ("cell", "goes"),
    [
        ("09120000000", True),
        ("+98 912 000 0000", True),
        ("۰۹۱۲-۰۰۰-۰۰۰۰", True),
        ("call 0098 (912) 0000000 or 021", True),
        ("0912000000012", True),  # a digit too many: refused, and still the number
        ("0912000000", False),
        ("9121000000", False),
        ("Sara", False),
    ],
)
def test_a_refused_row_that_holds_the_number_is_emptied_and_still_counts(cell: str, goes: bool) -> None:
    person = builders.contacts(1)[0]
    of = ContactImport.objects.create(filename="x.csv", path="x", rows_done=1, refused=1)
    issue = ImportIssue.objects.create(contact_import=of, line=2, code="phone_too_long", value="?", row=["a", cell])
    filing.delete(person)
    issue.refresh_from_db()
    assert (issue.line, issue.code, issue.row) == (2, "phone_too_long", [] if goes else ["a", cell])


def test_many_are_erased_in_slices_of_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk.running, "AT_ONCE", 0)
    monkeypatch.setattr(acting.Delete, "slice_size", 10)
    builders.phonebook(builders.contacts(25, first_name="Sara"))
    action = bulk.start(BulkAction.Kind.DELETE, {"filter": {"q": "sara"}}, {})
    assert not bulk.run(action.pk, deadline=0.0)
    assert Phonebook.objects.get().size == Contact.objects.count() == 15
    assert bulk.run(action.pk)
    action.refresh_from_db()
    assert (action.status, action.done, action.changed, action.selection) == ("completed", 25, 25, {})
    assert Phonebook.objects.get().size == Contact.objects.count() == 0


def test_a_search_for_the_number_is_forgotten_too() -> None:
    person = builders.contacts(1)[0]
    book = Phonebook.objects.create(name="customers")
    action = bulk.start(BulkAction.Kind.ADD, {"filter": {"q": "۰۹۱۲ ۰۰۰ ۰۰۰۰"}}, {"phonebook": book.pk})
    assert action.changed == 1
    filing.delete(person)
    action.refresh_from_db()
    assert action.selection["filter"] == {"q": ""}


def test_the_admin_erases_and_its_log_forgets_the_name(client: Client) -> None:
    client.force_login(User.objects.create_superuser("owner"))
    people = builders.contacts(2, first_name="Sara")
    builders.phonebook(people)
    client.post(f"/admin/contacts/contact/{people[0].pk}/delete/", {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [people[1].pk], "post": "yes"}
    client.post("/admin/contacts/contact/", chosen)
    assert (Contact.objects.count(), Phonebook.objects.get().size, BulkAction.objects.count()) == (0, 0, 1)
    assert list(LogEntry.objects.values_list("object_repr", flat=True)) == ["", ""]


def test_nothing_of_an_erased_person_is_left_in_the_database(tmp_path: Path) -> None:
    """A dump of all that we keep, after a file, a search and an erasure: the number is nowhere."""
    imported(write(tmp_path / "a.csv", [["phone", "note"], ["09121112233", "x"], ["0912", "ask 0912 111 2233"]]))
    erasing.erase(list(Contact.objects.values_list("pk", flat=True)))
    call_command("dumpdata", "contacts", "campaigns", output=str(tmp_path / "all.json"))
    rows = json.loads((tmp_path / "all.json").read_text())
    assert rows
    assert not any("9121112233" in json.dumps(row).replace(" ", "") for row in rows)
