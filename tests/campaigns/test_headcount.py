"""What is counted before a launch is what the freeze then writes, whatever the rules."""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.db import transaction

from campaigns.models import AudienceRule, Campaign, LeftOut, Message
from campaigns.sending import audience, headcount
from campaigns.states import MessageStatus, Reason
from contacts.models import JobCategory, Suppression
from providers.models import SenderLine
from tests import builders

Kind, Rule = AudienceRule.Kind, AudienceRule.Rule
PEOPLE, STRANGERS = 30, 6
SUPPRESSED = (Reason.SUPPRESSED, Reason.OPTED_OUT, Reason.BLOCKS_ADVERTISING)


@pytest.fixture
def line(db: None) -> SenderLine:
    return builders.line(builders.account(batch_size=7), kind="advertising")


def some(dice: random.Random, most: int) -> list[int]:
    return dice.sample(range(most), dice.randint(0, most))


def surroundings(dice: random.Random, line: SenderLine) -> list[AudienceRule]:
    """Phonebooks, a category and an earlier campaign, as rules that may be included or excluded."""
    category = JobCategory.objects.create(name="shops")
    people = builders.contacts(PEOPLE // 2, job_category=category, operator=1) + builders.contacts(15, 15, operator=2)
    books = [builders.phonebook([people[n] for n in some(dice, PEOPLE)], f"book {i}") for i in range(3)]
    pasted = [builders.phone(n) for n in some(dice, PEOPLE + STRANGERS)]
    earlier = AudienceRule(kind=Kind.NUMBERS, params={"numbers": [builders.phone(n) for n in range(20, 34)]})
    first = builders.running(line, earlier)
    Message.objects.of(first).filter(pk__in=some(dice, 10)).update(status=MessageStatus.FAILED)
    return [
        *[AudienceRule(phonebook=book, params=dice.choice([{}, {}, {"start": 2, "size": 9}])) for book in books],
        AudienceRule(kind=Kind.JOB_CATEGORY, job_category=category),
        AudienceRule(kind=Kind.NUMBERS, params={"numbers": pasted}),
        AudienceRule(kind=Kind.CAMPAIGN, source=first, params=dice.choice([{}, {"outcome": "failed"}])),
    ]


def suppress(dice: random.Random, line: SenderLine) -> None:
    for n in some(dice, PEOPLE + STRANGERS)[:8]:
        for scope in dice.sample(["all", "advertising", "line"], dice.randint(1, 3)):
            reason = dice.choice(["opt_out", "manual", "blocked"])
            of = line if scope == "line" else None
            Suppression.objects.create(phone=builders.phone(n), scope=scope, reason=reason, line=of)


def random_draft(seed: int, line: SenderLine) -> Campaign:
    dice = random.Random(seed)
    rules = surroundings(dice, line)
    suppress(dice, line)
    dice.shuffle(rules)
    for rule in rules[dice.randint(1, 6) :]:
        rule.rule = Rule.EXCLUDE
    fields: dict[str, Any] = dice.choice([{}, {"cap_messages": 1, "cap_days": 7}])
    return builders.draft(line, *rules, sample_size=dice.choice([None, None, 5]), **fields)


def frozen(campaign: Campaign) -> dict[str, int]:
    """What the freeze has written, under the words of the headcount."""
    rows = Message.objects.filter(campaign=campaign)
    left_out = campaign.left_out
    return {
        "recipients": rows.filter(status=MessageStatus.PENDING).count(),
        "capped": rows.filter(reason=Reason.CAPPED).count(),
        "excluded": LeftOut.objects.filter(campaign=campaign).count(),
        "repeated": left_out.get("repeated", 0),
        "not_drawn": left_out.get("not_drawn", 0),
        **{
            name: rows.filter(reason=Reason[name.upper()]).count()
            for name in ("suppressed", "opted_out", "blocks_advertising")
        },
    }


def freeze(draft: Campaign) -> None:
    """Fix the audience, also one of nobody, which no launch lets pass."""
    with transaction.atomic():
        audience.freeze(draft)
    Campaign.objects.filter(pk=draft.pk).update(audience=draft.audience, left_out=draft.left_out)


@pytest.mark.parametrize("seed", range(24))
def test_the_live_count_is_what_the_freeze_writes(seed: int, line: SenderLine) -> None:
    draft = random_draft(seed, line)
    counted = headcount.count(draft)
    freeze(draft)
    if not draft.audience:
        assert counted.audience == 0
        return
    reasons = {reason.name.lower(): counted.suppressed.get(reason, 0) for reason in SUPPRESSED}
    names = ("recipients", "capped", "excluded", "repeated", "not_drawn")
    assert {name: getattr(counted, name) for name in names} | reasons == frozen(builders.refreshed(draft))
    assert builders.refreshed(draft).audience == counted.audience - counted.not_drawn


def test_a_rule_that_excludes_no_number_hides_no_suppression(line: SenderLine) -> None:
    people = builders.contacts(5)
    Suppression.objects.create(phone=people[1].phone)
    draft = builders.draft(line, builders.include(builders.phonebook(people)))
    AudienceRule.objects.create(campaign=draft, rule=Rule.EXCLUDE, kind=Kind.NUMBERS, params={"numbers": []})
    assert headcount.count(draft).recipients == 4


@pytest.mark.django_db
def test_without_the_cap_who_has_had_enough_is_counted_among_the_recipients(line: SenderLine) -> None:
    book = builders.phonebook(builders.contacts(4))
    builders.running(line, builders.include(book))
    draft = builders.draft(line, builders.include(book), cap_messages=1, cap_days=7)
    assert (headcount.count(draft).recipients, headcount.count(draft).capped) == (0, 4)
    assert (headcount.count(draft, capped=False).recipients, headcount.count(draft, capped=False).capped) == (4, None)
