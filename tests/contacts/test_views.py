"""The screens of contacts, phonebooks and imports."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from contacts import filing, importing
from contacts.models import Contact, ContactImport, Membership, Phonebook
from contacts.phones import normalise
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


def uploaded(client: Client, content: bytes, **data: Any) -> Any:
    file = SimpleUploadedFile("customers.csv", content)
    return client.post("/imports/new/", {"file": file, "new_name": "new ones", **data})


CSV = "موبایل,نام,شهر\n09121234567,سارا,تهران\n0912,=bad,\n".encode()
COLUMNS = {"column_0": "phone", "column_1": "first_name", "column_2": "attribute", "policy": "fill"}


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


@pytest.fixture(autouse=True)
def _uploads_in_a_folder_of_their_own(settings: Any, tmp_path: Path) -> None:
    settings.UPLOAD_DIR = tmp_path / "uploads"


def test_the_way_from_upload_to_result(owner: Client, django_capture_on_commit_callbacks: Any) -> None:
    mapping = uploaded(owner, CSV).headers["Location"]
    page = owner.get(mapping)
    assert page.context["form"].targets() == ["phone", "first_name", "attribute:شهر"]
    assert [row.get("phone") for row in page.context["preview"]["rows"]] == ["+989121234567", None]
    with django_capture_on_commit_callbacks() as callbacks:
        detail = owner.post(mapping, COLUMNS).headers["Location"]
        assert owner.post(mapping, COLUMNS).headers["Location"] == detail  # a second press
    assert len(callbacks) == 1
    assert "tick from:body" in owner.get(f"{detail}live/").content.decode()
    importing.run(ContactImport.objects.get().pk)
    live = owner.get(f"{detail}live/")
    assert "tick from:body" not in live.content.decode()
    assert live.headers["HX-Refresh"] == "true"
    assert "سارا" in {contact.first_name for contact in Contact.objects.all()}
    assert not list(django_settings.UPLOAD_DIR.iterdir())


def test_the_preview_follows_the_chosen_columns(owner: Client) -> None:
    mapping = uploaded(owner, CSV).headers["Location"]
    data = {**COLUMNS, "column_2": "last_name", "preview": "1"}
    response = owner.post(mapping, data, headers={"HX-Request": "true"})
    assert [it["row"].last_name for it in response.context["preview"]["rows"] if "row" in it] == ["تهران"]
    assert ContactImport.objects.get().status == "uploaded"


@pytest.mark.parametrize(
    "columns", [{"column_0": "ignore"}, {"column_1": "phone"}, {"column_0": "nonsense"}, {"policy": "burn"}]
)
def test_a_mapping_that_cannot_be_is_refused(owner: Client, columns: dict[str, str]) -> None:
    mapping = uploaded(owner, CSV).headers["Location"]
    assert owner.post(mapping, {**COLUMNS, **columns}).status_code == 422
    assert ContactImport.objects.get().status == "uploaded"


@pytest.mark.parametrize("content", [b"", b"phone\n", b"PK\x03\x04" + bytes(99), b"%PDF-1.7", bytes(range(256)) * 9])
def test_a_file_that_is_no_csv_gets_a_sentence(owner: Client, content: bytes) -> None:
    response = uploaded(owner, content)
    assert response.status_code == 422
    assert response.context["problem"]
    assert not ContactImport.objects.exists()
    assert not list(django_settings.UPLOAD_DIR.glob("*"))


def test_two_gigabytes_are_refused_by_their_length_alone(owner: Client) -> None:
    response = owner.post(
        "/imports/new/", b"x", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH=str(2 << 30)
    )
    assert response.status_code == 413
    assert response.context["problem"]


def test_an_upload_without_a_token_is_refused(owner: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = owner.cookies
    assert uploaded(strict, CSV).status_code == 403


def test_refused_rows_come_as_a_file_without_formulas(owner: Client, tmp_path: Path) -> None:
    contact_import = imported(write(tmp_path / "a.csv", [["phone", "name"], ["+98912", "=1+1"], ["x", "-2"]]))
    response = owner.get(f"/imports/{contact_import.pk}/issues/")
    content = b"".join(response.streaming_content)  # type: ignore[attr-defined]  # the client's type is the plain response
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert [row[0] for row in rows[1:]] == ["2", "3"]
    assert rows[1][4:] == ["'+98912", "'=1+1"]
    assert not [cell for row in rows for cell in row if cell[:1] in ("=", "+", "-", "@")]


def test_a_corrected_file_of_refused_rows_can_be_imported_again() -> None:
    assert normalise("'+989121234567") == "+989121234567"


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
