"""The list of campaigns: its tabs and filters, and what a row tells."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone, translation

from campaigns.models import Campaign
from campaigns.states import CampaignStatus
from campaigns.views import listing
from tests.campaigns.screens import campaign_in, client_of, owner

pytestmark = pytest.mark.django_db
S = CampaignStatus


@pytest.fixture
def client() -> Client:
    return owner()


def names(client: Client, query: str) -> list[str]:
    return [campaign.name for campaign, *_rest in client.get(f"/campaigns/?{query}").context["rows"]]


def made(name: str, status: CampaignStatus = S.DRAFT, **fields: object) -> Campaign:
    campaign = campaign_in(status)
    Campaign.objects.filter(pk=campaign.pk).update(name=name, **fields)
    return campaign


def test_the_tabs_count_and_lead_to_what_they_count(client: Client) -> None:
    for n, status in enumerate((S.DRAFT, S.DRAFT, S.SCHEDULED, S.RUNNING, S.PAUSED, S.COMPLETED, S.CANCELLED)):
        made(f"n{n}", status)
    tabs = client.get("/campaigns/").context["tabs"]
    assert {tab.name: tab.number for tab in tabs} == {
        "": 7,
        "drafts": 2,
        "waiting": 1,
        "running": 2,
        "problems": 0,
        "ended": 2,
    }
    for tab in tabs:
        assert len(names(client, tab.url[1:])) == tab.number


def test_every_status_stands_in_one_tab() -> None:
    statuses = [status for _label, of in listing.TABS.values() for status in of]
    assert sorted(statuses) == sorted(CampaignStatus)


def test_it_is_filtered_by_line_and_author(client: Client) -> None:
    mine, theirs = made("mine"), made("theirs")
    other = User.objects.create_user("other")
    Campaign.objects.filter(pk=mine.pk).update(created_by=User.objects.get(username="owner"))
    Campaign.objects.filter(pk=theirs.pk).update(created_by=other)
    assert names(client, f"line={mine.line_id}") == ["mine"]
    assert names(client, f"by={other.pk}") == ["theirs"]
    assert names(client, f"by={other.pk}&line={mine.line_id}") == []


def test_a_month_is_jalali_and_whole_by_the_clock_of_tehran(client: Client) -> None:
    def at(month: int, day: int, hour: int, minute: int) -> dt.datetime:
        return dt.datetime(2026, month, day, hour, minute, tzinfo=timezone.get_default_timezone())

    made("before", created_at=at(10, 22, 23, 59))
    made("first", created_at=at(10, 23, 0, 0))  # 1 Aban 1405
    made("last", created_at=at(11, 21, 23, 59))  # 30 Aban
    made("after", created_at=at(11, 22, 0, 0))
    assert names(client, "month=1405-08") == ["last", "first"]
    assert names(client, "month=2026-10") == ["first", "before"]


@pytest.mark.parametrize("query", ["month=1405-13", "month=0000-00", "month=9999-12", "line=x", "by=-1", "status=x"])
def test_an_address_that_makes_no_sense_filters_nothing_or_everything(client: Client, query: str) -> None:
    made("one")
    assert client.get(f"/campaigns/?{query}").status_code == 200


def test_the_months_are_those_of_the_language() -> None:
    with translation.override("fa"):
        first, *_rest = listing._months()
        assert int(first[0][:4]) < 1700
    with translation.override("en"):
        months = listing._months()
        assert int(months[0][0][:4]) > 2000
        assert len({value for value, _name in months}) == listing.MONTHS


def test_tests_are_shown_where_they_are_asked_for(client: Client) -> None:
    made("real")
    made("trial", is_test=True)
    assert names(client, "") == ["real"]
    assert names(client, "tests=1") == ["trial"]


def test_a_search_keeps_the_tab_and_the_tab_keeps_the_search(client: Client) -> None:
    made("Nowruz one", S.RUNNING)
    made("Nowruz two")
    made("Yalda", S.RUNNING)
    assert names(client, "q=nowruz&status=running") == ["Nowruz one"]
    tabs = {tab.name: tab for tab in client.get("/campaigns/?q=nowruz&status=running").context["tabs"]}
    assert names(client, tabs["drafts"].url[1:]) == ["Nowruz two"]


def test_who_may_only_look_sees_the_list() -> None:
    made("one")
    assert names(client_of("viewer"), "") == ["one"]
