"""The screens of contacts, phonebooks and imports."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from contacts import filing
from contacts.models import Contact, Membership, Phonebook
from tests.contacts.files import imported, members, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("owner"))
    return client


@pytest.fixture
def phonebook() -> Phonebook:
    return Phonebook.objects.create(name="customers")


def contacts(count: int, phonebook: Phonebook | None = None) -> list[Contact]:
    made = [Contact.objects.create(phone=f"+98912{number:07}", first_name=f"n{number}") for number in range(count)]
    for contact in made if phonebook else []:
        filing.add(contact, phonebook.pk)  # type: ignore[union-attr]
    return made


@pytest.mark.parametrize("path", ["/contacts/", "/phonebooks/", "/imports/", "/imports/new/", "/contacts/new/"])
def test_every_screen_needs_a_login(client: Client, path: str) -> None:
    assert client.get(path).headers["Location"].startswith("/login/")


@pytest.mark.parametrize(
    "path",
    [
        "/contacts/new/",
        "/contacts/{contact}/",
        "/contacts/{contact}/delete/",
        "/phonebooks/",
        "/phonebooks/{book}/",
        "/phonebooks/{book}/delete/",
        "/phonebooks/{book}/remove/{contact}/",
        "/imports/new/",
        "/imports/{file}/mapping/",
        "/imports/{file}/start/",
        "/imports/{file}/undo/",
        "/imports/{file}/cancel/",
    ],
)
def test_who_has_no_permission_changes_nothing(client: Client, phonebook: Phonebook, path: str, tmp_path: Path) -> None:
    contact = contacts(1, phonebook)[0]
    file = imported(write(tmp_path / "a.csv", [["phone"], ["09350000000"]]))
    client.force_login(User.objects.create_user("teammate"))
    for page in ("/contacts/", "/phonebooks/", f"/phonebooks/{phonebook.pk}/", "/imports/", f"/imports/{file.pk}/"):
        response = client.get(page)
        assert (response.status_code, b'href="/imports/new/' in response.content) == (200, False)
    address = path.format(contact=contact.pk, book=phonebook.pk, file=file.pk)
    assert client.post(address, {"name": "mine", "phone": "09121110000"}).status_code == 403
    assert (Contact.objects.count(), Phonebook.objects.filter(name="mine").exists()) == (2, False)


@pytest.mark.parametrize("key", ["9223372036854775808", "9" * 5_000, "-1", "²", "\0"])
def test_a_phonebook_that_cannot_be_is_told_at_its_field(owner: Client, key: str) -> None:
    response = owner.post("/contacts/new/", {"phone": "09121234567", "phonebooks": [key]})
    assert response.status_code == 422
    assert response.context["form"].errors["phonebooks"]


@pytest.mark.parametrize("path", ["/contacts/", "/phonebooks/", "/phonebooks/{}/", "/imports/"])
def test_a_list_takes_as_many_queries_for_twenty_rows_as_for_one(
    owner: Client, phonebook: Phonebook, path: str, tmp_path: Path
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert owner.get(path.format(phonebook.pk)).status_code == 200
        return len(captured)

    contacts(1, phonebook)
    imported(write(tmp_path / "a.csv", [["phone"], ["09350000000"]]))
    queries()
    before = queries()
    for number in range(20):
        filing.add(Contact.objects.create(phone=f"+98936{number:07}"), phonebook.pk)
        Phonebook.objects.create(name=f"another {number}")
        imported(write(tmp_path / f"{number}.csv", [["phone"], ["09350000000"]]))
    assert queries() == before


def test_pages_lead_forward_to_every_contact_once_and_back(owner: Client) -> None:
    contacts(120)
    shown, link, back = [], "", ""
    for _page in range(3):
        page = owner.get(f"/contacts/{link}").context["page"]
        shown += [contact.pk for contact in page.rows]
        back, link = page.previous, page.next or link
    assert shown == sorted(Contact.objects.values_list("pk", flat=True), reverse=True)
    assert [it.pk for it in owner.get(f"/contacts/{back}").context["page"].rows] == shown[50:100]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0912 000 0003", 1),
        ("+989120000003", 1),
        ("۰۹۱۲", 5),
        ("91200", 5),
        ("n3", 1),
        ("0935", 0),
        ("12345678901234567890", 0),
    ],
)
def test_a_contact_is_found_by_number_in_any_form_or_by_name(owner: Client, text: str, found: int) -> None:
    contacts(5)
    assert len(owner.get("/contacts/", {"q": text}).context["page"].rows) == found


def test_a_contact_added_by_hand_is_stored_like_an_imported_one(owner: Client, phonebook: Phonebook) -> None:
    data = {
        "phone": "۰۹۱۲ ۱۲۳ ۴۵۶۷",
        "first_name": "علي",
        "attribute_lines": "شهر: تهران",
        "phonebooks": [phonebook.pk],
    }
    owner.post("/contacts/new/", data)
    contact = Contact.objects.get()
    assert (contact.phone, contact.first_name, contact.operator) == ("+989121234567", "علی", 1)
    assert contact.attributes == {"شهر": "تهران"}
    assert members() == ["+989121234567"]
    phonebook.refresh_from_db()
    assert phonebook.size == 1


@pytest.mark.parametrize("phone", ["0912", "02188776655", "", "+989120000000"])
def test_a_number_that_is_none_or_is_taken_is_told_at_its_field(owner: Client, phone: str) -> None:
    contacts(1)
    response = owner.post("/contacts/new/", {"phone": phone})
    assert response.status_code == 422
    assert response.context["form"].errors["phone"]


def test_sizes_follow_what_is_done_by_hand(owner: Client, phonebook: Phonebook) -> None:
    first, second, third = contacts(3, phonebook)
    owner.post(f"/contacts/{first.pk}/delete/")
    owner.post(f"/phonebooks/{phonebook.pk}/remove/{second.pk}/")
    owner.post(f"/phonebooks/{phonebook.pk}/remove/{second.pk}/")
    owner.post(f"/contacts/{third.pk}/", {"phone": third.phone})
    phonebook.refresh_from_db()
    assert phonebook.size == Membership.objects.count() == 0
    assert Contact.objects.count() == 2


def test_a_phonebook_is_renamed_and_deleted_and_its_contacts_stay(owner: Client, phonebook: Phonebook) -> None:
    contacts(2, phonebook)
    Phonebook.objects.create(name="taken")
    assert owner.post(f"/phonebooks/{phonebook.pk}/", {"name": "taken"}).status_code == 422
    owner.post(f"/phonebooks/{phonebook.pk}/", {"name": " better  name "})
    assert Phonebook.objects.filter(name="better name").exists()
    owner.post(f"/phonebooks/{phonebook.pk}/delete/")
    owner.post(f"/phonebooks/{phonebook.pk}/delete/")
    assert Phonebook.objects.count() == 1
    assert (Membership.objects.count(), Contact.objects.count()) == (0, 2)


@pytest.mark.parametrize(
    "model", ["contact", "phonebook", "membership", "jobcategory", "suppression", "contactimport", "importissue"]
)
def test_the_admin_lists_and_searches_every_model(client: Client, model: str, tmp_path: Path) -> None:
    client.force_login(User.objects.create_superuser("root"))
    imported(write(tmp_path / "a.csv", [["phone", "name"], ["09121234567", "Sara"], ["x", ""]]))
    for query in ({}, {"q": "0912"}, {"q": "Sara"}, {"q": "9" * 30}):
        assert client.get(f"/admin/contacts/{model}/", query).status_code == 200
    if model in ("contact", "phonebook", "jobcategory", "suppression"):
        assert client.get(f"/admin/contacts/{model}/add/").status_code == 200
