"""The panel of what is unclear on a campaign's page, the second question before a decision, and the log of it."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from campaigns import lifecycle
from campaigns.models import Batch, Campaign, Message
from campaigns.states import BatchStatus, CampaignStatus
from campaigns.views.unclear import AT_ONCE, SHOWN
from providers.models import Tariff
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines
from tests.campaigns.screens import client_of, exported, exporter, owner, unclear

pytestmark = pytest.mark.django_db
QUERIES = {"sqlite": 13, "postgresql": 14}  # which also asks the database what time it is


@pytest.fixture
def client() -> Client:
    return owner()


def live(client: Client, campaign: Campaign) -> Any:
    return client.get(f"/campaigns/{campaign.pk}/live/")


def ask(client: Client, campaign: Campaign, word: str, number: int | None = None, **headers: str) -> Any:
    query = {} if number is None else {"batch": number}
    return client.get(f"/campaigns/{campaign.pk}/{word}/", query, headers=headers)


def answer(client: Client, campaign: Campaign, word: str, number: int | None = None, **form: Any) -> str:
    """Press the button of the question as it stands now; the level of what is said then."""
    form = {"seen": ask(client, campaign, word, number).context["picture"].seen} | form
    response = client.post(f"/campaigns/{campaign.pk}/{word}/", form if number is None else {"batch": number, **form})
    said = client.get(response.headers["Location"]).context["messages"]
    [level] = [message.level_tag for message in said]
    return str(level)


def test_each_request_tells_why_what_was_asked_and_what_it_costs(client: Client) -> None:
    campaign = unclear()
    Tariff.objects.create(line=campaign.line, rial_per_part=1_450)
    first, second = live(client, campaign).context["unclear_rows"]
    assert (first.batch.ordinal, second.batch.ordinal) == (1, 2)
    assert "۲٬۹۰۰" in first.cost
    assert first.why != "read_timeout"
    html = live(client, campaign).content.decode()
    assert f'href="/campaigns/{campaign.pk}/?status=unknown&amp;batch=0#recipients"' in html
    assert 'id="count-as-sent-0"' in html
    assert f'hx-get="/campaigns/{campaign.pk}/send-again/?batch=1"' in html


def test_a_campaign_without_doubt_has_no_panel(client: Client) -> None:
    campaign = unclear()
    lifecycle.count_as_sent(campaign.pk)
    assert 'id="unclear"' not in live(client, campaign).content.decode()


def test_where_operators_cost_differently_the_cost_is_a_range(client: Client) -> None:
    campaign = unclear(1)
    for operator, rial in ((1, 900), (0, 1_100)):
        Tariff.objects.create(line=campaign.line, operator=operator, rial_per_part=rial)
    [row] = live(client, campaign).context["unclear_rows"]
    assert "۱٬۸۰۰" in row.cost
    assert "۲٬۲۰۰" in row.cost


def test_without_a_tariff_the_cost_is_unknown_and_not_zero(client: Client) -> None:
    campaign = unclear(1)
    Tariff.objects.create(line=campaign.line, operator=1, rial_per_part=900)  # of the others nothing is known
    [row] = live(client, campaign).context["unclear_rows"]
    assert not re.search(r"[0-9۰-۹]", row.cost)


def test_personal_texts_are_counted_by_a_sample(client: Client) -> None:
    campaign = unclear(2, text="سلام {first_name|دوست}")
    Tariff.objects.create(line=campaign.line, rial_per_part=1_000)
    Message.objects.of(campaign).filter(batch_number=0).update(text="س" * 100)  # two parts
    assert "۶٬۰۰۰" in live(client, campaign).context["unclear_cost"]


def test_a_provider_that_can_be_asked_shows_when_it_is_asked_next(client: Client) -> None:
    campaign = unclear(1, lines.line("gosms"))
    at = timezone.localtime().replace(hour=3, minute=17) + dt.timedelta(days=2)
    Batch.objects.filter(campaign=campaign).update(poll_at=at, poll_round=2)
    [row] = live(client, campaign).context["unclear_rows"]
    assert "۰۳:۱۷" in row.asked
    Batch.objects.filter(campaign=campaign).update(poll_at=None)
    assert live(client, campaign).context["unclear_rows"][0].asked != row.asked


def test_a_page_asks_as_often_for_five_hundred_requests_as_for_one(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    one, many = unclear(1), unclear(500)
    for campaign in (one, many):
        Tariff.objects.create(line=campaign.line, rial_per_part=1_000)
        live(client, campaign)
        with django_assert_num_queries(QUERIES[connection.vendor]):
            live(client, campaign)
    context = live(client, many).context
    rows, more = context["unclear_rows"], context["unclear_more"]
    assert (len(rows), len(rows) + len(more), context["unclear_rest"]) == (AT_ONCE, SHOWN, 500 - SHOWN)


def test_a_few_requests_among_thousands_are_found_by_an_index() -> None:
    campaign = unclear(2)
    facts = {"line": campaign.line, "first_message_id": 0, "last_message_id": 0, "size": 1, "pending": 0}
    numbers = range(1_000, 4_000)
    Batch.objects.bulk_create(Batch(campaign=campaign, number=n, status=BatchStatus.DONE, **facts) for n in numbers)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    batches = Batch.objects.filter(campaign=campaign)
    assert "batch_unclear" in batches.unclear().explain()
    assert "batch_odd" in batches.exclude(anomalies={}).order_by("number").explain()


@pytest.mark.parametrize("word", ["count-as-sent", "send-again"])
def test_the_second_question_tells_count_and_cost_as_a_dialog_or_a_page(client: Client, word: str) -> None:
    campaign = unclear(3)
    Tariff.objects.create(line=campaign.line, rial_per_part=1_000)
    for number, n, rial in ((None, 6, "۶٬۰۰۰"), (1, 2, "۲٬۰۰۰")):
        page = ask(client, campaign, word, number)
        dialog = ask(client, campaign, word, number, HX_Request="true")
        assert page.context["picture"].messages == n
        assert rial in dialog.content.decode()
        assert "<html" in page.content.decode()
        assert "<html" not in dialog.content.decode()
        assert "HX-Request" in dialog.headers["Vary"]
    assert ('name="looked"' in page.content.decode()) == (word == "send-again")


def test_sending_again_wants_to_hear_that_somebody_looked(client: Client) -> None:
    campaign = unclear()
    assert answer(client, campaign, "send-again", 1) == "error"
    assert builders.counts(campaign) == {"unknown": 4}
    assert answer(client, campaign, "send-again", 1, looked="yes") == "success"
    assert builders.counts(campaign) == {"unknown": 2, "pending": 2}
    assert builders.refreshed(campaign).status == CampaignStatus.RUNNING


def test_counting_as_sent_needs_the_picture_that_was_seen(client: Client) -> None:
    campaign = unclear()
    assert answer(client, campaign, "count-as-sent", seen="") == "error"
    assert answer(client, campaign, "count-as-sent", seen="1-2-3-4") == "error"
    assert builders.counts(campaign) == {"unknown": 4}
    assert answer(client, campaign, "count-as-sent") == "success"
    assert builders.counts(campaign) == {"accepted": 4}


@pytest.mark.parametrize("number", ["x", "-1", "1e3", "۱", "1" * 30, " "])
def test_garbage_for_a_number_is_not_taken_for_all(client: Client, number: str) -> None:
    campaign = unclear()
    form = {"batch": number, "seen": ask(client, campaign, "send-again").context["picture"].seen, "looked": "yes"}
    assert client.post(f"/campaigns/{campaign.pk}/send-again/", form).status_code == 404
    assert ask(client, campaign, "count-as-sent", number).status_code == 404  # type: ignore[arg-type]  # as typed
    assert builders.counts(campaign) == {"unknown": 4}


@pytest.mark.parametrize("word", ["count-as-sent", "send-again"])
def test_only_who_may_launch_is_asked_and_heard(client: Client, word: str) -> None:
    campaign = unclear()
    other = client_of("teammate", "add_campaign", "change_campaign")
    assert f"{word}/" not in live(other, campaign).content.decode()
    assert ask(other, campaign, word).status_code == 403
    form = {"seen": ask(client, campaign, word).context["picture"].seen, "looked": "yes"}
    assert other.post(f"/campaigns/{campaign.pk}/{word}/", form).status_code == 403
    assert builders.counts(campaign) == {"unknown": 4}


@pytest.mark.parametrize("word", ["count-as-sent", "send-again"])
def test_a_question_that_comes_too_late_says_so(client: Client, word: str) -> None:
    campaign = unclear()
    lifecycle.count_as_sent(campaign.pk, batch=0)
    response = ask(client, campaign, word, 0, HX_Request="true")
    assert response.context["problem"]
    assert '<form method="post"' not in response.content.decode()


def test_a_cancelled_campaign_is_only_counted(client: Client) -> None:
    campaign = unclear()
    Campaign.objects.filter(pk=campaign.pk).update(status=CampaignStatus.CANCELLED)
    assert ask(client, campaign, "send-again").context["problem"]
    html = live(client, campaign).content.decode()
    assert 'id="count-as-sent-0"' in html
    assert 'id="send-again-0"' not in html


def test_recipients_are_filtered_and_exported_by_request(client: Client) -> None:
    campaign = unclear(3)
    response = client.get(f"/campaigns/{campaign.pk}/?status=unknown&batch=1")
    assert [row.batch_number for row in response.context["page"].rows] == [1, 1]
    assert "batch=1" in response.content.decode()
    assert len(exported(exporter(), campaign, batch=2)) == 3
    assert len(client.get(f"/campaigns/{campaign.pk}/?batch=x").context["page"].rows) == 6


def test_the_log_tells_who_decided_what(client: Client) -> None:
    campaign = unclear(14)
    Tariff.objects.create(line=campaign.line, rial_per_part=1_000)
    answer(client, campaign, "send-again", 3, looked="yes")
    answer(client, campaign, "count-as-sent")
    counted, again, *_earlier = client.get(f"/campaigns/{campaign.pk}/").context["history"]
    assert (again.who, counted.who) == ("owner", "owner")
    for part in ("۲", "۴", "۲٬۰۰۰"):
        assert part in again.detail
    for part in ("۲۶", "۱۱", "۲۶٬۰۰۰"):  # ten requests are named; those after them are counted
        assert part in counted.detail


def test_what_was_odd_in_an_answer_is_told(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.add("foreign", "send", ordinals=[2])
    campaign = builders.campaign_of(sandbox, 12)
    builders.send_all(campaign)
    [row] = live(client, campaign).context["unclear_rows"]
    assert "foreign_recipient" not in row.oddities
    assert "۱" in row.oddities
    lifecycle.count_as_sent(campaign.pk)
    [(batch, said)] = client.get(f"/campaigns/{campaign.pk}/").context["odd_requests"]
    assert (batch.number, said) == (1, row.oddities)
