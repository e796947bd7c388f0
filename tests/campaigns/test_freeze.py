"""The freeze: who gets a campaign, once, in which order, with which text and in which batch."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from campaigns import lifecycle
from campaigns.models import AudienceRule, Batch, Campaign, Message
from campaigns.states import CampaignStatus, MessageStatus, Reason
from contacts.models import Contact, JobCategory, Membership, Operator, Suppression
from providers.models import SenderLine
from tests import builders

Kind = AudienceRule.Kind


@pytest.fixture
def line(db: None) -> SenderLine:
    return builders.line(builders.account(batch_size=4))


def phones(campaign: Campaign, **of: object) -> list[str]:
    """The recipients' numbers in the order in which they go out; the suppressed are not among them."""
    rows = Message.objects.of(campaign).filter(status=MessageStatus.PENDING, **of)
    return [str(phone) for phone in rows.order_by("batch_number", "pk").values_list("phone", flat=True)]


def numbers(*listed: int, rule: AudienceRule.Rule = AudienceRule.Rule.INCLUDE) -> AudienceRule:
    return AudienceRule(kind=Kind.NUMBERS, rule=rule, params={"numbers": [builders.phone(n) for n in listed]})


def span(*ends: int) -> list[str]:
    return [builders.phone(n) for n in range(*ends)]


def test_everyone_in_a_phonebook_gets_one_message_in_their_order(line: SenderLine) -> None:
    members = list(reversed(builders.contacts(9)))
    campaign = builders.running(line, builders.include(builders.phonebook(members)))
    assert phones(campaign) == [contact.phone for contact in members]
    assert builders.counts(campaign) == {"pending": 9}
    assert campaign.status == CampaignStatus.RUNNING


def test_the_first_batch_is_a_small_pilot(line: SenderLine) -> None:
    campaign = builders.running(line, builders.include(builders.phonebook(builders.contacts(11))))
    batches = Batch.objects.filter(campaign=campaign).order_by("number")
    assert list(batches.values_list("number", "size")) == [(0, 2), (1, 4), (2, 4), (3, 1)]
    assert all(batch.pending == batch.size for batch in batches)


def test_who_is_in_several_phonebooks_gets_one_message(line: SenderLine) -> None:
    people = builders.contacts(6)
    books = [builders.phonebook(people[:4], "a"), builders.phonebook(people[2:], "b"), builders.phonebook(people, "c")]
    campaign = builders.running(line, *map(builders.include, books))
    assert phones(campaign) == span(6)


def test_no_batch_outgrows_its_size_where_rules_overlap(line: SenderLine) -> None:
    people = builders.contacts(60)
    books = [people[1:40:2], people[:40], people[30:]]
    rules = [builders.include(builders.phonebook(members, f"book {n}")) for n, members in enumerate(books)]
    campaign = builders.running(line, *rules)
    assert builders.counts(campaign) == {"pending": 60}
    assert max(Batch.objects.filter(campaign=campaign).values_list("size", flat=True)) <= 4


def test_the_excluded_get_nothing(line: SenderLine) -> None:
    people = builders.contacts(8)
    campaign = builders.running(
        line,
        builders.include(builders.phonebook(people)),
        builders.exclude(builders.phonebook(people[:2], "no")),
        numbers(7, rule=AudienceRule.Rule.EXCLUDE),
    )
    assert phones(campaign) == span(2, 7)


def test_the_suppressed_are_skipped_with_the_reason(line: SenderLine) -> None:
    Suppression.objects.create(phone=builders.phone(1))
    Suppression.objects.create(phone=builders.phone(2), scope="advertising")
    Suppression.objects.create(phone=builders.phone(3), scope="line", line=line)
    campaign = builders.running(line, builders.include(builders.phonebook(builders.contacts(5))))
    assert phones(campaign) == [builders.phone(n) for n in (0, 2, 4)]
    skipped = Message.objects.of(campaign).filter(status=MessageStatus.SKIPPED)
    assert {(m.phone, m.reason, m.batch_number) for m in skipped} == {
        (builders.phone(n), Reason.SUPPRESSED, None) for n in (1, 3)
    }
    assert builders.counts(campaign) == {"pending": 3, "skipped": 2}


def test_an_advertising_line_also_skips_who_blocked_advertising(line: SenderLine) -> None:
    Suppression.objects.create(phone=builders.phone(0), scope="advertising")
    SenderLine.objects.filter(pk=line.pk).update(kind="advertising")
    line.refresh_from_db()
    campaign = builders.running(line, builders.include(builders.phonebook(builders.contacts(2))))
    assert builders.counts(campaign) == {"pending": 1, "skipped": 1}
    assert campaign.sent_text == "سلام\nلغو11"


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, (0, 9)),
        ({"start": 3}, (3, 9)),
        ({"size": 2}, (0, 2)),
        ({"start": 3, "size": 4}, (3, 7)),
        ({"start": 7, "size": 50}, (7, 9)),
        ({"start": 1, "size": 5, "numbers": [builders.phone(n) for n in (0, 2)]}, (2, 3)),
    ],
)
def test_a_part_of_a_phonebook_counts_from_nought(
    line: SenderLine, params: dict[str, object], expected: tuple[int, int]
) -> None:
    book = builders.phonebook(builders.contacts(9))
    assert phones(builders.running(line, builders.include(book, **params))) == span(*expected)


def test_no_chosen_number_of_a_phonebook_is_nobody(line: SenderLine) -> None:
    people = builders.contacts(6)
    part = builders.include(builders.phonebook(people[:5], "a"), numbers=[])
    campaign = builders.running(line, part, builders.include(builders.phonebook(people[5:], "b")))
    assert phones(campaign) == span(5, 6)


def test_the_recipients_of_a_campaign_can_be_chosen_by_outcome(line: SenderLine) -> None:
    first = builders.running(line, builders.include(builders.phonebook(builders.contacts(5))), numbers(90))
    lost = Message.objects.of(first).filter(phone__in=[builders.phone(1), builders.phone(90)])
    lost.update(status=MessageStatus.UNDELIVERED)
    rule = AudienceRule(kind=Kind.CAMPAIGN, source=first, params={"outcome": "undelivered"})
    assert phones(builders.running(line, rule, text="{first_name|دوست}")) == [builders.phone(1), builders.phone(90)]


def test_the_recipients_of_a_campaign_can_be_excluded_even_those_who_are_no_contact(line: SenderLine) -> None:
    first = builders.running(line, numbers(1, 2))
    rule = AudienceRule(rule=AudienceRule.Rule.EXCLUDE, kind=Kind.CAMPAIGN, source=first)
    assert phones(builders.running(line, numbers(1, 2, 3), rule)) == [builders.phone(3)]


def categories() -> tuple[JobCategory, JobCategory]:
    main = JobCategory.objects.create(name="trade")
    sub = JobCategory.objects.create(name="books", parent=main)
    builders.contacts(4, job_category=main, operator=Operator.MCI)
    builders.contacts(4, 4, job_category=sub, operator=Operator.IRANCELL)
    builders.contacts(4, 8, operator=Operator.MCI)
    return main, sub


def test_a_main_category_holds_its_subcategories(line: SenderLine) -> None:
    main, sub = categories()
    of_main = AudienceRule(kind=Kind.JOB_CATEGORY, job_category=main)
    of_sub = AudienceRule(kind=Kind.JOB_CATEGORY, job_category=sub)
    assert phones(builders.running(line, of_main)) == span(8)
    assert phones(builders.running(line, of_sub)) == span(4, 8)


def test_a_category_is_cut_by_operator_and_place(line: SenderLine) -> None:
    main, _sub = categories()
    operators = [{"id": 1, "start": 1, "size": 2}, {"id": 2, "size": 1}, {"id": 13}]
    rule = AudienceRule(kind=Kind.JOB_CATEGORY, job_category=main, params={"operators": operators})
    assert phones(builders.running(line, rule)) == [builders.phone(n) for n in (1, 2, 4)]


def test_pasted_numbers_may_be_strangers(line: SenderLine) -> None:
    builders.contacts(1, first_name="رضا")
    Suppression.objects.create(phone=builders.phone(5))
    campaign = builders.running(line, numbers(0, 4, 5), numbers(4, 0), text="{first_name|دوست} سلام")
    texts = dict(Message.objects.of(campaign).values_list("phone", "text"))
    assert texts[builders.phone(0)] == "رضا سلام"
    assert texts[builders.phone(4)] == "دوست سلام"
    assert builders.counts(campaign) == {"pending": 2, "skipped": 1}


def test_a_common_text_is_stored_once(line: SenderLine) -> None:
    campaign = builders.running(line, builders.include(builders.phonebook(builders.contacts(2))), text="{{سلام}}")
    assert campaign.sent_text == "{سلام}"
    assert not Message.objects.of(campaign).filter(text__isnull=False).exists()


def test_a_personal_text_is_rendered_for_each(line: SenderLine) -> None:
    people = builders.contacts(1, first_name="مریم", attributes={"city": "قم"}) + builders.contacts(1, 1)
    book = builders.phonebook(people)
    campaign = builders.running(line, builders.include(book), text="{first_name|دوست} از {city|شهر}: 100%s")
    assert list(Message.objects.of(campaign).order_by("pk").values_list("text", flat=True)) == [
        "مریم از قم: 100%s",
        "دوست از شهر: 100%s",
    ]


def test_frozen_means_frozen(line: SenderLine) -> None:
    book = builders.phonebook(builders.contacts(3, first_name="رضا"))
    campaign = builders.running(line, builders.include(book), text="{first_name}")
    Contact.objects.update(first_name="علی")
    Membership.objects.all().delete()
    Campaign.objects.filter(pk=campaign.pk).update(text="چیز دیگر")
    lifecycle.prepare(campaign.pk)
    assert builders.counts(campaign) == {"pending": 3}
    assert set(Message.objects.of(campaign).values_list("text", flat=True)) == {"رضا"}


def test_nobody_left_to_send_to_makes_it_a_draft_again_that_says_why(line: SenderLine) -> None:
    campaign = builders.draft(line, builders.include(builders.phonebook(builders.contacts(1))))
    lifecycle.launch(campaign.pk)
    Membership.objects.all().delete()
    assert not lifecycle.prepare(campaign.pk)
    campaign = builders.refreshed(campaign)
    assert campaign.status == CampaignStatus.DRAFT
    assert campaign.pause_text


def test_an_audience_of_suppressed_people_completes_at_once(line: SenderLine) -> None:
    Suppression.objects.create(phone=builders.phone(0))
    campaign = builders.running(line, builders.include(builders.phonebook(builders.contacts(1))))
    assert builders.send_all(campaign) == "nothing"
    assert builders.refreshed(campaign).status == CampaignStatus.COMPLETED
    assert builders.counts(campaign) == {"skipped": 1}


@pytest.mark.django_db(transaction=True)
def test_two_preparations_at_once_freeze_once() -> None:
    line = builders.line(builders.account())
    campaign = builders.draft(line, builders.include(builders.phonebook(builders.contacts(300))))
    lifecycle.launch(campaign.pk)
    done: list[bool] = []

    def prepare() -> None:
        try:
            done.append(lifecycle.prepare(campaign.pk))
        finally:
            connection.close()

    threads = [threading.Thread(target=prepare) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False, False, False, True]
    assert builders.counts(campaign) == {"pending": 300}
