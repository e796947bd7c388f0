"""Exports: what stands in the file, that an import takes it back unchanged, who may, and how long it is kept."""

from __future__ import annotations

import csv
import datetime as dt
import io
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone, translation

from contacts import bulk
from contacts.bulk import writing
from contacts.bulk.exporting import Export
from contacts.models import BulkAction, Contact, JobCategory
from tests import builders
from tests.contacts.files import imported, table

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _files_in_a_folder_of_their_own(settings: Any, tmp_path: Path, client: Client) -> None:
    settings.EXPORT_DIR = tmp_path / "exports"
    client.cookies["django_language"] = "en"


@pytest.fixture
def owner(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("owner"))
    return client


def content_of(response: Any) -> bytes:
    assert response.status_code == 200
    return b"".join(response.streaming_content)


def rows_of(response: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content_of(response).decode("utf-8-sig"), newline="")))


def people() -> list[Contact]:
    """Three, with all that a cell may hold."""
    return [
        *builders.contacts(1, first_name="=1+1", last_name="-x", operator=1, attributes={"city": "تهران"}),
        *builders.contacts(1, start=1, first_name='سارا "م"', operator=1, attributes={"note": "a\nb,c", "sum": "@2"}),
        *builders.contacts(1, start=2, operator=1, last_name="'=quoted", attributes={"city": "'quoted'"}),
    ]


def test_a_file_has_names_phonebooks_category_and_attributes_as_columns(owner: Client) -> None:
    first, *_others = people()
    shops = JobCategory.objects.create(name="Shops")
    sub = JobCategory.objects.create(name="Bakeries", parent=shops)
    Contact.objects.filter(pk=first.pk).update(job_category=sub, created_at=dt.datetime(2026, 3, 21, 12, tzinfo=dt.UTC))
    for name in ("friends", "customers"):
        builders.phonebook([first], name)
    head, row, *_more = rows_of(owner.post("/contacts/export/", {}))
    assert head[:7] == ["Phone", "First name", "Last name", "Operator", "Job category", "Phonebooks", "Added"]
    assert row[3:7] == ["MCI", "Shops / Bakeries", "friends، customers", "2026-03-21"]
    assert dict(zip(head[7:], row[7:], strict=True)) == {"city": "تهران", "note": "", "sum": ""}


def test_no_cell_is_a_formula(owner: Client) -> None:
    people()
    rows = rows_of(owner.post("/contacts/export/", {}))
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]


def test_dates_are_jalali_for_who_reads_persian(owner: Client) -> None:
    builders.contacts(1)
    Contact.objects.update(created_at=dt.datetime(2026, 3, 21, 12, tzinfo=dt.UTC))
    owner.cookies["django_language"] = "fa"
    assert rows_of(owner.post("/contacts/export/", {}))[1][6] == "1405-01-01"


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("language", ["en", "fa"])
def test_an_exported_file_imports_again_unchanged(owner: Client, tmp_path: Path, language: str, kind: str) -> None:
    builders.phonebook(people())
    sub = JobCategory.objects.create(name="Bakeries", parent=JobCategory.objects.create(name="Shops"))
    Contact.objects.filter(first_name="=1+1").update(job_category=sub)
    before = table()
    owner.cookies["django_language"] = language
    path = tmp_path / f"again.{kind}"
    path.write_bytes(content_of(owner.post("/contacts/export/", {"format": kind})))
    again = imported(path, policy="overwrite")
    assert (again.unchanged, again.rows_done) == (3, 3)
    assert table() == before
    Contact.objects.all().delete()
    assert (imported(path).new, table()) == (3, before)
    assert Contact.objects.get(first_name="=1+1").job_category == sub


def test_only_what_the_list_shows_is_exported(owner: Client) -> None:
    known = people()
    book = builders.phonebook(known[:2])
    response = owner.post("/contacts/export/", {"phonebook": book.pk, "q": "سارا", "after": "1", "nonsense": "x"})
    assert [row[1] for row in rows_of(response)[1:]] == ['سارا "م"']


def test_a_workbook_comes_from_the_same_export(owner: Client) -> None:
    people()
    response = owner.post("/contacts/export/", {"format": "xlsx"})
    assert content_of(response).startswith(b"PK")
    assert "contacts-" in response.headers["Content-Disposition"]
    assert ".xlsx" in response.headers["Content-Disposition"]


def test_a_large_export_goes_on_in_the_background_and_is_resumed(
    owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contacts.bulk.running.AT_ONCE", 5)
    monkeypatch.setattr(Export, "slice_size", 4)
    builders.contacts(10)
    owner.post("/contacts/export/", {})
    action = BulkAction.objects.get()
    assert (action.status, owner.get(f"/exports/{action.pk}/").status_code) == ("running", 404)
    assert not bulk.run(action.pk, deadline=0.0)
    action.refresh_from_db()
    with Path(action.path).open("a", encoding="utf-8") as file:  # what a worker wrote that died before its commit
        file.write("half a row")
    assert bulk.run(action.pk)
    rows = rows_of(owner.get(f"/exports/{action.pk}/"))
    assert [row[0] for row in rows[1:]] == [f"'{builders.phone(number)}" for number in range(10)]


def test_the_file_is_private_and_goes_after_some_days(owner: Client) -> None:
    people()
    owner.post("/contacts/export/", {})
    action = BulkAction.objects.get()
    path = Path(action.path)
    assert (path.parent.stat().st_mode & 0o077, path.stat().st_mode & 0o077) == (0, 0)
    writing.forget_old()
    assert path.exists()
    BulkAction.objects.update(finished_at=timezone.now() - writing.KEPT - dt.timedelta(minutes=1))
    writing.forget_old()
    assert not path.exists()
    response = owner.get(f"/exports/{action.pk}/", follow=True)
    assert "no longer kept" in response.content.decode()


def test_an_export_that_is_stopped_leaves_no_file(owner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contacts.bulk.running.AT_ONCE", 0)
    monkeypatch.setattr(Export, "slice_size", 1)
    builders.contacts(3)
    with translation.override("en"):
        action = bulk.start(BulkAction.Kind.EXPORT, {"filter": {}}, {})
    bulk.run(action.pk, deadline=0.0)
    action.refresh_from_db()
    assert Path(action.path).exists()
    assert bulk.cancel(action.pk)
    assert not Path(action.path).exists()


def test_who_may_not_export_gets_no_file_and_sees_no_button(client: Client, owner: Client) -> None:
    people()
    book = builders.phonebook(Contact.objects.all())
    owner.post("/contacts/export/", {})
    action = BulkAction.objects.get()
    user = User.objects.create_user("teammate")
    BulkAction.objects.update(created_by=user)
    client.force_login(user)
    assert client.post("/contacts/export/", {}).status_code == 403
    assert client.get(f"/exports/{action.pk}/").status_code == 403
    assert "/contacts/export/" not in client.get(f"/phonebooks/{book.pk}/").content.decode()
    user.user_permissions.add(Permission.objects.get(codename="export_contact"))
    assert client.get(f"/exports/{action.pk}/").status_code == 403


def test_a_file_is_for_whoever_asked_for_it_and_for_administrators(client: Client, owner: Client) -> None:
    people()
    owner.post("/contacts/export/", {})
    action = BulkAction.objects.get()
    pages = [f"/exports/{action.pk}/", action.get_absolute_url(), f"{action.get_absolute_url()}live/"]
    user = User.objects.create_user("teammate")
    user.user_permissions.set(Permission.objects.filter(codename__in=["export_contact", "see_numbers"]))
    client.force_login(user)
    assert [client.get(page).status_code for page in pages] == [404, 404, 404]
    assert client.post(f"{action.get_absolute_url()}cancel/").status_code == 404
    user.user_permissions.add(Permission.objects.get(codename="change_bulkaction"))
    assert [client.get(page).status_code for page in pages] == [200, 200, 200]
