"""Approval on screen: the panel on the review, the queue, and pages that are out of date."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from campaigns import approving, drafting, lifecycle
from campaigns.models import Campaign
from campaigns.states import CampaignStatus
from tests import builders
from tests.campaigns.approvals import approved, decisions, joins, person, priced_draft
from tests.campaigns.screens import client_of

pytestmark = pytest.mark.django_db
S = CampaignStatus


@pytest.fixture(autouse=True)
def _required(settings: Settings) -> None:
    settings.APPROVAL = "required"


def english(client: Client) -> Client:
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture
def composer() -> Client:
    return english(client_of("composer", "add_campaign", "change_campaign"))


@pytest.fixture
def approver() -> Client:
    return english(client_of("approver", "approve_campaign"))


@pytest.fixture
def launcher() -> Client:
    return english(client_of("launcher", "launch_campaign"))


def page_of(client: Client, campaign: Campaign) -> str:
    return client.get(f"/campaigns/{campaign.pk}/").content.decode()


def seal_in(page: str) -> str:
    found = re.search(r'name="seal" value="([^"]+)"', page)
    assert found
    return found[1]


def say(client: Client, campaign: Campaign, word: str, **fields: Any) -> str:
    return client.post(f"/campaigns/{campaign.pk}/approval/{word}/", fields, follow=True).content.decode()


def test_from_the_draft_to_the_launch(composer: Client, approver: Client, launcher: Client) -> None:
    campaign = priced_draft()
    assert "Submit for approval" in page_of(composer, campaign)
    assert 'id="launch"' not in page_of(launcher, campaign)
    say(composer, campaign, "submit", comment="For Friday")
    page = page_of(approver, campaign)
    assert "For Friday" in page
    assert "1,000 rial" in page
    say(approver, campaign, "approve", seal=seal_in(page))
    page = page_of(launcher, campaign)
    assert "Approved" in page
    launcher.post(f"/campaigns/{campaign.pk}/launch/", {"seal": seal_in(page)})
    assert builders.refreshed(campaign).status == S.PREPARING


def test_an_approver_whose_page_is_out_of_date_learns_what_changed(composer: Client, approver: Client) -> None:
    campaign = priced_draft()
    say(composer, campaign, "submit")
    page = page_of(approver, campaign)
    joins(2)
    answer = say(approver, campaign, "approve", seal=seal_in(page))
    assert "10 became 12" in answer
    assert decisions(campaign) == ["requested"]
    say(approver, campaign, "approve", seal=seal_in(answer))
    assert decisions(campaign) == ["approved"]


def test_what_changed_since_the_approval_stands_on_the_page(approver: Client) -> None:
    campaign = approved(priced_draft(), User.objects.get(username="approver"))
    joins(1)
    assert "10 became 11" in page_of(approver, campaign)


def test_a_rejection_is_read_by_who_composed_it(composer: Client, approver: Client) -> None:
    campaign = priced_draft()
    say(composer, campaign, "submit")
    assert "Say what should be changed" in say(approver, campaign, "reject", comment="")
    say(approver, campaign, "reject", comment="No link in it")
    page = page_of(composer, campaign)
    assert "No link in it" in page
    assert "Submit for approval" in page


@pytest.mark.parametrize("word", ["submit", "approve", "reject", "withdraw"])
def test_each_word_needs_its_permission(launcher: Client, word: str) -> None:
    campaign = priced_draft()
    if word != "submit":
        approving.submit(campaign.pk)
    answer = launcher.post(f"/campaigns/{campaign.pk}/approval/{word}/", {"comment": "x"})
    assert answer.status_code == 403
    assert builders.refreshed(campaign).status == (S.DRAFT if word == "submit" else S.PENDING_APPROVAL)


def test_the_queue_has_what_waits_and_what_was_decided(approver: Client, composer: Client) -> None:
    campaign = priced_draft()
    assert "Nothing waits" in approver.get("/approvals/").content.decode()
    say(composer, campaign, "submit")
    assert "Look and decide" in approver.get("/approvals/").content.decode()
    say(approver, campaign, "reject", comment="No link in it")
    assert "No link in it" in approver.get("/approvals/?tab=decided").content.decode()
    assert composer.get("/approvals/").status_code == 403


def test_the_queue_asks_as_much_of_the_database_for_one_as_for_many(
    approver: Client, django_assert_max_num_queries: Any
) -> None:
    over = builders.line(builders.account())
    book = builders.phonebook(builders.contacts(1))
    for _ in range(8):
        approving.submit(builders.draft(over, builders.include(book)).pk)
    with django_assert_max_num_queries(9):
        assert len(approver.get("/approvals/").context["page"].rows) == 8


def test_start_it_now_on_a_stale_page_starts_no_draft(launcher: Client, settings: Settings) -> None:
    settings.APPROVAL = "optional"
    campaign = priced_draft()
    Campaign.objects.move(campaign.pk, S.SCHEDULED, pause_code=Campaign.LATE)
    page = page_of(launcher, campaign)
    lifecycle.take_back(campaign.pk)
    launcher.post(f"/campaigns/{campaign.pk}/launch/", {"seal": seal_in(page)})
    assert builders.refreshed(campaign).status == S.DRAFT


def test_a_late_campaign_is_started_from_its_page(launcher: Client, settings: Settings) -> None:
    settings.APPROVAL = "optional"
    campaign = priced_draft()
    Campaign.objects.move(campaign.pk, S.SCHEDULED, pause_code=Campaign.LATE)
    launcher.post(f"/campaigns/{campaign.pk}/launch/", {"seal": seal_in(page_of(launcher, campaign))})
    assert builders.refreshed(campaign).status == S.PREPARING


def test_a_draft_that_was_changed_in_another_tab_is_not_launched(launcher: Client, settings: Settings) -> None:
    settings.APPROVAL = "optional"
    campaign = builders.refreshed(priced_draft())
    page = page_of(launcher, campaign)
    drafting.revise(campaign.pk, text="other")
    answer = launcher.post(f"/campaigns/{campaign.pk}/launch/", {"seal": seal_in(page)}, follow=True)
    assert "the text" in answer.content.decode()
    assert builders.refreshed(campaign).status == S.DRAFT


def test_nobody_is_asked_to_approve_where_they_may_not(settings: Settings, composer: Client) -> None:
    settings.APPROVAL = "four_eyes"
    both = person("both", "approve_campaign", "change_campaign")
    client = english(Client())
    client.force_login(both)
    campaign = priced_draft()
    say(client, campaign, "submit")
    page = page_of(client, campaign)
    assert "Nobody approves their own campaign" in page
    assert 'commandfor="approve"' not in page
