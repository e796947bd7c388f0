"""What was typed into a form that is not taken is shown by the page that says so, and the way leads back."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from contacts.models import ContactImport

pytestmark = pytest.mark.django_db
STEP = "/campaigns/7/edit/text/"
SENT: dict[str, Any] = {
    "text": "سلام </textarea><b>",
    "numbers": "09121234567",
    "line": "7",
    "csrfmiddlewaretoken": "x",
}


def test_a_form_of_somebody_who_was_signed_out_is_not_lost() -> None:
    answer = Client().post(STEP, SENT, headers={"Referer": f"http://testserver{STEP}?a=1"})
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "سلام &lt;/textarea&gt;&lt;b&gt;</textarea>" in page
    assert "09121234567</textarea>" in page
    assert page.count("<textarea") == 2
    assert f'href="/login/?next={STEP}%3Fa%3D1"' in page


@pytest.mark.parametrize("page", ["", "https://elsewhere.example/x/", "javascript:alert(1)"])
def test_the_sign_in_never_leads_to_where_only_forms_are_taken(page: str) -> None:
    answer = Client().post("/campaigns/7/pause/", headers={"Referer": page})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login/?next=/")


def test_a_file_of_somebody_who_was_signed_out_is_not_read() -> None:
    file = SimpleUploadedFile("x.csv", b"phone\n09121234567\n")
    answer = Client().post("/imports/new/", {"file": file, "name": "x"})
    assert answer.headers["Location"].startswith("/login/")
    assert not ContactImport.objects.exists()


def test_a_form_whose_page_is_too_old_is_not_lost() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("root"))
    answer = client.post(STEP, SENT)
    assert answer.status_code == 403
    assert "09121234567</textarea>" in answer.content.decode()


def test_a_form_beyond_the_limit_is_told_so(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    content = "numbers=" + "09121234567%0A" * 100
    answer = client.post("/campaigns/new/", content, content_type="application/x-www-form-urlencoded")
    assert (answer.status_code, answer.templates[0].name) == (413, "413.html")
