"""The composer's file: limits at its field, kept over errors and changes, and moved along with the line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from campaigns import attaching
from campaigns.models import Campaign
from contacts.models import Phonebook
from providers.models import UploadedFile
from tests import builders, uploads
from tests.campaigns import lines
from tests.campaigns.screens import filled, owner, walk

pytestmark = pytest.mark.django_db
NEW = "/campaigns/new/"


@pytest.fixture
def book() -> Phonebook:
    return builders.phonebook(builders.contacts(1))


@pytest.fixture
def client() -> Client:
    return owner()


def written(path: Path, content: bytes = uploads.PNG) -> Path:
    path.write_bytes(content)
    return path


def errors(response: Any) -> set[str]:
    """The fields that something is wrong with."""
    assert response.status_code == 422
    return set(response.context["form"].errors)


def test_a_file_is_not_uploaded_again_because_something_else_is_wrong(client: Client, book: Phonebook) -> None:
    bale = lines.line("najva", channel="bale")
    response = walk(client, filled(bale, book, text="{", file=SimpleUploadedFile("a.png", uploads.PNG)))
    assert errors(response) == {"text"}
    file = UploadedFile.objects.get()
    assert f'name="kept_file" value="{file.pk}"' in response.content.decode()
    again = walk(client, filled(bale, book, text="{", kept_file=file.pk))
    assert f'name="kept_file" value="{file.pk}"' in again.content.decode()
    walk(client, filled(bale, book, kept_file=file.pk))
    assert Campaign.objects.get().file == file


@pytest.mark.parametrize(("changes", "kept"), [({}, True), ({"remove_file": "on"}, False)])
def test_a_drafts_file_stays_until_it_is_taken_away(
    client: Client, book: Phonebook, tmp_path: Path, changes: dict[str, str], kept: bool
) -> None:
    path = written(tmp_path / "a.png")
    bale = lines.line("najva", channel="bale")
    campaign = builders.draft(bale, builders.include(book), file_path=str(path))
    walk(client, filled(bale, book, **changes), campaign)
    campaign.refresh_from_db()
    assert bool(campaign.file) is kept


def test_a_file_goes_along_to_another_account(client: Client, book: Phonebook, tmp_path: Path) -> None:
    path = written(tmp_path / "a.pdf", uploads.PDF)
    safir, najva = lines.line("safir"), lines.line("najva", channel="bale")
    campaign = builders.draft(safir, builders.include(book), file_path=str(path))
    response = walk(client, filled(najva, book), campaign)
    assert errors(response) == {"line"}
    Campaign.objects.update(file=attaching.attach(safir, written(tmp_path / "b.png")))
    walk(client, filled(najva, book), campaign)
    file = Campaign.objects.select_related("file").get().file
    assert file is not None
    assert (file.account, file.filename) == (najva.account, "b.png")


def test_the_field_tells_what_the_line_takes_that_it_is_kept_for(client: Client, book: Phonebook) -> None:
    sms, najva = lines.line("gosms"), lines.line("najva", channel="bale")
    for line in (sms, najva):
        draft = builders.draft(line, builders.include(book))
        page = client.get(f"/campaigns/{draft.pk}/edit/text/").content.decode()
        assert 'data-most="15728640" data-kinds="jpeg jpg png gif opus ogg mp4"' in page
