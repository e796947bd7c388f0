"""The composer: what it makes, what it refuses and how it says so, step by step."""

from __future__ import annotations

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from campaigns import lifecycle
from campaigns.models import AudienceRule, AuditEntry, Campaign
from contacts.models import Phonebook
from providers.models import SenderLine
from tests import builders, uploads
from tests.campaigns.screens import client_of, filled, owner, walk

pytestmark = pytest.mark.django_db
NEW = "/campaigns/new/"
COUNT = "/campaigns/count/"


@pytest.fixture
def line() -> SenderLine:
    return builders.line(builders.account())


@pytest.fixture
def book() -> Phonebook:
    return builders.phonebook(builders.contacts(2, first_name="سارا"))


@pytest.fixture
def client() -> Client:
    return owner()


def errors(response: Any) -> dict[str, list[str]]:
    """The form's errors by field."""
    assert response.status_code == 422
    return {name: list(found) for name, found in response.context["form"].errors.items()}


def test_the_empty_composer_shows_the_phonebooks_and_the_steps(
    client: Client, line: SenderLine, book: Phonebook
) -> None:
    page = client.get(NEW).content.decode()
    assert book.name in page
    assert 'aria-current="step"' in page


def test_without_a_line_the_composer_leads_to_the_accounts(client: Client) -> None:
    page = client.get(NEW).content.decode()
    assert "/accounts/" in page
    assert "<textarea" not in page


def test_a_filled_form_makes_a_draft_and_leads_to_its_review(client: Client, line: SenderLine, book: Phonebook) -> None:
    response = walk(client, filled(line, book))
    campaign = Campaign.objects.get()
    assert response.headers["Location"] == f"/campaigns/{campaign.pk}/"
    assert [rule.phonebook for rule in campaign.rules.all()] == [book]
    assert campaign.created_by is not None


def test_the_same_form_twice_makes_one_draft(client: Client, line: SenderLine, book: Phonebook) -> None:
    first = walk(client, filled(line, book))
    second = walk(client, filled(line, book))
    assert Campaign.objects.count() == 1
    assert AuditEntry.objects.filter(action="created").count() == 1
    assert second.headers["Location"] == first.headers["Location"]


def test_two_forms_make_two_drafts(client: Client, line: SenderLine, book: Phonebook) -> None:
    tokens = [client.get(NEW).context["form"]["token"].value() for _ in range(2)]
    for token in tokens:
        walk(client, filled(line, book, token=token))
    assert Campaign.objects.count() == 2


def test_errors_stand_at_their_fields_and_nothing_typed_is_lost(
    client: Client, line: SenderLine, book: Phonebook
) -> None:
    response = walk(client, filled(line, book, name="", numbers="0912 not a number"))
    assert set(errors(response)) == {"name", "numbers"}
    page = response.content.decode()
    assert "0912 not a number" in page
    assert f'value="{book.pk}" checked' in page
    assert not Campaign.objects.exists()
    text = walk(client, filled(line, book, text="سلام {nickname}"))
    assert set(errors(text)) == {"text"}
    assert "سلام {nickname}" in text.content.decode()
    sending = walk(client, filled(line, book, scheduled_at="فردا", messages_per_minute="0"))
    assert set(errors(sending)) == {"scheduled_at", "messages_per_minute"}
    assert "فردا" in sending.content.decode()


def test_an_unknown_placeholder_is_named(client: Client, line: SenderLine, book: Phonebook) -> None:
    assert "nickname" in errors(walk(client, filled(line, book, text="سلام {nickname}")))["text"][0]


def test_a_draft_needs_recipients(client: Client, line: SenderLine) -> None:
    assert set(errors(walk(client, filled(line)))) == {"include"}


def test_pasted_numbers_are_recipients_in_any_form_and_digits(client: Client, line: SenderLine) -> None:
    walk(client, filled(line, numbers="۰۹۱۲ ۰۰۰ ۰۰۰۷\r\n+989120000008، 9120000007"))
    rule = AudienceRule.objects.get()
    assert rule.params == {"numbers": ["+989120000007", "+989120000008"]}


def test_a_browsers_line_ends_do_not_become_characters(client: Client, line: SenderLine, book: Phonebook) -> None:
    walk(client, filled(line, book, text="یک\r\nدو"))
    assert Campaign.objects.get().text == "یک\nدو"


def test_a_jalali_time_is_read_in_tehran(client: Client, line: SenderLine, book: Phonebook) -> None:
    walk(client, filled(line, book, scheduled_at="۱۴۰۹/۰۹/۳۰ ۱۸:۳۰"))
    assert Campaign.objects.get().scheduled_at == dt.datetime(2030, 12, 21, 15, 0, tzinfo=dt.UTC)


def test_a_time_that_has_passed_is_refused(client: Client, line: SenderLine, book: Phonebook) -> None:
    assert set(errors(walk(client, filled(line, book, scheduled_at="1400/01/01 10:00")))) == {"scheduled_at"}


def test_a_file_goes_out_on_a_bale_line(client: Client, book: Phonebook, settings: Any, tmp_path: Path) -> None:
    settings.UPLOAD_DIR = tmp_path
    bale = builders.line(builders.account(name="Bale"), channel="bale")
    walk(client, filled(bale, book, file=SimpleUploadedFile("یلدا.png", uploads.PNG)))
    campaign = Campaign.objects.get()
    assert campaign.file is not None
    assert (campaign.file.filename, campaign.file.content_type) == ("یلدا.png", "image/png")


def test_a_file_is_refused_at_its_field_on_an_sms_line(client: Client, line: SenderLine, book: Phonebook) -> None:
    response = walk(client, filled(line, book, file=SimpleUploadedFile("a.png", b"picture")))
    assert set(errors(response)) == {"file"}


def test_a_file_that_the_provider_does_not_take_is_refused_at_its_field(
    client: Client, book: Phonebook, settings: Any, tmp_path: Path
) -> None:
    settings.UPLOAD_DIR = tmp_path
    bale = builders.line(builders.account(name="Bale"), channel="bale")
    response = walk(client, filled(bale, book, file=SimpleUploadedFile("a.exe", b"MZ")))
    assert set(errors(response)) == {"file"}
    assert Campaign.objects.get().file is None


def test_a_draft_is_changed_and_its_rules_replaced(client: Client, line: SenderLine, book: Phonebook) -> None:
    campaign = builders.draft(line, builders.include(book))
    other = builders.phonebook(builders.contacts(1, start=50), name="others")
    walk(client, filled(line, other, exclude=[book.pk], name="نو"), campaign)
    campaign.refresh_from_db()
    assert campaign.name == "نو"
    assert {(rule.rule, rule.phonebook) for rule in campaign.rules.all()} == {("include", other), ("exclude", book)}


@pytest.mark.parametrize("stays", [True, False])
def test_a_rule_that_the_composer_only_shows_stays_as_long_as_it_is_ticked(
    client: Client, line: SenderLine, book: Phonebook, stays: bool
) -> None:
    source = AudienceRule(rule="exclude", phonebook=book, params={"numbers": ["+989121234567"], "size": 1})
    campaign = builders.draft(line, builders.include(book), source)
    kept = [source.pk] if stays else []
    page = client.get(f"/campaigns/{campaign.pk}/edit/audience/").content.decode()
    assert f'name="kept" value="{source.pk}" checked' in page
    walk(client, filled(line, book, kept=kept), campaign)
    assert campaign.rules.filter(rule="exclude").exists() == stays


def test_a_campaign_that_left_the_drafts_is_not_changed(client: Client, line: SenderLine, book: Phonebook) -> None:
    campaign = builders.draft(line, builders.include(book))
    lifecycle.launch(campaign.pk)
    response = walk(client, filled(line, book, name="نو"), campaign)
    assert response.headers["Location"] == f"/campaigns/{campaign.pk}/"
    campaign.refresh_from_db()
    assert campaign.name != "نو"


@pytest.mark.parametrize("path", [NEW, COUNT, "/campaigns/parts/", "audience/", "text/", "sending/", "course/"])
def test_composing_needs_its_permission(path: str, line: SenderLine, book: Phonebook) -> None:
    campaign = builders.draft(line, builders.include(book))
    address = path if path.startswith("/") else f"/campaigns/{campaign.pk}/edit/{path}"
    assert client_of("teammate").post(address, filled(line, book)).status_code == 403
    assert Client().post(address, filled(line, book)).status_code == 403
    assert Campaign.objects.count() == 1


@pytest.mark.parametrize(
    "hostile",
    [
        {"source": "9" * 40, "include": ["9" * 40, "x", ""], "line": "9" * 40, "text": "{"},
        {"source": "x", "exclude": ["-1"], "token": "no-uuid", "line": "x", "text": "\u0000", "revision": "9" * 40},
        {"scheduled_at": "9999999/99/99 99:99", "numbers": "\u0000", "when": "x", "text": "{" * 4_000},
        {"name": "\u0000" * 10, "line": "", "text": "\u0000", "pilot_size": "-1", "revision": "\u0000"},
        {"numbers": "1" * 100_000, "text": "", "when": "at", "messages_per_minute": "1e9"},
    ],
)
def test_hostile_input_is_refused_in_words(
    client: Client, line: SenderLine, book: Phonebook, hostile: dict[str, Any]
) -> None:
    draft = builders.draft(line, builders.include(book))
    steps = [f"/campaigns/{draft.pk}/edit/{step}/" for step in ("audience", "text", "sending", "course")]
    for address in (NEW, COUNT, f"{COUNT}?campaign={'9' * 30}", f"{NEW}?phonebook={'9' * 30}&text={'9' * 30}", *steps):
        assert client.post(address, filled(line, book) | hostile).status_code in (200, 422), address
    draft.refresh_from_db()
    assert (Campaign.objects.count(), draft.name, draft.text) == (1, "Nowruz", "سلام")


def test_the_composer_asks_the_database_as_often_for_thirty_phonebooks_as_for_one(
    client: Client, line: SenderLine, book: Phonebook, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client.get(NEW)
    with django_assert_num_queries(_QUERIES):
        client.get(NEW)
    Phonebook.objects.bulk_create(Phonebook(name=f"book {n}") for n in range(29))
    SenderLine.objects.bulk_create(SenderLine(account=line.account, sender=f"9000{n}") for n in range(29))
    with django_assert_num_queries(_QUERIES):
        client.get(NEW)


_QUERIES = 6  # session, user, two of permissions, lines, phonebooks


def test_a_scheduled_time_comes_back_into_its_field(client: Client, line: SenderLine, book: Phonebook) -> None:
    at = timezone.now() + dt.timedelta(days=400)
    campaign = builders.draft(line, builders.include(book), scheduled_at=at)
    response = client.get(f"/campaigns/{campaign.pk}/edit/sending/")
    value = response.context["form"]["scheduled_at"].value()
    walk(client, filled(line, book, scheduled_at=value), campaign)
    campaign.refresh_from_db()
    assert campaign.scheduled_at == at.replace(second=0, microsecond=0)


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_the_same_moment_make_one_draft(client: Client, line: SenderLine, book: Phonebook) -> None:
    start = threading.Barrier(4)

    def click(_number: int) -> str:
        try:
            start.wait()
            other = Client()
            other.cookies = client.cookies
            return other.post(NEW, filled(line, book)).headers["Location"]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as clicks:
        addresses = set(clicks.map(click, range(4)))
    assert addresses == {f"/campaigns/{Campaign.objects.get().pk}/edit/text/"}
