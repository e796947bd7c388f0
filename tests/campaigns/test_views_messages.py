"""The explorer's page and the page of one message: what they show, to whom, and at what price in queries."""

from __future__ import annotations

import datetime as dt
from functools import partial

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from campaigns.auditing import note
from campaigns.exploring import looking
from campaigns.models import Batch, Campaign, DeliveryEvent, Message, StatusCount
from campaigns.querysets import Move
from campaigns.states import BatchStatus, CampaignStatus, MessageStatus, Reason
from campaigns.views.messages import SHOWN_EVENTS
from tests import builders
from tests.campaigns.screens import campaign_in, client_of

pytestmark = pytest.mark.django_db
RUNNING = CampaignStatus.RUNNING


@pytest.fixture
def client() -> Client:
    """Somebody who sees numbers and reads English."""
    client = client_of("reader", "see_numbers")
    client.cookies["django_language"] = "en"
    return client


def page(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def accepted(campaign: Campaign, ref: str = "777") -> Message:
    """The campaign's first message, taken by the provider under an id."""
    message = Message.objects.of(campaign).order_by("pk")[0]
    move = Move(message.pk, MessageStatus.ACCEPTED, provider_ref=ref, cost=900)
    account = campaign.line.account_id
    Message.objects.move([move], campaign_id=campaign.pk, old=MessageStatus.PENDING, account_id=account)
    return message


def report(campaign: Campaign, code: str, **facts: object) -> DeliveryEvent:
    given = {"report": "delivered", "words": "", "received_at": timezone.now(), "result": 1, **facts}
    return DeliveryEvent.objects.create(account=campaign.line.account, provider_ref="777", code=code, **given)


def test_the_newest_messages_of_all_campaigns_come_first_and_older_ones_by_key(client: Client) -> None:
    first, second = campaign_in(RUNNING, 40), campaign_in(RUNNING, 40)
    html = page(client, "/messages/")
    assert html.index(builders.phone(1_039)) < html.index(builders.phone(1_000)) < html.index(builders.phone(39))
    response = client.get("/messages/")
    rest = client.get(f"/messages/{response.context['further']}")
    assert len(response.context["rows"]) + len(rest.context["rows"]) == first.audience + second.audience  # type: ignore[operator]
    assert rest.context["further"] == ""


def test_active_filters_are_chips_that_can_be_taken_off(client: Client) -> None:
    campaign = campaign_in(RUNNING)
    response = client.get(f"/messages/?status=pending&code=<b>&campaign={campaign.pk}")
    without = {chip.name: address for chip, address in response.context["chips"]}
    assert set(without) == {"status", "code", "campaign"}
    assert "code" not in without["code"]
    assert "status=pending" in without["code"]
    assert "<b>" not in response.content.decode()
    assert "No message matches." in response.content.decode()


def test_a_page_that_ran_out_of_time_says_how_far_it_looked(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    old, _new = campaign_in(RUNNING, 30), campaign_in(RUNNING, 30)
    Campaign.objects.filter(pk=old.pk).update(name="The old one")
    monkeypatch.setattr("campaigns.views.explorer.look", partial(looking.look, seconds=0.0))
    monkeypatch.setattr(looking._Walk, "width", 40)
    response = client.get("/messages/?code=404")
    assert "Looked through back to the campaign \u2068The old one\u2069" in response.content.decode()
    assert client.get(f"/messages/{response.context['further']}").context["further"] == ""


def test_a_page_asks_the_database_as_often_for_fifty_messages_as_for_one(client: Client) -> None:
    def asked(campaign: Campaign) -> int:
        with CaptureQueriesContext(connection) as queries:
            page(client, f"/messages/?campaign={campaign.pk}")
        return len(queries)

    one, many = campaign_in(RUNNING, 1), campaign_in(RUNNING, 50)
    page(client, "/messages/")
    assert asked(one) == asked(many)


def test_numbers_are_masked_for_who_may_not_see_them() -> None:
    campaign = campaign_in(RUNNING)
    message = accepted(campaign)
    teammate = client_of("teammate")
    for address in ("/messages/", f"/messages/{message.pk}/", f"/messages/?q=0{str(message.phone)[3:]}"):
        html = page(teammate, address)
        assert str(message.phone) not in html
        assert "••••" in html
    assert "••••" not in page(teammate, "/messages/?q=0912000000")


@pytest.mark.parametrize(
    "query", ["below=x", f"below={'9' * 40}", "q=%00", f"q={'9' * 300}", "since=nonsense", "campaign=x", "line=-1"]
)
def test_hostile_addresses_give_a_page(client: Client, query: str) -> None:
    campaign_in(RUNNING)
    page(client, f"/messages/?{query}")


def test_a_message_tells_its_life_in_its_order(client: Client) -> None:
    campaign = campaign_in(RUNNING)
    message = accepted(campaign)
    start = timezone.now()
    times = {"claimed_at": start, "settled_at": start + dt.timedelta(seconds=2), "owner": "host/1/2"}
    Batch.objects.filter(number=0).update(status=BatchStatus.DONE, attempt=2, **times)
    report(campaign, "10", words="رسیده به گیرنده", received_at=start + dt.timedelta(minutes=1))
    titles = [step.title for step in client.get(f"/messages/{message.pk}/").context["steps"]]
    assert [title.split(":")[0] for title in titles] == [
        "Became a recipient of the campaign",
        "Request 1 went to the provider",
        "The request's outcome was recorded",
        "Report",
    ]
    html = page(client, f"/messages/{message.pk}/")
    assert "2.0 seconds after it went out" in html
    assert "&quot;provider_ref&quot;: &quot;777&quot;" in html
    assert f"/messages/?campaign={campaign.pk}&amp;batch=0" in html


def test_who_was_never_to_go_out_is_told_why(client: Client) -> None:
    campaign = campaign_in(RUNNING)
    message = Message.objects.of(campaign).order_by("pk")[0]
    skipped = {"status": MessageStatus.SKIPPED, "reason": Reason.SUPPRESSED, "batch_number": None}
    Message.objects.filter(pk=message.pk).update(**skipped)
    (step,) = client.get(f"/messages/{message.pk}/").context["steps"]
    assert step.title == "Left out when the recipients were fixed"
    assert step.detail == "The number is on the suppression list."


def test_a_decision_stands_in_the_life_of_the_messages_that_it_was_about(client: Client) -> None:
    campaign = campaign_in(RUNNING, 3)  # in requests of two and one
    note("sent_again", campaign.pk, None, messages=2, batches=[0])
    first, *_between, last = Message.objects.of(campaign).order_by("batch_number", "pk")
    assert "scale" in [step.icon for step in client.get(f"/messages/{first.pk}/").context["steps"]]
    assert "scale" not in [step.icon for step in client.get(f"/messages/{last.pk}/").context["steps"]]


def test_more_reports_than_a_page_shows_come_on_demand(client: Client) -> None:
    campaign = campaign_in(RUNNING)
    message = accepted(campaign)
    events = [report(campaign, str(n), result=2) for n in range(SHOWN_EVENTS + 3)]
    first = client.get(f"/messages/{message.pk}/")
    assert [event.pk for event in first.context["events"]] == [event.pk for event in events[:SHOWN_EVENTS]]
    later = client.get(f"/messages/{message.pk}/?after={first.context['later']}")
    assert [event.pk for event in later.context["events"]] == [event.pk for event in events[SHOWN_EVENTS:]]
    assert "<html" not in later.content.decode()


def test_what_was_refunded_is_told(client: Client) -> None:
    message = accepted(campaign_in(RUNNING))
    Message.objects.filter(pk=message.pk).update(status=MessageStatus.BLOCKED, cost=0, refunded=900)
    assert "Refunded (rial)" in page(client, f"/messages/{message.pk}/")


def test_campaigns_of_which_the_counters_know_nothing_are_not_looked_at(client: Client) -> None:
    campaign = campaign_in(RUNNING)
    assert not StatusCount.objects.filter(campaign=campaign, status=MessageStatus.EXPIRED, messages__gt=0).exists()
    with CaptureQueriesContext(connection) as queries:
        page(client, "/messages/?status=expired")
    assert not [each for each in queries.captured_queries if 'FROM "campaigns_message"' in each["sql"]]
