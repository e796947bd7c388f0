"""The sending step: which lines carry the draft, what it costs on each, when it begins and ends."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from campaigns import attaching
from campaigns.models import AudienceRule, Campaign
from contacts.models import Contact, Phonebook
from providers.models import SenderLine, Tariff
from tests import builders, uploads
from tests.campaigns import lines
from tests.campaigns.screens import owner

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return owner()


@pytest.fixture
def line() -> SenderLine:
    return builders.line(builders.account())


@pytest.fixture
def book() -> Phonebook:
    return builders.phonebook(builders.contacts(4))


@pytest.fixture
def draft(line: SenderLine, book: Phonebook) -> Campaign:
    return builders.draft(line, builders.include(book))


def shown(client: Client, draft: Campaign) -> Any:
    return client.get(f"/campaigns/{draft.pk}/edit/sending/").context


def problems_of(client: Client, draft: Campaign) -> dict[SenderLine, bool]:
    """Whether each line is told to be unable."""
    context = shown(client, draft)
    return {card.line: bool(problems) for card, problems in [*context["able"], *context["unable"]]}


def send(client: Client, draft: Campaign, **fields: Any) -> Any:
    draft.refresh_from_db()
    address = f"/campaigns/{draft.pk}/edit/sending/"
    return client.post(address, {"revision": draft.revision, "line": draft.line_id, "next": "1", **fields})


def course(client: Client, draft: Campaign, **fields: Any) -> Any:
    sent = {"line": draft.line_id, "when": "now", **fields}
    return client.post(f"/campaigns/{draft.pk}/edit/course/", sent).context


def test_each_line_tells_whether_it_carries_the_draft(client: Client, line: SenderLine, book: Phonebook) -> None:
    safir, theirs = lines.line("safir"), lines.line("ippanel")
    draft = builders.draft(safir, builders.include(book), copy_text="PAIZ40")
    assert problems_of(client, draft) == {safir: False, line: True, theirs: True}
    refused = send(client, draft, line=line.pk)
    assert set(refused.context["form"].errors) == {"line"}


def test_a_line_that_carries_it_is_suggested_where_the_drafts_own_does_not(
    client: Client, draft: Campaign, line: SenderLine
) -> None:
    safir = lines.line("safir")
    Campaign.objects.update(copy_text="PAIZ40")
    assert shown(client, draft)["chosen_line"] == safir
    assert problems_of(client, draft)[line]


def test_the_file_moves_with_the_line(client: Client, book: Phonebook, settings: Settings, tmp_path: Any) -> None:
    settings.UPLOAD_DIR = tmp_path
    path = tmp_path / "a.png"
    path.write_bytes(uploads.PNG)
    safir, najva = lines.line("safir"), lines.line("najva", channel="bale")
    draft = builders.draft(safir, builders.include(book), file=attaching.attach(safir, path))
    assert send(client, draft, line=najva.pk).status_code == 302
    draft.refresh_from_db()
    assert draft.file is not None
    assert (draft.line, draft.file.account) == (najva, najva.account)


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"when": "now", "scheduled_at": "1410/01/01 10:00"}, False),
        ({"when": "at", "scheduled_at": "1410/01/01 10:00"}, True),
        ({"scheduled_at": "1410/01/01 10:00"}, True),
    ],
)
def test_a_time_counts_where_one_is_chosen(client: Client, draft: Campaign, fields: dict[str, str], kept: bool) -> None:
    assert send(client, draft, **fields).status_code == 302
    draft.refresh_from_db()
    assert (draft.scheduled_at is not None) == kept


def test_a_time_that_was_to_come_is_asked_for(client: Client, draft: Campaign) -> None:
    assert set(send(client, draft, when="at").context["form"].errors) == {"scheduled_at"}


def test_a_pilot_is_saved_and_told_by_the_review(client: Client, draft: Campaign) -> None:
    send(client, draft, pilot_size="2")
    draft.refresh_from_db()
    assert draft.pilot_size == 2
    assert client.get(f"/campaigns/{draft.pk}/").context["pilot"] == 2
    send(client, draft, pilot_size="4")
    assert client.get(f"/campaigns/{draft.pk}/").context["pilot"] is None  # as many as there are: it is none


def test_each_line_tells_its_price(client: Client, draft: Campaign, line: SenderLine) -> None:
    dear, free = builders.line(line.account, "90000777"), builders.line(line.account, "90000888")
    Tariff.objects.create(line=line, rial_per_part=1_000)
    Tariff.objects.create(line=dear, rial_per_part=2_000)
    prices = course(client, draft)["prices"]
    assert {key: price and (price.least, price.most, price.total) for key, price in prices.items()} == {
        line.pk: (1_000, 1_000, 4_000),
        dear.pk: (2_000, 2_000, 8_000),
        free.pk: None,
    }


def test_a_price_depends_on_the_operators(client: Client, draft: Campaign, line: SenderLine) -> None:
    Contact.objects.filter(phone=builders.phone(0)).update(operator=2)
    Contact.objects.exclude(phone=builders.phone(0)).update(operator=1)
    Tariff.objects.create(line=line, rial_per_part=1_000)
    Tariff.objects.create(line=line, operator=2, rial_per_part=700)
    price = course(client, draft)["prices"][line.pk]
    assert (price.least, price.most, price.total) == (700, 1_000, 3_700)
    rows = client.get(f"/campaigns/{draft.pk}/").context["by_operator"]
    assert [(row.recipients, row.parts, row.cost) for row in rows] == [(3, 3, 3_000), (1, 1, 700)]


def test_the_end_follows_the_pace_and_the_begin(client: Client, draft: Campaign) -> None:
    at = timezone.localtime() + dt.timedelta(days=2)
    typed = f"{at:%Y-%m-%d %H:%M}"
    ends = course(client, draft, when="at", scheduled_at=typed, messages_per_minute="1")["ends_at"]
    assert dt.timedelta(minutes=3) <= ends - at <= dt.timedelta(minutes=4)


def test_a_closed_window_tells_when_it_opens(client: Client, draft: Campaign, line: SenderLine) -> None:
    at = timezone.localtime() + dt.timedelta(days=2)
    window = {"window_start": dt.time(9), "window_end": dt.time(10), "rests_on_holidays": False}
    SenderLine.objects.update(kind="advertising", **window)
    found = course(client, draft, when="at", scheduled_at=f"{at:%Y-%m-%d} 11:00")
    assert found["waits"]
    assert (found["begins"].date(), found["begins"].hour) == (at.date() + dt.timedelta(days=1), 9)


def test_of_a_provider_that_keeps_the_recipients_nothing_is_counted(client: Client) -> None:
    draft = builders.draft(lines.line("ippanel"), AudienceRule(kind="provider", params={"main": 1}))
    assert "estimate" not in course(client, draft)


def test_fifty_lines_ask_the_database_as_often_as_two(client: Client, draft: Campaign, line: SenderLine) -> None:
    asked = []
    for number in (1, 50):
        many = [SenderLine(account=line.account, sender=f"{number}000{n}", kind="service") for n in range(number)]
        SenderLine.objects.bulk_create(many)
        for ask in (shown, course):
            ask(client, draft)
            with CaptureQueriesContext(connection) as queries:
                ask(client, draft)
            asked.append(len(queries))
    assert asked[:2] == asked[2:]
