"""Who was left out of a campaign: on its page, by name, and number by number."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone, translation

from campaigns import lifecycle, pruning
from campaigns.models import AudienceRule, Campaign, LeftOut
from campaigns.states import CampaignStatus
from campaigns.views.left_out import why
from contacts.models import Suppression
from providers.models import SenderLine
from tests import builders
from tests.campaigns.screens import owner


@pytest.fixture
def line(db: None) -> SenderLine:
    return builders.line(builders.account(batch_size=4))


@pytest.fixture
def client(db: None) -> Client:
    return owner()


@pytest.fixture
def campaign(line: SenderLine) -> Campaign:
    """To ten, of whom two are excluded, one has opted out, one blocks advertising; and four of six are drawn."""
    people = builders.contacts(10)
    builders.contacts(1, 70)
    Suppression.objects.create(phone=builders.phone(3), reason="opt_out")
    Suppression.objects.create(phone=builders.phone(4), reason="blocked")
    rules = [builders.include(builders.phonebook(people)), builders.exclude(builders.phonebook(people[:2], "Staff"))]
    return builders.running(line, *rules, sample_size=4)


def test_everybody_who_was_left_out_is_counted_by_cause(campaign: Campaign) -> None:
    assert campaign.left_out == {
        "excluded": 2,
        "repeated": 0,
        "not_drawn": 2,
        "opted_out": 1,
        "blocks_advertising": 1,
    }
    assert campaign.audience == 6


def test_the_excluded_are_kept_with_the_rule_that_took_them_out(campaign: Campaign) -> None:
    rule = campaign.rules.get(rule="exclude")
    kept = set(LeftOut.objects.filter(campaign=campaign).values_list("phone", "rule"))
    assert kept == {(builders.phone(n), rule.pk) for n in (0, 1)}


def test_the_page_of_a_campaign_leads_to_each_of_them(client: Client, campaign: Campaign) -> None:
    page = client.get(f"/campaigns/{campaign.pk}/").content.decode()
    for name in ("excluded", "not_drawn", "opted_out", "blocks_advertising"):
        assert f'data-left-out="{name}"' in page
    response = client.get(f"/campaigns/{campaign.pk}/?status=skipped&reason=opted_out")
    assert [row.phone for row in response.context["page"].rows] == [builders.phone(3)]


def test_the_excluded_are_listed_a_page_at_a_time(client: Client, line: SenderLine) -> None:
    people = builders.contacts(130)
    rules = [builders.include(builders.phonebook(people)), builders.exclude(builders.phonebook(people[:120], "Staff"))]
    campaign = builders.running(line, *rules)
    address, found = f"/campaigns/{campaign.pk}/left-out/", []
    page = client.get(address).context["page"]
    while page.rows:
        found += [row.phone for row in page.rows]
        page = client.get(address + page.next).context["page"] if page.next else page.__class__([], "", "")
    assert found == [builders.phone(n) for n in range(120)]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (builders.phone(0), "A rule excludes it: Staff."),
        (builders.phone(3), "opted out"),
        (builders.phone(4), "blocks advertising"),
        (builders.phone(70), "No rule named it"),
        ("12", "no phone number"),
    ],
)
def test_any_number_gets_an_answer(campaign: Campaign, typed: str, said: str) -> None:
    with translation.override("en"):
        assert said in why(campaign, typed)


def test_who_was_not_drawn_is_told_so(campaign: Campaign) -> None:
    with translation.override("en"):
        answers = [why(campaign, builders.phone(n)) for n in (2, *range(5, 10))]
    assert sum("not drawn" in answer for answer in answers) == 2
    assert sum("pending for now" in answer for answer in answers) == 4


def test_a_campaign_of_nobody_keeps_nobody(line: SenderLine) -> None:
    book = builders.phonebook(builders.contacts(2))
    draft = builders.draft(line, builders.include(book))
    lifecycle.launch(draft.pk)
    AudienceRule.objects.create(campaign=draft, rule="exclude", phonebook=book)
    assert not lifecycle.prepare(draft.pk)
    assert not LeftOut.objects.exists()


def test_with_the_recipients_of_an_old_campaign_they_are_removed(campaign: Campaign) -> None:
    long_ago = timezone.now() - dt.timedelta(days=40)
    Campaign.objects.move(campaign.pk, CampaignStatus.CANCELLED, finished_at=long_ago)
    pruning.prune(30)
    assert not LeftOut.objects.exists()
    assert builders.refreshed(campaign).left_out["excluded"] == 2
    with translation.override("en"):
        assert "removed" in why(builders.refreshed(campaign), builders.phone(0))
