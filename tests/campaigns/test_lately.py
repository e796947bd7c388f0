"""An audience that was counted lately serves the composer's next steps, and nothing that is sealed."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from campaigns import drafting, lately
from campaigns.models import AudienceRule, Campaign
from contacts import filing
from contacts.models import Contact, Phonebook, Suppression
from tests import builders
from tests.campaigns.screens import owner

pytestmark = pytest.mark.django_db
COUNTS = ("WITH held AS", 'COUNT("contacts_contact"')  # who is barred; how many are with each operator


@pytest.fixture
def draft() -> Campaign:
    book = builders.phonebook(builders.contacts(10, operator=1))
    return builders.draft(builders.line(builders.account()), builders.include(book))


def somebody_opts_out(number: int = 0) -> None:
    Suppression.objects.create(phone=builders.phone(number))


def recipients(campaign: Campaign) -> int:
    return lately.audience(campaign).headcount.recipients


def counted_during(client: Client, address: str, fields: dict[str, Any]) -> list[str]:
    """The statements that count an audience while the answer is made."""
    with CaptureQueriesContext(connection) as captured:
        assert client.post(address, fields, headers={"HX-Request": "true"}).status_code == 200
    return [each["sql"] for each in captured if any(words in each["sql"] for words in COUNTS)]


def test_an_audience_is_counted_once_for_what_is_shown_of_a_draft(draft: Campaign) -> None:
    assert recipients(draft) == 10
    somebody_opts_out()
    drafting.revise(draft.pk, text="سلام به همه")
    assert recipients(builders.refreshed(draft)) == 10
    cache.clear()  # as after a minute
    assert recipients(draft) == 9


@pytest.mark.parametrize("change", [{"sample_size": 9}, {"cap_messages": 1, "cap_days": 7}, {"kind": "advertising"}])
def test_another_sample_cap_or_line_is_counted_anew(draft: Campaign, change: dict[str, Any]) -> None:
    recipients(draft)
    somebody_opts_out()
    for name, value in change.items():
        setattr(draft.line if name == "kind" else draft, name, value)
    assert recipients(draft) == 9


def test_other_rules_are_counted_anew(draft: Campaign) -> None:
    recipients(draft)
    somebody_opts_out()
    pasted = AudienceRule(kind=AudienceRule.Kind.NUMBERS, params={"numbers": [builders.phone(50)]})
    drafting.revise(draft.pk, rules=[*draft.rules.all(), pasted])
    assert recipients(draft) == 10


def test_a_phonebook_that_has_grown_is_counted_anew(draft: Campaign) -> None:
    assert lately.audience(draft).by_operator == {1: 10}
    (joined,) = builders.contacts(1, 20, operator=2)
    filing.file_into(joined, Phonebook.objects.all())
    found = lately.audience(draft)
    assert (found.headcount.recipients, found.by_operator) == (11, {1: 10, 2: 1})


def test_two_drafts_do_not_share_a_count(draft: Campaign) -> None:
    recipients(draft)
    somebody_opts_out()
    assert recipients(builders.draft(draft.line, builders.include(Phonebook.objects.get()))) == 9


def test_the_live_count_serves_the_steps_that_follow(draft: Campaign) -> None:
    client, book = owner(), draft.rules.get().phonebook_id
    fields = {"name": "x", "source": "ours", "include": [str(book)]}
    assert counted_during(client, f"/campaigns/count/?campaign={draft.pk}", fields)
    course = {"line": str(draft.line_id), "when": "now"}
    (by_operator,) = counted_during(client, f"/campaigns/{draft.pk}/edit/course/", course)
    assert COUNTS[1] in by_operator
    assert not counted_during(client, f"/campaigns/preview/?campaign={draft.pk}", {"text": "سلام"})


def test_the_review_counts_anew(draft: Campaign) -> None:
    recipients(draft)
    somebody_opts_out()
    Contact.objects.filter(phone=builders.phone(1)).update(operator=2)
    estimate = owner().get(f"/campaigns/{draft.pk}/").context["estimate"]
    assert (estimate.recipients, estimate.by_operator) == (9, {1: 9, 2: 1})
