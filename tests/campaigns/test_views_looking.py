"""Recipients that a filter leaves, looked for in a bounded time: every one is found, wherever the time is over."""

from __future__ import annotations

import pytest
from django.test import Client

from campaigns.models import Campaign, Message, StatusCount
from campaigns.states import CampaignStatus, MessageStatus, Reason
from campaigns.views import looking
from tests.campaigns.screens import campaign_in, owner

pytestmark = pytest.mark.django_db
SIZE = 4


@pytest.fixture
def campaign(monkeypatch: pytest.MonkeyPatch) -> Campaign:
    monkeypatch.setattr(looking, "FIRST", 3)
    monkeypatch.setattr(looking, "WIDEST", 3)
    return campaign_in(CampaignStatus.COMPLETED, 40)


def mark(campaign: Campaign, *places: int) -> list[int]:
    """Let the messages at these places have failed; their ids."""
    ids = list(Message.objects.of(campaign).order_by("pk").values_list("pk", flat=True))
    chosen = [ids[place] for place in places]
    Message.objects.filter(pk__in=chosen).update(status=MessageStatus.FAILED, reason=Reason.REPORTED)
    StatusCount.objects.update_or_create(
        campaign=campaign, status=MessageStatus.FAILED, defaults={"messages": len(chosen)}
    )
    return chosen


def failed(campaign: Campaign, address: str, seconds: float) -> looking.Look:
    query = dict(part.split("=") for part in address.removeprefix("?").split("&") if part)
    rows = Message.objects.standing_in(campaign, MessageStatus.FAILED)
    return looking.look(rows, campaign, query, size=SIZE, seconds=seconds)


@pytest.mark.parametrize("seconds", [0.0, 60.0])
@pytest.mark.parametrize("places", [(), (0,), (39,), (0, 1, 2, 3), (5, 6, 7, 8, 9), tuple(range(40)), (2, 17, 30, 38)])
def test_every_one_is_found_there_and_back(campaign: Campaign, places: tuple[int, ...], seconds: float) -> None:
    chosen = mark(campaign, *places)
    there: list[int] = []
    page = failed(campaign, "", seconds)
    while True:
        there += [row.pk for row in page.rows]
        if not page.next:
            break
        page = failed(campaign, page.next, seconds)
    assert there == chosen
    back = [row.pk for row in page.rows]
    while page.previous:
        page = failed(campaign, page.previous, seconds)
        back = [row.pk for row in page.rows] + back
    assert back == chosen


def test_a_look_that_was_cut_off_says_how_far_it_came(campaign: Campaign) -> None:
    mark(campaign, 39)
    first = failed(campaign, "", 0.0)
    assert not first.rows
    assert first.looked == pytest.approx(3 / 40)
    assert failed(campaign, "", 60.0).looked is None


def test_where_a_counter_knows_all_are_found_it_looks_no_further(campaign: Campaign) -> None:
    mark(campaign, 0, 1)
    client = owner()
    page = client.get(f"/campaigns/{campaign.pk}/?status=failed").context["page"]
    assert (len(page.rows), page.next) == (2, "")
    assert client.get(f"/campaigns/{campaign.pk}/?status=expired").context["page"].rows == []


def test_the_page_offers_to_look_further(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "SECONDS", 0.0)
    mark(campaign, 39)
    client: Client = owner()
    address, pages = "?status=failed", 0
    while address:
        response = client.get(f"/campaigns/{campaign.pk}/{address}")
        pages, address = pages + 1, response.context["page"].next
    assert pages > 5
    assert len(response.context["page"].rows) == 1
