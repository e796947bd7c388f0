"""The review of a draft for many: the page comes at once and without figures, which it fetches afterwards."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from campaigns import approving
from campaigns.models import AudienceRule, Campaign
from campaigns.sending import headcount
from campaigns.states import CampaignStatus
from contacts.models import JobCategory, Suppression
from tests import builders
from tests.campaigns.approvals import joins
from tests.campaigns.screens import client_of, owner

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headcount, "AT_ONCE", 2)


@pytest.fixture
def client() -> Client:
    return owner()


@pytest.fixture
def draft() -> Campaign:
    return builders.draft(builders.line(builders.account()), builders.include(builders.phonebook(builders.contacts(3))))


def page(client: Client, campaign: Campaign, query: str = "") -> Any:
    answer = client.get(f"/campaigns/{campaign.pk}/{query}")
    assert answer.status_code == 200
    return answer


def test_the_page_counts_nobody_and_fetches_its_figures(client: Client, draft: Campaign) -> None:
    answer = page(client, draft)
    assert "estimate" not in answer.context
    text = answer.content.decode()
    assert f'hx-get="/campaigns/{draft.pk}/?counted" hx-trigger="load" hx-select="#review"' in text
    assert "data-recipients" not in text


def test_nothing_can_be_launched_from_a_page_without_figures(client: Client, draft: Campaign) -> None:
    text = page(client, draft).content.decode()
    assert f"/campaigns/{draft.pk}/launch/" not in text
    assert not re.search(r'name="seal" value="[^"]', text)


def test_what_is_fetched_has_the_figures_and_the_seal_of_them(client: Client, draft: Campaign) -> None:
    answer = page(client, draft, "?counted")
    assert answer.context["estimate"].recipients == 3
    assert 'data-recipients="3"' in answer.content.decode()
    client.post(f"/campaigns/{draft.pk}/launch/", {"seal": answer.context["seal"]})
    assert builders.refreshed(draft).status == CampaignStatus.PREPARING


def test_a_launch_under_figures_that_have_grown_is_refused(client: Client, draft: Campaign) -> None:
    seal = page(client, draft, "?counted").context["seal"]
    joins()
    client.post(f"/campaigns/{draft.pk}/launch/", {"seal": seal})
    assert builders.refreshed(draft).status == CampaignStatus.DRAFT


def test_who_approves_has_to_see_the_figures_first(draft: Campaign) -> None:
    approving.submit(draft.pk)
    approver = client_of("approver", "approve_campaign")
    assert f"/campaigns/{draft.pk}/approval/approve/" not in page(approver, draft).content.decode()
    answer = page(approver, draft, "?counted")
    assert answer.context["may_approve"]
    assert answer.context["seal"]


def test_few_are_counted_at_once(client: Client) -> None:
    book = builders.phonebook(builders.contacts(2))
    answer = page(client, builders.draft(builders.line(builders.account()), builders.include(book)))
    assert answer.context["estimate"].recipients == 2
    assert "hx-select" not in answer.content.decode()


def test_the_page_asks_as_often_for_a_large_audience_as_for_a_larger_one(client: Client, draft: Campaign) -> None:
    book = builders.phonebook(builders.contacts(40, start=500), name="many")
    larger, asked = builders.draft(draft.line, builders.include(book)), []
    for campaign in (draft, larger):
        page(client, campaign)
        with CaptureQueriesContext(connection) as queries:
            page(client, campaign)
        asked.append(len(queries))
    assert asked[0] == asked[1] > 0


def test_what_else_takes_long_is_told_by_what_there_is_at_all() -> None:
    few = builders.draft(builders.line(builders.account()), builders.include(builders.phonebook(builders.contacts(1))))
    assert not headcount.takes_long(few)
    category = JobCategory.objects.create(name="engineers")
    by_job = builders.draft(few.line, AudienceRule(kind="job_category", job_category=category))
    assert not headcount.takes_long(by_job)
    builders.contacts(2, start=50)
    assert headcount.takes_long(by_job)
    assert not headcount.takes_long(few)
    few.cap_messages = 1
    assert headcount.takes_long(few)


def test_many_suppressed_numbers_take_long_for_a_few_recipients() -> None:
    few = builders.draft(builders.line(builders.account()), builders.include(builders.phonebook(builders.contacts(1))))
    Suppression.objects.bulk_create(Suppression(phone=builders.phone(n)) for n in range(3))
    assert headcount.takes_long(few)
