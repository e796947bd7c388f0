"""What campaigns know of people, and that they find it: a number is a few steps in an index, not a search."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from campaigns.models import AudienceRule, Campaign, Message
from contacts import elsewhere
from contacts.models import Contact
from providers.models import SenderLine
from tests import builders

pytestmark = pytest.mark.django_db
CAMPAIGNS = 300
THEIR_MESSAGES = """
    INSERT INTO campaigns_message (campaign_id, phone, status, reason, provider_code, provider_text, updated_at)
    SELECT c.id, 989300000000 + i, 60, 0, '', '', now()
    FROM campaigns_campaign AS c, generate_series(1, 200) AS i
"""


@pytest.fixture
def over() -> SenderLine:
    return builders.line(builders.account())


def ended(over: SenderLine, number: int = 1, **fields: object) -> list[Campaign]:
    rows = [
        Campaign(name=f"c{i}", line=over, text="x", status="completed", audience=1, **fields) for i in range(number)
    ]
    return Campaign.objects.bulk_create(rows)


def used(contacts: list[Contact]) -> list[int]:
    """Which of these, by their places in the list."""
    found = elsewhere.used([contact.pk for contact in contacts])
    return [place for place, contact in enumerate(contacts) if contact.pk in found]


def test_who_has_a_message_is_used(over: SenderLine) -> None:
    people = builders.contacts(3)
    builders.running(over, builders.include(builders.phonebook(people[:1])))
    assert used(people) == [0]
    assert elsewhere.used([]) == set()


def test_who_is_named_by_number_in_a_draft_is_used(over: SenderLine) -> None:
    people = builders.contacts(4)
    pasted = AudienceRule(kind=AudienceRule.Kind.NUMBERS, params={"numbers": [people[1].phone]})
    chosen = builders.include(builders.phonebook(people), numbers=[people[2].phone])
    builders.draft(over, pasted, chosen)
    assert used(people) == [1, 2]


def test_what_was_sent_before_a_contact_was_made_is_not_its_own(over: SenderLine) -> None:
    (person,) = builders.contacts(1)
    yesterday = timezone.now() - dt.timedelta(days=1)
    (before,) = ended(over, finished_at=yesterday)
    Message.objects.create(campaign=before, phone=person.phone)
    assert used([person]) == []
    Contact.objects.update(created_at=yesterday - dt.timedelta(days=1))
    assert used([person]) == [0]


def test_the_campaigns_that_name_a_phonebook_are_told(over: SenderLine) -> None:
    book = builders.phonebook(builders.contacts(1))
    builders.draft(over, builders.include(book))
    builders.running(over, builders.include(book))
    assert [it.is_open for it in elsewhere.naming(phonebooks=[book.pk])] == [False, True]
    assert elsewhere.naming(phonebooks=[book.pk + 1], categories=[book.pk]) == []


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="plans are PostgreSQL's")
def test_a_number_is_found_among_hundreds_of_campaigns_by_the_index(over: SenderLine) -> None:
    (person,) = builders.contacts(1)
    for campaign in ended(over, CAMPAIGNS)[::2]:
        Message.objects.create(campaign=campaign, phone=person.phone)
    with connection.cursor() as cursor:
        cursor.execute(THEIR_MESSAGES)
        cursor.execute("ANALYZE campaigns_message")
    for ask in (lambda: elsewhere.happenings(person.phone, 20), lambda: elsewhere.used([person.pk])):
        with CaptureQueriesContext(connection) as captured:
            assert ask()
        (statement,) = [it["sql"] for it in captured if 'FROM "campaigns_message"' in it["sql"]]
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {statement}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "Seq Scan on campaigns_message" not in plan
        assert "message_once_per_campaign" in plan
