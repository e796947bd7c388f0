"""What no browser sends, and somebody does: it gets an answer, and nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from contacts import suppressions
from contacts.models import ContactImport, Suppression, SuppressionChange
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _uploads_in_a_folder_of_their_own(settings: Any, tmp_path: Path) -> None:
    settings.UPLOAD_DIR = tmp_path / "uploads"


@pytest.fixture
def owner(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("owner"))
    return client


def upload(owner: Client, content: bytes, name: str = "x.csv") -> Any:
    return owner.post("/imports/new/", {"file": SimpleUploadedFile(name, content), "new_name": "new ones"})


def test_a_note_with_a_nul_does_not_keep_a_suppression_from_being_lifted(owner: Client) -> None:
    suppressions.suppress([builders.phone(1)], scope="all", reason="manual", source="hand")
    held = Suppression.objects.get()
    assert owner.post(f"/suppressions/{held.pk}/lift/", {"note": "asked\0by phone"}).status_code == 302
    assert not Suppression.objects.exists()
    assert SuppressionChange.objects.filter(made=False).count() == 1


def test_a_header_with_a_nul_is_a_header(owner: Client) -> None:
    rows = "".join(f"0912{number:07},Sara\n" for number in range(50))
    response = upload(owner, f"phone,na\0me\n{rows}".encode())
    assert response.status_code == 302, response.content.decode()
    assert ContactImport.objects.get().header[0] == "phone"


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_script_that_has_chosen_no_columns_changes_none(owner: Client, method: str) -> None:
    mapping = upload(owner, b"phone,name\n09121234567,Sara\n").headers["Location"]
    before = ContactImport.objects.values().get()
    assert getattr(owner, method)(mapping, headers={"HX-Request": "true"}).status_code == 200
    assert ContactImport.objects.values().get() == before
