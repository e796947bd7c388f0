"""The import's screens: upload, columns, check, import, result."""

from __future__ import annotations

import csv
import datetime as dt
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
from django.utils import timezone

from contacts import bulk, importing
from contacts.importing import starting
from contacts.models import BulkAction, Contact, ContactImport, JobCategory, Phonebook, Suppression
from contacts.phones import normalise
from interface import tables
from interface.persian import number
from tests.contacts.files import counts, imported, members, write

pytestmark = pytest.mark.django_db

CSV = "موبایل,نام,شهر\n09121234567,سارا,تهران\n0912,=bad,\n".encode()
COLUMNS = {"column_0": "phone", "column_1": "first_name", "column_2": "attribute", "policy": "fill"}
LIVE = {"HX-Request": "true"}
SCRIPT = {"Accept": "application/json"}


@pytest.fixture(autouse=True)
def _uploads_in_a_folder_of_their_own(settings: Any, tmp_path: Path) -> None:
    settings.UPLOAD_DIR = tmp_path / "uploads"


@pytest.fixture
def owner(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("owner"))
    return client


def upload(client: Client, content: bytes = CSV, headers: Any = None, **data: Any) -> Any:
    file = SimpleUploadedFile("customers.csv", content)
    into = {} if "phonebooks" in data else {"new_name": "new ones"}
    return client.post("/imports/new/", {"file": file, **into, **data}, headers=headers)


def checked(client: Client, **columns: Any) -> tuple[ContactImport, str]:
    """An upload whose check has ended, and what its page says of it when it is started."""
    mapping = upload(client).headers["Location"]
    detail = client.post(mapping, {**COLUMNS, **columns}).headers["Location"]
    job = ContactImport.objects.latest("pk")
    assert importing.run(job.pk)
    return ContactImport.objects.get(pk=job.pk), client.get(detail).context["checked"]


def test_a_check_stores_nothing_and_tells_what_the_import_would_do(owner: Client) -> None:
    job, stamp = checked(owner)
    assert (job.dry_run, job.status, bool(stamp)) == (True, "completed", True)
    assert counts(job) == {"rows_done": 2, "new": 1, "updated": 0, "unchanged": 0, "repeated": 0, "refused": 1}
    assert not Contact.objects.exists()
    assert not Phonebook.objects.exists()
    page = owner.get(job.get_absolute_url())
    assert page.context["step"] == 3
    assert f'action="/imports/{job.pk}/start/"' in page.content.decode()
    assert [entry["issue"].line for entry in page.context["issues"]] == [3]


def test_the_way_from_upload_to_result(owner: Client, django_capture_on_commit_callbacks: Any) -> None:
    job, stamp = checked(owner)
    with django_capture_on_commit_callbacks() as callbacks:
        for _press in range(2):
            response = owner.post(f"/imports/{job.pk}/start/", {"checked": stamp})
            assert response.headers["Location"] == job.get_absolute_url()
    assert len(callbacks) == 1
    assert "tick from:body" in owner.get(f"/imports/{job.pk}/live/").content.decode()
    assert importing.run(job.pk)
    live = owner.get(f"/imports/{job.pk}/live/")
    assert "tick from:body" not in live.content.decode()
    assert live.headers["HX-Refresh"] == "true"
    page = owner.get(job.get_absolute_url())
    assert (page.context["step"], page.context["may_undo"]) == (5, True)
    assert members("new ones") == ["+989121234567"]
    assert not list(django_settings.UPLOAD_DIR.iterdir())


def test_several_phonebooks_and_a_new_one_get_the_contacts(owner: Client) -> None:
    books = [Phonebook.objects.create(name=name) for name in ("a", "b")]
    mapping = upload(owner, phonebooks=[book.pk for book in books], new_name="c").headers["Location"]
    owner.post(mapping, COLUMNS)
    job = ContactImport.objects.get()
    importing.run(job.pk)
    assert set(job.phonebooks.all()) == set(books)
    owner.post(f"/imports/{job.pk}/start/", {"checked": owner.get(job.get_absolute_url()).context["checked"]})
    importing.run(job.pk)
    for name in ("a", "b", "c"):
        assert members(name) == ["+989121234567"]


def test_the_columns_of_a_checked_file_can_be_changed_and_checked_again(owner: Client) -> None:
    job, stamp = checked(owner)
    page = owner.get(f"/imports/{job.pk}/mapping/")
    assert page.context["form"].targets() == ["phone", "first_name", "attribute:شهر"]
    owner.post(f"/imports/{job.pk}/mapping/", {**COLUMNS, "column_2": "last_name", "policy": "leave"})
    importing.run(job.pk)
    late = owner.post(f"/imports/{job.pk}/start/", {"checked": stamp}, follow=True)
    assert [str(message.level_tag) for message in late.context["messages"]] == ["warning"]
    job.refresh_from_db()
    assert (job.dry_run, job.status, job.policy, job.issues.count()) == (True, "completed", "leave", 1)
    assert not Contact.objects.exists()


def test_what_was_chosen_is_there_when_the_page_is_loaded_anew(owner: Client) -> None:
    mapping = upload(owner).headers["Location"]
    chosen = {**COLUMNS, "column_1": "last_name", "key_2": "City name", "policy": "overwrite"}
    owner.post(mapping, chosen, headers=LIVE)
    form = owner.get(mapping).context["form"]
    assert form.targets() == ["phone", "last_name", "attribute:city_name"]
    assert form["policy"].value() == "overwrite"
    assert ContactImport.objects.get().status == "uploaded"


def test_the_preview_follows_the_chosen_columns(owner: Client) -> None:
    mapping = upload(owner).headers["Location"]
    response = owner.post(mapping, {**COLUMNS, "column_2": "last_name"}, headers=LIVE)
    stored, refused = response.context["preview"].rows
    assert (stored.phone, stored.first_name, stored.last_name) == ("+989121234567", "سارا", "تهران")
    assert (refused.line, refused.value, bool(refused.problem)) == (3, "0912", True)


def test_a_workbook_is_read_and_its_sheet_is_named(owner: Client) -> None:
    rows: list[list[object]] = [["09121234567", "علي"], ["1", "x"]]
    content = b"".join(tables.chunks(tables.Kind.XLSX, ["موبایل", "نام"], rows))
    page = owner.get(upload(owner, content).headers["Location"])
    stored, refused = page.context["preview"].rows
    assert (stored.phone, stored.first_name, refused.value) == ("+989121234567", "علی", "1")
    assert ContactImport.objects.get().sheet in page.content.decode()


def test_samples_are_cells_that_hold_something(owner: Client) -> None:
    content = b"phone,name\n09120000001,\n09120000002,\n09120000003,Sara\n"
    columns = owner.get(upload(owner, content).headers["Location"]).context["columns"]
    assert [column["samples"] for column in columns][1] == ["Sara"]


def test_phonebooks_that_are_deleted_before_the_start_lose_nobody(owner: Client) -> None:
    book = Phonebook.objects.create(name="gone")
    owner.post(upload(owner, phonebooks=[book.pk]).headers["Location"], COLUMNS)
    job = ContactImport.objects.get()
    importing.run(job.pk)
    book.delete()
    owner.post(f"/imports/{job.pk}/start/", {"checked": owner.get(job.get_absolute_url()).context["checked"]})
    importing.run(job.pk)
    assert members("customers.csv") == ["+989121234567"]


def test_the_preview_tells_broken_rows_categories_and_who_is_suppressed(owner: Client) -> None:
    Suppression.objects.create(phone="+989121234567")
    content = b"phone,job,x\n09121234567,Shops / Bakeries,1\n09121234568,a / b / c,1\n09121234569\n"
    mapping = upload(owner, content).headers["Location"]
    columns = {"column_0": "phone", "column_1": "category", "column_2": "ignore", "policy": "fill"}
    rows = owner.post(mapping, {**columns, "makes_categories": "on"}, headers=LIVE).context["preview"].rows
    assert (rows[0].category, rows[0].suppressed) == ("Shops / Bakeries", True)
    assert [(row.line, row.column) for row in rows[1:]] == [(3, "job"), (4, "")]
    rows = owner.post(mapping, columns, headers=LIVE).context["preview"].rows
    assert rows[0].problem
    assert not JobCategory.objects.exists()


@pytest.mark.parametrize(
    "columns",
    [
        {"column_0": "ignore"},
        {"column_1": "phone"},
        {"column_0": "nonsense"},
        {"policy": "burn"},
        {"key_2": "phone"},
        {"column_1": "sub_category"},
        {"column_1": "attribute", "key_1": "city", "key_2": "city"},
    ],
)
def test_a_mapping_that_cannot_be_is_refused(owner: Client, columns: dict[str, str]) -> None:
    mapping = upload(owner).headers["Location"]
    response = owner.post(mapping, {**COLUMNS, **columns})
    assert response.status_code == 422
    assert response.context["form"].errors
    assert owner.post(mapping, {**COLUMNS, **columns}, headers=LIVE).status_code == 200
    assert ContactImport.objects.get().status == "uploaded"


def test_a_page_that_comes_too_late_leads_to_where_the_import_is(owner: Client) -> None:
    job, stamp = checked(owner)
    owner.post(f"/imports/{job.pk}/start/", {"checked": stamp})
    mapping = f"/imports/{job.pk}/mapping/"
    assert owner.get(mapping).headers["Location"] == job.get_absolute_url()
    assert owner.post(mapping, COLUMNS).headers["Location"] == job.get_absolute_url()
    assert owner.post(mapping, COLUMNS, headers=LIVE).headers["HX-Redirect"] == job.get_absolute_url()
    job.refresh_from_db()
    assert (job.status, job.dry_run) == ("running", False)


def test_the_same_content_again_asks_before_it_starts(owner: Client) -> None:
    job, stamp = checked(owner)
    owner.post(f"/imports/{job.pk}/start/", {"checked": stamp})
    importing.run(job.pk)
    mapping = upload(owner).headers["Location"]
    assert owner.get(mapping).context["earlier"] == [job]
    assert owner.post(mapping, COLUMNS).context["form"].errors["again"]
    assert ContactImport.objects.latest("pk").status == "uploaded"
    again, stamp = checked(owner, again="on")
    owner.post(f"/imports/{again.pk}/start/", {"checked": stamp})
    importing.run(again.pk)
    again.refresh_from_db()
    assert (again.dry_run, again.unchanged, again.new) == (False, 1, 0)


def test_an_import_of_the_same_content_meanwhile_asks_too(owner: Client) -> None:
    (first, stamp), (second, later) = checked(owner), checked(owner)
    owner.post(f"/imports/{first.pk}/start/", {"checked": stamp})
    importing.run(first.pk)
    response = owner.post(f"/imports/{second.pk}/start/", {"checked": later})
    assert response.headers["Location"] == f"/imports/{second.pk}/mapping/"
    second.refresh_from_db()
    assert (second.status, second.dry_run) == ("completed", True)


@pytest.mark.parametrize("is_checked", [False, True])
def test_what_is_thrown_away_leaves_nothing(owner: Client, is_checked: bool) -> None:
    _answer = checked(owner) if is_checked else upload(owner)
    job = ContactImport.objects.get()
    assert owner.post(f"/imports/{job.pk}/cancel/").headers["Location"] == "/imports/"
    job.refresh_from_db()
    assert job.status == "cancelled"
    assert not list(django_settings.UPLOAD_DIR.iterdir())
    assert owner.get(job.get_absolute_url()).context["checked"] == ""
    assert not Contact.objects.exists()


def test_a_file_of_refused_rows_only_cannot_be_imported(owner: Client) -> None:
    job, _stamp = checked(owner)
    owner.post(f"/imports/{job.pk}/mapping/", {**COLUMNS, "column_0": "ignore", "column_1": "phone"})
    importing.run(job.pk)
    page = owner.get(job.get_absolute_url())
    assert page.context["fresh"] == 0
    assert f'action="/imports/{job.pk}/start/"' not in page.content.decode()


def test_the_script_is_told_where_to_go_on_or_what_is_wrong(owner: Client) -> None:
    good = upload(owner, headers=SCRIPT)
    assert (good.status_code, good.json()) == (201, {"url": f"/imports/{ContactImport.objects.get().pk}/mapping/"})
    for bad in (upload(owner, b"", headers=SCRIPT), upload(owner, new_name="", headers=SCRIPT)):
        assert (bad.status_code, len(bad.json()["problems"])) == (422, 1)
    assert ContactImport.objects.count() == 1


@pytest.mark.parametrize("key", ["9223372036854775808", "9" * 5_000, "-1", "²", "\0", "x"])
def test_a_phonebook_that_cannot_be_is_told_and_nothing_is_kept(owner: Client, key: str) -> None:
    response = upload(owner, phonebooks=[key])
    assert response.status_code == 422
    assert response.context["form"].errors["phonebooks"]
    assert not django_settings.UPLOAD_DIR.exists()


@pytest.mark.parametrize("content", [b"", b"phone\n", b"PK\x03\x04" + bytes(99), b"%PDF-1.7", bytes(range(256)) * 9])
def test_a_file_that_is_no_table_gets_a_sentence(owner: Client, content: bytes) -> None:
    response = upload(owner, content)
    assert response.status_code == 422
    assert response.context["problem"]
    assert not ContactImport.objects.exists()
    assert not list(django_settings.UPLOAD_DIR.glob("*"))


def test_two_gigabytes_are_refused_by_their_length_alone(owner: Client) -> None:
    many = {"content_type": "multipart/form-data; boundary=x", "CONTENT_LENGTH": str(2 << 30)}
    response = owner.post("/imports/new/", b"x", **many)  # type: ignore[arg-type]  # the stub takes no header so
    assert response.status_code == 413
    assert response.context["problem"]
    assert owner.post("/imports/new/", b"x", headers=SCRIPT, **many).json()["problems"]  # type: ignore[arg-type]


def test_an_upload_without_a_token_is_refused(owner: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = owner.cookies
    assert upload(strict).status_code == 403


def test_refused_rows_come_as_a_file_without_formulas(owner: Client, tmp_path: Path) -> None:
    job = imported(write(tmp_path / "a.csv", [["phone", "name"], ["+98912", "=1+1"], ["x", "-2"]]))
    content = b"".join(owner.get(f"/imports/{job.pk}/issues/").streaming_content)  # type: ignore[attr-defined]  # a plain one
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert [row[0] for row in rows[1:]] == ["2", "3"]
    assert rows[1][4:] == ["'+98912", "'=1+1"]
    assert not [cell for row in rows for cell in row if cell[:1] in ("=", "+", "-", "@")]


def test_refused_rows_come_as_a_workbook_too(owner: Client, tmp_path: Path) -> None:
    job = imported(write(tmp_path / "a.csv", [["phone", "name"], ["x", "-2"]]))
    response = owner.get(f"/imports/{job.pk}/issues/", {"format": "xlsx"})
    assert response.headers["Content-Disposition"] == f'attachment; filename="refused-{job.pk}.xlsx"'
    assert b"".join(response.streaming_content).startswith(b"PK")  # type: ignore[attr-defined]  # a plain one


def test_a_corrected_file_of_refused_rows_can_be_imported_again() -> None:
    assert normalise("'+989121234567") == "+989121234567"


def test_a_result_takes_as_many_queries_for_many_phonebooks_and_refused_rows_as_for_one(
    owner: Client, tmp_path: Path
) -> None:
    few = imported(write(tmp_path / "a.csv", [["phone"], ["x"], ["09120000001"]]))
    many = imported(write(tmp_path / "b.csv", [["phone"], *[["x"]] * 60, ["09120000002"]]))
    many.phonebooks.add(*[Phonebook.objects.create(name=f"another {number}") for number in range(9)])
    taken = []
    for job in (few, few, many):
        with CaptureQueriesContext(connection) as captured:
            assert owner.get(job.get_absolute_url()).status_code == 200
        taken.append(len(captured))
    assert taken[1] == taken[2]


@pytest.mark.parametrize("rest", ["", "live/"])
def test_an_import_under_way_tells_its_rate(owner: Client, rest: str) -> None:
    job, _stamp = checked(owner)
    begun = timezone.now() - dt.timedelta(seconds=10)
    ContactImport.objects.filter(pk=job.pk).update(status="running", rows_done=50_000, new=49_999, started_at=begun)
    page = owner.get(f"{job.get_absolute_url()}{rest}")
    assert 0 < page.context["a_second"] <= 5_000
    assert number(page.context["a_second"]) in page.content.decode()


def test_stopping_an_import_keeps_what_is_in_and_tells_so(owner: Client) -> None:
    job, stamp = checked(owner)
    owner.post(f"/imports/{job.pk}/start/", {"checked": stamp})
    assert owner.post(f"/imports/{job.pk}/cancel/").headers["Location"] == job.get_absolute_url()
    late = owner.post(f"/imports/{job.pk}/cancel/", follow=True)
    assert [str(message.level_tag) for message in late.context["messages"]] == ["success", "info"]
    assert late.context["it"].status == "cancelled"


def brought_in(client: Client) -> ContactImport:
    """An import that has come to its end."""
    job, stamp = checked(client)
    client.post(f"/imports/{job.pk}/start/", {"checked": stamp})
    assert importing.run(job.pk)
    return ContactImport.objects.get(pk=job.pk)


def test_an_import_is_undone_from_its_result_once(owner: Client) -> None:
    job = brought_in(owner)
    actions = {owner.post(f"/imports/{job.pk}/undo/").headers["Location"] for _press in range(2)}
    action = BulkAction.objects.get()
    assert actions == {action.get_absolute_url()}
    bulk.run(action.pk)
    assert not Contact.objects.exists()
    page = owner.get(job.get_absolute_url())
    assert (page.context["may_undo"], page.context["undoing"], page.context["kept"]) == (False, action, 0)
    assert not starting.earlier(ContactImport.objects.get())  # what was undone may be imported without a question


def test_a_contact_that_was_edited_since_is_kept_and_told(owner: Client) -> None:
    job = brought_in(owner)
    Contact.objects.get().save()
    owner.post(f"/imports/{job.pk}/undo/")
    bulk.run(BulkAction.objects.get().pk)
    assert Contact.objects.count() == 1
    assert owner.get(job.get_absolute_url()).context["kept"] == 1


@pytest.mark.parametrize("is_running", [True, False])
def test_what_cannot_be_undone_says_so(owner: Client, is_running: bool) -> None:
    job, stamp = checked(owner)
    if is_running:
        owner.post(f"/imports/{job.pk}/start/", {"checked": stamp})
    page = owner.post(f"/imports/{job.pk}/undo/", follow=True)
    assert [str(message.level_tag) for message in page.context["messages"]] == ["error"]
    assert page.context["may_undo"] is False
    assert not BulkAction.objects.exists()
