"""The list, a campaign's page in every status, its controls, its recipients and the page of a message."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from campaigns import lifecycle
from campaigns.models import Batch, Campaign, DeliveryEvent, Heartbeat, Message
from campaigns.querysets import Move
from campaigns.states import BatchStatus, CampaignStatus, MessageStatus, Reason
from contacts.models import Phonebook
from providers.models import ProviderAccount
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns.screens import campaign_in, client_of, filled, owner

pytestmark = pytest.mark.django_db
S = CampaignStatus
QUERIES_OF_A_PAGE = {"sqlite": 24, "postgresql": 27}  # which also asks the database what time it is
LIVE = (S.SCHEDULED, S.PREPARING, S.RUNNING, S.PAUSED)


@pytest.fixture
def client() -> Client:
    return owner()


def page(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def numbers_on(html: str) -> list[int]:
    """The numbers of the accounting, as the page shows them."""
    return [int(number) for number in re.findall(r'data-number="(\d+)"', html)]


@pytest.mark.parametrize("status", S)
def test_every_status_has_a_page(client: Client, status: CampaignStatus) -> None:
    campaign = campaign_in(status)
    assert campaign.name in page(client, f"/campaigns/{campaign.pk}/")
    live = page(client, f"/campaigns/{campaign.pk}/live/")
    assert ("hx-trigger" in live) == (status in LIVE)


def test_a_page_that_shows_another_status_gets_its_controls_anew(client: Client) -> None:
    campaign = campaign_in(S.PAUSED)
    address = f"/campaigns/{campaign.pk}/live/"
    assert 'commandfor="resume"' in page(client, f"{address}?seen=running")
    seen = client.get(address).context["seen"]
    assert "commandfor" not in page(client, f"{address}?seen={seen}")


def test_a_page_that_shows_another_pause_lets_nothing_go_on(client: Client) -> None:
    campaign = campaign_in(S.PAUSED)
    address = f"/campaigns/{campaign.pk}/"
    seen = client.get(f"{address}live/").context["seen"]
    Campaign.objects.filter(pk=campaign.pk).update(pause_code="pilot")
    assert 'name="seen" value="pilot"' in page(client, f"{address}live/?seen={seen}")
    client.post(f"{address}resume/", {"seen": "operator"})
    assert builders.refreshed(campaign).status == S.PAUSED
    client.post(f"{address}resume/", {"seen": "pilot"})
    assert builders.refreshed(campaign).status == S.RUNNING


@pytest.mark.parametrize(
    ("status", "actions"),
    [
        (S.DRAFT, {"launch", "delete_draft", "edit"}),
        (S.SCHEDULED, {"cancel", "take_back"}),
        (S.RUNNING, {"pause", "cancel", "count_as_sent", "send_again"}),
        (S.PAUSED, {"resume", "cancel", "count_as_sent", "send_again"}),
        (S.COMPLETED, set()),
        (S.CANCELLED, {"count_as_sent"}),
    ],
)
def test_a_page_offers_what_makes_sense_to_those_who_may(
    client: Client, status: CampaignStatus, actions: set[str]
) -> None:
    campaign = campaign_in(status)
    assert client.get(f"/campaigns/{campaign.pk}/").context["controls"].keys() == actions
    assert client_of("teammate").get(f"/campaigns/{campaign.pk}/").context["controls"] == {}


def test_the_numbers_on_the_page_add_up_to_the_audience(client: Client, sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 25)
    Batch.objects.filter(campaign=campaign, number=1).update(
        status=BatchStatus.SENDING, owner="w", lease_until=timezone.now() + dt.timedelta(minutes=3)
    )
    builders.send_all(campaign, 1.0)
    shown = numbers_on(page(client, f"/campaigns/{campaign.pk}/"))
    assert len(shown) > 1
    assert sum(shown) == 25


def test_a_row_whose_batch_is_in_flight_is_shown_and_found_as_sending(client: Client) -> None:
    campaign = campaign_in(S.RUNNING, 5)
    lease = timezone.now() + dt.timedelta(minutes=3)
    Batch.objects.filter(campaign=campaign, number=0).update(status=BatchStatus.SENDING, owner="w", lease_until=lease)
    for name, number in (("sending", 2), ("pending", 3), ("delivered", 0), ("nonsense", 5)):
        rows = client.get(f"/campaigns/{campaign.pk}/?status={name}").context["page"].rows
        assert len(rows) == number, name
    rows = client.get(f"/campaigns/{campaign.pk}/").context["page"].rows
    assert [row.standing for row in rows] == [MessageStatus.SENDING] * 2 + [MessageStatus.PENDING] * 3


@pytest.mark.parametrize("typed", ["09120000002", "۰۹۱۲ ۰۰۰ ۰۰۰۲", "+98 912 000 0002", "٩١٢٠٠٠٠٠٠٢", "98-9120000002"])
def test_a_recipient_is_found_by_number_in_any_form(client: Client, typed: str) -> None:
    campaign = campaign_in(S.RUNNING)
    rows = client.get(f"/campaigns/{campaign.pk}/", {"q": typed}).context["page"].rows
    assert [row.phone for row in rows] == [builders.phone(2)]


def test_recipients_are_paged_by_key_in_their_order(client: Client) -> None:
    campaign = campaign_in(S.RUNNING, 60)
    seen, address = [], "?status=pending"
    while address:
        found = client.get(f"/campaigns/{campaign.pk}/{address}").context["page"]
        seen += [row.phone for row in found.rows]
        address = found.next
    assert seen == [builders.phone(n) for n in range(60)]


@pytest.mark.parametrize(
    "query",
    ["after=x", f"after={'9' * 40}", "before=-1", "status=%00", "q=%00", f"q={'9' * 300}", "status[]=1", "q=%FF"],
)
def test_hostile_addresses_give_a_page(client: Client, query: str) -> None:
    campaign = campaign_in(S.RUNNING)
    for address in (f"/campaigns/{campaign.pk}/", "/campaigns/", "/messages/", "/exports/"):
        assert client.get(f"{address}?{query}").status_code == 200


@pytest.mark.parametrize("status", [S.PREPARING, S.RUNNING, S.PAUSED, S.COMPLETED])
def test_whoever_waits_for_a_worker_is_told_that_there_is_none(client: Client, status: CampaignStatus) -> None:
    campaign = campaign_in(status)
    pages = (f"/campaigns/{campaign.pk}/", f"/campaigns/{campaign.pk}/live/")
    told = {'id="no-worker"' in client.get(page).content.decode() for page in pages}
    assert told == {status in (S.PREPARING, S.RUNNING)}
    Heartbeat.objects.create(name="worker", beat_at=timezone.now())
    assert not any('id="no-worker"' in client.get(page).content.decode() for page in pages)


@pytest.mark.parametrize("number", ["0", "99", "9" * 40])
def test_what_is_not_there_is_not_found(client: Client, number: str) -> None:
    paths = ("campaigns/{}/", "campaigns/{}/live/", "campaigns/{}/edit/", "messages/{}/")
    for path in paths:
        assert client.get("/" + path.format(number)).status_code == 404
    assert client.post(f"/campaigns/{number}/launch/").status_code == 404


def test_a_page_asks_the_database_as_often_for_thirty_recipients_as_for_one(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    one, many = campaign_in(S.RUNNING, 1), campaign_in(S.RUNNING, 30)
    for campaign in (one, many):
        client.get(f"/campaigns/{campaign.pk}/")
        with django_assert_num_queries(QUERIES_OF_A_PAGE[connection.vendor]):
            client.get(f"/campaigns/{campaign.pk}/")


def test_the_list_asks_the_database_as_often_for_thirty_campaigns_as_for_one(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    campaign = campaign_in(S.RUNNING)
    with django_assert_num_queries(9):
        client.get("/campaigns/")
    author = User.objects.get()
    Campaign.objects.bulk_create(
        Campaign(name=f"n{n}", line=campaign.line, text="x", created_by=author) for n in range(29)
    )
    with django_assert_num_queries(9):
        client.get("/campaigns/")


def test_the_list_is_filtered_by_status_and_name_and_paged(client: Client) -> None:
    campaign = campaign_in(S.RUNNING)
    Campaign.objects.bulk_create(Campaign(name=f"یلدا {n}", line=campaign.line, text="x") for n in range(30))
    assert [row[0] for row in client.get("/campaigns/?status=running").context["rows"]] == [campaign]
    first = client.get("/campaigns/?q=یلدا&status=draft").context["page"]
    second = client.get(f"/campaigns/{first.next}").context["page"]
    assert (len(first.rows), len(second.rows), second.next) == (20, 10, "")


def test_an_empty_list_says_what_to_do_next(client: Client) -> None:
    assert "/campaigns/new/" in page(client, "/campaigns/")


def test_a_launch_is_said_and_a_second_one_too(client: Client) -> None:
    campaign = campaign_in(S.DRAFT)
    for level in ("success", "error"):
        response = client.post(f"/campaigns/{campaign.pk}/launch/", follow=True)
        assert response.status_code == 200
        assert [message.level_tag for message in response.context["messages"]] == [level]
    campaign.refresh_from_db()
    assert campaign.status == S.PREPARING


@pytest.mark.parametrize(
    ("status", "action", "then"),
    [
        (S.RUNNING, "pause", S.PAUSED),
        (S.PAUSED, "resume", S.RUNNING),
        (S.RUNNING, "cancel", S.CANCELLED),
        (S.SCHEDULED, "cancel", S.CANCELLED),
    ],
)
def test_a_control_moves_the_campaign_and_is_audited(
    client: Client, status: CampaignStatus, action: str, then: CampaignStatus
) -> None:
    campaign = campaign_in(status)
    client.post(f"/campaigns/{campaign.pk}/{action}/")
    client.post(f"/campaigns/{campaign.pk}/{action}/")
    campaign.refresh_from_db()
    assert campaign.status == then
    done = campaign.audit_entries.exclude(actor=None)
    assert [entry.actor.username for entry in done if entry.actor] == ["owner"]


@pytest.mark.parametrize("action", ["launch", "pause", "resume", "cancel", "delete-draft"])
def test_a_control_needs_its_permission_and_a_post(client: Client, action: str) -> None:
    campaign = campaign_in(S.DRAFT)
    address = f"/campaigns/{campaign.pk}/{action}/"
    assert client_of("teammate", "add_campaign", "change_campaign").post(address).status_code == 403
    assert Client().post(address).headers["Location"].startswith("/login/")
    assert client.get(address).status_code == 405
    campaign.refresh_from_db()
    assert campaign.status == S.DRAFT


def test_an_unknown_control_is_not_found(client: Client) -> None:
    campaign = campaign_in(S.DRAFT)
    assert client.post(f"/campaigns/{campaign.pk}/explode/").status_code == 404


def test_a_draft_is_deleted_once_and_a_second_click_finds_it_gone(client: Client) -> None:
    campaign = campaign_in(S.DRAFT)
    for _click in range(2):
        response = client.post(f"/campaigns/{campaign.pk}/delete-draft/")
        assert response.headers["Location"] == "/campaigns/"
    assert not Campaign.objects.exists()


def test_a_campaign_that_went_out_is_not_deleted(client: Client) -> None:
    campaign = campaign_in(S.RUNNING)
    client.post(f"/campaigns/{campaign.pk}/delete-draft/")
    assert Campaign.objects.filter(pk=campaign.pk).exists()


@pytest.mark.parametrize("path", ["campaigns/", "campaigns/{c}/", "campaigns/{c}/live/", "messages/", "messages/{m}/"])
def test_looking_needs_a_login_and_nothing_more(path: str) -> None:
    campaign = campaign_in(S.RUNNING)
    address = "/" + path.format(c=campaign.pk, m=campaign.first_message_id)
    assert client_of("teammate").get(address).status_code == 200
    assert Client().get(address).headers["Location"].startswith("/login/")


def test_a_review_says_everything_before_the_launch(client: Client) -> None:
    campaign = campaign_in(S.DRAFT)
    response = client.get(f"/campaigns/{campaign.pk}/")
    assert response.context["estimate"].recipients == 3
    assert [preview.text for preview in response.context["previews"]] == ["سلام"]
    assert response.context["problems"] == []
    assert 'commandfor="launch"' in response.content.decode()


def test_a_review_with_a_problem_offers_no_launch(client: Client) -> None:
    campaign = campaign_in(S.DRAFT)
    ProviderAccount.objects.update(enabled=False)
    response = client.get(f"/campaigns/{campaign.pk}/")
    assert len(response.context["problems"]) == 1
    assert 'commandfor="launch"' not in response.content.decode()


def test_an_open_breaker_is_explained_with_the_providers_own_words(client: Client) -> None:
    campaign = campaign_in(S.RUNNING)
    ProviderAccount.objects.open_breaker(campaign.line.account_id, "418", "اعتبار کافی نیست")
    html = page(client, f"/campaigns/{campaign.pk}/live/")
    assert "418" in html
    assert "اعتبار کافی نیست" in html
    assert f"/accounts/{campaign.line.account_id}/" in html


def test_a_closed_window_is_explained_with_its_opening(client: Client) -> None:
    campaign = campaign_in(S.RUNNING)
    local = timezone.localtime()
    opening = (local + dt.timedelta(hours=2)).replace(minute=7)
    closing = opening + dt.timedelta(hours=1)
    campaign.line.kind, campaign.line.window_start, campaign.line.window_end = (
        "advertising",
        opening.time(),
        closing.time(),
    )
    campaign.line.save()
    (notice,) = client.get(f"/campaigns/{campaign.pk}/live/").context["notices"]
    assert "۰۷" in notice.title


def test_a_request_that_waits_is_explained(client: Client) -> None:
    campaign = campaign_in(S.RUNNING)
    later = timezone.now() + dt.timedelta(minutes=1)
    Batch.objects.filter(campaign=campaign).update(not_before=later, code="429", words="آهسته‌تر")
    (notice,) = client.get(f"/campaigns/{campaign.pk}/live/").context["notices"]
    assert (notice.code, notice.words) == ("429", "آهسته‌تر")


def test_a_pause_by_the_provider_shows_its_code_and_words(client: Client) -> None:
    campaign = campaign_in(S.RUNNING)
    Campaign.objects.move(campaign.pk, S.PAUSED, pause_code="400", pause_text="خط نامعتبر است")
    (notice,) = client.get(f"/campaigns/{campaign.pk}/").context["notices"]
    assert (notice.level, notice.code, notice.words) == ("error", "400", "خط نامعتبر است")


def unclear() -> Campaign:
    """A campaign whose first request was lost."""
    campaign = campaign_in(S.RUNNING)
    batch = Batch.objects.get(campaign=campaign, number=0)
    Message.objects.move_batch(batch, old=MessageStatus.PENDING, new=MessageStatus.UNKNOWN, reason=Reason.LOST_ANSWER)
    Batch.objects.filter(pk=batch.pk).update(status=BatchStatus.UNKNOWN, pending=0, unclear=2, code="read_timeout")
    return campaign


def test_unclear_messages_are_explained_with_their_requests(client: Client) -> None:
    campaign = unclear()
    response = client.get(f"/campaigns/{campaign.pk}/")
    assert response.context["unclear"] == 2
    assert [row.batch.code for row in response.context["unclear_rows"]] == ["read_timeout"]
    assert "?status=unknown#recipients" in response.content.decode()


def test_a_message_shows_its_reports_raw_and_in_order(client: Client) -> None:
    campaign = campaign_in(S.RUNNING)
    message = Message.objects.of(campaign).first()
    assert message is not None
    move = Move(message.pk, MessageStatus.ACCEPTED, provider_ref="777")
    account = campaign.line.account
    Message.objects.move([move], campaign_id=campaign.pk, old=MessageStatus.PENDING, account_id=account.pk)
    for code, words in (("4", "ارسال به مخابرات"), ("10", "رسیده به گیرنده")):
        DeliveryEvent.objects.create(
            account=account, provider_ref="777", report="sent", code=code, words=words, received_at=timezone.now()
        )
    response = client.get(f"/messages/{message.pk}/")
    assert [event.code for event in response.context["events"]] == ["4", "10"]
    assert "رسیده به گیرنده" in response.content.decode()


def test_the_back_button_after_a_launch_cannot_change_the_draft(client: Client) -> None:
    campaign = campaign_in(S.DRAFT)
    form = filled(campaign.line, Phonebook.objects.get(), name="دیگر")
    lifecycle.launch(campaign.pk)
    response = client.post(f"/campaigns/{campaign.pk}/edit/text/", form, follow=True)
    assert response.redirect_chain[-1][0] == f"/campaigns/{campaign.pk}/"
    assert [message.level_tag for message in response.context["messages"]] == ["error"]
