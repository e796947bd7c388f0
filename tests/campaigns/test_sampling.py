"""A sample: the same people every time, and everybody as likely as the next."""

from __future__ import annotations

import pytest

from campaigns.models import AudienceRule, Message
from campaigns.sending import sampling
from campaigns.states import MessageStatus
from contacts.models import Contact, Suppression
from providers.models import SenderLine
from tests import builders


@pytest.fixture
def line(db: None) -> SenderLine:
    return builders.line(builders.account(batch_size=4))


def test_a_sample_is_drawn_over_all_rules_and_of_strangers_too(line: SenderLine) -> None:
    people = builders.contacts(20)
    books = [builders.phonebook(people[:15], "a"), builders.phonebook(people[5:], "b")]
    pasted = {"numbers": [builders.phone(n) for n in range(15, 30)]}
    Suppression.objects.create(phone=builders.phone(3))
    rules = [*map(builders.include, books), AudienceRule(kind=AudienceRule.Kind.NUMBERS, params=pasted)]
    campaign = builders.running(line, *rules, sample_size=8)
    assert builders.counts(campaign) == {"pending": 8, "skipped": 1}
    assert campaign.left_out["not_drawn"] == 30 - 1 - 8
    drawn = Message.objects.of(campaign).filter(status=MessageStatus.PENDING).values_list("phone", flat=True)
    least = sorted((builders.phone(n) for n in range(30) if n != 3), key=lambda it: sampling.draw_of(campaign, it))
    assert set(drawn) == set(least[:8])


def test_a_sample_as_large_as_the_audience_draws_everybody(line: SenderLine) -> None:
    campaign = builders.running(line, builders.include(builders.phonebook(builders.contacts(5))), sample_size=5)
    assert builders.counts(campaign) == {"pending": 5}
    assert campaign.left_out["not_drawn"] == 0


def test_the_database_draws_as_python_does(line: SenderLine) -> None:
    builders.contacts(3)
    draft = builders.draft(line, builders.include(builders.phonebook([])))
    rows = Contact.objects.annotate(draw=sampling.draw(draft, "phone")).values_list("phone", "draw")
    assert all(draw == sampling.draw_of(draft, phone) for phone, draw in rows)


def test_every_part_of_an_audience_is_drawn_alike(line: SenderLine) -> None:
    campaign = builders.running(line, builders.include(builders.phonebook(builders.contacts(2_000))), sample_size=800)
    phones = Message.objects.of(campaign).values_list("phone", flat=True)
    parts = [sum(int(str(phone)[1:]) % 4 == part for phone in phones) for part in range(4)]
    assert sum(parts) == 800
    assert all(140 <= part <= 260 for part in parts)  # six times the deviation
